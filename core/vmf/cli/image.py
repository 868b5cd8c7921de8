"""`vmf image`: the warehouse, its named images and its golden ones."""

from __future__ import annotations

import argparse
import importlib
from types import MappingProxyType

VERBS = MappingProxyType({
    "build": "build an image into the warehouse",
    "ls": "list the images in the warehouse",
    "show": "tell what an image is made of, what was done on it, and who uses it",
    "graph": "draw the steps of images, with those marked that a golden image has done",
    "match": "tell of each golden image whether a job can begin with it, and why not",
    "index": "offer the golden images to others, who read them by a web server",
    "verify": "read golden images whole, and set aside what is damaged",
    "rm": "remove golden images that nobody uses",
    "gc": "make room: remove what was left or set aside, and golden images that were not used for long",
})  # fmt: skip
"""Each is a module `image_VERB`."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, sentence in VERBS.items():
        module = importlib.import_module(f"vmf.cli.image_{verb}")
        capital = f"{sentence[0].upper()}{sentence[1:]}."
        command = verbs.add_parser(verb, allow_abbrev=False, help=sentence, description=capital)
        module.arguments(command)
        command.set_defaults(verb=module.act)


def act(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    return int(options.verb(options))
