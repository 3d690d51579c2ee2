"""Debian's arm64 packages, asked for with an apt that knows the image's suites alone and nothing of this machine."""

import os

from stage import run


def sources(facts, folder):
    """Writes the list of sources that `facts` (`[debian]` of base.toml) describe into `folder`; its path."""
    path = os.path.join(folder, "sources.list")
    with open(path, "w") as file:
        for suite in facts["suites"]:
            file.write(f"deb [signed-by={facts['keyring']}] {facts['mirror']} {suite} {' '.join(facts['components'])}\n")
    return path


def apt_alone(place, listed):
    """An environment in which apt works in the folder `place`, up to date with the sources `listed`."""
    for part in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(place, part))
    open(os.path.join(place, "status"), "w").close()
    with open(os.path.join(place, "apt.conf"), "w") as file:
        file.write(
            f'Dir::State::lists "{place}/lists"; Dir::State::status "{place}/status"; Dir::Cache "{place}/cache"; Dir::Etc::sourcelist "{listed}";\n'
            'Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null"; APT::Architecture "arm64"; APT::Architectures { "arm64"; };\n'
            'APT::Sandbox::User "root"; Acquire::Retries "5"; Acquire::Languages "none";\n'
        )
    alone = {"APT_CONFIG": os.path.join(place, "apt.conf")}
    run("apt-get", "-qq", "update", env=alone)
    return alone
