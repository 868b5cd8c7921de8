"""Everything that is wrong with the specs of some files: what reading refuses, and what the rules object to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from vmf import disks
from vmf.errors import Fault
from vmf.lint import files, hosts, inline
from vmf.lint.finding import Finding
from vmf.lint.together import clashes
from vmf.lint.wording import Wording
from vmf.model import Host, Image, Job
from vmf.plugins import Plugins
from vmf.rules import Check, Rule
from vmf.spec import JobWords, contradictions, nodes, refusals
from vmf.spec.contradiction_rules import IN_PLACE_SHARED, MAC_TWICE, SAME_RESULTS
from vmf.spec.documents import KINDS, Draft, Names, each_document, locate
from vmf.spec.faults import Faults, shown, suggestion
from vmf.spec.given import Given
from vmf.spec.hosts import host_draft
from vmf.spec.image import Shelves, image_draft
from vmf.spec.jobs import drafts
from vmf.spec.nodes import Node, Scalar, find
from vmf.spec.steps import steps_draft
from vmf.spec.versions import today

EFFORT = 25_000
"""What the runs of all queues of a file may cost to judge, in values read; a fraction of a second."""
_BLOCK = 1_000
_CHARACTERS = 300
"""What the rules of a hypervisor's block may cost, and how many characters of a text cost as much as a value."""


class _Page(Struct, frozen=True, kw_only=True):
    """A file as far as it can be read."""

    faults: tuple[Fault, ...]
    drafts: tuple[Draft[Any], ...]


def findings(paths: Sequence[Path], *, plugins: Plugins, hosts: Sequence[Path], images: Path) -> Iterator[Finding]:
    """Judge files.

    Args:
        paths: files of specs of any kind.
        plugins: those that are installed: their blocks, abilities and rules.
        hosts: host files that jobs are judged against, beside the hosts among `paths`.
        images: the warehouse.
    """
    words = JobWords(
        images=images,
        settings={name: each.job_settings for name, each in plugins.types.items()},
        inspect=disks.inspect_image,
        appliance=disks.appliance,
    )
    pages = {path: _Desk(path, words, plugins).read() for path in dict.fromkeys((*paths, *hosts))}
    listed = _listed([each for page in pages.values() for each in page.drafts])
    checks = _checks(plugins, listed)
    rules = {rule.id: rule for rule in refusals.RULES}
    wording = Wording(listed)
    for page in pages.values():
        yield from (Finding(rule=rules[fault.rule], fault=fault) for fault in page.faults)
        for each in page.drafts:
            yield from (Finding(rule=rules[fault.rule], fault=fault) for fault in each.faults)
            yield from (Finding(rule=rule, fault=fault) for rule, fault in each.judged(checks))
            yield from wording.of(each)
        yield from clashes([each for each in page.drafts if isinstance(each.value, Job)])


def all_rules(plugins: Plugins) -> Mapping[str, Rule]:
    """Every rule that can be broken, by its id, in the order of ids."""
    from vmf.lint import expression_rules  # noqa: PLC0415  # slow to import, and a spec without expressions needs none

    every = (
        *refusals.RULES,
        *(check.rule for check in contradictions.CONTRADICTIONS),
        MAC_TWICE,
        SAME_RESULTS,
        IN_PLACE_SHARED,
        *expression_rules.RULES,
        *(check.rule for check in files.CHECKS),
        *hosts.RULES,
        *inline.RULES,
        *(check.rule for check in plugins.checks()),
    )
    return {rule.id: rule for rule in sorted(every, key=lambda rule: rule.id)}


def _checks(plugins: Plugins, listed: Sequence[Host]) -> tuple[Check[Any], ...]:
    return (*contradictions.CONTRADICTIONS, *files.CHECKS, *hosts.checks(plugins, listed), *plugins.checks())


def _listed(found: Sequence[Draft[Any]]) -> tuple[Host, ...]:
    """The hosts; none if something is wrong with one of them, for nobody knows what that one will be able to do."""
    hosts = [(each.value, each.faults) for each in found if isinstance(each.value, Host)]
    return () if any(faults for _, faults in hosts) else tuple(host for host, _ in hosts)


class _Desk:
    """Where the documents of one file are read, each by its kind."""

    def __init__(self, path: Path, words: JobWords, plugins: Plugins) -> None:
        self._path = path
        self._words = words
        self._hosts = {name: each.settings for name, each in plugins.types.items()}
        self._faults = Faults()
        self._left = EFFORT

    def read(self) -> _Page:
        """The file as far as it can be read."""
        first = ""
        names: Mapping[str, Names] = defaultdict(Names)
        found: list[Draft[Any]] = []
        for _, node in each_document((self._path,), self._faults):
            document, note = today(node)
            if note:
                self._faults.add(note)
            with self._faults:
                kind = _kind(document)
                self._faults.add(*_misplaced(document, kind, first))
                for each in self._drafts(kind, document):
                    found.append(each)
                    with self._faults:
                        names[kind].claim(each.node)
                first = first or kind
        return _Page(faults=self._faults.each, drafts=tuple(found))

    def _drafts(self, kind: str, document: Node) -> Iterable[Draft[Any]]:
        match kind:
            case "Host":
                return (host_draft(document, self._path, settings=self._hosts),)
            case "Image":
                shelves = Shelves(beside=self._path.parent, images=self._words.images, appliance=self._words.appliance)
                return (image_draft(document, self._path, shelves),)
            case "Steps":
                return (steps_draft(document, self._path),)
            case _:
                return self._runs(document)

    def _runs(self, document: Node) -> Iterator[Draft[Job]]:
        """The runs of a job, as many as the effort that is left allows; those of a mere count are all alike."""
        blocks = sum(find(document, "spec", name) is not None for name in self._words.settings)
        queue = find(document, "spec", "queue")
        cost = _cost(document) - (_cost(queue) if queue else 0) + _BLOCK * blocks
        most = max(1, self._left // cost)
        read = drafts(document, self._path, self._words, faults=self._faults, most=most + 1)
        for number, each in enumerate(read):
            if number < most:
                self._left -= cost
                yield each
            elif queue and find(queue, "count") is None:
                what = f"spec.queue: of its runs, only the first {most} were judged"
                fault = locate(document, ("spec", "queue")).fault(
                    what, hint="`vmf plan` reads them all", rule=refusals.LONG_QUEUE
                )
                self._faults.add(fault)


def _kind(document: Node) -> str:
    """A document's kind; what has no keys at all is read as a job, which says so.

    Raises:
        SpecError: if it is none.
    """
    if not isinstance(document, nodes.Mapping):
        return Job.__name__
    kind = find(document, "kind")
    if kind is None:
        hint = f"add `kind:`, one of {', '.join(KINDS)}"
        raise document.place.wrong("the key kind is missing", hint=hint, rule=refusals.MISSING_KEY)
    given = Given(keys=("kind",), node=kind)
    text = given.text("a kind")
    if text not in KINDS:
        what = f"{shown(text)} is none of {', '.join(KINDS)}"
        raise given.wrong(what, hint=suggestion(text, KINDS), rule=refusals.KIND)
    return text


def _misplaced(document: Node, kind: str, first: str) -> Iterator[Fault]:
    """Jobs and hosts are read from files of their own, and each image is."""
    if first and (kind != first or kind == Image.__name__):
        what = f"kind: {kind} is not read here, for the file begins with a document of kind {first}"
        yield locate(document, ("kind",)).fault(what, hint="move it to a file of its own", rule=refusals.KIND)


def _cost(node: Node) -> int:
    """What it costs to judge what is written, in values read."""
    match node:
        case nodes.Sequence(items=items):
            return 1 + sum(map(_cost, items))
        case nodes.Mapping(entries=entries):
            return 1 + sum(_cost(each) for entry in entries for each in entry)
        case Scalar(text=text):
            return 1 + len(text) // _CHARACTERS
