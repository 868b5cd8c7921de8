"""The expressions of a spec, each judged by its words where it stands."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vmf.lint.finding import Finding
from vmf.model import Host, Job
from vmf.spec.documents import Draft
from vmf.spec.given import Given
from vmf.spec.nodes import Scalar, find
from vmf.steps.graph import of_image

if TYPE_CHECKING:
    from vmf.lint.expressions import Vocabulary

_FIELDS = MappingProxyType({Job: ("requirements", "rank"), Host: ("start", "suspend", "continue", "vacate")})
"""The fields that are expressions; but for the rank, each is a condition."""
_RANK = "rank"


class Wording:
    """Judges the expressions of jobs and hosts, each once: the runs of a queue mostly say the same."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        """Take the hosts that are listed: their attributes can be spoken of."""
        self._others = {name for host in hosts for name in host.attributes} if hosts else None
        self._last: tuple[_Own, Vocabulary] | None = None
        self._judged: set[Hashable] = set()

    def of(self, draft: Draft[Any]) -> Iterator[Finding]:
        """What is to be said of a job or a host; of anything else there is nothing to say."""
        value = draft.value
        if not isinstance(value, Job | Host):
            return
        own = _own(value)
        unsure = ("spec", "attributes") in draft.spoilt
        for keys, written in _expressions(draft, value):
            if (written, own) not in self._judged:
                self._judged.add((written, own))
                yield from self._judge(written, keys, self._vocabulary(own), unsure=unsure)

    def _judge(self, written: Scalar, keys: tuple[str, ...], words: Vocabulary, *, unsure: bool) -> Iterator[Finding]:
        """What is to be said of one; `unsure` if the spec has attributes that cannot be read, nor be called unknown."""
        from vmf.lint import expression_rules as rules  # noqa: PLC0415  # slow to import, for those who have any
        from vmf.lint.expressions import Use, remarks  # noqa: PLC0415  # as above

        use = Use.RANK if keys == (_RANK,) else Use.CONDITION if len(keys) == 1 else Use.VALUE
        for each in remarks(written.text, words, use):
            if not unsure or each.rule not in {rules.NOT_OWN, rules.UNKNOWN_ATTRIBUTE}:
                what = f"{'.'.join(('spec', *keys))}: {each.what}"
                fault = Given(node=written).within(each.offset).fault(what, hint=each.hint, rule=each.rule)
                yield Finding(rule=each.rule, fault=fault)

    def _vocabulary(self, own: _Own) -> Vocabulary:
        """The words of a job or host: those of the last one, if it has the same names."""
        from vmf.lint.expressions import Vocabulary  # noqa: PLC0415  # as above

        last, words = self._last or (None, None)
        if words is None or last != own:
            others = self._others if own.kind is Job else None
            words = Vocabulary(own.kind, own=dict(own.attributes), published=own.published, others=others)
        self._last = own, words
        return words


class _Own(Struct, frozen=True, kw_only=True):
    """What tells the names of one spec from those of another."""

    kind: type[Job | Host]
    attributes: tuple[tuple[str, str], ...]
    published: frozenset[str]


def _own(value: Job | Host) -> _Own:
    steps = (*of_image(value.image), *value.steps) if isinstance(value, Job) else ()
    return _Own(
        kind=type(value),
        attributes=tuple(value.attributes.items()),
        published=frozenset(name for step in steps for name in step.publish),
    )


def _expressions(draft: Draft[Any], value: Job | Host) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Every expression, with the keys below `spec` that lead to it."""
    fields = ((name,) for name in _FIELDS[type(value)])
    for keys in (*fields, *(("attributes", name) for name in value.attributes)):
        written = find(draft.node, "spec", *keys)
        if isinstance(written, Scalar):
            yield keys, written
