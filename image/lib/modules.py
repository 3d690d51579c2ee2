"""Which of the kernel's modules a box needs, and what those depend on."""

import lzma
import os
import shutil

from stage import run


def version(tree):
    """The kernel's version: the one folder of modules below `tree`."""
    found = os.listdir(os.path.join(tree, "usr/lib/modules"))
    if len(found) != 1:
        raise SystemExit(f"One kernel is wanted, and there are: {', '.join(sorted(found)) or 'none'}.")
    return found[0]


def _name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def closure(tree, names):
    """The paths (below the version's folder) of these modules and all that they need, in the order of loading. Names that the kernel has built in have none."""
    folder = os.path.join(tree, "usr/lib/modules", version(tree))
    run("depmod", "--basedir", tree, version(tree))
    needs, places = {}, {}
    with open(os.path.join(folder, "modules.dep")) as file:
        for line in file:
            path, _, rest = line.partition(":")
            places[_name(path)] = path
            needs[_name(path)] = [_name(other) for other in rest.split()]
    with open(os.path.join(folder, "modules.builtin")) as file:
        built_in = {_name(line.strip()) for line in file}
    aliases = _aliases(folder)
    order = []

    def visit(name):
        for other in needs[name][::-1]:
            if places[other] not in order:
                visit(other)
        if places[name] not in order:
            order.append(places[name])

    for wanted in names:
        name = wanted.replace("-", "_")
        name = name if name in places else aliases.get(name, name)
        if name in places:
            visit(name)
        elif name not in built_in:
            raise SystemExit(f"The kernel has no module {wanted}.")
    return order


def _aliases(folder):
    found = {}
    with open(os.path.join(folder, "modules.alias")) as file:
        for line in file:
            words = line.split()
            if len(words) == 3 and ":" not in words[1]:
                found[words[1].replace("-", "_")] = words[2]
    return found


def copy(tree, paths, to):
    """Puts these modules below `to`, unpacked: what holds them is compressed as a whole, which takes less room."""
    kernel = version(tree)
    target = os.path.join(to, "usr/lib/modules", kernel)
    for path in paths:
        place = os.path.join(target, path.removesuffix(".xz"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(os.path.join(tree, "usr/lib/modules", kernel, path), "rb") as file:
            content = file.read()
        with open(place, "wb") as file:
            file.write(lzma.decompress(content) if path.endswith(".xz") else content)
        os.chmod(place, 0o644)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(os.path.join(tree, "usr/lib/modules", kernel, name), os.path.join(target, name))
