"""The ads of jobs and hosts: what expressions see of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vmf import classad
from vmf.ads.clauses import Clause, clauses, requirements
from vmf.ads.growth import least_growth, overlay_share
from vmf.ads.machine import MACHINE, Being
from vmf.ads.needs import At, Need, abilities, block_needs, camel, has, needs, without
from vmf.ads.tables import ENDED, HOST, JOB, KEPT, capacity, default_network, networks, tree
from vmf.classad import Ad, Node
from vmf.classad.references import OURS, THEIRS
from vmf.model import Host, Job, Offer, Platform, Verdict

__all__ = [
    "SCOPES",
    "At",
    "Being",
    "Clause",
    "Need",
    "abilities",
    "block_needs",
    "capacity",
    "clauses",
    "default_network",
    "has",
    "host_ad",
    "job_ad",
    "least_growth",
    "needs",
    "networks",
    "overlay_share",
    "plain",
    "reserved",
    "without",
]

SCOPES: Final = OURS | THEIRS | {"parent", "root", "toplevel", "left", "right", "currenttime"}
"""Folded names that every expression may use, and that would no longer mean what they say if an ad had them."""


def job_ad(job: Job, *, verdict: Verdict | None = None, kept: Platform | None = None, being: Being | None = None) -> Ad:
    """A job's ad, with all that it asks of a host.

    With `verdict`, also how its last attempt ended; with `kept`, what the checkpoint that it goes on from was taken on;
    with `being`, what is known of its machine.
    """
    own = [*((each.name, each.value(job)) for each in JOB), *_custom(job.attributes)]
    own += ((each.name, each.value(kept)) for each in KEPT) if kept else ()
    ended = ((each.name, each.value(verdict)) for each in ENDED) if verdict else ()
    here = ((each.name, each.value(being)) for each in MACHINE) if being else ()
    known = Ad(_given((*own, *ended, *here)))
    rank = () if job.rank is None else (("Rank", tree(job.rank)),)
    return Ad((*known.items(), ("Requirements", requirements(job, known)), *rank))


def host_ad(offer: Offer) -> Ad:
    """A host's ad; its `Requirements` are what it asks of a job."""
    own = ((each.name, each.value(offer)) for each in HOST)
    versions = ((f"{camel(name)}Version", text) for name, text in offer.facts.versions.items())
    abilities = ((has(name), True) for name in offer.capabilities)
    return Ad(_given((*own, *versions, *abilities, *_custom(offer.host.attributes))))


def reserved(kind: type[Job | Host]) -> frozenset[str]:
    """The folded names of the attributes that a spec cannot set, because vmf does."""
    if kind is Job:
        names = [each.name for table in (JOB, KEPT, ENDED, MACHINE) for each in table]
    else:
        names = [*(each.name for each in HOST), *map(has, (*abilities(Job), *abilities(Host)))]
    return frozenset(name.lower() for name in (*names, "Requirements", "Rank"))


def plain(ad: Ad) -> dict[str, Any]:
    """An ad as values of JSON; an expression is a text, `/Expr(a + 1)/`, and what is not UTF-8 is a question mark."""
    found: list[dict[str, Any]] = json.loads(classad.FORMS["json"].write([ad]).encode(errors="replace"))
    return found[0]


def _given(pairs: Iterable[tuple[str, Node | None]]) -> Iterator[tuple[str, Node]]:
    return ((name, value) for name, value in pairs if value is not None)


def _custom(attributes: Mapping[str, str]) -> Iterator[tuple[str, Node]]:
    return ((name, tree(text)) for name, text in attributes.items())
