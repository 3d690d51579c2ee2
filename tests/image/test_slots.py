"""The boot script: whatever a power cut or a bad update leaves, one of the slots starts."""

import re
import unittest

import harness
from harness import PATIENCE, bootenv


class Slots(harness.BoxTest):
    def started(self, box):
        """Starts the box and waits for the kernel's side of the boot; gives the console."""
        box.start()
        box.wait_console(r"(?s)Starting kernel.*Hearth: ", PATIENCE)
        return box.console()

    def test_a_torn_copy_of_the_environment_is_not_believed(self):
        for copy in (0, 1):
            with self.subTest(copy=copy):
                card = self.card(f"torn-{copy}")
                start = harness.partitions(card)["environment"][0]
                # The half that was written says what would be wrong; its checksum does not fit.
                torn = bootenv.pack({"seq": "9", "BOOT_ORDER": "B", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "3"})
                harness.overwrite(card, start + copy * bootenv.DISTANCE + 4, torn[4:])
                box = self.box(f"torn-{copy}", image=card, probe=True)
                self.assertIn("Hearth: slot A", self.started(box))
                box.wait_ready(PATIENCE)
                # Both are whole again: U-Boot wrote the torn one, the system the other.
                self.inside(box, "until systemctl is-active -q hearth-slot-good; do busybox sleep 1; done")
                for part in ("0x0", "0x400000"):
                    told = self.inside(box, f"echo /dev/disk/by-partlabel/environment {part} 0x1000 >/tmp/copy; fw_printenv -c /tmp/copy 2>&1")
                    self.assertNotIn("Bad CRC", told)
                    self.assertIn("BOOT_ORDER=A", told)
                box.power_cut()

    def test_b_without_any_environment_it_starts_all_the_same(self):
        card = self.card("none")
        start, size = harness.partitions(card)["environment"]
        harness.overwrite(card, start, b"\xff" * size)
        console = self.started(self.box("none", image=card))
        self.assertIn("both copies of the environment are damaged", console)
        self.assertIn("Hearth: slot A", console)

    def test_c_a_slot_that_does_not_start_makes_way(self):
        card = self.card("bad-b")
        places = harness.partitions(card)
        harness.clone_slot(card)
        # B's root is not what it was: the update was cut, or the card failed.
        start, size = places["root-b"]
        harness.overwrite(card, start, b"\0" * 4096)
        harness.set_environment(card, {"BOOT_ORDER": "B A", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "2"})
        box = self.box("bad-b", image=card)
        box.start()
        box.wait_console(r"(?s)Hearth: slot B.*can't be read.*Hearth: slot B.*can't be read.*Hearth: slot A", PATIENCE)
        box.wait_ready(PATIENCE)

    def test_d_slot_b_starts_as_well_as_a(self):
        card = self.card("good-b")
        harness.clone_slot(card)
        harness.set_environment(card, {"BOOT_ORDER": "B A", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "3"})
        box = self.box("good-b", image=card, probe=True)
        self.assertIn("Hearth: slot B", self.started(box))
        box.wait_ready(PATIENCE)
        self.inside(box, "until systemctl is-active -q hearth-slot-good; do busybox sleep 1; done")
        self.assertEqual(self.inside(box, "/usr/lib/hearth/boot-env get BOOT_B_LEFT; busybox cat /run/hearth-boot/slot"), "3\nB")

    def test_e_when_all_tries_are_used_up_they_begin_anew(self):
        card = self.card("used-up")
        harness.set_environment(card, {"BOOT_ORDER": "A", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "0"})
        console = self.started(self.box("used-up", image=card))
        self.assertRegex(console, re.compile("no slot has tries left.*Hearth: slot A", re.DOTALL))

    def test_f_a_damaged_data_partition_is_left_alone(self):
        card = self.card("damaged-data")
        start, size = harness.partitions(card)["data"]
        # The first superblock and the groups' table: beyond what is repaired without asking.
        harness.overwrite(card, start, b"\xa5" * 65536)
        box = self.box("damaged-data", image=card)
        box.start()
        box.wait_console("the data partition is damaged, and nothing on it was changed", PATIENCE)


if __name__ == "__main__":
    unittest.main()
