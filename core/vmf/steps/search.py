"""The golden image that serves a request best, out of a hundred thousand, without looking at each.

An index knows which images have a feature: a step performed, its place in their order, a start, a hardware. The tests
of `golden` become operations on sets of images, which are integers with a bit for each image; see `planes`. How long
that takes depends on how many steps are requested and how many images there are, hardly on what they are made of.
Orders alone, which take longest, are looked at as needed: the best image is judged by the definition, and if two of its
steps are in the wrong order, all images that have these two so are put out at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import gcd
from typing import Protocol

from vmf.steps import planes
from vmf.steps.golden import Candidate, Criterion, Request, explain, milliseconds
from vmf.steps.graph import Graph

_COUNT_PLANES = 16
_MOST_STEPS = 2**_COUNT_PLANES - 1
"""Of an image; one with more is taken to have as many, which no request has."""
_ANY = ""
_PATIENCE = 10
"""So many images may turn out to be in the wrong order before that of all pairs of steps is looked at in all images."""


class Unsound(Exception):
    """An index is missing, damaged, or not what it says of itself: it has to be made anew."""


class Index(Protocol):
    """Which images have which features; see `features`. A set of images is an integer with a bit for each."""

    def having(self, feature: str) -> int:
        """The images that have it."""

    def first(self, images: int) -> int:
        """The bit of that one of some images which has the first id.

        Raises:
            Unsound: if there is none of them.
        """

    def candidate(self, image: int) -> Candidate:
        """The image of a bit."""


def features(candidate: Candidate) -> Iterator[str]:
    """All that an index has to know of an image."""
    yield from traits(candidate)
    for place, digest in enumerate(candidate.performed):
        yield from marks(digest, place)


def traits(candidate: Candidate) -> Iterator[str]:
    """The features that an image has as a whole."""
    yield f"start:{candidate.start}"
    yield from (f"type:{each}" for each in candidate.types or (_ANY,))
    yield f"memory:{_ANY if candidate.memory is None else candidate.memory}"
    yield f"cpus:{_ANY if candidate.cpus is None else candidate.cpus}"
    yield from (f"count {plane}:" for plane in _bits(min(len(candidate.performed), _MOST_STEPS)))


def marks(digest: str, place: int) -> Iterator[str]:
    """The features that a step leaves on an image, by how many were performed before it."""
    yield f"step:{digest}"
    yield from (f"place {plane}:{digest}" for plane in _bits(place))


def search(request: Request, seconds: Mapping[str, float], index: Index, passed: int = 0) -> Candidate | None:
    """The first image by `golden.rank` of those that serve a request; none if none does.

    Args:
        request: what is asked for.
        seconds: how long steps take, see `golden.milliseconds`.
        index: of the images that there are.
        passed: the images that are passed over.

    Raises:
        Unsound: if the index contradicts the images that it has.
    """
    graph = request.graph.keepable
    steps = {node.digest: index.having(f"step:{node.digest}") for node in graph.nodes}
    counts = planes.total((images, 1) for images in steps.values())
    images = planes.without(_fitting(request, index, steps, counts), passed)
    saved = planes.total(_saved(request.graph, seconds, steps)) if images else []
    refusals = 0
    while images:
        best = planes.greatest(planes.greatest(images, saved), counts)
        image = index.first(planes.without(best, index.having(f"memory:{_ANY}")) or best)
        found = index.candidate(image)
        refused = explain(request, found)
        if refused is None:
            return found
        pairs = [(refused.before, refused.node)] if refusals < _PATIENCE else _pairs(graph)
        images = _in_order(images, pairs, steps, index)
        if refused.test is not Criterion.ORDER or images >> image & 1:
            raise Unsound(f"it has an image of which it says too little: {refused.why}")
        refusals += 1
    return None


def keeps_start(memory: int, index: Index) -> bool:
    """Whether there may be an image with so many bytes of a guest's memory upon which no step was performed."""
    images = index.having(f"memory:{memory}")
    for plane in range(_COUNT_PLANES):
        images = planes.without(images, index.having(f"count {plane}:"))
    return bool(images)


def _fitting(request: Request, index: Index, steps: Mapping[str, int], counts: Sequence[int]) -> int:
    """The images that pass all tests but that of order.

    Args:
        request: what is asked for.
        index: of the images that there are.
        steps: the images that have each step that is requested.
        counts: how many of these each image has; as many as it has in all, if each of its steps is requested.
    """
    images = _hardware(request, index) & index.having(f"start:{request.start}")
    images = planes.without(images, planes.differing(counts, _planes(index, "count", "", _MOST_STEPS)))
    for before, after in _pairs(request.graph.keepable):
        images = planes.without(images, planes.without(steps[after], steps[before]))
    return images


def _hardware(request: Request, index: Index) -> int:
    """The images that run on what is wanted; those of no guest's memory have a `_ANY` each."""
    images = index.having(f"memory:{_ANY}") | index.having(f"memory:{request.memory}")
    images &= index.having(f"cpus:{_ANY}") | index.having(f"cpus:{request.cpus}")
    if not request.types:
        return images
    fit = index.having(f"type:{_ANY}")
    for each in request.types:
        fit |= index.having(f"type:{each}")
    return images & fit


def _saved(graph: Graph, seconds: Mapping[str, float], steps: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """For each step the images that have it, and how long it takes, in the largest unit that divides all."""
    takes = milliseconds(graph, seconds)
    unit = gcd(*(takes[digest] for digest in steps)) or 1
    return ((images, takes[digest] // unit) for digest, images in steps.items())


def _pairs(graph: Graph) -> Iterator[tuple[str, str]]:
    """All steps that come right before others, with those."""
    return ((before, node.digest) for node in graph.nodes for before in node.after)


def _in_order(images: int, pairs: Iterable[tuple[str, str]], steps: Mapping[str, int], index: Index) -> int:
    """Those of some images that have no pair of steps in the wrong order."""
    places = cache(lambda digest: _planes(index, "place", digest, len(steps)))
    for before, after in pairs:
        if both := images & steps.get(before, 0) & steps.get(after, 0):
            images = planes.without(images, both & planes.less(places(after), places(before)))
    return images


def _planes(index: Index, number: str, of: str, most: int) -> Sequence[int]:
    """A number of each image, which is at most so much, from the lowest plane on."""
    return [index.having(f"{number} {plane}:{of}") for plane in range(most.bit_length())]


def _bits(number: int) -> Iterator[int]:
    """The places of the bits that are 1."""
    return (place for place in range(number.bit_length()) if number >> place & 1)
