"""Everything that is wrong with the specs of some files: what reading refuses, and what the rules object to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from vmf.errors import Fault
from vmf.files import images as inspection
from vmf.lint import files, hosts, inline
from vmf.lint.finding import Finding
from vmf.lint.wording import worded
from vmf.model import Host, Job
from vmf.plugins import Plugins
from vmf.rules import Check, Rule
from vmf.spec import JobWords, contradictions, refusals
from vmf.spec.contradiction_rules import MAC_TWICE
from vmf.spec.documents import Draft, Names, each_document
from vmf.spec.faults import Faults
from vmf.spec.hosts import host_draft
from vmf.spec.image import image_draft
from vmf.spec.jobs import drafts
from vmf.spec.nodes import Node, Scalar, find
from vmf.spec.versions import today

RUNS_MOST = 200
"""So many runs of a job's queue are looked at; the others differ from them in values only."""


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
        inspect=inspection.inspect_image,
    )
    pages = {path: _read(path, words, plugins) for path in dict.fromkeys((*paths, *hosts))}
    values = [each.value for page in pages.values() for each in page.drafts]
    listed = tuple(value for value in values if isinstance(value, Host))
    checks = _checks(plugins, listed)
    rules = {rule.id: rule for rule in refusals.RULES}
    asked: set[Hashable] = set()
    for page in pages.values():
        yield from (Finding(rule=rules[fault.rule], fault=fault) for fault in page.faults)
        for each in page.drafts:
            yield from (Finding(rule=rules[fault.rule], fault=fault) for fault in each.faults)
            yield from (Finding(rule=rule, fault=fault) for rule, fault in each.judged(checks))
            yield from worded(each, listed, asked)
        yield from _doubled([each for each in page.drafts if isinstance(each.value, Job)])


def all_rules(plugins: Plugins) -> Mapping[str, Rule]:
    """Every rule that can be broken, by its id, in the order of ids."""
    from vmf.lint import expression_rules  # noqa: PLC0415  # slow to import, and a spec without expressions needs none

    every = (
        *refusals.RULES,
        *(check.rule for check in contradictions.CONTRADICTIONS),
        MAC_TWICE,
        *expression_rules.RULES,
        *(check.rule for check in files.CHECKS),
        *hosts.RULES,
        *inline.RULES,
        *(check.rule for check in plugins.checks()),
    )
    return {rule.id: rule for rule in sorted(every, key=lambda rule: rule.id)}


def _checks(plugins: Plugins, listed: Sequence[Host]) -> tuple[Check[Any], ...]:
    return (*contradictions.CONTRADICTIONS, *files.CHECKS, *hosts.checks(plugins, listed), *plugins.checks())


def _read(path: Path, words: JobWords, plugins: Plugins) -> _Page:
    faults, names = Faults(), Names()
    found: list[Draft[Any]] = []
    for _, node in each_document((path,), faults):
        document, note = today(node)
        if note:
            faults.add(note)
        for each in _drafts(document, path, words, plugins, faults):
            found.append(each)
            with faults:
                names.claim(each.node)
    return _Page(faults=faults.each, drafts=tuple(found))


def _drafts(document: Node, path: Path, words: JobWords, plugins: Plugins, faults: Faults) -> Iterable[Draft[Any]]:
    """A document's drafts by its kind; a document of no kind is read as a job, which says so."""
    kind = find(document, "kind")
    match kind.text if isinstance(kind, Scalar) else "":
        case "Host":
            settings = {name: each.settings for name, each in plugins.types.items()}
            return (host_draft(document, path, settings=settings),)
        case "Image":
            return (image_draft(document, path),)
        case _:
            return drafts(document, path, words, faults=faults, most=RUNS_MOST)


def _doubled(jobs: Sequence[Draft[Job]]) -> Iterator[Finding]:
    """Jobs of one file that have the same MAC address."""
    first: dict[str, str] = {}
    for each in jobs:
        if each.value and (mac := each.value.network.mac):
            if mac.lower() in first:
                place = each.place("spec", "network", "mac")
                what = f"spec.network.mac: {mac} is already the address of {first[mac.lower()]}"
                hint = "give each a MAC address of its own"
                yield Finding(rule=MAC_TWICE, fault=place.fault(what, hint=hint, rule=MAC_TWICE))
            first.setdefault(mac.lower(), each.value.name)
