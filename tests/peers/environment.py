"""Python environments of the peers: each in a folder of its own in the cache, made once."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys


def folder(name):
    """Where the environment of that name is; XDG_CACHE_HOME moves the cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(cache) / "hearth" / name


def python(name):
    """The environment's interpreter."""
    return folder(name) / "bin" / "python"


def install(name, what, *wanted):
    """Makes the environment with what pip is told to install, unless a whole one is there. Two callers at once wait for each other."""
    place = folder(name)
    # Written last: a folder without it is what an interrupted install left behind.
    whole = place / "installed"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if whole.exists():
            return
        print(f"installing {what} into {place}", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        run = lambda *command: subprocess.run(command, check=True, stdout=sys.stderr)
        run(sys.executable, "-m", "venv", str(place))
        run(str(python(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)
        whole.touch()
