"""`vmf migrate`: specs of older versions in today's words."""

from __future__ import annotations

import argparse
from pathlib import Path

from vmf.cli.printed import show
from vmf.files.beside import rewrite
from vmf.model import API_VERSION
from vmf.spec.faults import Faults
from vmf.spec.migrating import Migration, migrate


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf migrate`."""
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="specs of jobs, hosts and images")


def act(options: argparse.Namespace) -> int:
    """Rewrite the files that are written in older words, once all of them have been read."""
    faults = Faults()
    found: dict[Path, Migration] = {}
    for path in options.files:
        with faults:
            found[path] = migrate(path)
    faults.settle()
    for path, migration in found.items():
        if migration.renamings:
            rewrite(path.resolve(), migration.content)
        show(f"{path}: {_words(migration)}")
    return 0


def _words(migration: Migration) -> str:
    if not migration.renamings:
        return f"nothing to do, it is {API_VERSION}"
    changes = (f"line {each.place.line}: {each.old} is now {each.new}" for each in migration.renamings)
    return f"rewritten; {'; '.join(changes)}"
