"""Where steps stand in a picture: in layers, each below all that come before it, with lines as straight as they may be.

A line that passes a layer takes a place in it, a narrow one, so that it crosses no box; all lines of one step that pass
the same layer take one place together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from msgspec import Struct

from vmf.steps.graph import Graph

_SWEEPS = 24


class Spot(Struct, frozen=True, order=True):
    """A place in a layer."""

    digest: str
    """Of the step that stands there, or whose lines pass there."""
    passed: int = -1
    """The layer that its lines pass there; negative for the step itself."""


class Layers(Struct, frozen=True, kw_only=True):
    """Steps and lines in their places."""

    rows: tuple[tuple[Spot, ...], ...]
    """The places of each layer, from left to right, the first layer on top."""
    lines: tuple[tuple[Spot, Spot], ...]
    """From a place to one in the next layer."""
    across: Mapping[Spot, float]
    """The middle of each place, from the left edge."""
    width: float


def layered(graph: Graph, *, most: int, box: float, lane: float) -> Layers:
    """Steps in layers.

    Args:
        graph: the steps.
        most: how many stand in a layer, at most.
        box: how wide the place of a step is.
        lane: how wide the place of lines is.
    """
    layer = _layer(graph, most)
    rows: list[list[Spot]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    lines = []
    for node in graph.nodes:
        first, spot = layer[node.digest], Spot(node.digest)
        rows[first].append(spot)
        followers = [each.digest for each in graph.nodes if node.digest in each.after]
        through = {first: spot}
        for passed in range(first + 1, max((layer[each] for each in followers), default=first)):
            through[passed] = Spot(node.digest, passed)
            rows[passed].append(through[passed])
        lines += [*pairwise(through.values()), *((through[layer[each] - 1], Spot(each)) for each in followers)]
    across = _straightened(rows, lines, {spot: lane if spot.passed >= 0 else box for row in rows for spot in row})
    edges = [(x - (lane if spot.passed >= 0 else box) / 2, x) for spot, x in across.items()]
    left = min((edge for edge, _ in edges), default=0.0)
    width = max((2 * x - edge for edge, x in edges), default=0.0) - left
    moved = {spot: x - left for spot, x in across.items()}
    return Layers(rows=tuple(map(tuple, rows)), lines=tuple(lines), across=moved, width=width)


def _layer(graph: Graph, most: int) -> Mapping[str, int]:
    """The layer of each step: the first with room below all that come before it."""
    found: dict[str, int] = {}
    taken = Counter[int]()
    for node in graph.nodes:
        layer = max((found[each] + 1 for each in node.after), default=0)
        while taken[layer] >= most:
            layer += 1
        taken[layer] += 1
        found[node.digest] = layer
    return found


def _straightened(
    rows: Sequence[list[Spot]], lines: Iterable[tuple[Spot, Spot]], widths: Mapping[Spot, float]
) -> Mapping[Spot, float]:
    """Order each layer's places by what they lead to, up and down in turns, and move them towards it."""
    above, below = defaultdict(list), defaultdict(list)
    for upper, lower in lines:
        above[lower].append(upper)
        below[upper].append(lower)
    across: dict[Spot, float] = {}
    for row in rows:
        across.update(_apart([0.0] * len(row), row, widths))
    for sweep in range(_SWEEPS):
        for row in reversed(rows) if sweep % 2 else rows:
            near = {spot: below[spot] if sweep % 2 else above[spot] for spot in row}
            if sweep >= _SWEEPS // 2:
                near = {spot: above[spot] + below[spot] for spot in row}
            wanted = {spot: fmean([across[each] for each in near[spot] or [spot]]) for spot in row}
            row.sort(key=wanted.__getitem__)
            across.update(_apart([wanted[spot] for spot in row], row, widths))
    return across


def _apart(wanted: Sequence[float], row: Sequence[Spot], widths: Mapping[Spot, float]) -> Mapping[Spot, float]:
    """Places as near to where they are wanted as widths allow: between being pushed to the right and to the left."""
    steps = [(widths[one] + widths[other]) / 2 for one, other in pairwise(row)]
    right, left = list(wanted), list(wanted)
    for place, step in enumerate(steps, start=1):
        right[place] = max(right[place], right[place - 1] + step)
    for place, step in reversed([*enumerate(steps)]):
        left[place] = min(left[place], left[place + 1] - step)
    return {spot: (one + other) / 2 for spot, one, other in zip(row, right, left, strict=True)}
