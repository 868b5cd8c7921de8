"""A graph of steps as text: a line for each step, and beside it lanes that lead to the steps after it.

A lane leads to one step, and all that come before this step join it; so the widest drawing has as many lanes as steps
wait for others at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from vmf.steps.graph import Graph
from vmf.steps.look import Look, look, looks, shown

MOST_STEPS = 30
"""Of a drawing that can still be followed; more are listed, with the names of those before them."""
MOST_LANES = 20

_BOX = MappingProxyType({
    (True, True, False, True): "├",
    (True, True, True, False): "┤",
    (True, True, True, True): "┼",
    (True, False, False, True): "└",
    (True, False, True, False): "┘",
    (True, False, True, True): "┴",
    (False, True, False, True): "┌",
    (False, True, True, False): "┐",
    (False, True, True, True): "┬",
})  # fmt: skip
"""A line that leads up, down, left and right, or does not."""

_Lanes = list[str | None]
"""The digest of the step that each lane leads to."""


def text(graph: Graph, done: AbstractSet[str] = frozenset()) -> str:
    """A graph as lines, with a legend; none ends in a space.

    Args:
        graph: what is shown; an `after` that follows from others is left out.
        done: the digests of the steps that an image has.
    """
    if not graph.nodes:
        return "no steps\n"
    reduced = graph.reduced
    rows = tuple(_rows(reduced, {node.digest: look(node, done) for node in graph.nodes}))
    width = max(len(lanes) for lanes, _ in rows)
    if len(graph.nodes) > MOST_STEPS or width > 2 * MOST_LANES:
        lines = _listed(reduced, done)
    else:
        lines = [f"{lanes:{width}}  {name}".rstrip() for lanes, name in rows]
    legend = "   ".join(f"{each.mark} {each.words}" for each in looks(graph, done))
    return "\n".join((*lines, "", legend, ""))


def _listed(graph: Graph, done: AbstractSet[str]) -> Sequence[str]:
    names = {node.digest: shown(node.name) for node in graph.nodes}
    after = {node.digest: [name for digest, name in names.items() if digest in node.after] for node in graph.nodes}
    behind = {digest: f"  after {', '.join(before)}" if before else "" for digest, before in after.items()}
    return [f"{look(node, done).mark} {names[node.digest]}{behind[node.digest]}" for node in graph.nodes]


def _rows(graph: Graph, looks_: Mapping[str, Look]) -> Iterator[tuple[str, str]]:
    """The lanes of each line, and the name of the step that stands in it, if one does."""
    lanes: _Lanes = []
    ended = None
    for node in graph.nodes:
        begins = node.digest not in lanes
        place = _lane(lanes, node.digest)
        if begins and place == ended:  # or it would seem to come after the one above
            yield _standing(lanes, place, " "), ""
        yield _standing(lanes, place, looks_[node.digest].mark), shown(node.name)
        before = list(lanes)
        lanes[place] = None
        ends = {_lane(lanes, each.digest, place) for each in graph.nodes if node.digest in each.after}
        if ends - {place}:
            yield _joined(before, lanes, place, ends), ""
        ended = None if ends else place
        while lanes and lanes[-1] is None:
            lanes.pop()


def _standing(lanes: _Lanes, place: int, mark: str) -> str:
    """The line in which a mark stands in a lane."""
    return " ".join(mark if each == place else "│" if lane else " " for each, lane in enumerate(lanes)).rstrip()


def _lane(lanes: _Lanes, digest: str, place: int = 0) -> int:
    """The lane that leads to a step; a new one if there is none, the one at `place` if that is free."""
    if digest not in lanes:
        if not lanes or lanes[place] is not None:
            place = lanes.index(None) if None in lanes else len(lanes)
        lanes[place : place + 1] = [digest]
    return lanes.index(digest)


def _joined(before: _Lanes, lanes: _Lanes, place: int, ends: AbstractSet[int]) -> str:
    """The line in which a step's lane parts for those that lead on from it; those that it meets pass over it."""
    first, last = min(place, *ends), max(place, *ends)
    line = ""
    for each, lane in enumerate(lanes):
        up, left, right = each < len(before) and before[each] is not None, first < each <= last, first <= each < last
        if each == place or each in ends:
            line += _BOX[up, lane is not None, left, right]
        else:
            line += "│" if lane else "─" if left and right else " "
        line += "─" if right else " "
    return line.rstrip()
