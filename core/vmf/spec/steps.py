"""Documents of kind Steps: what is to be done on a machine that runs."""

from __future__ import annotations

from pathlib import Path

from vmf.model import Steps
from vmf.spec import nodes, refusals
from vmf.spec.contradictions import ERRORS
from vmf.spec.documents import Draft, draft, shape
from vmf.spec.faults import Faults
from vmf.spec.files import reading
from vmf.spec.nodes import Node


def load_steps(path: Path) -> Steps:
    """Read the steps of a file; files that they name are relative to its folder.

    Raises:
        SpecError: with all that is wrong with it.
    """
    faults, found = Faults(), list[Steps]()
    with faults:
        for number, node in enumerate(nodes.documents(path)):
            with faults:
                if number:
                    hint = "keep steps that are done together in a file of their own"
                    raise node.place.wrong("a second document", hint=hint, rule=refusals.KIND)
                found.append(steps_draft(node, path).settle(ERRORS))
    faults.settle()
    return found[0]


def steps_draft(document: Node, path: Path) -> Draft[Steps]:
    """The document of steps as far as it can be read; `path` is its file."""
    return draft(document, shape(Steps), custom=reading(path.parent))
