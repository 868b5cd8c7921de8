"""What must hold before anything is started: all of it is looked at, all faults are told together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vmf.errors import JobFault, NoMatch, UsageError
from vmf.files import images
from vmf.match import Rejection, match
from vmf.model import Host, Job
from vmf.run import Hosts


def results_folder(job: Job) -> Path:
    """Where a job's results go."""
    return job.results.folder or Path.cwd() / f"{job.name}.results"


def check(jobs: Sequence[Job], *looks: Callable[[Job], Iterator[str]]) -> None:
    """Look at what the jobs name on this computer.

    Raises:
        UsageError: with every fault of every job.
    """
    if faults := [f"{job.name}: {fault}" for job in jobs for look in looks for fault in look(job)]:
        raise UsageError("\n".join(faults))


def check_apart(jobs: Sequence[Job]) -> None:
    """See that no two jobs bring their results to the same place.

    Raises:
        UsageError: naming the places.
    """
    shared = [str(folder) for folder, users in Counter(map(results_folder, jobs)).items() if users > 1]
    if shared:
        raise UsageError(
            f"more than one job brings its results to {', '.join(shared)}", hint="give each job its own results.folder"
        )


def fit(jobs: Sequence[Job], hosts: Hosts, configured: Sequence[Host]) -> None:
    """See that each job fits some host, if not now then when the host is empty.

    Raises:
        NoMatch: with the clause that each host failed.
    """
    if not jobs:
        return
    offers = hosts.offers(configured)
    for job in jobs:
        matches = match(job, offers)
        if matches.hopeless:
            raise NoMatch(
                f"no host fits {job.name}:\n{objections(matches.rejected)}",
                hint="ask for less, or name other hosts with --hosts",
            )


def objections(rejected: Sequence[Rejection]) -> str:
    """What each host objects to, a line each."""
    return "\n".join(f"    {each.host}: {each.reason}" for each in rejected)


def image(job: Job) -> Iterator[str]:
    """What is wrong with a job's image, as far as its headers tell."""
    try:
        images.inspect_image(job.image)
    except JobFault as fault:
        yield str(fault)


def place(job: Job) -> Iterator[str]:
    """What is wrong with the place of a job's results."""
    folder = results_folder(job)
    if os.path.lexists(folder):
        yield f"the results folder {folder} is already there\n    move it away, or --set results.folder=ANOTHER"
    elif not folder.parent.is_dir():
        yield f"the folder {folder.parent}, in which the results are to be, is not there\n    make it first"
    elif not os.access(folder.parent, os.W_OK | os.X_OK):
        yield f"you may not write in {folder.parent}\n    choose another place with --set results.folder=ANOTHER"
