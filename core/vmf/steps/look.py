"""What a step looks like in a drawing."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from enum import Enum

from vmf.steps.graph import Graph, Node


class Look(Enum):
    """How a step is shown, with its mark in a text and its words in a legend."""

    mark: str
    words: str

    def __init__(self, mark: str, words: str) -> None:
        self.mark = mark
        self.words = words

    DONE = "●", "in the image"
    LEFT = "○", "to do"
    HOST = "◇", "to do on the host"


def look(node: Node, done: AbstractSet[str]) -> Look:
    """What a step looks like, given the digests of those that an image has."""
    return Look.DONE if node.digest in done else Look.HOST if node.on_host else Look.LEFT


def looks(graph: Graph, done: AbstractSet[str]) -> Iterable[Look]:
    """Those that a legend has to have."""
    found = {look(node, done) for node in graph.nodes}
    return (each for each in Look if each in found)


def shown(name: str) -> str:
    """A name that is no command of a terminal's, and no mark of a file's."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
