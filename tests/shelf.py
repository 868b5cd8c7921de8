"""Images and requests of made-up steps, each of which is called what its digest is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from vmf.steps.golden import Candidate, Request
from vmf.steps.graph import Graph, Node
from vmf.steps.search import features

START, MEMORY, CPUS = "blank", 2**29, 1


def graph(after: Mapping[str, str], hosts: str = "") -> Graph:
    """Steps of one letter each, in an order that they allow, with the letters of those right before them."""
    nodes = (Node(digest=each, name=each, after=frozenset(word), on_host=each in hosts) for each, word in after.items())
    return Graph(nodes=tuple(nodes))


def request(after: Mapping[str, str], hosts: str = "", types: tuple[str, ...] = ()) -> Request:
    return Request(start=START, graph=graph(after, hosts), memory=MEMORY, cpus=CPUS, types=types)


def image(performed: str, id_: str = "", **others: object) -> Candidate:
    return Candidate(id=id_ or performed or "-", performed=tuple(performed), **{"start": START, **others})


class Remembered:
    """An index in memory."""

    def __init__(self, images: Iterable[Candidate]) -> None:
        self._images = list(images)
        self._having: defaultdict[str, int] = defaultdict(int)
        for number, each in enumerate(self._images):
            for feature in features(each):
                self._having[feature] |= 1 << number

    def having(self, feature: str) -> int:
        return self._having.get(feature, 0)

    def first(self, images: int) -> int:
        members = (number for number in range(len(self._images)) if images >> number & 1)
        return min(members, key=lambda number: self._images[number].id)

    def candidate(self, image: int) -> Candidate:
        return self._images[image]
