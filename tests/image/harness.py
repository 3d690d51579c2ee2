"""What the tests of the image stand on: the built image, boxes in QEMU, and cards that are tampered with.

    box = Boxes.new("first-boot", probe=True)      a fresh card, not started; `image/lib/box.py` says what a box can do
    box.start(); box.wait_ready(); box.run("...")  a shell inside, by a port that only QEMU has
    box.power_cut(); box.start()                   the same card again

HEARTH_IMAGE names the folder of a build to test instead of building.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPOSITORY, "image", "lib"))
import board as boards
import bootenv
import box as boxes

MIB = 1024 * 1024
# A boot takes some 30 s in emulation; a machine that is busy with other things may take ten times that.
PATIENCE = int(os.environ.get("HEARTH_PATIENCE", "600"))

_built = {}


def build(board="qemu-virt"):
    """The folder in which the board's image was built."""
    if board not in _built:
        given = os.environ.get("HEARTH_IMAGE")
        if given and board == "qemu-virt":
            _built[board] = given
        else:
            done = subprocess.run([os.path.join(REPOSITORY, "image", "build"), board, "--folder"], stdout=subprocess.PIPE, text=True, check=True)
            _built[board] = done.stdout.strip().splitlines()[-1]
    return _built[board]


def packed(board="qemu-virt"):
    """The finished `.img.xz`."""
    out = os.path.join(build(board), "out")
    return next(os.path.join(out, name) for name in os.listdir(out) if name.endswith(".img.xz"))


class BoxTest(unittest.TestCase):
    """A test with boxes: each has a folder of its own below `self.folder`, and none outlives the test."""

    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="hearth-image-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    @classmethod
    def box(cls, name, board="qemu-virt", image=None, **options):
        """A box that is off; the class takes it down at its end. `image` is a card made by `card`, else the one that was built."""
        built = build(board)
        made = boxes.Box(
            boards.load(board), image or os.path.join(built, "disk.img"), os.path.join(cls.folder, name),
            firmware=os.path.join(built, "emulation-firmware.bin"),
            device_tree=os.path.join(built, "boot", "dtb", boards.load(board)["emulation"]["device_tree"]), **options,
        )
        cls.addClassCleanup(made.power_cut)
        return made

    @classmethod
    def card(cls, name, board="qemu-virt"):
        """A copy of the built image that a test may damage."""
        path = os.path.join(cls.folder, f"{name}.img")
        subprocess.run(["cp", "--sparse=always", os.path.join(build(board), "disk.img"), path], check=True)
        return path

    def inside(self, box, script):
        """What the script prints inside; it must succeed."""
        status, said = box.run(script, PATIENCE)
        self.assertEqual(status, 0, f"{script}\n{said}\n{box.console()[-2000:]}")
        return said.strip()

    def memory_in_use(self, box):
        """MiB that programs and the kernel hold and can't give back, and who holds how much.

        The page cache is not counted, what lies in tmpfs is.
        """
        told = self.inside(box, """busybox cat /proc/meminfo
            for rollup in /proc/[0-9]*/smaps_rollup; do
                busybox awk -v of="$(busybox cat "${rollup%/*}/comm" 2>/dev/null)" \
                    '/^Pss_Anon|^Pss_Shmem/ { kib += $2 } END { if (kib > 1024) print of ": " kib " kB of its own" }' "$rollup" 2>/dev/null || :
            done
            busybox df -t tmpfs""")
        mib = {name: int(size) / 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB", told, re.MULTILINE)}
        return mib["MemTotal"] - mib["MemAvailable"], told


def partitions(card):
    """{name: (start, size)} in bytes, as the card's own table says."""
    listed = subprocess.run(["sfdisk", "--json", card], stdout=subprocess.PIPE, check=True, env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    import json

    table = json.loads(listed.stdout)["partitiontable"]
    return {part["name"]: (part["start"] * 512, part["size"] * 512) for part in table["partitions"]}


def overwrite(card, at, content):
    """Writes bytes into a card."""
    with open(card, "r+b") as file:
        file.seek(at)
        file.write(content)


def environment(card):
    """The two copies of the boot environment on a card, each its values or None."""
    start = partitions(card)["environment"][0]
    found = []
    with open(card, "rb") as file:
        for copy in (0, 1):
            file.seek(start + copy * bootenv.DISTANCE)
            found.append(bootenv.unpack(file.read(bootenv.SIZE)))
    return found


def set_environment(card, values):
    """Puts the same values into both copies."""
    start = partitions(card)["environment"][0]
    overwrite(card, start, bootenv.pack(dict(values, seq="1")))
    overwrite(card, start + bootenv.DISTANCE, bootenv.pack(dict(values, seq="2")))


def clone_slot(card):
    """Copies slot A to slot B, as an update to the same version would."""
    places = partitions(card)
    with open(card, "r+b") as file:
        for source, target in (("boot-a", "boot-b"), ("root-a", "root-b")):
            start, size = places[source]
            for offset in range(0, size, MIB):
                file.seek(start + offset)
                block = file.read(MIB)
                if block.strip(b"\0"):
                    file.seek(places[target][0] + offset)
                    file.write(block)
