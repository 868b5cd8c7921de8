"""`vmf schema`: what specs may say, for editors and whatever else checks them before vmf does."""

from __future__ import annotations

import argparse

from vmf.plugins import Plugins
from vmf.spec.documents import KINDS
from vmf.spec.schema import schema, written


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf schema`."""
    parser.add_argument("kind", choices=tuple(KINDS), nargs="?", default="Job", help="of which kind (default: Job)")


def act(options: argparse.Namespace) -> int:
    """Print the schema."""
    print(text(options.kind), end="")
    return 0


def text(kind: str) -> str:
    """The schema of a kind, with the blocks of all types whose plugins are installed."""
    types = Plugins.load().types
    settings = {
        "Job": {name: each.job_settings for name, each in types.items()},
        "Host": {name: each.settings for name, each in types.items()},
        "Image": {},
        "Steps": {},
    }
    return written(schema(KINDS[kind], settings[kind]))
