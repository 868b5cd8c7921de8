"""The expressions of a spec, each judged by its words where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from vmf.lint.expressions import Use, Vocabulary, remarks
from vmf.lint.finding import Finding
from vmf.model import Host, Job
from vmf.spec.documents import Draft
from vmf.spec.faults import Place
from vmf.spec.nodes import Scalar, find

_USES: Mapping[str, Use] = MappingProxyType({
    "requirements": Use.CONDITION,
    "rank": Use.RANK,
    "start": Use.CONDITION,
    "suspend": Use.CONDITION,
    "continue": Use.CONDITION,
    "vacate": Use.CONDITION,
})  # fmt: skip
"""What the expression of a field of `spec` is for; those of attributes are values."""


def worded(draft: Draft[Any], hosts: Sequence[Host]) -> Iterator[Finding]:
    """What is to be said of the expressions of a job or a host; `hosts` are those that are listed."""
    value = draft.value
    if not isinstance(value, Job | Host):
        return
    others = {name for host in hosts for name in host.attributes} if isinstance(value, Job) and hosts else None
    words = Vocabulary(type(value), own=value.attributes, others=others)
    uses = {(key,): use for key, use in _USES.items()} | {("attributes", name): Use.VALUE for name in value.attributes}
    for keys, use in uses.items():
        written = find(draft.node, "spec", *keys)
        if isinstance(written, Scalar):
            name = ".".join(("spec", *keys))
            for each in remarks(written.text, words, use):
                place = _within(written, each.offset)
                what = f"{name}: {each.what}"
                yield Finding(rule=each.rule, fault=place.fault(what, hint=each.hint, rule=each.rule))


def _within(written: Scalar, offset: int) -> Place:
    """The character of an expression; one that is quoted or spans lines is pointed at as a whole."""
    if offset > 0 and written.plain and "\n" not in written.text:
        return replace(written.place, column=written.place.column + offset)
    return written.place
