"""From power-on to the wizard, and again: the image that is flashed, on QEMU's board."""

import contextlib
import json
import re
import unittest

import harness
from harness import PATIENCE


class Boot(harness.BoxTest):
    """One box through its first days; the tests go on from one another in the order of their names."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.one = cls.box("box", probe=True)
        cls.one.start()
        cls.seconds = cls.one.wait_ready(PATIENCE)

    def test_a1_the_wizard_answers(self):
        state = self.one.state()
        self.assertEqual(state["phase"], "unclaimed")
        self.assertEqual(state["board"], "linux,dummy-virt", "the board as its device tree has it")
        self.assertIn("VARIANT_ID=qemu-virt", self.inside(self.one, "busybox cat /etc/os-release"))
        print(f"image test: {self.seconds:.1f} s from power-on to the wizard")

    def test_a2_the_setup_code_stands_on_the_console_and_on_the_firmware_partition(self):
        self.one.wait_console(r"Setup code: [0-9A-Z]{4}-[0-9A-Z]{4}", PATIENCE)
        told = self.inside(self.one, "mount -o ro /dev/disk/by-partlabel/firmware /mnt && busybox cat /mnt/HEARTH-SETUP.txt; umount /mnt")
        self.assertIn(self.one.setup_code(), told)

    def test_a3_every_unit_came_up(self):
        self.assertEqual(self.inside(self.one, "systemctl --failed --no-legend --plain"), "")
        self.assertEqual(self.inside(self.one, "systemctl is-active hearth-agent nftables systemd-networkd systemd-resolved systemd-timesyncd | busybox sort -u"), "active")
        self.assertEqual(self.inside(self.one, "systemctl is-active hearth-homeserver || true"), "inactive", "there is nothing to serve before the wizard")

    def test_a4_the_data_partition_fills_the_card(self):
        size = int(self.inside(self.one, "busybox df -m /data | busybox awk 'NR == 2 { print $2 }'"))
        self.assertGreater(size, 6000, "of the 8 GiB of the card")

    def test_a5_nothing_else_can_be_written(self):
        for place in ("/usr", "/etc", "/root", "/boot"):
            status, _ = self.one.run(f"busybox touch {place}/x")
            self.assertNotEqual(status, 0, place)
        # Logs and scratch are in memory.
        self.assertEqual(self.inside(self.one, "busybox stat -f -c %T /var /tmp /run | busybox sort -u"), "tmpfs")
        self.assertEqual(self.inside(self.one, "busybox ls /var/log/journal 2>/dev/null || true"), "")

    def test_a6_idle_it_takes_little_memory(self):
        used, told = self.memory_in_use(self.one)
        print(f"image test: {used:.0f} MiB of memory in use, idle, in the wizard")
        self.assertLessEqual(used, 160, told)

    def test_a7_the_homeserver_is_locked_up(self):
        for unit, most in (("hearth-homeserver.service", 2.5), ("hearth-agent.service", 7.0)):
            told = json.loads(self.inside(self.one, f"systemd-analyze security --json=short --no-pager {unit} >/dev/null; systemd-analyze security --no-pager {unit} | busybox tail -n 1 | busybox sed -nE 's/.*: ([0-9.]+) .*/\\1/p'"))
            print(f"image test: exposure of {unit}: {told}")
            self.assertLessEqual(told, most, unit)

    def test_a8_only_the_named_ports_are_open(self):
        rules = self.inside(self.one, "nft list ruleset")
        self.assertIn("tcp dport { 80, 443, 8443, 8448 } accept", rules)
        self.assertIn("policy drop", rules)
        listening = self.inside(self.one, "ss -Hltn | busybox awk '{ print $4 }'")
        for line in listening.splitlines():
            address, _, port = line.rpartition(":")
            self.assertTrue(int(port) in (80, 443, 8443, 8448) or address.startswith(("127.", "[::1]")), f"something listens on {line}")

    def test_a9_the_watchdog_is_set(self):
        self.assertIn("yes", self.inside(self.one, "test -e /dev/watchdog0 && systemctl show -P RuntimeWatchdogUSec && echo yes"))

    def test_b1_after_a_power_cut_it_is_the_same_box(self):
        before = self.inside(self.one, "busybox cat /etc/machine-id"), self.one.setup_code()
        self.assertRegex(before[0], "^[0-9a-f]{32}$")
        self.one.power_cut()
        self.one.start()
        self.one.wait_ready(PATIENCE)
        self.one.wait_console(r"Setup code: ", PATIENCE)
        self.assertEqual((self.inside(self.one, "busybox cat /etc/machine-id"), self.one.setup_code()), before)

    def test_b2_a_slot_that_came_up_has_all_its_tries(self):
        self.inside(self.one, "until systemctl is-active -q hearth-slot-good; do busybox sleep 1; done")
        self.assertEqual(self.inside(self.one, "/usr/lib/hearth/boot-env get BOOT_A_LEFT"), "3")

    def test_b3_a_reboot_is_orderly(self):
        # The shell goes down with everything else, and may have no time to answer.
        with contextlib.suppress(harness.boxes.NotReady):
            self.one.run("systemctl --no-block reboot", 20)
        # The console goes on in the same file: a second start, and a file system that needs no repair.
        self.one.wait_console(r"(?s)Hearth: slot A.*Hearth: slot A.*Setup code: ", PATIENCE)
        self.assertNotIn("recovering journal", self.inside(self.one, "busybox cat /run/hearth-boot/fsck"))

    def test_c1_factory_reset_makes_another_box_of_it(self):
        before = self.inside(self.one, "busybox cat /etc/machine-id"), self.one.setup_code()
        self.inside(self.one, "busybox touch /data/homeserver/something /data/FACTORY-RESET && busybox sync")
        self.one.power_cut()
        self.one.start()
        self.one.wait_console("factory reset", PATIENCE)
        self.one.wait_ready(PATIENCE)
        self.one.wait_console(r"Setup code: ", PATIENCE)
        self.assertEqual(self.inside(self.one, "busybox ls /data/homeserver"), "")
        after = self.inside(self.one, "busybox cat /etc/machine-id"), self.one.setup_code()
        self.assertNotEqual(before[0], after[0])
        self.assertNotEqual(before[1], after[1])

    def test_c2_a_disk_can_be_plugged_in_and_pulled_out(self):
        disk = harness.boxes.blank_disk(f"{self.folder}/second.img", 64)
        self.one.plug("second", disk)
        self.inside(self.one, "for i in $(busybox seq 60); do test -b /dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_second-0:0 && exit 0; busybox sleep 1; done; ls /dev/disk/by-id; exit 1")
        self.one.pull("second")
        self.inside(self.one, "for i in $(busybox seq 60); do test -b /dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_second-0:0 || exit 0; busybox sleep 1; done; exit 1")


if __name__ == "__main__":
    unittest.main()
