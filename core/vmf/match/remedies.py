"""What an owner could write instead, so that a clause holds on a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vmf import classad
from vmf.ads import At, Clause, Need, least_growth, without
from vmf.ads.clauses import WORDS, parts
from vmf.ads.tables import KIB, MIB
from vmf.classad import Node, Value
from vmf.classad.tree import Binary, Reference, Selection
from vmf.match import FOLDERS, GROWTH, IMAGES, START, holds
from vmf.match.words import brief
from vmf.model import Job, Limits, Offer


class Remedy(Struct, frozen=True, kw_only=True):
    """One thing to change: a field of a job's spec, a clause of its requirements, or a host's `start`."""

    what: str
    """What to do: a sentence without its end."""
    distance: float = 0.0
    """By how much a number changes; 0 if none does."""
    fields: Mapping[str, Any] = {}
    """Fields of the job, with their new values."""
    clause: Node | None = None
    """The clause that goes."""
    instead: Node = True
    """What comes in its place; true: nothing."""
    drops: At = ()
    """The field of the job that says nothing any more."""
    waives: Mapping[str, Any] = {}
    """Fields of the host by which it asks nothing of jobs any more."""


class _Field(Struct, frozen=True):
    """The field of a job that an attribute of its ad is made of."""

    name: str
    read: Callable[[Value], tuple[int | tuple[str, ...], str] | None]
    """What it is for a value of the attribute, and as it is written in a spec; None if it cannot have that."""


def remedies(clause: Clause, job: Job, evaluate: Callable[[Node], Value]) -> Iterator[Remedy]:
    """What would make a clause hold, the mildest first; `evaluate` says what an expression of its ad is worth."""
    if clause.need or clause.name in _DROPPED:
        at = clause.need.at if clause.need else _DROPPED[clause.name]
        yield Remedy(what=f"do without {Need(ability=clause.name, at=at).field}", drops=at)
    if clause.name == FOLDERS:
        yield from _read_only(job, evaluate(_WRITABLE))
    compared = clause.expression
    if isinstance(compared, Binary) and compared.operator in _FLIPPED:
        flipped = Binary(operator=_FLIPPED[compared.operator], left=compared.right, right=compared.left)
        for each in (compared, flipped):
            if (needed := _needed(each.operator, evaluate(each.left))) is not None:
                yield from _of_field(each.right, needed, job)
                yield from _of_literal(clause, each, needed)
    if clause.name == WORDS:
        yield Remedy(what=f"drop `{brief(clause.expression)}`", clause=clause.expression)
    if clause.name == START and holds(evaluate(clause.expression)):  # a number: it is meant for true, and is not
        what = f"ask the host's owner to drop `{brief(clause.expression)}` from `start`"
        yield Remedy(what=what, waives={"start": None})
    if clause.name == IMAGES:
        yield Remedy(what="ask the host's owner to allow the folders of your files", waives={"images": None})
    if clause.name == GROWTH:
        yield from _smaller_results(job, evaluate(_GROWTH))
        yield Remedy(what="ask the host's owner to raise `limits.disk_growth`", waives={"limits": Limits()})


def treated(job: Job, chosen: Sequence[Remedy]) -> Job:
    """The job with all that was chosen done to it."""
    words = list(parts(None if job.requirements is None else classad.parse(job.requirements)))
    for each in chosen:
        job = replace(_without(job, each.drops), **each.fields)
        words = [each.instead if word == each.clause else word for word in words]
    asked = " && ".join(f"({classad.unparse(word)})" for word in words if word is not True)
    return replace(job, requirements=asked or None)


def _without(job: Job, at: At) -> Job:
    """The job without what a field says, which may be one of the block of a hypervisor type."""
    type_, *keys = at or ("",)
    if type_ not in job.block_needs:
        return without(job, at) if at else job
    left = {ability: field for ability, field in job.block_needs[str(type_)].items() if list(field) != keys}
    return replace(job, block_needs={**job.block_needs, str(type_): left})


def opened(offer: Offer, chosen: Sequence[Remedy]) -> Offer:
    """The host with all that was chosen done to it."""
    waived = {field: value for each in chosen for field, value in each.waives.items()}
    return replace(offer, host=replace(offer.host, **waived)) if waived else offer


def _read_only(job: Job, writable: Value) -> Iterator[Remedy]:
    """To write only in folders in which a host lets guests write."""
    names = str(writable).split(",")
    found = [share.name for share in job.shares if share.write and share.name not in names]
    shares = tuple(replace(share, write=share.write and share.name not in found) for share in job.shares)
    if found:
        yield Remedy(what=f"leave out `write` of {' and '.join(found)} in spec.shares", fields={"shares": shares})


def _smaller_results(job: Job, most: Value) -> Iterator[Remedy]:
    """To bring back less, so that the overlays have the least that they need of what a host lets a machine write."""
    if not job.contract or not isinstance(most, int):
        return
    room = (most * KIB - (least_growth(job) - job.results.volume)) // MIB
    if room > 0 and (given := _size(MIB)(room)):
        size, text = given
        told = f"lower results.size to {text} (`--set results.size={text}`)"
        results = replace(job.results, size=size)
        yield Remedy(what=told, distance=job.results.size - size, fields={"results": results})


def _needed(operator: str, value: Value) -> int | float | str | None:
    """What has to stand right of an operator so that it just holds with this value left of it; None if unknown."""
    if operator in _SHIFT:
        return value + _SHIFT[operator] if isinstance(value, int) and abs(value) < _LONG else None
    return value if isinstance(value, int | float | str) else None


def _of_field(node: Node, needed: Value, job: Job) -> Iterator[Remedy]:
    """To give the field another value of which an attribute is made."""
    field = _FIELDS.get(classad.fold(node.name)) if isinstance(node, Reference | Selection) else None
    if field and (given := field.read(needed)) and _allowed(field.name, given[0]):
        new, text = given
        how, distance = _way(getattr(job, field.name), new)
        key = _KEYS[field.name]
        told = f"{how} {key} to {text} (`--set {key}={text}`)"
        yield Remedy(what=told, distance=distance, fields={field.name: new})


def _allowed(field: str, value: int | tuple[str, ...]) -> bool:
    """Whether a job's field may have a value."""
    try:
        msgspec.convert(value, _TYPES[field])
    except msgspec.ValidationError:
        return False
    return True


def _of_literal(clause: Clause, compared: Binary, needed: float | str) -> Iterator[Remedy]:
    """To write something else right of an operator."""
    old = compared.right
    if clause.name == WORDS and isinstance(old, int | float | str):
        how, distance = _way(old, needed)
        how = "change" if compared.operator in _SAME else how
        told = f"{how} {brief(old)} to {brief(needed)} in `{brief(clause.expression)}`"
        instead = Binary(operator=compared.operator, left=compared.left, right=needed)
        yield Remedy(what=told, distance=distance, clause=clause.expression, instead=instead)


def _way(old: object, new: object) -> tuple[str, float]:
    """How one value becomes another, in a word, and how far it is."""
    if isinstance(old, int | float) and isinstance(new, int | float):
        return "lower" if new < old else "raise", abs(new - old)
    return "change", 0.0


def _type(value: Value) -> tuple[tuple[str, ...], str] | None:
    return ((value,), value) if isinstance(value, str) else None


def _count(value: Value) -> tuple[int, str] | None:
    return (value, str(value)) if isinstance(value, int) else None


def _size(unit: int) -> Callable[[Value], tuple[int, str] | None]:
    """Read a number of units; it is written in the largest that leaves nothing over."""

    def read(value: Value) -> tuple[int, str] | None:
        if not isinstance(value, int):
            return None
        largest, suffix = next(each for each in _UNITS if value * unit % each[0] == 0)
        return value * unit, f"{value * unit // largest}{suffix}"

    return read


_TYPES: Final = get_type_hints(Job, include_extras=True)
"""The types of a job's fields, with their bounds."""

_KEYS: Final = {field.name: field.encode_name for field in msgspec.structs.fields(Job)}
"""What a job's fields are called in a spec."""

_DROPPED: Final[Mapping[str, At]] = MappingProxyType({"network": ("network",), "network type": ("network",)})
"""Implied clauses without which a job can do, and the field that they come of."""

_WRITABLE: Final = Selection(of=Reference(name="TARGET"), name="VM_Writable_Folders")

_GROWTH: Final = Selection(of=Reference(name="MY"), name="VM_Disk_Growth")

_UNITS: Final = ((2**30, "GiB"), (MIB, "MiB"), (KIB, "KiB"))

_SAME: Final = frozenset({"==", "=?="})

_LONG: Final = 2**62
"""Integers beyond are not reckoned with."""

_FLIPPED: Final[Mapping[str, str]] = MappingProxyType(
    {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "=?=": "=?="}
)
"""Comparisons, and what each is when its operands change places."""

_SHIFT: Final[Mapping[str, int]] = MappingProxyType({"<": 1, ">": -1})
"""How far an integer is from the other one when the comparison just holds."""

_FIELDS: Final[Mapping[str, _Field]] = MappingProxyType({
    "jobvmtype": _Field("types", _type),
    "jobvmmemory": _Field("memory", _size(MIB)),
    "requestmemory": _Field("memory", _size(MIB)),
    "jobvm_vcpus": _Field("cpus", _count),
    "requestcpus": _Field("cpus", _count),
    "requestdisk": _Field("disk_space", _size(KIB)),
})  # fmt: skip
"""Attributes of a job's ad by folded name."""
