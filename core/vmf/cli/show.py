"""How tables and ads are shown; whatever is in them, it cannot control a terminal."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from vmf.classad import FORMS, Ad
from vmf.files.console import escape

_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines with columns as wide as they have to be."""
    cells = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def show(text: str) -> None:
    """Print text, control characters escaped."""
    print(escape(text.encode(errors="surrogateescape")).rstrip("\n"))


def show_ads(ads: Iterable[Ad], form: str) -> None:
    """Print ads: in old syntax, or as JSON.

    Raises:
        UsageError: a string cannot be written in old syntax.
    """
    if form == "json":
        print(_BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], FORMS["json"].write(ads)), end="")
    elif text := FORMS["old"].write(ads):
        show(text)


def add_long(parser: argparse.ArgumentParser, sentence: str) -> None:
    """The option for whole ads."""
    parser.add_argument("-l", "--long", action="store_true", help=sentence)
