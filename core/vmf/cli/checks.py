"""What must hold before anything is started, beyond what the specs themselves tell."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from vmf import plan
from vmf.errors import HostFault, JobFault, NoMatch, Refused, UsageError, VmfError
from vmf.files import parts
from vmf.match import Matches, Rejection, match
from vmf.match.bidding import Known
from vmf.model import Host, Job, Machine, Offer, Placement
from vmf.plugins import Plugins
from vmf.run import Hosts, eventlog, says_nothing, world

Planned: TypeAlias = Callable[[Placement, str], Machine]
"""The machine, of this name, that a placement becomes."""
NAMED = 5
"""So many jobs are named that fail alike."""

OWN = "give each job its own results.folder"
ANOTHER = "--set results.folder=ANOTHER"
LONGEST_SUFFIX = ".1234567890.part"
"""Of the names beside a results folder, more than any job's number takes."""


def results_folder(job: Job) -> Path:
    """Where a job's results go."""
    return job.results.folder or Path.cwd() / f"{job.name}.results"


def check_shared(jobs: Sequence[Job]) -> None:
    """See that no two jobs bring their results to the same place.

    Raises:
        UsageError: with every job that does.
    """
    _settle(_clashes(jobs))


def check_places(jobs: Sequence[Job]) -> None:
    """See that each job's results have a place of their own that can take them now.

    Raises:
        UsageError: with every fault of every job.
    """
    _settle((*_clashes(jobs), *(f"{job.name}: {fault}" for job in jobs for fault in _faults(job))))


def fit(
    jobs: Sequence[Job],
    hosts: Hosts,
    configured: Sequence[Host],
    plugins: Plugins,
    *,
    planned: Planned = plan.blueprint,
) -> None:
    """See that each job fits some host, if not now then when the host is empty, and that one would make its machine.

    `planned` says what machine a placement becomes.

    Raises:
        NoMatch: with every job that does not, and the clause that each host failed; alike ones are told together.
        Refused: with every job whose machine nobody would make, and what is against it.
    """
    if not jobs:
        return
    offers, world_now = usable(hosts, configured), world()
    hopeless: dict[str, list[str]] = defaultdict(list)
    refused: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        matches = match(job, offers, world=world_now)
        if matches.hopeless:
            hopeless[objections(matches.rejected)].append(job.name)
        elif fault := _veto(job, matches, plugins, planned):
            refused[str(fault)].append(job.name)
    if hopeless:
        raise NoMatch(
            "\n".join(f"no host fits {_named(names)}:\n{told}" for told, names in hopeless.items()),
            hint="`vmf match` says what would have to change; or name other hosts with --hosts",
        )
    if refused:
        raise Refused("\n".join(f"{_named(names)}: {told}" for told, names in refused.items()))


def bids(
    jobs: Sequence[Job], offers: Sequence[Offer | Rejection], plugins: Plugins, known: Known
) -> dict[str, Matches]:
    """Each job by itself against all hosts, with the bids of all that fit, by the jobs' names."""
    now = world()
    found = ((job, match(job, offers, world=now, known=known)) for job in jobs)
    return {job.name: plan.auctioned(job, matches, plugins.bids) for job, matches in found}


def usable(hosts: Hosts, configured: Sequence[Host]) -> tuple[Offer | Rejection, ...]:
    """What the hosts offer.

    Raises:
        HostFault: what is wrong with the first, if none can be used.
        SetupError: likewise, if this computer is the reason.
    """
    offers = hosts.offers(configured)
    if not any(isinstance(each, Offer) for each in offers):
        _look(hosts, configured[0])
    return offers


def _look(hosts: Hosts, host: Host) -> None:
    try:
        hosts.facts(host)
    except HostFault as fault:
        where = f"host {host.name}: "
        raise HostFault(where + fault.brief.removeprefix(where), hint=fault.hint) from fault


def objections(rejected: Sequence[Rejection]) -> str:
    """What each host objects to, a line each."""
    return "\n".join(f"    {each.host}: {each.reason}" for each in rejected)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _veto(job: Job, matches: Matches, plugins: Plugins, planned: Planned) -> JobFault | None:
    """What is against the job's machine on the best host, if on every host that fits, now or later, something is."""
    faults: list[JobFault] = []
    for each in matches.fitting:
        placement = plan.placed(job, each)
        try:
            machine, _ = plugins.amend(placement, planned(placement, job.name))
            plugins.review(placement, machine)
        except JobFault as fault:
            faults.append(fault)
        except VmfError:  # of a plugin that fails; the run tells it, and tries another host
            return None
        else:
            return None
    return None if any(each.passing for each in matches.rejected) else next(iter(faults), None)


def _settle(faults: Iterable[str]) -> None:
    if said := "\n".join(faults):
        raise UsageError(said)


def _clashes(jobs: Sequence[Job]) -> Iterator[str]:
    folders = {job.name: results_folder(job) for job in jobs}
    users = Counter(folders.values())
    for name, folder in folders.items():
        if users[folder] > 1:
            yield f"{name}: another job brings its results to {folder}, too\n    {OWN}"
        elif above := next((each for each in folder.parents if each in users), None):
            yield f"{name}: {folder} lies in {above}, where another job brings its results\n    {OWN}"


def _faults(job: Job) -> Iterator[str]:
    folder = results_folder(job)
    if os.path.lexists(folder) and not says_nothing(folder, job.name):
        yield f"the results folder {folder} is already there\n    move it away, or {ANOTHER}"
    else:
        yield from _trial(folder)
    if job.event_log:
        yield from _log_faults(job.event_log)


def _log_faults(path: Path) -> Iterator[str]:
    """What keeps the job's events from being written there."""
    try:
        if os.path.lexists(path):
            eventlog.check(path)
        else:
            _try(path, lambda trial: (trial / path.name).touch())
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        yield f"{path} cannot be the event log: {why}\n    choose another place with --set event_log=ANOTHER"


def _trial(folder: Path) -> Iterator[str]:
    """Make what the results will be made as, with what of the way to it is not there: only that tells if it can be."""
    there = next(each for each in folder.parents if os.path.lexists(each))
    try:
        str(folder).encode()
        part = folder.relative_to(there).with_name(f".{folder.name}{LONGEST_SUFFIX}")
        _try(there / folder.name, lambda trial: (trial / part).mkdir(parents=True))
    except OSError as error:
        yield f"the results cannot go to {folder}: {error.strerror}\n    choose another place with {ANOTHER}"
    except UnicodeEncodeError:
        yield f"the path {str(folder)!r} is not UTF-8\n    choose another place with {ANOTHER}"


def _try(path: Path, make: Callable[[Path], None]) -> None:
    """Make something in a folder beside a path, which is locked meanwhile: what a killed process left of it goes first.

    Raises:
        OSError: if it cannot be made, or there are no locks.
    """
    trial = parts.beside(path)
    try:
        held = parts.hold(trial, parts.FOLDER)
    except BlockingIOError:  # another process tries the same, and has got as far as that
        return
    try:
        make(trial)
    finally:
        shutil.rmtree(trial)
        os.close(held)
