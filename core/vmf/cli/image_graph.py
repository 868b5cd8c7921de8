"""`vmf image graph`: the steps of images, drawn."""

from __future__ import annotations

import argparse

from vmf.cli.grounds import described_image, grounds
from vmf.cli.session import Session
from vmf.steps.grounding import builder

DRAWN = ("text", "dot", "svg")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image graph`."""
    parser.add_argument("image", metavar="IMAGE", help="a description of an image, or a name")
    parser.add_argument("--format", choices=DRAWN, default=DRAWN[0], help="text, a picture (svg), or Graphviz's (dot)")


def act(options: argparse.Namespace) -> int:
    """Draw it, with those steps marked that the golden image has done which it would be built upon."""
    from vmf.steps.drawing import DRAWINGS  # noqa: PLC0415  # nothing else draws

    session = Session(options)
    job = builder(described_image(session, options.image))
    request, choices = grounds(session, fetch=False).choices(job)
    best = next((each.golden for each in choices if each.refused is None), None)
    done = frozenset(each.digest for each in best.performed) if best else frozenset[str]()
    drawn = DRAWINGS[options.format](request.graph, done)
    print(drawn.rstrip("\n") or "the image has no steps")
    return 0
