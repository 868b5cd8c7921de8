"""Golden images: which of them a request can begin with, why another one cannot, and what each leaves to do.

An image has the steps that were performed on it, in their order. It serves a request if it began with the same, runs on
the hardware that is wanted, and passes three tests: every step performed is requested (subset), so are its
predecessors, which were performed, too (prefix), and before it (order). What this module says is the definition;
`search` finds the best image without looking at each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct

from vmf.model import MEBIBYTE
from vmf.steps.graph import Graph, Node
from vmf.units import format_count

_LONGEST_SECONDS = 366 * 24 * 3600.0
_SHOWN = 12


class Candidate(Struct, frozen=True, kw_only=True):
    """An image, as far as it matters to whoever looks for one."""

    id: str
    start: str
    """The digest of what it began with."""
    performed: tuple[str, ...] = ()
    """The digests of the actions performed on it, in their order."""
    types: tuple[str, ...] = ()
    """The types of hypervisors that it runs on; any if there is none."""
    memory: int | None = None
    """Bytes of the guest whose memory it has; none for an image of disks alone, which goes with any."""
    cpus: int | None = None
    """The processors of that guest; none for an image of disks alone."""


class Request(Struct, frozen=True, kw_only=True):
    """What is asked for."""

    start: str
    """The digest of what it begins with."""
    graph: Graph
    types: tuple[str, ...] = ()
    """The types of hypervisors, one of which is wanted; any if there is none."""
    memory: int
    """Bytes of the guest."""
    cpus: int


class Criterion(StrEnum):
    """What an image has to pass, in this order."""

    START = "start"
    HARDWARE = "hardware"
    SUBSET = "subset"
    PREFIX = "prefix"
    ORDER = "order"


class Refused(Struct, frozen=True, kw_only=True):
    """Why an image does not serve a request."""

    test: Criterion
    """The first one that it fails."""
    why: str
    """A sentence, without its full stop."""
    node: str = ""
    """The digest of the step that failed it, if a step did."""
    before: str = ""
    """The digest of the one that was to be performed before that, if this is what is the matter."""


def explain(request: Request, candidate: Candidate, names: Mapping[str, str] | None = None) -> Refused | None:
    """Why an image does not serve a request; none if it does. Takes as long as both have steps.

    Args:
        request: what is asked for.
        candidate: the image.
        names: what the image calls its steps, by digest; the request's names go before these.
    """
    for test in (_start, _hardware):
        if refused := test(request, candidate):
            return refused
    asked = {node.digest: node for node in request.graph.nodes}

    def name(digest: str) -> str:
        return asked[digest].name if digest in asked else (names or {}).get(digest, digest[:_SHOWN])

    judges = (judge(asked, candidate.performed, name) for judge in (_subset, _prefix, _order))
    return next(filter(None, judges), None)


def left(request: Request, candidate: Candidate | None) -> tuple[Node, ...]:
    """What is still to do upon an image that serves the request, or upon none, in an order that the graph allows."""
    performed = set(candidate.performed if candidate else ())
    return tuple(node for node in request.graph.nodes if node.digest not in performed)


def milliseconds(graph: Graph, seconds: Mapping[str, float]) -> Mapping[str, int]:
    """How long each step of a graph takes, in whole milliseconds, so that sums do not depend on their order.

    Args:
        graph: the steps.
        seconds: what was measured, by digest; no more than a year counts. A step that nobody has measured takes the
            mean of those of the graph that somebody has, or a second if there is none.
    """
    known = {node.digest: seconds.get(node.digest, -1.0) for node in graph.nodes}
    measured = {digest: each for digest, each in known.items() if 0 <= each <= _LONGEST_SECONDS}
    usual = sum(measured.values()) / len(measured) if measured else 1.0
    return {digest: round(1000 * measured.get(digest, usual)) for digest in known}


def rank(request: Request, candidate: Candidate, seconds: Mapping[str, float]) -> tuple[int, int, bool, str]:
    """What images that serve a request are ordered by, best first.

    The milliseconds of what is left to do, the number of steps that are left, whether it has no memory, its id.
    """
    takes = effort(request.graph, left(request, candidate), seconds)
    return *takes, candidate.memory is None, candidate.id


def effort(graph: Graph, rest: tuple[Node, ...], seconds: Mapping[str, float]) -> tuple[int, int]:
    """What it takes to do the rest of a graph: milliseconds, and the number of steps; `seconds` as for them."""
    takes = milliseconds(graph, seconds)
    return sum(takes[node.digest] for node in rest), len(rest)


_Asked = Mapping[str, Node]
_Name = Callable[[str], str]


def _start(request: Request, candidate: Candidate) -> Refused | None:
    if candidate.start == request.start:
        return None
    return Refused(test=Criterion.START, why="it began with something else")


def _hardware(request: Request, candidate: Candidate) -> Refused | None:
    has, wants = candidate.types, request.types
    if has and wants and not {*has} & {*wants}:
        why = f"it runs on {' or '.join(has)}, and {' or '.join(wants)} is wanted"
    elif candidate.memory is not None and candidate.memory != request.memory:
        why = f"its guest has {_mebibytes(candidate.memory)} of memory, and {_mebibytes(request.memory)} is wanted"
    elif candidate.cpus is not None and candidate.cpus != request.cpus:
        wanted = format_count(request.cpus, "cpu")
        why = f"its guest has {format_count(candidate.cpus, 'cpu')}, and {wanted} is wanted"
    else:
        return None
    return Refused(test=Criterion.HARDWARE, why=why)


def _mebibytes(size: int) -> str:
    """A size that is told from one that is nearly the same."""
    return f"{size / MEBIBYTE:.10g} MiB"


def _subset(asked: _Asked, performed: tuple[str, ...], name: _Name) -> Refused | None:
    seen: set[str] = set()
    for digest in performed:
        if digest not in asked:
            changed = any(node.name == name(digest) for node in asked.values())
            how = " as it was: what it does, its `on_error` or its `time_limit` is another" if changed else ""
            why = f"{name(digest)} was performed, and is not requested{how}"
            return Refused(test=Criterion.SUBSET, node=digest, why=why)
        if digest in seen:
            why = f"{name(digest)} was performed twice, and is requested once"
            return Refused(test=Criterion.SUBSET, node=digest, why=why)
        seen.add(digest)
    return None


def _prefix(asked: _Asked, performed: tuple[str, ...], name: _Name) -> Refused | None:
    every = frozenset(performed)
    for digest in performed:
        if not asked[digest].after <= every:
            before = min(asked[digest].after - every)
            why = f"{name(digest)} was performed without {name(before)}, which is to come before it"
            return Refused(test=Criterion.PREFIX, node=digest, before=before, why=why)
    return None


def _order(asked: _Asked, performed: tuple[str, ...], name: _Name) -> Refused | None:
    done: set[str] = set()
    for digest in performed:
        if not asked[digest].after <= done:
            before = min(asked[digest].after - done)
            why = f"{name(digest)} was performed before {name(before)}, which is to come first"
            return Refused(test=Criterion.ORDER, node=digest, before=before, why=why)
        done.add(digest)
    return None
