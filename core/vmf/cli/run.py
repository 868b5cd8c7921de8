"""`vmf run`: read, check, place, carry, bring back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from vmf.cli.builds import Builds
from vmf.cli.carry import carrying
from vmf.cli.checks import check_places, fit, results_folder
from vmf.cli.detach import detach
from vmf.cli.grounds import grounded, seen, told
from vmf.cli.orphaned import orphans
from vmf.cli.session import Session, add_format, add_specs
from vmf.cli.wait import await_all
from vmf.model import Job
from vmf.run import Remark
from vmf.state import STANDS_STILL
from vmf.steps import grounding
from vmf.store import Record


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf run`."""
    add_specs(parser)
    add_format(parser)
    parser.add_argument("--console", action="store_true", help="stream the guests' consoles")
    parser.add_argument("--detach", action="store_true", help="leave the jobs to an engine in the background")


def act(options: argparse.Namespace) -> int:
    """Run the jobs of the files; the exit code of a single job is its guest's."""
    session = Session(options)
    jobs, hosts = session.read()
    orphaned = orphans(session.store, session.store.live())
    again = {record.job.name: record for record in orphaned if _is_again(record, jobs)}
    asked_for = [job for job in jobs if job.name not in again]
    check_places(asked_for)
    with carrying(session, options, console=options.console) as carrier, ExitStack() as held:
        if code := _keep_images(asked_for, Builds(session, carrier, hosts, form=options.format)):
            return code
        new, upon = held.enter_context(grounded(session, asked_for, fetch=True))
        fit(seen(new, upon), session.hosts, hosts, session.plugins)
        carrier.responsible = not options.detach
        taken = session.store.submit([(job, results_folder(job)) for job in new], hosts, upon) if new else ()
        for record, _ in taken:
            if record.ground:
                carrier.tell(Remark(record=record, text=told(record.ground)))
        asked = {record.id for record, _ in taken} | {record.id for record in again.values()}
        adopted = carrier.adopt(each for each in orphaned if each.id in asked or each.state not in STANDS_STILL)
        if options.detach:
            return detach(session, (*taken, *adopted), form=options.format)
        last = {record.id: record for record in carrier.carry((*taken, *adopted))}
        elsewhere = await_all(session, carrier, [each for each in again.values() if each.id not in last])
        return carrier.exit_code([*(record for record in last.values() if record.id in asked), *elsewhere])


def _keep_images(jobs: Iterable[Job], builds: Builds) -> int:
    """Build the images of jobs that are to be run on them; the exit code of the first that failed."""
    wanted = (job for job in jobs if job.keep_image)
    return next((code for job in wanted if (code := builds.make(job.name, grounding.kept(job)))), 0)


def _is_again(record: Record, jobs: Sequence[Job]) -> bool:
    """Whether the orphan is one of these jobs, killed in an earlier run: it is carried on, not run twice."""
    return any(record.asked == job and record.folder == results_folder(job) for job in jobs)
