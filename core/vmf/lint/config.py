"""What `vmf.toml`, or `[tool.vmf.lint]` in `pyproject.toml`, says about linting."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from vmf.errors import UsageError
from vmf.lint.choosing import Choice, Patterns
from vmf.spec.faults import shown, suggestion

LARGEST = 2**20
"""Of a file no more bytes are read."""


class Config(Struct, frozen=True, kw_only=True):
    """What the configuration asks for; it speaks of paths relative to its folder."""

    choice: Choice = Choice()
    exclude: Patterns = Patterns()
    hosts: tuple[Path, ...] = ()
    """Relative to the current folder, as they would be named on the command line."""


class _Table(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: dict[str, tuple[str, ...]] = {}
    hosts: tuple[str, ...] = ()


_FILES: Mapping[str, tuple[str, ...]] = MappingProxyType({"vmf.toml": (), "pyproject.toml": ("tool", "vmf", "lint")})
"""Where it can be, the first one first: the file, and the tables that lead to it."""


def nearest(folder: Path) -> Config:
    """The configuration of the folder, else of the nearest one above that has any.

    Raises:
        UsageError: it cannot be read, or says what it cannot say.
    """
    for each in (folder, *folder.parents):
        for name, tables in _FILES.items():
            file = each / name
            if file.is_file() and (table := _below(_read(file), tables)) is not None:
                return _config(file, table)
    return Config()


def _read(file: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  # slow to import, for who configures nothing

    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(f"{file} is larger than 1 MiB", hint="a configuration is small")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not TOML: {str(error) or 'nested too deep'}") from error


def _below(table: Any, keys: tuple[str, ...]) -> Any:  # noqa: ANN401  # whatever a file holds
    """What is below a path of keys; None if nothing is."""
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _config(file: Path, table: object) -> Config:
    known = [each.encode_name for each in msgspec.structs.fields(_Table)]
    if isinstance(table, dict) and (unknown := sorted(set(table) - set(known))):
        raise UsageError(f"{file}: unknown key {shown(unknown[0])}", hint=suggestion(unknown[0], known))
    try:
        given = msgspec.convert(table, _Table)
    except msgspec.ValidationError as error:
        raise UsageError(f"{file}: {_plainly(str(error))}", hint="see docs/lint.md") from error
    per_file = ((Patterns(folder=file.parent, globs=(glob,)), words) for glob, words in given.per_file_ignores.items())
    return Config(
        choice=Choice(select=given.select, ignore=given.ignore, per_file=tuple(per_file)),
        exclude=Patterns(folder=file.parent, globs=given.exclude),
        hosts=tuple(Path(os.path.relpath(file.parent / each)) for each in given.hosts),
    )


def _plainly(error: str) -> str:
    """What is wanted where the parser of types found something else."""
    key = _KEY.search(error)
    return f"{key[0]}: {_WANTED[key[0]]}" if key else "a table is wanted"


_LIST = "a list of texts is wanted, as in"
_WANTED: Mapping[str, str] = MappingProxyType({
    "select": f'{_LIST} ["VMF2"]',
    "ignore": f'{_LIST} ["VMF213"]',
    "exclude": f'{_LIST} ["old"]',
    "per-file-ignores": 'a table of lists of texts is wanted, as in {"tests/*" = ["VMF4"]}',
    "hosts": f'{_LIST} ["hosts"]',
})  # fmt: skip
_KEY = re.compile(rf"(?<=`\$\.)(?:{'|'.join(_WANTED)})")
