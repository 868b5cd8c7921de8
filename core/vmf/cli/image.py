"""`vmf image`: the warehouse of images."""

from __future__ import annotations

import argparse
import os

from vmf.cli.places import home
from vmf.cli.session import prepare
from vmf.model import TINY
from vmf.warehouse import tiny


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    build = verbs.add_parser("build", help="build an image into the warehouse")
    build.add_argument("name", choices=(TINY,), help="tiny: the guest that proves accelerators and runs the examples")


def act(_options: argparse.Namespace) -> int:
    """Build the tiny guest from the distribution's kernel and busybox packages."""
    where = home(os.environ)
    prepare(where)
    folder = where.images / TINY
    tiny.build(folder, report=print)
    print(f"{TINY}: {folder}")
    return 0
