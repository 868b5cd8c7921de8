"""Jobs whose engine is gone: every command says so, and what to type."""

from __future__ import annotations

import logging
from contextlib import closing

from vmf.cli.say import say
from vmf.errors import VmfError
from vmf.model import Home
from vmf.store import Record, Store, owned

log = logging.getLogger(__name__)


def orphans(store: Store) -> tuple[Record, ...]:
    """The jobs that live on without an engine."""
    return tuple(each for each in store.live() if not owned(store.home, each.id))


def mention_orphans(where: Home) -> None:
    """Say which jobs are orphaned, and what to type."""
    try:
        with closing(Store(where)) as store:
            orphaned = orphans(store)
    except VmfError as error:  # the command itself has done its work, and said what it could not
        log.debug("no orphan is looked for: %s", error)
        return
    for each in orphaned:
        name = each.job.name
        say(
            f"vmf: {name} (job {each.id}) is orphaned, {each.state}: its engine is gone;"
            f" `vmf wait {name}` carries it on, `vmf rm {name}` removes it"
        )
