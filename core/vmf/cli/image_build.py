"""`vmf image build`: images that vmf makes, by their steps; or of the distribution's own packages."""

from __future__ import annotations

import argparse
import os

from vmf.cli.builds import Builds
from vmf.cli.carry import carrying
from vmf.cli.grounds import described_image
from vmf.cli.places import home
from vmf.cli.session import Session, add_format, add_hosts, prepare
from vmf.model import TINY


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image build`."""
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="descriptions of images, or names; tiny: the guest that proves accelerators and runs the examples",
    )
    add_hosts(parser)
    add_format(parser)
    parser.add_argument("--console", action="store_true", help="stream the guests' consoles")
    parser.add_argument("--inspect", action="store_true", help="let a guest whose step fails stay, to look into it")


def act(options: argparse.Namespace) -> int:
    """Build them one after the other, so that each finds what those before it have done; a failure is the end."""
    if TINY in options.images:
        _build_tiny()
    wanted = [each for each in options.images if each != TINY]
    if not wanted:
        return 0
    session = Session(options)
    prepare(session.home)
    images = [described_image(session, each) for each in wanted]
    hosts = session.configured()
    with carrying(session, options, console=options.console) as carrier:
        builds = Builds(session, carrier, hosts, form=options.format, inspect=options.inspect)
        return next((code for code in map(builds.build, images) if code), 0)


def _build_tiny() -> None:
    """Build the tiny guest from the distribution's kernel and busybox packages."""
    from vmf.warehouse import tiny  # noqa: PLC0415  # only this image needs it

    where = home(os.environ)
    prepare(where)
    folder = where.images / TINY
    tiny.build(folder, report=print)
    print(f"{TINY}: {folder}")
