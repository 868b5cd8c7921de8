"""The expressions of a spec, each judged by its words where it stands."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from vmf.lint.finding import Finding
from vmf.model import Host, Job
from vmf.spec.documents import Draft
from vmf.spec.faults import Place
from vmf.spec.nodes import Scalar, find

_CONDITIONS = ("requirements", "start", "suspend", "continue", "vacate")
_RANK = "rank"


def worded(draft: Draft[Any], hosts: Sequence[Host], asked: set[Hashable]) -> Iterator[Finding]:
    """What is to be said of the expressions of a job or a host.

    Args:
        draft: the job or host; of anything else there is nothing to say.
        hosts: those that are listed; their attributes can be spoken of.
        asked: takes what has been judged, which the runs of a queue are not asked again.
    """
    value = draft.value
    if not isinstance(value, Job | Host):
        return
    given = tuple(each for each in _expressions(draft, value) if (each, *value.attributes.items()) not in asked)
    if not given:
        return
    from vmf.lint import expression_rules as rules  # noqa: PLC0415  # slow to import, for those who have any
    from vmf.lint.expressions import Use, Vocabulary, remarks  # noqa: PLC0415  # as above

    asked.update((each, *value.attributes.items()) for each in given)
    others = {name for host in hosts for name in host.attributes} if isinstance(value, Job) and hosts else None
    words = Vocabulary(type(value), own=value.attributes, others=others)
    # Of attributes that cannot be read the names are not known either.
    unsure = {rules.NOT_OWN, rules.UNKNOWN_ATTRIBUTE} if ("spec", "attributes") in draft.spoilt else ()
    for keys, written in given:
        use = Use.RANK if keys == (_RANK,) else Use.CONDITION if len(keys) == 1 else Use.VALUE
        for each in (each for each in remarks(written.text, words, use) if each.rule not in unsure):
            what = f"{'.'.join(('spec', *keys))}: {each.what}"
            fault = _within(written, each.offset).fault(what, hint=each.hint, rule=each.rule)
            yield Finding(rule=each.rule, fault=fault)


def _expressions(draft: Draft[Any], value: Job | Host) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Every expression, with the keys below `spec` that lead to it."""
    fields = ((name,) for name in (*_CONDITIONS, _RANK))
    for keys in (*fields, *(("attributes", name) for name in value.attributes)):
        written = find(draft.node, "spec", *keys)
        if isinstance(written, Scalar):
            yield keys, written


def _within(written: Scalar, offset: int) -> Place:
    """The character of an expression; one that does not stand in a line as it is meant is pointed at as a whole."""
    place = written.place
    line = "".join(place.source.lines[place.line - 1 : place.line])
    if offset > 0 and line.startswith(written.text, place.column - 1):
        return replace(place, column=place.column + offset)
    return place
