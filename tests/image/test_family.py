"""A family's box from the wizard to the next box: Chromium sets it up, two people talk on it, its disk is read elsewhere, and a
fresh box goes on from that disk, with the plug pulled at every stage.

`HEARTH_FAMILY` names the program of `tests/clients` that is the people's apps, `HEARTH_CUTS` how often the plug is pulled at each stage.
"""

import json
import os
import random
import subprocess
import time
import unittest

import harness
from harness import PATIENCE

import debian
import stage

SERVER = "family.example"
CUTS = int(os.environ.get("HEARTH_CUTS", "3"))
WALK = os.path.join(harness.REPOSITORY, "tests", "web", "walk.mjs")
PASSWORD = "lantern walnut ferry moss"  # as support/wizard.mjs has it
# How the disk of `backup_disk` is called in the wizard.
DISK = "QEMU"


class Family(harness.BoxTest):
    """The tests go on from one another in the order of their names."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seed = int(os.environ.get("HEARTH_SEED", time.time_ns() % 1_000_000))
        cls.chance = random.Random(cls.seed)
        cls.disk = harness.boxes.blank_disk(f"{cls.folder}/backup.img", 3072)
        cls.apps = f"{cls.folder}/apps"
        os.mkdir(cls.apps)
        cls.old = cls.box("old", backup_disk=cls.disk, probe=True)
        cls.new = cls.box("new", backup_disk=cls.disk, probe=True)
        cls.said = []

    def test_a1_the_wizard_sets_the_box_up(self):
        self.old.start()
        self.old.wait_ready(PATIENCE)
        self.old.wait_console("Setup code: ", PATIENCE)
        made = self.walk("setup", self.old, self.old.setup_code(), SERVER, DISK)
        self.assertRegex(made["key"], r"^(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}$")
        type(self).key, type(self).invitation = made["key"], made["invitation"]
        self.assertEqual(self.old.state()["phase"], "ready")

    def test_a2_two_people_sign_up_and_talk_encrypted(self):
        self.remember(self.apps_on(self.old, "begin", self.invitation))

    def test_a3_no_secret_is_told(self):
        """Neither the log nor the list of processes has what only a person may know."""
        told = self.inside(self.old, "journalctl --no-pager -o cat; busybox ps -o args") + self.old.console()
        for secret in (self.key, self.key.replace("-", ""), self.invitation, PASSWORD):
            self.assertNotIn(secret, told)

    def test_b1_a_replica_is_written_and_verified(self):
        job = self.walk("replicate", self.old)
        self.assertEqual((job["state"], job["error"]), ("done", None))
        self.assertEqual({step["name"]: step["state"] for step in job["steps"]}, {name: "done" for name in ("snapshot", "write", "verify", "forget")})

    def test_b2_the_plug_is_pulled_during_replicas(self):
        print(f"image test: {CUTS} power cuts during replicas, seed {self.seed}")
        for number in range(CUTS):
            with self.subTest(cut=number):
                self.remember(self.apps_on(self.old, "go-on", f"Before cut {number}"))
                cookie = self.login(self.old)
                status, answer = self.ask(self.old, "POST", "/api/replicas/run", {}, cookie)
                self.assertEqual(status, 200, answer)
                self.old.wait_or(self.chance.uniform(0.0, 6.0))
                self.old.power_cut()
                self.old.start()
                self.old.wait_ready(PATIENCE)
        # Everything that was acknowledged is there, and what was written before still verifies.
        self.remember(self.apps_on(self.old, "go-on", "After the cuts"))
        job = self.walk("replicate", self.old)
        self.assertEqual(job["state"], "done", job)

    def test_b3_the_disk_can_be_read_with_cryptsetup_and_restic(self):
        self.old.power_cut()
        tools = restic_disk(f"{self.folder}/restic.img")
        self.new.start()
        self.new.wait_ready(PATIENCE)
        self.new.plug("tools", tools)
        told = self.inside(self.new, f"""set -e
            for i in $(busybox seq 60); do test -b /dev/disk/by-label/tools && break; busybox sleep 1; done
            busybox mkdir -p /run/tools /run/disk
            mount -o ro /dev/disk/by-label/tools /run/tools
            part=$(blkid -t TYPE=crypto_LUKS -o device | busybox head -n 1)
            busybox printf %s '{self.key}' | cryptsetup open --key-file - "$part" elsewhere
            mount -o ro,noload /dev/mapper/elsewhere /run/disk
            busybox cat '/run/disk/READ ME.txt'
            export RESTIC_PASSWORD='{self.key}' HOME=/run
            /run/tools/restic --no-cache --no-lock -r /run/disk/repository check --read-data
            /run/tools/restic --no-cache --no-lock -r /run/disk/repository ls latest
            umount /run/disk; cryptsetup close elsewhere; umount /run/tools""")
        self.assertIn("no errors were found", told)
        for name in ("manifest.json", "database.snapshot", "agent"):
            self.assertIn(name, told)
        self.new.pull("tools")
        self.new.power_cut()

    def test_c1_the_plug_is_pulled_during_restores(self):
        print(f"image test: {CUTS} power cuts during restores, seed {self.seed}")
        for number in range(CUTS):
            with self.subTest(cut=number):
                self.new.start()
                self.new.wait_ready(PATIENCE)
                phase = self.new.state()["phase"]
                if phase == "ready":
                    # The cut before came after the switch: the restore is done, which is as good.
                    self.new.power_cut()
                    break
                if phase == "restoring":
                    # It goes on by itself with what the cut before interrupted.
                    self.new.wait_or(self.chance.uniform(0.0, 10.0))
                    self.new.power_cut()
                    continue
                walk = self.walking("restore", self.new, self.code(self.new), self.key, DISK)
                try:
                    walk.wait(self.chance.uniform(15.0, 60.0))
                except subprocess.TimeoutExpired:
                    walk.kill()
                walk.communicate()
                self.new.power_cut()

    def test_c2_a_fresh_box_is_restored(self):
        self.new.start()
        self.new.wait_ready(PATIENCE)
        if self.settled(self.new) != "ready":
            began = time.monotonic()
            self.walk("restore", self.new, self.code(self.new), self.key, DISK)
            print(f"image test: {time.monotonic() - began:.0f} s for a restore")
        self.assertEqual(self.new.state()["phase"], "ready")
        self.assertEqual(self.new.state()["server_name"], SERVER)

    def test_c3_the_same_apps_go_on_without_signing_in(self):
        self.remember(self.apps_on(self.new, "go-on", "On the new box"))

    def test_c4_and_the_new_box_makes_replicas(self):
        job = self.walk("replicate", self.new)
        self.assertEqual(job["state"], "done", job)

    def test_c5_a_box_that_serves_takes_little_memory(self):
        used, told = self.memory_in_use(self.new)
        print(f"image test: {used:.0f} MiB of memory in use, with the homeserver")
        self.assertLessEqual(used, 160, told)
        self.assertEqual(self.inside(self.new, "systemctl --failed --no-legend --plain"), "")

    # -- people ---------------------------------------------------------------------------------------------------------

    def apps_on(self, box, verb, words):
        """The apps of `tests/clients/src/family.rs`, on this box; what they could read."""
        status, pem = box.request("GET", "/authority.pem")
        self.assertEqual(status, 200)
        authority = f"{self.folder}/authority.pem"
        with open(authority, "wb") as file:
            file.write(pem)
        self.serves(box)
        port = box.ports["https"]
        done = subprocess.run(
            [os.environ["HEARTH_FAMILY"], verb, f"https://{SERVER}:{port}", f"127.0.0.1:{port}", authority, self.apps, words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return json.loads(done.stdout)

    def remember(self, read):
        """What could be read before can be read now, in its order, and something new behind it."""
        self.assertEqual(read[: len(self.said)], self.said, "something that was acknowledged is gone")
        self.assertGreater(len(read), len(self.said))
        type(self).said = read

    def settled(self, box):
        """The phase, once a restore that goes on by itself is over."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            state = box.state()
            if state and state["phase"] != "restoring":
                return state["phase"]
            box.wait_or(0.5)
        self.fail(f"the restore does not come to its end\n{box.console()[-2000:]}")

    def serves(self, box):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if box.request("GET", "/_matrix/client/versions", port="https")[0] == 200:
                    return
            except OSError:
                pass
            box.wait_or(0.5)
        self.fail(f"the homeserver does not answer\n{box.console()[-2000:]}")

    def walk(self, verb, box, *given):
        walk = self.walking(verb, box, *given)
        said, complaints = walk.communicate(timeout=PATIENCE)
        self.assertEqual(walk.returncode, 0, complaints[-3000:])
        return json.loads(said.strip().splitlines()[-1])

    def walking(self, verb, box, *given):
        return subprocess.Popen(["node", WALK, verb, box.url(), *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def code(self, box):
        box.wait_console("Setup code: ", PATIENCE)
        return box.setup_code()

    # -- the agent's API ------------------------------------------------------------------------------------------------

    def ask(self, box, method, path, body, cookie=None):
        headers = {"Content-Type": "application/json", "X-Hearth": "1"}
        if cookie:
            headers["Cookie"] = cookie
        status, said = box.request(method, path, json.dumps(body), headers, timeout=60)
        return status, said.decode(errors="replace")

    def login(self, box):
        """The cookie of the administrator's session."""
        self.serves(box)
        return box.cookie("POST", "/api/login", {"name": "anna", "password": PASSWORD})


def restic_disk(path):
    """A disk with Debian's restic for the box's processor on it, of the same release as the box."""
    folder = f"{path}.d"
    os.makedirs(f"{folder}/root")
    alone = debian.apt_alone(f"{folder}/apt", debian.sources(harness.boards.load("qemu-virt")["base"]["debian"], folder))
    stage.run("apt-get", "-qq", "download", "restic", env=alone, cwd=folder)
    package = next(name for name in os.listdir(folder) if name.startswith("restic_"))
    stage.run("dpkg-deb", "--extract", f"{folder}/{package}", f"{folder}/root")
    harness.boxes.blank_disk(path, 96)
    stage.run("mke2fs", "-q", "-t", "ext4", "-L", "tools", "-d", f"{folder}/root/usr/bin", path)
    return path


if __name__ == "__main__":
    unittest.main()
