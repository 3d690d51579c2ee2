"""A hybrid MBR: beside the protective entry, the firmware partition as the Pi 3's boot ROM, which knows no GPT, looks for it."""

# status, first sector in heads and cylinders (none: it is read by number), kind, last, start, length
_NONE = b"\xfe\xff\xff"


def _entry(kind, start, length):
    return b"\0" + _NONE + bytes([kind]) + _NONE + start.to_bytes(4, "little") + length.to_bytes(4, "little")


def write(disk, start, length):
    """Writes the table into the disk's first sector. `start` and `length` of the firmware partition in sectors of 512 bytes.

    The firmware's entry (FAT32 by number, 0x0c) comes first; the protective one (0xee) ends before it, which Linux and U-Boot take for a GPT.
    """
    disk.seek(446)
    disk.write(_entry(0x0C, start, length) + _entry(0xEE, 1, start - 1) + bytes(32) + b"\x55\xaa")
