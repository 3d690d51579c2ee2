"""Which Rust builds for the boards: rustup's, or Debian's compiler with its standard library for arm64."""

import os
import subprocess

TRIPLE = "aarch64-unknown-linux-gnu"
DEBIAN = "/usr/bin"


def _has_library(rustc):
    """Whether this compiler finds a standard library for the boards."""
    try:
        asked = subprocess.run([rustc, "--print", "sysroot"], capture_output=True, text=True, check=True, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        return False
    return os.path.isdir(os.path.join(asked.stdout.strip(), "lib", "rustlib", TRIPLE, "lib"))


def toolchain():
    """The name of the Rust to use, "rustup" or "debian". HEARTH_CROSS_RUST chooses where both would do."""
    wanted = os.environ.get("HEARTH_CROSS_RUST")
    found = [name for name, rustc in (("rustup", "rustc"), ("debian", f"{DEBIAN}/rustc")) if _has_library(rustc)]
    if wanted in found or (found and not wanted):
        return wanted or found[0]
    raise SystemExit(f"No Rust here builds for {TRIPLE}. `image/install build` gets one.")


def cargo():
    """The command and environment that build for the boards.

    Run it in the repository: then its own paths are relative, and those of the registry are mapped to the same everywhere, so that a program
    does not depend on where it was built. The flags are the same for every checkout, and so what they build is shared.
    """
    environment = dict(os.environ)
    command = "cargo"
    if toolchain() == "debian":
        command = f"{DEBIAN}/cargo"
        environment["PATH"] = f"{DEBIAN}:{environment['PATH']}"
        environment.pop("RUSTUP_TOOLCHAIN", None)
    home = environment.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    environment[f"CARGO_TARGET_{TRIPLE.upper().replace('-', '_')}_LINKER"] = "aarch64-linux-gnu-gcc"
    environment["CC_aarch64_unknown_linux_gnu"] = "aarch64-linux-gnu-gcc"
    environment["AR_aarch64_unknown_linux_gnu"] = "aarch64-linux-gnu-ar"
    environment["RUSTFLAGS"] = f"--remap-path-prefix={home}=/cargo"
    return [command, "build", "--target", TRIPLE, "--profile", "image"], environment
