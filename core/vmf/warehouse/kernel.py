"""The modules of an unpacked kernel: those that are needed, uncompressed, in the order to load them."""

from __future__ import annotations

import lzma
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from vmf.errors import SetupError

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def ordered(root: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """Return the wanted modules below `root` with all that they depend on, dependencies first.

    A module that is built in, or that this kernel does not have, is left out. Each module is asked for what it
    depends on, because a package that was never installed has no `modules.dep`.

    Raises:
        SetupError: if a module cannot be uncompressed.
    """
    files = {_name(path.name): path for path in sorted(root.rglob("*.ko*"))}
    modules: dict[str, bytes] = {}
    for name in wanted:
        _collect(_name(name), files, modules)
    return modules


def built_in(root: Path) -> frozenset[str]:
    """Return the names of what the kernel has built in, of all that could have been a module."""
    lists = (path.read_text() for path in root.rglob("modules.builtin"))
    return frozenset(_name(line.rpartition("/")[2]) for text in lists for line in text.splitlines())


def _collect(name: str, files: Mapping[str, Path], modules: dict[str, bytes]) -> None:
    if name in modules or name not in files:
        return
    module = _uncompressed(files[name])
    found = _DEPENDS.search(module)
    for other in found[1].decode().split(",") if found else ():
        _collect(_name(other), files, modules)
    modules[name] = module


def _uncompressed(path: Path) -> bytes:
    match path.suffix:
        case ".xz":
            return lzma.decompress(path.read_bytes())
        case ".zst":
            return _zstd(path)
        case _:
            return path.read_bytes()


def _zstd(path: Path) -> bytes:
    try:
        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout  # noqa: S607  # wherever it is
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"cannot uncompress the kernel module {path.name}: {error}", hint="install zstd") from error


def _name(file: str) -> str:
    return file.split(".", maxsplit=1)[0].replace("-", "_")
