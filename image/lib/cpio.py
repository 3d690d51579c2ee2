"""An initramfs archive ("newc") in which nothing depends on where or when it was made."""

import os
import stat


def write(root, out):
    """Archives the folder `root` into the file `out`: sorted, owned by root, dated 1970."""
    entries = []
    for folder, folders, names in os.walk(root):
        entries += [os.path.relpath(os.path.join(folder, name), root) for name in folders + names]
    with open(out, "wb") as archive:
        for number, name in enumerate(sorted(entries), start=1):
            path = os.path.join(root, name)
            state = os.lstat(path)
            if stat.S_ISLNK(state.st_mode):
                mode, content = 0o120777, os.readlink(path).encode()
            elif stat.S_ISDIR(state.st_mode):
                mode, content = 0o040755, b""
            else:
                mode = 0o100755 if state.st_mode & 0o100 else 0o100644
                with open(path, "rb") as file:
                    content = file.read()
            _entry(archive, number, name, mode, content)
        _entry(archive, 0, "TRAILER!!!", 0, b"")


def _entry(archive, number, name, mode, content):
    name = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    archive.write(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))
