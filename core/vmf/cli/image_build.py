"""`vmf image build`: an image that vmf makes itself."""

from __future__ import annotations

import argparse
import os

from vmf.cli.places import home
from vmf.cli.session import prepare
from vmf.model import TINY


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image build`."""
    parser.add_argument("name", choices=(TINY,), help="tiny: the guest that proves accelerators and runs the examples")


def act(_options: argparse.Namespace) -> int:
    """Build the tiny guest from the distribution's kernel and busybox packages."""
    from vmf.warehouse import tiny  # noqa: PLC0415  # only this verb needs it

    where = home(os.environ)
    prepare(where)
    folder = where.images / TINY
    tiny.build(folder, report=print)
    print(f"{TINY}: {folder}")
    return 0
