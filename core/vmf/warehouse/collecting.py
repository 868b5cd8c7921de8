"""Which golden images go when room is wanted: the least recently used first, and none that another needs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from vmf.model import Golden


class Stocked(Struct, frozen=True, kw_only=True):
    """A golden image as the warehouse has it."""

    golden: Golden
    size: int
    """Bytes that its own files take on the disk."""
    used: float
    """When it was last used, in seconds since 1970."""


def children(goldens: Iterable[Golden]) -> Mapping[str, frozenset[str]]:
    """By the id of an image: those of the images that lie on it."""
    found: dict[str, set[str]] = {}
    for golden in goldens:
        for parent in golden.parents:
            found.setdefault(parent, set()).add(golden.id)
    return {parent: frozenset(each) for parent, each in found.items()}


def chosen(
    stocked: Sequence[Stocked], keep: Collection[str], *, before: float | None = None, size: int | None = None
) -> tuple[Stocked, ...]:
    """The images that go, in an order in which each can.

    Args:
        stocked: all images.
        keep: the ids of those that stay, with all that they lie on.
        before: those go that were not used since, in seconds since 1970.
        size: more go until all that are left take no more bytes.
    """
    rest = {each.golden.id: each for each in stocked if each.golden.id not in keep}
    above = {each: set(ids) for each, ids in children(each.golden for each in stocked).items()}
    left, gone = sum(each.size for each in stocked), list[Stocked]()
    while free := [each for id_, each in rest.items() if not above.get(id_)]:
        oldest = min(free, key=lambda each: (each.used, each.golden.id))
        is_old = before is not None and oldest.used < before
        if not is_old and (size is None or left <= size):
            break
        gone.append(rest.pop(oldest.golden.id))
        left -= oldest.size
        for parent in oldest.golden.parents:
            above[parent].discard(oldest.golden.id)
    return tuple(gone)
