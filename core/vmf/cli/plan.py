"""`vmf plan`: what `vmf run` would do, each line with its reason."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import cache

import msgspec

from vmf import plan
from vmf.cli.checks import check_shared, objections, usable
from vmf.cli.grounds import grounded, seen, told
from vmf.cli.session import Session, add_format, add_specs
from vmf.errors import Exit, JobFault
from vmf.model import Ground, Placement
from vmf.plan import Line, Unplaced
from vmf.run import beginning, known, size_of, world
from vmf.spec.faults import printable
from vmf.units import format_count

REFUSED = "refused"
"""What the line is called that tells why a job would be held."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf plan`."""
    add_specs(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Print the plan."""
    session = Session(options)
    jobs, hosts = session.read()
    check_shared(jobs)
    try:
        offers = usable(session.hosts, hosts)
        with grounded(session, jobs, fetch=False) as (run, upon):
            costs = known(upon, session.store, cache(size_of))
            planned = plan.plan(seen(run, upon), offers, world=world(), known=costs, ask=session.plugins.bids)
        lines = {each.job.name: (*_lines(session, each), *_begun(session, each, upon)) for each in planned}
    finally:
        session.hosts.close()
    if options.format == "json":
        print(msgspec.json.encode(lines).decode())
    else:
        _print(lines)
    if any(isinstance(each, Unplaced) and each.hopeless for each in planned):
        return Exit.NO_MATCH
    return Exit.HELD if any(line.what == REFUSED for each in lines.values() for line in each) else 0


def _lines(session: Session, planned: Placement | Unplaced) -> tuple[Line, ...]:
    if isinstance(planned, Unplaced):
        how = "none fits" if planned.hopeless else "waits for room"
        return (Line(what="host", how=how, why=objections(planned.rejected).strip()),)
    machine, amended = session.plugins.amend(planned, plan.blueprint(planned, planned.job.name))
    told = plan.explain(planned, machine, amended)
    try:
        session.plugins.review(planned, machine)
    except JobFault as fault:
        return (*told, Line(what=REFUSED, how=fault.brief, why=fault.hint or "such a machine cannot be made"))
    return told


def _begun(session: Session, planned: Placement | Unplaced, upon: Mapping[str, Ground]) -> Iterator[Line]:
    """What a job is begun upon, and how its guest begins."""
    name = planned.job.name
    ground = upon.get(name)
    if ground:
        left = format_count(len(ground.left), "step")
        yield Line(what="warehouse", how=told(ground), why=f"that leaves the least to do: {left}")
    if isinstance(planned, Placement):
        warm = ground.warm if ground else None
        found = beginning(planned, warm, name=name, token=plan.NO_TOKEN, plugins=session.plugins)
        why = found.why or f"host {planned.host.name} has what that was made on, and its machine has the same devices"
        yield Line(what="begins", how=found.how, why=why)


def _print(lines: dict[str, tuple[Line, ...]]) -> None:
    wide = max(len(line.what) for each in lines.values() for line in each)
    for name, each in lines.items():
        print(name)
        for line in each:
            print(f"    {line.what.ljust(wide)}  {printable(line.how)}\n    {' ' * wide}    because {line.why}")
