"""`vmf image verify`: whether golden images are what was kept, every byte of them."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial

from vmf.cli.each import Each
from vmf.cli.printed import show
from vmf.cli.session import Session
from vmf.cli.shelves import short, warehouse
from vmf.cli.telling import telling
from vmf.hookspecs import Report
from vmf.units import format_size


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image verify`."""
    parser.add_argument(
        "images", metavar="ID", nargs="*", help="ids of golden images, beginnings of ids, or names (default: all)"
    )


def act(options: argparse.Namespace) -> int:
    """Read them; what is damaged is set aside, so that it is made anew when it is wanted."""
    each, shelf = Each(), warehouse(Session(options))
    for word in options.images or shelf.ids():
        with each.one(), ExitStack() as files:
            golden = shelf.verify(shelf.named(word), partial(_report, files, word))
            size = format_size(sum(file.size for file in golden.shelved))
            show(f"{golden.id}: whole, {size} read")
    return each.exit_code


def _report(files: ExitStack, word: str, name: str) -> Report:
    """What tells how far one file is; it is wiped when all are done."""
    return files.enter_context(telling(f"reading {name} of {short(word)}"))
