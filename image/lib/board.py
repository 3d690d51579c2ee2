"""A board's facts: `image/base.toml` is what every box has, `board-configs/NAME.toml` what this board adds.

Nothing else in `image/` knows a board by name.
"""

import os
import sys

if sys.version_info < (3, 11):
    raise SystemExit("Building an image needs Python 3.11 or later (Debian 12, Ubuntu 24.04).")
import tomllib

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(HERE)
BOARDS = os.path.join(REPOSITORY, "board-configs")

# table: {key: type}. Every key must be there; no other is known, so that a misspelt one is found.
SHAPE = {
    "board": {"name": str, "title": str},
    "packages": {"add": list, "modules": list},
    "kernel": {"compressed": bool, "device_trees": list, "command_line": str},
    "u_boot": {"kernel_address": str, "compressed_address": str, "initramfs_address": str, "device_tree_address": str},
    "initramfs": {"modules": list},
    "firmware": {"copy": list, "config": str},
    "disk": {"hybrid": bool, "firmware_mib": int, "boot_mib": int, "root_mib": int, "data_mib": int},
    "emulation": {"machine": list, "firmware": str, "firmware_option": str, "device_tree": str, "tree_disabled": list, "tree_removed": list, "drive": str, "serial": int, "disk_gib": int, "memory_mib": int, "network": str, "second_disk": str},
}


def names():
    """The boards there are, sorted."""
    return sorted(name[:-5] for name in os.listdir(BOARDS) if name.endswith(".toml"))


def _read(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def load(name):
    """The board's tables with those of `base.toml` beside them, as `base`."""
    if name not in names():
        raise SystemExit(f"There is no board {name}. There are: {', '.join(names())}.")
    board = _read(os.path.join(BOARDS, f"{name}.toml"))
    _check(name, board)
    board["base"] = _read(os.path.join(HERE, "base.toml"))
    return board


def _check(name, board):
    for table in set(SHAPE) | set(board):
        keys = SHAPE.get(table)
        if keys is None or table not in board:
            raise SystemExit(f"board-configs/{name}.toml: the table [{table}] is {'not known' if keys is None else 'missing'}.")
        for key in set(keys) | set(board[table]):
            if key not in keys or key not in board[table]:
                raise SystemExit(f"board-configs/{name}.toml: [{table}] {key} is {'missing' if key in keys else 'not known'}.")
            if type(board[table][key]) is not keys[key]:
                raise SystemExit(f"board-configs/{name}.toml: [{table}] {key} must be a {keys[key].__name__}.")
    if board["board"]["name"] != name:
        raise SystemExit(f"board-configs/{name}.toml names the board {board['board']['name']}.")
