"""What a job asks of a host, clause by clause: its own words, and what a machine's job implies.

A clause is implied only where the job has something to say of it, and its owner has not spoken of the host's attribute
that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vmf.ads.needs import Need, block_needs, has, needs
from vmf.ads.tables import tree
from vmf.classad import Ad, Node, references
from vmf.classad.tree import Binary, Parentheses
from vmf.model import Job

WORDS: Final = "requirements"
"""What a clause is called that the job's owner wrote."""


class Clause(Struct, frozen=True, kw_only=True):
    """One condition on a host, with the job's ad as MY and the host's as TARGET."""

    name: str
    """What it is about, in a word or two."""
    expression: Node
    implied: bool = True
    """False: the owner wrote it."""
    need: Need | None = None
    """The need of a field of the job that it stands for."""
    passing: bool = False
    """Whether a host that fails it may do so no more when machines end."""


class _Implied(Struct, frozen=True, kw_only=True):
    name: str
    about: tuple[str, ...]
    """The host's attributes of which the owner may speak instead."""
    of: str = ""
    """The job's attribute without which there is nothing to ask."""
    expression: str
    passing: bool = False


IMPLIED: Final = (
    _Implied(name="machines", about=("HasVM",), expression="TARGET.HasVM =?= true"),
    _Implied(name="type", about=("VM_Type",), of="JobVMType", expression="TARGET.VM_Type == MY.JobVMType"),
    _Implied(
        name="types",
        about=("VM_Type",),
        of="JobVMTypes",
        expression='stringListIMember(TARGET.VM_Type, MY.JobVMTypes, ",")',
    ),
    _Implied(
        name="memory", about=("Memory", "TotalMemory"), of="JobVMMemory", expression="TARGET.Memory >= MY.JobVMMemory"
    ),
    _Implied(name="cpus", about=("Cpus", "TotalCpus"), of="RequestCpus", expression="TARGET.Cpus >= MY.RequestCpus"),
    _Implied(name="disk", about=("Disk",), of="RequestDisk", expression="TARGET.Disk >= MY.RequestDisk"),
    _Implied(name="disk in place", about=(), of="JobVMLocalDisks", expression="TARGET.VM_Local =?= true"),
    _Implied(name="network", about=(), of="JobVMNetworking", expression="TARGET.VM_Networking =?= true"),
    _Implied(
        name="network type",
        about=(),
        of="JobVMNetworkingType",
        expression='stringListIMember(MY.JobVMNetworkingType, TARGET.VM_Networking_Types, ",")',
    ),
    _Implied(
        name="folders",
        about=(),
        of="JobVMFolders",
        expression='stringListSubsetMatch(MY.JobVMFolders, TARGET.VM_Folders, ",")',
    ),
    _Implied(
        name="writable folders",
        about=(),
        of="JobVMWritableFolders",
        expression='stringListSubsetMatch(MY.JobVMWritableFolders, TARGET.VM_Writable_Folders, ",")',
    ),
    _Implied(
        name="actions",
        about=(),
        of="JobVMActions",
        expression='stringListSubsetMatch(MY.JobVMActions, TARGET.VM_Actions, ",")',
    ),
    _Implied(
        name="finally",
        about=(),
        of="JobVMGuestAtEnd",
        expression="TARGET.HasMediaChange =?= true && TARGET.HasLiveResults =?= true",
    ),
    _Implied(
        name="finally by agent",
        about=(),
        of="JobVMAgentAtEnd",
        expression="TARGET.HasGuestCommands =?= true && TARGET.HasGuestFiles =?= true",
    ),
    _Implied(
        name="MAC address",
        about=("VM_All_Guest_Macs",),
        of="JobVM_MACADDR",
        expression='stringListIMember(MY.JobVM_MACADDR, TARGET.VM_All_Guest_Macs, ",") =!= true',
        passing=True,
    ),
    _Implied(
        name="checkpoint type",
        about=(),
        of="JobVMCheckpointType",
        expression="TARGET.VM_Type == MY.JobVMCheckpointType",
    ),
    _Implied(
        name="checkpoint accelerator",
        about=(),
        of="JobVMCheckpointAccelerator",
        expression="TARGET.VM_Accelerator == MY.JobVMCheckpointAccelerator",
    ),
    _Implied(
        name="checkpoint version",
        about=(),
        of="JobVMCheckpointVersion",
        expression="versionGE(TARGET.VM_Hypervisor_Version, MY.JobVMCheckpointVersion)",
    ),
    _Implied(
        name="checkpoint vendor",
        about=(),
        of="JobVMCheckpointVendor",
        expression="TARGET.VM_Cpu_Vendor == MY.JobVMCheckpointVendor",
    ),
)
"""What the job of a machine implies, in the order in which a host is told of it."""


def clauses(job: Job, ad: Ad) -> tuple[Clause, ...]:
    """Everything that a job with this ad asks of a host; all together they are its requirements."""
    own = None if job.requirements is None else tree(job.requirements)
    spoken = frozenset[str]() if own is None else references(own).theirs
    words = (Clause(name=WORDS, expression=each, implied=False) for each in parts(own))
    return (*_implied(ad, spoken), *map(_needed, needs(job)), *_of_blocks(job), *words)


def requirements(job: Job, ad: Ad) -> Node:
    """All that a job asks of a host, as one expression."""
    own = () if job.requirements is None else (tree(job.requirements),)
    implied = (each.expression for each in clauses(job, ad) if each.implied)
    asked: Iterator[Node] = (Parentheses(inner=each) for each in (*implied, *own))
    return reduce(lambda left, right: Binary(operator="&&", left=left, right=right), asked)


def _implied(ad: Ad, spoken: frozenset[str]) -> Iterator[Clause]:
    for each in IMPLIED:
        if (not each.of or each.of in ad) and not any(name.lower() in spoken for name in each.about):
            yield Clause(name=each.name, expression=tree(each.expression), passing=each.passing)


def _needed(need: Need) -> Clause:
    """What a field of the job asks, whatever its owner's words are: a host that cannot do it would ignore it."""
    return Clause(name=need.ability, expression=tree(f"TARGET.{has(need.ability)} =?= true"), need=need)


def _of_blocks(job: Job) -> Iterator[Clause]:
    """What the blocks of hypervisor types ask, each of the hosts of its type alone."""
    for type_ in sorted(job.block_needs):
        other = Binary(operator="=!=", left=tree("TARGET.VM_Type"), right=type_)
        for asked in map(_needed, block_needs(job, type_)):
            yield replace(asked, expression=Binary(operator="||", left=other, right=asked.expression))


def parts(node: Node | None) -> Iterator[Node]:
    """The conditions that somebody joined by `&&`; none where there is no word."""
    match node:
        case None:
            return
        case Parentheses(inner=inner):
            yield from parts(inner)
        case Binary(operator="&&", left=left, right=right):
            yield from parts(left)
            yield from parts(right)
        case _:
            yield node
