"""The Pis' images on the Pis that QEMU has: U-Boot, the same script, kernel and system, as far as the emulated boards go.

Two more images and four emulated cores: `./hearth test-pis`, and not part of every run.
"""

import unittest

import harness
from harness import PATIENCE


class Pis(harness.BoxTest):
    def test_a_raspberry_pi_3(self):
        box = self.box("rpi3", board="rpi3")
        box.start()
        box.wait_console("Hearth: slot A", PATIENCE)
        # The emulated network hangs on an emulated USB: the wizard answers through it.
        box.wait_console("Setup code: ", 2 * PATIENCE)

    def test_a_raspberry_pi_4(self):
        box = self.box("rpi4", board="rpi4")
        box.start()
        box.wait_console("Hearth: slot A", PATIENCE)
        # The kernel speaks. Further it does not come in QEMU, where its first core is not let out of interrupts once U-Boot has run before it;
        # started without U-Boot it comes to the initramfs.
        box.wait_console(r"(?s)Starting kernel.*raspberrypi-exp-gpio", PATIENCE)

    def test_the_pi_3s_boot_rom_finds_the_firmware(self):
        # It reads the old table alone, and in it the first entry must be the FAT with bootcode.bin.
        with open(f"{harness.build('rpi3')}/disk.img", "rb") as card:
            card.seek(446)
            entry = card.read(16)
            start = int.from_bytes(entry[8:12], "little") * 512
            self.assertEqual(entry[4], 0x0C)
            card.seek(start)
            self.assertIn(b"FAT32", card.read(512))
        self.assertEqual(start, harness.partitions(f"{harness.build('rpi3')}/disk.img")["firmware"][0], "the newer table says the same")


if __name__ == "__main__":
    unittest.main()
