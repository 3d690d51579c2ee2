"""What is in the image, and what must not be: looked at without starting it."""

import hashlib
import json
import os
import re
import stat
import unittest

import harness


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.built = harness.build()
        cls.root = os.path.join(cls.built, "root")

    def files(self):
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    yield path

    def test_it_is_small_enough_to_download(self):
        self.assertLessEqual(os.path.getsize(harness.packed()), 160 * harness.MIB)

    def test_the_checksums_are_right(self):
        out = os.path.join(self.built, "out")
        with open(os.path.join(out, "SHA256SUMS")) as file:
            lines = [line.split() for line in file]
        self.assertEqual(sorted(name for _, name in lines), sorted(name for name in os.listdir(out) if name != "SHA256SUMS"))
        for told, name in lines:
            with open(os.path.join(out, name), "rb") as file:
                self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), told, name)

    def test_the_bill_of_materials_names_packages_and_crates(self):
        out = os.path.join(self.built, "out")
        name = next(name for name in os.listdir(out) if name.endswith(".sbom.json"))
        with open(os.path.join(out, name)) as file:
            bill = json.load(file)
        found = {part["purl"].split("@")[0] for part in bill["components"]}
        for wanted in ("pkg:deb/debian/systemd", "pkg:deb/debian/libc6", "pkg:cargo/rustls", "pkg:cargo/redb", "pkg:cargo/hearth-homeserver"):
            self.assertIn(wanted, found)
        self.assertNotIn("pkg:deb/debian/dpkg", found, "what is not in the image")

    def test_the_layout_is_the_design(self):
        places = harness.partitions(os.path.join(self.built, "disk.img"))
        self.assertEqual(list(places), ["firmware", "environment", "boot-a", "boot-b", "root-a", "root-b", "data"])
        for name, (start, _) in places.items():
            self.assertEqual(start % (4 * harness.MIB), 0, f"{name} shares an erase block with its neighbour")

    def test_slot_b_is_empty(self):
        card = os.path.join(self.built, "disk.img")
        places = harness.partitions(card)
        with open(card, "rb") as file:
            for name in ("boot-b", "root-b"):
                start, size = places[name]
                file.seek(start)
                for _ in range(size // harness.MIB):
                    self.assertFalse(file.read(harness.MIB).strip(b"\0"), name)

    def test_both_copies_of_the_environment_are_whole(self):
        first, second = harness.environment(os.path.join(self.built, "disk.img"))
        self.assertEqual(first["BOOT_ORDER"], "A")
        self.assertEqual(second["seq"], "2")

    def test_nothing_in_it_identifies_a_box(self):
        self.assertEqual(os.path.getsize(os.path.join(self.root, "etc/machine-id")), 0)
        for name in ("etc/ssh", "var/lib", "var/log", "etc/hostname.txt", "var/lib/systemd/random-seed"):
            self.assertFalse(os.path.exists(os.path.join(self.root, name)), name)

    def test_no_key_and_no_password_is_in_it(self):
        key = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{32}")
        for path in self.files():
            with open(path, "rb") as file:
                self.assertIsNone(key.search(file.read()), path)
        with open(os.path.join(self.root, "etc/shadow")) as file:
            for line in file:
                self.assertRegex(line, r"^[a-z-]+:!\*:", "an account with a password")

    def test_nothing_is_set_uid(self):
        for path in self.files():
            self.assertFalse(os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID), path)

    def test_there_is_no_way_to_log_in(self):
        names = {os.path.basename(path) for path in self.files()}
        for name in ("sshd", "agetty", "login", "su", "sudo", "sulogin", "dropbear", "telnetd", "debug-shell.service"):
            self.assertNotIn(name, names)
        self.assertFalse([name for name in names if "getty" in name and name.endswith((".service", "generator"))])

    def test_there_is_no_package_manager(self):
        names = {os.path.basename(path) for path in self.files()}
        for name in ("apt", "apt-get", "dpkg", "perl", "python3", "pip"):
            self.assertNotIn(name, names)

    def test_no_path_of_the_building_machine_is_in_our_programs(self):
        home = os.path.expanduser("~").encode()
        for name in ("hearth-agent", "hearth-homeserver"):
            with open(os.path.join(self.root, "usr/bin", name), "rb") as file:
                content = file.read()
            for path in (os.path.join(home, b".cargo"), harness.REPOSITORY.encode()):
                self.assertNotIn(path, content, f"{name} says {path.decode()}")

    def test_licences_come_with_the_packages(self):
        self.assertTrue(os.path.getsize(os.path.join(self.root, "usr/share/doc/libc6/copyright")))


if __name__ == "__main__":
    unittest.main()
