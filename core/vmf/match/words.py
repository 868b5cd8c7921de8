"""A clause of a job and what it saw of a host, as a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from vmf import classad
from vmf.ads import Clause
from vmf.classad import ERROR, UNDEFINED, Ad, Node, Value
from vmf.units import format_size

_NOT_TRUE: Mapping[type, str] = MappingProxyType({type(UNDEFINED): "undefined", type(ERROR): "an error", bool: "false"})


def sentence(clause: Clause, value: Value, mine: Ad, theirs: Ad) -> str:
    """What a clause has found; `value` is what it was worth."""
    plain = _PLAIN.get(clause.name) if clause.implied else None
    if plain and value is not UNDEFINED:
        return plain(mine, theirs)
    seen = ", ".join(_seen(clause.expression, mine, theirs))
    told = "" if value is True else f" is {_NOT_TRUE.get(type(value), 'no truth value')}"
    return f"`{classad.unparse(clause.expression)}`{told}{f': {seen}' if seen else ''}"


def refusal(clause: Clause, mine: Ad, theirs: Ad) -> str:
    """What a host's own requirements found, its ad being `mine`."""
    found = classad.references(clause.expression)
    seen = [f"job has {_shown(name, theirs)}" for name in sorted(found.theirs & _folded(theirs))]
    seen += [f"host has {_shown(name, mine)}" for name in sorted((found.mine - found.theirs) & _folded(mine))]
    told = f": {', '.join(seen)}" if seen else ""
    return f"the host wants `{classad.unparse(clause.expression)}`{told}"


def _folded(ad: Ad) -> frozenset[str]:
    return frozenset(map(classad.fold, ad))


def _seen(expression: Node, mine: Ad, theirs: Ad) -> Iterator[str]:
    """The attributes that an expression refers to, each with what was there."""
    found = classad.references(expression)
    for name in sorted(found.theirs):
        if name in theirs:
            yield f"host has {_shown(name, theirs)}"
        elif name not in found.mine or name not in mine:
            yield f"host has no {name}{did_you_mean(name, theirs)}"
    for name in sorted(found.mine & _folded(mine)):
        yield f"job has {_shown(name, mine)}"


def did_you_mean(name: str, there: Ad) -> str:
    """The attribute that may have been meant, as the end of a sentence."""
    known = {each.lower(): each for each in there}
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    return f"; did you mean {known[near[0]]}?" if near else ""


def _shown(name: str, ad: Ad) -> str:
    spelt = next(each for each in ad if each.lower() == name)
    return f"{spelt} {classad.unparse(ad[name])}"


def _number(ad: Ad, name: str) -> int:
    value = ad[name]
    return value if isinstance(value, int) else 0


_PLAIN: Mapping[str, Callable[[Ad, Ad], str]] = MappingProxyType({
    "type": lambda mine, theirs: f"type {mine['JobVMType']} wanted, host is {theirs['VM_Type']}",
    "memory": lambda mine, theirs: (
        f"memory {format_size(_number(mine, 'JobVMMemory') * 2**20)} of"
        f" {format_size(_number(theirs, 'Memory') * 2**20)} in all"
    ),
    "cpus": lambda mine, theirs: f"cpus {mine['RequestCpus']} of {theirs['Cpus']} in all",
    "disk": lambda mine, theirs: (
        f"disk {format_size(_number(mine, 'RequestDisk') * 2**10)} of {format_size(_number(theirs, 'Disk') * 2**10)}"
    ),
})  # fmt: skip
"""Implied clauses in plainer words than their expressions'."""
