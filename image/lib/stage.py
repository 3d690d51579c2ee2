"""What the stages share: where to work, for which board, and how to run a command.

`image/build` starts each stage with `HEARTH_BOARD`, `HEARTH_WORK` (a folder of its own for this build), `HEARTH_STORE`
(a cache that outlives it) and `SOURCE_DATE_EPOCH`.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile

import board as boards

HERE = boards.HERE
REPOSITORY = boards.REPOSITORY

# Made up once, and the same for every image: what is written into the root must not differ between two builds.
ROOT_UUID = "68656172-7468-4001-8000-000000000001"
DATA_UUID = "68656172-7468-4001-8000-000000000002"
DISK_UUID = "68656172-7468-4001-8000-000000000003"


class Stage:
    """The world of one stage."""

    def __init__(self):
        self.work = os.environ["HEARTH_WORK"]
        self.store = os.environ["HEARTH_STORE"]
        self.epoch = int(os.environ["SOURCE_DATE_EPOCH"])
        self.board = boards.load(os.environ["HEARTH_BOARD"])
        self.base = self.board["base"]

    def path(self, *parts):
        """A path in this build's folder."""
        return os.path.join(self.work, *parts)

    def fresh(self, *parts):
        """An empty folder in this build's folder."""
        path = self.path(*parts)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path


def run(*command, **options):
    """Runs a command in English and UTC and gives what it printed; its error output goes to ours."""
    environment = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC", MTOOLS_SKIP_CHECK="1", **options.pop("env", {}))
    # Tools that an ordinary user's path may leave out.
    environment["PATH"] += ":/usr/sbin:/sbin"
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}.\n{done.stdout}")
    return done.stdout


def digest(*parts):
    """A short name for what these strings say."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def tree_digest(*roots):
    """A digest of the files below these paths: names, modes, links and contents."""
    total = hashlib.sha256()
    for root in roots:
        files = [root] if os.path.isfile(root) else sorted(
            os.path.join(folder, name) for folder, folders, names in os.walk(root) for name in names + [d for d in folders if os.path.islink(os.path.join(folder, d))]
            if "__pycache__" not in folder
        )
        for path in files:
            total.update(os.path.relpath(path, REPOSITORY).encode() + b"\0")
            if os.path.islink(path):
                total.update(b"link " + os.readlink(path).encode())
            else:
                with open(path, "rb") as file:
                    total.update(b"x" if os.access(path, os.X_OK) else b"-")
                    total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:24]


def keep(path, make):
    """What is in the cache at `path`; `make(temporary)` makes it where it is missing, and a half-made one is never seen."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = tempfile.mkdtemp(dir=os.path.dirname(path))
        try:
            make(temporary)
            os.rename(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return path
