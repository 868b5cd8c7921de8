"""Steps as a directed acyclic graph: whether it is one, what comes before what, and the identity of an action.

A step is known by what it does: the digest of its action, without its name and its place in the graph. So the same
action is the same node in any spec.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vmf.model import File, Image, Job, Step
from vmf.rules import Objection


class Node(Struct, frozen=True, kw_only=True):
    """One action in a graph."""

    digest: str
    """Of its action; see `digest`."""
    name: str
    """What the spec calls it."""
    after: frozenset[str] = frozenset()
    """The digests of those that are done right before it."""
    on_host: bool = False
    """Whether the host does it."""


class Graph(Struct, frozen=True, kw_only=True):
    """What is asked for, each action once."""

    nodes: tuple[Node, ...] = ()
    """In an order that the graph allows, the spec's own where it leaves a choice."""

    @property
    def digests(self) -> frozenset[str]:
        """Of all actions."""
        return frozenset(node.digest for node in self.nodes)

    @property
    def before(self) -> Mapping[str, frozenset[str]]:
        """By an action's digest: those of all that are done before it, however far."""
        found: dict[str, frozenset[str]] = {}
        for node in self.nodes:
            found[node.digest] = node.after.union(*(found[each] for each in node.after))
        return found

    @property
    def reduced(self) -> Graph:
        """The same order by as few `after` as say it: what comes before something that comes before is left out."""
        before = self.before
        nodes = (
            replace(node, after=node.after.difference(*(before[each] for each in node.after))) for node in self.nodes
        )
        return Graph(nodes=tuple(nodes))

    @property
    def keepable(self) -> Graph:
        """What of it an image can have: the steps of which the graph has all that comes before them."""
        kept: dict[str, Node] = {}
        for node in self.nodes:
            if node.after <= kept.keys():
                kept[node.digest] = node
        return Graph(nodes=tuple(kept.values()))


def graph(steps: Sequence[Step], sums: Mapping[File, str]) -> Graph:
    """The graph of steps to which nobody objects.

    Args:
        steps: see `composed` for those of several specs.
        sums: the SHA-256 of every file that they put in, of a folder that of all that is in it.
    """
    ordered_ = ordered(steps)
    digests = {step.name: digest(step, sums) for step in ordered_}
    nodes: dict[str, Node] = {}
    for step in ordered_:
        own, after = digests[step.name], frozenset(digests[name] for name in step.after)
        on_host = step.on_host is not None
        nodes.setdefault(own, Node(digest=own, name=step.name, after=after - {own}, on_host=on_host))
    return Graph(nodes=tuple(nodes.values()))


def digest(step: Step, sums: Mapping[File, str]) -> str:
    """The SHA-256, in hexadecimal, of what a step does: not of its name, its place, or what it publishes."""
    import hashlib  # noqa: PLC0415  # slow to import, and whoever only judges steps needs none

    action = {
        "command": step.command,
        "run": step.run,
        "files": [(path, sums[step.files[path]]) for path in sorted(step.files)],
        "packages": sorted(step.packages),
        "on_host": step.on_host,
        "arguments": step.arguments,
        "env": sorted(step.env.items()),
        "on_error": step.on_error,
        "time_limit": step.time_limit,
    }
    return hashlib.sha256(msgspec.json.encode(action)).hexdigest()


def ordered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps in an order that their graph allows: as early as in the list where it leaves a choice.

    Raises:
        graphlib.CycleError: if it allows none; to such steps there are objections.
    """
    place = {step.name: number for number, step in enumerate(steps)}
    sorter = TopologicalSorter({step.name: step.after for step in steps})
    sorter.prepare()
    found, ready = [], set[str]()
    while sorter.is_active():
        ready |= set(sorter.get_ready())
        first = min(ready, key=place.__getitem__)
        ready.remove(first)
        sorter.done(first)
        found.append(steps[place[first]])
    return tuple(found)


def to_do(job: Job) -> tuple[Step, ...]:
    """What is to be done for a job before its script: its image's steps and its own, in an order that they allow."""
    return ordered(composed(of_image(job.image), job.steps))


def in_guest(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Those that the guest does."""
    return tuple(step for step in steps if step.on_host is None)


def of_image(image: Image | None) -> tuple[Step, ...]:
    """All that an image asks for, what it begins with included."""
    return composed(image.earlier, image.steps) if image else ()


def composed(earlier: Sequence[Step], later: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of a spec upon those of the one that it builds on, all of which are done before."""
    last = leaves(earlier)
    own = {step.name for step in later}
    begun = (replace(step, after=step.after if own & {*step.after} else (*last, *step.after)) for step in later)
    return (*earlier, *begun)


def leaves(steps: Iterable[Step]) -> tuple[str, ...]:
    """The names of the steps that none comes after."""
    every = tuple(steps)
    followed = {name for step in every for name in step.after}
    return tuple(step.name for step in every if step.name not in followed)


def names_taken(steps: Sequence[Step], earlier: Sequence[Step] = ()) -> Iterator[Objection]:
    """Steps with a name that another one or its log has, capital letters aside: what they leave has these names.

    `at` begins with a step's number, as for the other objections.

    Args:
        steps: of one list.
        earlier: those of what its spec builds on.
    """
    seen = {name: step.name for step in earlier for name in _names(step)}
    for number, step in enumerate(steps):
        if other := next(filter(None, map(seen.get, _names(step))), None):
            yield Objection(at=(number, "name"), what=_taken(step.name, other), hint="give each a name of its own")
        seen |= dict.fromkeys(_names(step), step.name)


def _names(step: Step) -> tuple[str, str]:
    """What it leaves in the folder of logs."""
    folded = step.name.lower()
    return folded, f"{folded}.log"


def _taken(name: str, other: str) -> str:
    if name.lower() != other.lower():
        return f"{name} and {other} are the name of a step and that of its log"
    differs = "" if other == name else f", {other}, but for capital letters"
    return f"{name} is already the name of another step{differs}"


def unknown(steps: Sequence[Step], earlier: Sequence[Step] = ()) -> Iterator[Objection]:
    """Names in an `after` that no step has."""
    known = [step.name for step in (*earlier, *steps)]
    for number, step in enumerate(steps):
        for place, name in enumerate(step.after):
            if name not in known:
                others = ", ".join(other for other in known if other != step.name)
                hint = f"there are {others}" if others else "it is the only one: leave `after` out"
                yield Objection(at=(number, "after", place), what=f"there is no step {name}", hint=hint)


def circles(steps: Sequence[Step]) -> Iterator[Objection]:
    """Steps that each have to wait for the other; the first circle that is found."""
    own = {step.name: number for number, step in enumerate(steps)}
    sorter = TopologicalSorter({step.name: [name for name in step.after if name in own] for step in steps})
    try:
        sorter.prepare()
    except CycleError as error:
        names = error.args[1]
        number = min(own[name] for name in names)
        what = f"these steps come after each other in a circle: {' → '.join(names)}"
        yield Objection(at=(number, "after"), what=what, hint="leave out one `after`")
