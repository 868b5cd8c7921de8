"""Which properties of which objects are asked for, as the API wants to be told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vmf_vmware.data import Data, Kind, Ref, Value, data
from vmf_vmware.faults import VimFault


def wanted(objects: Sequence[Data], kind: str, paths: Sequence[str], *, may_be_gone: bool = True) -> Data:
    """The filter of these properties of objects of a kind; one that is gone is left out, or a fault."""
    return data(
        "PropertyFilterSpec",
        objectSet=objects,
        propSet=[data("PropertySpec", type=Kind(kind), pathSet=paths, all=False)],
        reportMissingObjectsInResults=may_be_gone,
    )


def single(ref: Ref) -> Data:
    """One object."""
    return data("ObjectSpec", obj=ref, skip=False)


def viewed(view: Ref) -> Data:
    """All that is in a view, without the view itself; what comes into it later, too."""
    step = data("TraversalSpec", name="view", type=Kind(view.kind), path="view", skip=False)
    return data("ObjectSpec", obj=view, skip=True, selectSet=[step])


def found(objects: Iterable[Data]) -> dict[Ref, dict[str, Value]]:
    """What an answer tells of objects, by the paths of properties that are set; empty lists come without a value."""
    return {each["obj"]: {one["name"]: one.get("val", ()) for one in each.get("propSet", ())} for each in objects}


def missing(objects: Iterable[Data]) -> Iterator[VimFault]:
    """Why properties that are set, or whole objects, could not be told."""
    for each in objects:
        for one in each.get("missingSet", ()):
            yield one["fault"]
