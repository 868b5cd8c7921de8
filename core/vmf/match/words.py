"""A clause and what it saw, as a sentence.

What comes from ads is told as the language writes it, which is printable ASCII whatever the ads hold.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from vmf import classad
from vmf.ads import Clause
from vmf.classad import ERROR, UNDEFINED, Ad, Node, Value
from vmf.classad.scope import DEPTH
from vmf.classad.tree import Reference, Selection, children, height
from vmf.classad.unparsing import Style
from vmf.match.reading import SPECIAL
from vmf.units import format_size


class Side(Struct, frozen=True):
    """One of the two ads of a match."""

    noun: str
    """What it is called in sentences."""
    ad: Ad
    evaluate: Callable[[Node], Value]
    """What an expression of this ad is worth in the match."""


def sentence(clause: Clause, value: Value, mine: Side, theirs: Side) -> str:
    """What a clause of one side has found on the other; `value` is what it was worth."""
    if clause.need and value is not True:
        return f"{clause.need}, which the host does not have"
    if clause.implied and value is UNDEFINED and clause.name in _UNSAID:
        return _UNSAID[clause.name]
    plain = _PLAIN.get(clause.name) if clause.implied else None
    if plain and value is not UNDEFINED:
        return plain(mine.ad, theirs.ad)
    if value is ERROR and height(clause.expression) > DEPTH:
        return f"`{brief(clause.expression)}` is an error: it nests deeper than {DEPTH}"
    told = "" if value is True else f" is {_WORTH.get(type(value)) or _cut(written(value))}"
    seen = ", ".join(_seen(clause.expression, mine, theirs))
    return f"`{brief(clause.expression)}`{told}{f': {seen}' if seen else ''}"


def lacking(failed: Sequence[Clause], mine: Ad) -> str:
    """All the abilities and networks that a host lacks, if the first clause that it fails is about one of several."""
    lacks = {each.name: str(each.need or NETWORKS[each.name](mine)) for each in failed if _is_lack(each)}
    if "network type" in lacks:
        lacks.pop("network", None)  # who has no network has none of that type
    if len(lacks) < _SEVERAL or not _is_lack(failed[0]):
        return ""
    return f"{', '.join(lacks.values())}: the host has {'neither' if len(lacks) == _SEVERAL else 'none of them'}"


def _is_lack(clause: Clause) -> bool:
    """Whether a host that fails it lacks an ability or a network."""
    return clause.need is not None or (clause.implied and clause.name in NETWORKS)


def own(clause: Clause, mine: Side, theirs: Side) -> str:
    """What a clause sees of its own side: `JobVMMemory 512`; empty if it looks at the other alone."""
    found = dict.fromkeys(name for side, name in looked_up(clause.expression, mine, theirs) if side is mine)
    return ", ".join(_shown(name, mine) for name in found if name in mine.ad)


def looked_up(expression: Node, mine: Side, theirs: Side) -> Iterator[tuple[Side, str]]:
    """The names that an expression of one side refers to, as they are written, and on which side each is looked up.

    What no ad has to have, such as `MY` and `CurrentTime`, is not among them.
    """
    waiting = [expression]
    while waiting:
        match node := waiting.pop():
            case Selection(of=Reference(name=scope), name=name) if (whose := classad.fold(scope)) in _THEIRS:
                side = theirs if _THEIRS[whose] else mine
            case Reference(name=name):
                side = mine if name in mine.ad else theirs
            case _:
                waiting.extend(reversed(children(node)))
                continue
        if name in side.ad or classad.fold(name) not in SPECIAL:
            yield side, name


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The attribute that may have been meant, as the end of a sentence."""
    spelt = {classad.fold(each): each for each in known}
    near = difflib.get_close_matches(classad.fold(name), spelt, n=1, cutoff=0.7)
    return f"; did you mean {classad.unparse(Reference(spelt[near[0]]))}?" if near else ""


def expressed(node: Node) -> str:
    """An expression as its owner would write it: with `=?=`, not `is`."""
    return classad.unparse(node, _STYLE)


def brief(node: Node) -> str:
    """The same for a sentence: of a long expression only both ends."""
    return _cut(expressed(node))


def written(value: Value) -> str:
    """A value as an expression: `undefined`, `"text"`, `{ 1,2 }`."""
    return classad.unparse(classad.as_tree(value))


def _seen(expression: Node, mine: Side, theirs: Side) -> Iterator[str]:
    """The attributes that an expression refers to, each with what was there."""
    found = {(side.noun, classad.fold(name)): (side, name) for side, name in looked_up(expression, mine, theirs)}
    for side, name in found.values():
        if name in side.ad:
            yield f"{side.noun} has {_shown(name, side)}"
        else:
            near = did_you_mean(name, {**theirs.ad, **mine.ad} if side is theirs else side.ad)
            yield f"{side.noun} has no {classad.unparse(Reference(name))}{near}"


def _shown(name: str, side: Side) -> str:
    spelt = next(each for each in side.ad if classad.fold(each) == classad.fold(name))
    return f"{classad.unparse(Reference(spelt))} {_cut(written(side.evaluate(Reference(name))))}"


def _cut(text: str) -> str:
    """A text of which no more than `LONGEST` characters are told."""
    end = (LONGEST - len(_GAP)) // 2
    return text if len(text) <= LONGEST else f"{text[:end]}{_GAP}{text[-end:]}"


def _size(ad: Ad, name: str, unit: int) -> str:
    value = ad[name]
    return format_size(value * unit) if isinstance(value, int) else classad.unparse(value)


def _bare(ad: Ad, name: str) -> str:
    """A text without its quotes."""
    return classad.unparse(ad[name]).strip('"')


def _foreign(host: Ad, job: Ad) -> str:
    """The job's files that lie outside the host's folders."""
    outside = re.compile(str(host["VM_Foreign_Files"]))
    files = str(job["JobVMFiles" if host["VM_Local"] else "JobVMHostFiles"]).split("\n")
    return ", ".join(classad.unparse(each).strip('"') for each in files if outside.search(each))


def _others(wanted: Node, there: Node) -> str:
    """The names of one string list that are not in the other."""
    names = str(there).split(",")
    return " or ".join(f"`{each}`" for each in str(wanted).split(",") if each not in names)


def _near(wanted: Node, there: Node) -> str:
    """The name of a string list that may have been meant by one that is not in it, as the end of a sentence."""
    names = str(there).split(",")
    missing = (each for each in str(wanted).split(",") if each not in names)
    near = next((found[0] for each in missing if (found := difflib.get_close_matches(each, names, n=1))), "")
    return f"; did you mean `{near}`?" if near else ""


LONGEST: Final = 200
"""So many characters of an expression or a value are worth reading in a sentence."""

_GAP: Final = " ... "

_SEVERAL: Final = 2

_STYLE: Final = Style(operators=MappingProxyType({}))

_WORTH: Final[Mapping[type, str]] = MappingProxyType({type(UNDEFINED): "undefined", type(ERROR): "an error"})

_THEIRS: Final[Mapping[str, bool]] = MappingProxyType({"my": False, "self": False, "target": True, "other": True})
"""The names of scopes, and whether each is the other side's."""

_PLAIN: Final[Mapping[str, Callable[[Ad, Ad], str]]] = MappingProxyType({
    "type": lambda mine, theirs: f"type {_bare(mine, 'JobVMType')} wanted, host is {_bare(theirs, 'VM_Type')}",
    "types": lambda mine, theirs: (
        f"one of the types {_bare(mine, 'JobVMTypes')} wanted, host is {_bare(theirs, 'VM_Type')}"
    ),
    "MAC address": lambda mine, _: f"a machine that runs has the MAC address {_bare(mine, 'JobVM_MACADDR')}",
    "disk in place": lambda _, __: (
        "the job writes to a disk of this computer in place, and the host is another one: let its access be snapshot, "
        "or name one of the host's by `on_host`"
    ),
    "network": lambda _, __: "the job wants a network, and the host has none for it",
    "network type": lambda mine, theirs: (
        f"network {_bare(mine, 'JobVMNetworkingType')} wanted, "
        f"host has {_bare(theirs, 'VM_Networking_Types') or 'none'}"
    ),
    "folders": lambda mine, theirs: (
        f"the host has no folder {_others(mine['JobVMFolders'], theirs['VM_Folders'])} for you"
    ),
    "writable folders": lambda mine, theirs: (
        "the host lets no guest write in folder "
        f"{_others(mine['JobVMWritableFolders'], theirs['VM_Writable_Folders'])}: leave out `write`"
    ),
    "actions": lambda mine, theirs: (
        f"the host has no action {_others(mine['JobVMActions'], theirs['VM_Actions'])} for you"
        f"{_near(mine['JobVMActions'], theirs['VM_Actions'])}"
    ),
    "finally": lambda _, __: "spec.finally has steps for the guest, and the host cannot ask guests that run",
    "finally by agent": lambda _, __: (
        "spec.finally has steps for the guest, and the host cannot have its agent run programs"
    ),
    "memory": lambda mine, theirs: (
        f"memory {_size(mine, 'JobVMMemory', 2**20)} wanted, {_size(theirs, 'Memory', 2**20)} in all"
    ),
    "cpus": lambda mine, theirs: f"cpus {mine['RequestCpus']} wanted, {theirs['Cpus']} in all",
    "images": lambda mine, theirs: (
        f"rule: its machines' files lie in {_bare(mine, 'VM_Image_Folders') or 'no folder of yours'}; "
        f"the job has {_foreign(mine, theirs)}"
    ),
    "disk growth": lambda mine, theirs: (
        f"rule: results volume and overlays take {_size(mine, 'VM_Disk_Growth', 2**10)} together; "
        f"the job's need {_size(theirs, 'JobVMDiskGrowth', 2**10)} at least"
    ),
    "checkpoint type": lambda mine, theirs: (
        f"its checkpoint goes on with type {_bare(mine, 'JobVMCheckpointType')} only, host is "
        f"{_bare(theirs, 'VM_Type')}"
    ),
    "checkpoint accelerator": lambda mine, theirs: (
        f"its checkpoint goes on under {_bare(mine, 'JobVMCheckpointAccelerator')} only, host has "
        f"{_bare(theirs, 'VM_Accelerator')}"
    ),
    "checkpoint version": lambda mine, theirs: (
        f"its checkpoint goes on with version {_bare(mine, 'JobVMCheckpointVersion')} or a newer one, host has "
        f"{_bare(theirs, 'VM_Hypervisor_Version')}"
    ),
    "checkpoint vendor": lambda mine, theirs: (
        f"its checkpoint goes on with processors of {_bare(mine, 'JobVMCheckpointVendor')} only, host has those of "
        f"{_bare(theirs, 'VM_Cpu_Vendor')}"
    ),
    "disk": lambda mine, theirs: (
        f"disk {_size(mine, 'RequestDisk', 2**10)} wanted, {_size(theirs, 'Disk', 2**10)} there"
    ),
})  # fmt: skip
"""Implied clauses in plainer words than their expressions'."""

_UNSAID: Final[Mapping[str, str]] = MappingProxyType({
    "disk": "spec.disk_space: the host does not say how much disk space it has",
    "checkpoint version": "the host does not say its hypervisor's version, which the job's checkpoint needs",
    "checkpoint vendor": "the host does not say who made its processors, as the job's checkpoint needs",
})  # fmt: skip
"""Implied clauses about what a host may leave unsaid, where it does."""

NETWORKS: Final[Mapping[str, Callable[[Ad], str]]] = MappingProxyType({
    "network": lambda _: "spec.network needs a network",
    "network type": lambda mine: f"spec.network.type needs the network {_bare(mine, 'JobVMNetworkingType')}",
})  # fmt: skip
"""Implied clauses about networks as what the job needs."""
