"""The rules about hosts: whether a job fits those that are listed, and whether their plugins can what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vmf.ads import At, Need, block_needs, needs, networks
from vmf.model import Host, Job, NetworkType, Step
from vmf.plugins import Plugins
from vmf.rules import Check, Objection, Rule, Severity
from vmf.spec.faults import shown, suggestion
from vmf.spec.files import absence
from vmf.spec.refusals import NO_FILE
from vmf.units import format_size

LACKING = Rule(
    id="VMF501",
    title="an ability that no host has",
    why="A job that needs what its host cannot do is not run there, rather than run without it.",
    mend="Do without the field, or list a host whose plugin has the ability; `vmf plugin check` tells what one has.",
)
UNKNOWN_TYPE = Rule(
    id="VMF502",
    title="a hypervisor type that no installed plugin has",
    why="No host of that type can be used here, and its block cannot be checked.",
    mend="Install the plugin, or correct the type.",
    severity=Severity.WARNING,
)
NO_SUCH_HOST = Rule(
    id="VMF503",
    title="no listed host has any of the job's types",
    why="The job fits none of the hosts.",
    mend="Change `type:`, or list another host.",
)
TOO_LARGE = Rule(
    id="VMF504",
    title="more than any listed host gives",
    why="No host has that much, even when it is empty.",
    mend="Ask for less, or list a larger host.",
)
HOST_LACKING = Rule(
    id="VMF505",
    title="a host whose spec wants what its plugin cannot",
    why="Policy that is not kept is worse than none: such a host is not used.",
    mend="Do without the field, or upgrade the plugin.",
)
NO_NETWORK = Rule(
    id="VMF506",
    title="a network that no listed host offers",
    why="The job fits none of the hosts.",
    mend="Change `network.type`, or list another host.",
)
UNDRIVEN = Rule(
    id="VMF507",
    title="a hypervisor that this version knows by its words only",
    why="Its specs can be written, checked and imported; to run machines on it, its plugin has yet to learn.",
    mend="Use a host of another type until then; `vmf plugin ls` says which types drive hosts.",
    severity=Severity.NOTE,
)
NO_FOLDER = Rule(
    id="VMF508",
    title="a folder of the host's policy that is not there",
    why="Machines that are to share it, or to use files in it, cannot. It is looked for if the host is this computer.",
    mend="Make the folder, or correct its path.",
    severity=Severity.WARNING,
)
NO_PROGRAM = Rule(
    id="VMF511",
    title="an action whose program cannot be run",
    why="Steps that ask for the action fail. It runs on this computer, wherever the host's machines are.",
    mend="Correct the program's path, or make it executable.",
    severity=Severity.WARNING,
)
NO_ACTION = Rule(
    id="VMF512",
    title="an action that no listed host lends",
    why="The job fits none of the hosts.",
    mend="Correct the name, or list a host whose owner lends it.",
)
RULES = (
    NO_PROGRAM,
    NO_ACTION,
    NO_FOLDER,
    UNDRIVEN,
    LACKING,
    UNKNOWN_TYPE,
    NO_SUCH_HOST,
    TOO_LARGE,
    HOST_LACKING,
    NO_NETWORK,
)


def checks(plugins: Plugins, hosts: Sequence[Host]) -> tuple[Check[Any], ...]:
    """The checks against the hosts that are listed; what cannot be said without a host is not said.

    Args:
        plugins: those that are installed.
        hosts: those that are listed; none: any may come.
    """
    site = _Site(plugins, hosts)
    return (
        Check(rule=UNKNOWN_TYPE, kind=Job, judge=site.unknown_type),
        Check(rule=NO_SUCH_HOST, kind=Job, judge=site.no_such_host),
        Check(rule=LACKING, kind=Job, judge=site.lacking),
        Check(rule=TOO_LARGE, kind=Job, judge=site.too_large),
        Check(rule=NO_NETWORK, kind=Job, judge=site.no_network),
        Check(rule=HOST_LACKING, kind=Host, judge=site.host_lacking),
        Check(rule=UNDRIVEN, kind=Host, judge=site.undriven),
        Check(rule=NO_FILE, kind=Host, judge=_missing),
        Check(rule=NO_FOLDER, kind=Host, judge=_no_folder),
        Check(rule=NO_PROGRAM, kind=Host, judge=_no_program),
        Check(rule=NO_ACTION, kind=Job, judge=site.no_action),
    )


def _missing(host: Host) -> Iterator[Objection]:
    """The files of this computer by which a hypervisor is reached; a plugin opens them when it connects."""
    for field in ("key", "certificate", "ca"):
        path = getattr(host.connection, field)
        if path and (problem := absence(path)):
            what = f"{shown(path.name)}: {problem}"
            yield Objection(at=("connection", field), what=what, hint="check the path; it begins at the spec's folder")


def _no_folder(host: Host) -> Iterator[Objection]:
    if host.elsewhere:
        return
    images: list[tuple[At, Path]] = [(("images", number), each.path) for number, each in enumerate(host.images or ())]
    for at, path in (*images, *((("folders", name), each.path) for name, each in host.folders.items())):
        if problem := absence(path) or ("" if path.is_dir() else "no folder"):
            what = f"{shown(path)}: {problem}"
            yield Objection(at=(*at, "path"), what=what, hint="make the folder on this computer, or correct the path")


def _no_program(host: Host) -> Iterator[Objection]:
    for name, action in host.actions.items():
        path = action.program
        if problem := absence(path) or ("" if path.is_file() and os.access(path, os.X_OK) else "no program"):
            what = f"{shown(path)}: {problem}"
            hint = "correct the path, or make it executable"
            yield Objection(at=("actions", name, "program"), what=what, hint=hint)


def _own_steps(job: Job) -> Iterator[tuple[At, Step]]:
    """The steps that stand in the job's spec, each with where."""
    yield from ((("steps", number), step) for number, step in enumerate(job.steps))
    last = job.at_end.steps if job.at_end else ()
    yield from ((("finally", "steps", number), step) for number, step in enumerate(last))


class _Site:
    """What is listed and what is installed."""

    def __init__(self, plugins: Plugins, hosts: Sequence[Host]) -> None:
        self._plugins = plugins
        self._hosts = hosts

    def unknown_type(self, job: Job) -> Iterator[Objection]:
        for number, name in enumerate(job.types):
            if name not in self._plugins.types:
                what = f"no plugin for {shown(name)} is installed"
                hint = suggestion(name, self._plugins.types)
                yield Objection(at=("type", number), what=what, hint=hint)

    def no_such_host(self, job: Job) -> Iterator[Objection]:
        known = any(name in self._plugins.types for name in job.hypervisors)
        if known and self._hosts and not self._candidates(job):
            there = " and ".join(sorted({host.type for host in self._hosts}))
            what = f"the listed hosts are of type {there}"
            yield Objection(at=("type",), what=what, hint="change it, or list another host")

    def lacking(self, job: Job) -> Iterator[Objection]:
        hosts = self._candidates(job)
        known = hosts and all(self._plugins.drives(host.type) for host in hosts)
        lacks = [self._lacks(host, job) for host in hosts]
        for need in lacks[0] if known else ():
            if all(need in each for each in lacks):
                what = f"it needs the ability {need.ability}, which no listed host has"
                yield Objection(at=need.at, what=what, hint="leave it out, or list a host that can")

    def too_large(self, job: Job) -> Iterator[Objection]:
        hosts = self._candidates(job)
        for field, told in (("memory", format_size), ("cpus", str), ("disk_space", format_size)):
            most = [getattr(host, field) for host in hosts]
            if hosts and None not in most and (getattr(job, field) or 0) > max(most):
                what = f"the most that a listed host gives is {told(max(most))}"
                yield Objection(at=(field,), what=what, hint="ask for less, or list a larger host")

    def no_network(self, job: Job) -> Iterator[Objection]:
        hosts, wanted = self._candidates(job), job.network.type
        known = hosts and all(self._plugins.drives(host.type) for host in hosts)
        if known and wanted is not NetworkType.NONE and not any(self._offers(host, wanted) for host in hosts):
            what = f"no listed host offers {'a network' if wanted is NetworkType.DEFAULT else wanted}"
            yield Objection(at=("network", "type"), what=what, hint="change it, or list a host that does")

    def no_action(self, job: Job) -> Iterator[Objection]:
        hosts = self._candidates(job)
        lent = {name for host in hosts for name in host.actions}
        for at, step in _own_steps(job):
            if hosts and step.on_host and step.on_host not in lent:
                what = f"no listed host lends {step.on_host}"
                yield Objection(at=(*at, "on_host"), what=what, hint=suggestion(step.on_host, lent))

    def host_lacking(self, host: Host) -> Iterator[Objection]:
        for need in self._plugins.missing(host):
            what = f"it needs the ability {need.ability}, which the plugin {host.type} does not have"
            yield Objection(at=need.at, what=what, hint="leave it out, or upgrade the plugin")

    def undriven(self, host: Host) -> Iterator[Objection]:
        if host.type in self._plugins.types and not self._plugins.drives(host.type):
            what = f"the plugin {host.type} drives no host yet, so what it can is not known"
            yield Objection(at=("type",), what=what, hint="`vmf plugin ls` says which types do")

    def _candidates(self, job: Job) -> list[Host]:
        return [host for host in self._hosts if not job.hypervisors or host.type in job.hypervisors]

    def _lacks(self, host: Host, job: Job) -> list[Need]:
        asked = (*needs(job), *block_needs(job, host.type))
        return [need for need in asked if need.ability not in self._able(host)]

    def _able(self, host: Host) -> Mapping[str, str]:
        return self._plugins.types[host.type].capabilities if host.type in self._plugins.types else {}

    def _offers(self, host: Host, wanted: NetworkType) -> bool:
        offered = networks(host, self._able(host))
        return bool(offered) if wanted is NetworkType.DEFAULT else wanted in offered
