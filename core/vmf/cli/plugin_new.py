"""`vmf plugin new`: the package of a hypervisor plugin, of templates that lie beside this module.

The plugin is that of docs/plugin-tutorial.md: it works, so that its author changes one thing after the other, and can
try each.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType

from msgspec.structs import fields

from vmf import __version__
from vmf.errors import SetupError, UsageError
from vmf.files.beside import filling
from vmf.model import Host, Job
from vmf.plugins import Plugins

NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
TEMPLATES = Path(__file__).with_name("skeleton")
FILES: Mapping[str, str] = MappingProxyType({
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "vmf_$name.py": "module.py.in",
    "tests/test_contract.py": "test_contract.py.in",
    ".github/workflows/test.yaml": "workflow.yaml.in",
})  # fmt: skip
"""What is written, and the template that it is made of."""


def make(name: str, folder: Path) -> None:
    """Write the package of a plugin for type `name`: all of it or nothing.

    Raises:
        UsageError: if the name cannot be a type's, or the folder is there already.
        SetupError: if it cannot be written.
    """
    _judge(name)
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is already there", hint="name another folder, or move it away")
    words = {"name": name, "version": __version__}
    try:
        with filling(folder) as part:
            made = part / "made"
            for path, template in FILES.items():
                file = made / Template(path).substitute(words)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(Template((TEMPLATES / template).read_text()).substitute(words))
            made.rename(folder)
    except OSError as error:
        where = error.filename or folder
        raise SetupError(f"{where}: {error.strerror}", hint="name a folder where you may write") from error


def _judge(name: str) -> None:
    """See that a type can be called this."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r:.100} is no name for a type",
            hint="write at most 31 lower-case letters and digits, a letter first, such as bhyve",
        )
    if name in {field.encode_name for kind in (Host, Job) for field in fields(kind)}:
        raise UsageError(f"{name} is a field of specs, in which the block of a type is called like the type")
    if name in {each.name for each in Plugins.load().listed}:
        raise UsageError(f"a plugin {name} is installed already", hint="`vmf plugin ls` lists all")
    if importlib.util.find_spec(f"vmf_{name}"):
        raise UsageError(f"a package vmf_{name} is installed already, and this one would take its place")
