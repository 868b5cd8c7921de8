"""`vmf doctor`: is everything there that running a job needs, and if not, what to do."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
from msgspec import Struct

from vmf.cli.session import Session, add_format, add_hosts, tiny
from vmf.errors import Exit, VmfError
from vmf.model import TINY, Host
from vmf.units import format_count, format_size

ROOM = 2**30
"""Free space below which the state folder is worth a word: overlays and results grow there."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    healthy: bool
    detail: str
    hint: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf doctor`."""
    add_hosts(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Look at everything, in the order in which a run needs it."""
    session = Session(options)
    findings = tuple(_findings(session))
    session.hosts.close()
    if options.format == "json":
        print(msgspec.json.encode(findings).decode())
    else:
        for each in findings:
            print(f"{'ok ' if each.healthy else 'BAD'}  {each.what}: {each.detail}")
            if each.hint:
                print(f"     {each.hint}")
    return 0 if all(each.healthy for each in findings) else Exit.SETUP


def _findings(session: Session) -> Iterator[Finding]:
    yield _tried("state folder", partial(_room, session))
    for each in session.plugins.listed:
        yield Finding(what=f"plugin {each.name}", healthy=not each.error, detail=each.error or each.version)
    yield _tried("tiny guest", partial(_tiny, session))
    for host in session.configured():
        yield _tried(f"host {host.name}", partial(_facts, session, host))


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, healthy=True, detail=look())
    except VmfError as error:
        return Finding(what=what, healthy=False, detail=error.brief.removeprefix(f"{what}: "), hint=error.hint)


def _room(session: Session) -> str:
    free = shutil.disk_usage(session.store.home.root).free
    if free < ROOM:
        raise VmfError(f"only {format_size(free)} are free in {session.home.root}", hint="free some, or set VMF_HOME")
    return f"{session.home.root}, {format_size(free)} free"


def _tiny(session: Session) -> str:
    image = tiny(session.home)
    if image is None:
        raise VmfError(
            "not in the warehouse: nothing proves an accelerator, and the examples lack their image",
            hint=f"`vmf image build {TINY}` builds it",
        )
    return str(session.home.images / TINY)


def _facts(session: Session, host: Host) -> str:
    facts = session.hosts.facts(host)
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    note = f" ({facts.note})" if facts.note else ""
    size = f"{format_size(facts.memory)}, {format_count(facts.cpus, 'cpu')}"
    return f"{size}, accelerator: {facts.accelerator}{note}; {versions}"
