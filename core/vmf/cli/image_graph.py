"""`vmf image graph`: the steps of images, drawn."""

from __future__ import annotations

import argparse

from vmf.cli.grounds import described_image, grounds
from vmf.cli.session import Session
from vmf.steps.golden import explain, rank
from vmf.steps.grounding import builder
from vmf.warehouse.listing import candidate

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
    request, seconds, every = grounds(session, fetch=False).choices(job)
    serving = [each for each in map(candidate, every) if explain(request, each) is None]
    best = min(serving, key=lambda each: rank(request, each, seconds), default=None)
    drawn = DRAWINGS[options.format](request.graph, frozenset(best.performed if best else ()))
    print(drawn.rstrip("\n") or "the image has no steps")
    return 0
