"""The boot environment: two copies, each a checksum and `name=value` strings as U-Boot's `env export -c` writes them.

The copy with the higher `seq` and a right checksum counts; who writes, writes the other one. `image/u-boot/boot.cmd` reads and
writes it in U-Boot, `usr/lib/hearth/boot-env` on the running system.
"""

import zlib

SIZE = 0x1000
# The copies lie this far apart: further than a card's erase block, which a power cut can tear as a whole.
DISTANCE = 4 * 1024 * 1024


def pack(values):
    """The bytes of one copy."""
    text = b"".join(f"{name}={value}".encode() + b"\0" for name, value in sorted(values.items())) + b"\0"
    body = text.ljust(SIZE - 4, b"\0")
    return zlib.crc32(body).to_bytes(4, "little") + body


def unpack(copy):
    """The values of one copy, or None where its checksum is wrong."""
    copy = copy[:SIZE]
    body = copy[4:]
    if len(copy) != SIZE or zlib.crc32(body) != int.from_bytes(copy[:4], "little"):
        return None
    return dict(entry.decode().split("=", 1) for entry in body.split(b"\0\0")[0].split(b"\0") if entry)


def partition(size):
    """The contents of the partition in a new image: slot A holds a system, slot B nothing yet."""
    first = {"seq": "1", "BOOT_ORDER": "A", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "0"}
    image = bytearray(size)
    image[0:SIZE] = pack(first)
    image[DISTANCE : DISTANCE + SIZE] = pack(dict(first, seq="2"))
    return bytes(image)
