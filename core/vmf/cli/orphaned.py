"""Jobs whose engine is gone: every command says so, and what to type."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import closing

from vmf.cli.say import say
from vmf.errors import VmfError
from vmf.model import Home
from vmf.state import STANDS_STILL
from vmf.store import Owned, Ownership, Record, Store, owned

log = logging.getLogger(__name__)


def orphans(store: Store, among: Iterable[Record]) -> tuple[Record, ...]:
    """Those of these jobs that live on without an engine."""
    return tuple(each for each in among if not owned(store.home, each.id))


def take(store: Store, job: int, how: Callable[[Home, int], Ownership | None]) -> Owned | None:
    """The job as it is now, if it lives and is ours; `how`: `own` waits until it is, `try_to_own` does not."""
    now = store.get(job)
    if now is None or now.ended:
        return None
    ownership = how(store.home, job)
    now = store.get(job)
    if ownership and now and not now.ended:
        return now, ownership
    if ownership:
        ownership.release()
    return None


def mention_orphans(where: Home) -> None:
    """Say which jobs are orphaned, and what to type."""
    try:
        with closing(Store(where)) as store:
            orphaned = orphans(store, store.live())
    except VmfError as error:  # the command itself has done its work, and said what it could not
        log.debug("no orphan is looked for: %s", error)
        return
    for each in orphaned:
        mention(each)


def mention(orphan: Record) -> None:
    """Say that a job is orphaned, and what to type."""
    name, verb = orphan.job.name, "resume" if orphan.state in STANDS_STILL else "wait"
    say(
        f"vmf: {name} (job {orphan.id}) is orphaned, {orphan.state}: its engine is gone;"
        f" `vmf {verb} {name}` carries it on, `vmf rm {name}` removes it"
    )
