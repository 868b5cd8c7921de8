"""What most commands begin with: the state folder, the store, the plugins, the hosts."""

from __future__ import annotations

import argparse
import logging
import os
import stat
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vmf import disks
from vmf.cli.places import configuration, home
from vmf.cli.say import say
from vmf.errors import Fault, SetupError, SpecError
from vmf.model import TINY, Home, Host, Image, Job
from vmf.store import Record, Store

if TYPE_CHECKING:
    from vmf.plugins import Plugins
    from vmf.run import Hosts
    from vmf.spec import JobWords  # YAML is slow to import and most sessions read none

log = logging.getLogger(__name__)

LOCAL = Host(name="local", type="kvm")
"""The host that is there without any configuration."""


class Session:
    """One command's view of vmf; parts are made when they are first used."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.home = home(os.environ)

    @cached_property
    def store(self) -> Store:
        """The store, in a state folder that is made if it is not there."""
        prepare(self.home)
        return Store(self.home)

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins that are installed."""
        from vmf.plugins import Plugins  # noqa: PLC0415  # a session that only asks the store is over sooner without

        return Plugins.load()

    @cached_property
    def hosts(self) -> Hosts:
        """The hosts that this process has open."""
        from vmf.run import Hosts  # noqa: PLC0415  # as above

        return Hosts(self.plugins, self.store, proof=lambda: tiny(self.home))

    def read(self) -> tuple[tuple[Job, ...], tuple[Host, ...]]:
        """The jobs of the files, and the hosts; the faults of both are told together."""
        from vmf import spec  # noqa: PLC0415  # as below

        jobs: tuple[Job, ...] = ()
        faults: tuple[Fault, ...] = ()
        try:
            jobs = spec.load_jobs(self._options.files, self.words(), changes=self._options.changes, remark=_remark)
        except SpecError as error:
            faults = error.faults
        try:
            hosts = self.configured()
        except SpecError as error:
            raise SpecError((*faults, *error.faults)) from error
        if faults:
            raise SpecError(faults)
        return jobs, hosts

    def words(self) -> JobWords:
        """What job files are read with."""
        from vmf import spec  # noqa: PLC0415  # as below
        from vmf.lint import files  # noqa: PLC0415  # as below

        settings = {name: each.job_settings for name, each in self.plugins.types.items()}
        return spec.JobWords(
            images=self.home.images,
            settings=settings,
            inspect=disks.inspect_image,
            appliance=disks.appliance,
            checks=files.ERRORS,
        )

    def configured(self) -> tuple[Host, ...]:
        """The hosts of `--hosts`, else of the user's configuration folder, else the built-in one."""
        from vmf import spec  # noqa: PLC0415  # YAML is slow to import and most sessions read none

        folder = configuration(os.environ)
        paths = self._options.hosts or ([folder] if folder.is_dir() else [])
        settings = {name: each.settings for name, each in self.plugins.types.items()}
        return spec.load_hosts(paths, settings=settings, remark=_remark) or (LOCAL,)


def _remark(fault: Fault) -> None:
    say(f"vmf: {fault}")


def check_warehouse(where: Home) -> None:
    """See that a warehouse that others use, too, is there.

    Raises:
        SetupError: if it is not: nobody makes it by the way.
    """
    if where.warehouse and not where.warehouse.is_dir():
        what = f"the warehouse {where.warehouse}, which VMF_WAREHOUSE names, is not there"
        raise SetupError(what, hint="make the folder, or name another one")


def prepare(where: Home) -> None:
    """Make the state folder: private to its owner, but for what a hypervisor's user must pass through or read.

    The mode of a root that was there before is its owner's choice; what lies in it is ours.
    """
    check_warehouse(where)
    passable = 0o711 if os.geteuid() == 0 else 0o700
    folders = {where.root: passable, where.root / "jobs": 0o700, where.root / "hosts": passable}
    folders |= {} if where.warehouse else {where.images: 0o755}
    try:
        for folder, mode in folders.items():
            made = not folder.is_dir()
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            if (made or folder != where.root) and stat.S_IMODE(folder.stat().st_mode) != mode:
                folder.chmod(mode)
    except OSError as error:
        raise SetupError(
            f"the state folder {where.root} cannot be made: {error.strerror}",
            hint="set VMF_HOME to a folder that you may write",
        ) from error


def tiny(where: Home) -> Image | None:
    """The tiny guest, if it has been built."""
    from vmf import spec  # noqa: PLC0415  # as above

    folder = where.images / TINY
    return spec.load_image(str(folder), beside=folder, images=where.images) if folder.is_dir() else None


class _JobLog(logging.FileHandler):
    """A job's log; that it cannot be written does no harm."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down, if that can be done."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own name
        """Say nothing: there is nobody to mend it."""


def log_jobs(where: Home, records: tuple[Record, ...]) -> None:
    """Keep a log of each job in its folder."""
    for record in records:
        handler = _JobLog(where.job(record.id) / "job.log", encoding="utf-8", delay=True, errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger = logging.getLogger(f"vmf.job.{record.id}")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


def add_hosts(parser: argparse.ArgumentParser) -> None:
    """The option that names hosts."""
    parser.add_argument(
        "--hosts",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="host specs, a file or a folder; instead of those in the configuration folder",
    )


def add_specs(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that reads jobs."""
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="job specs")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="changes",
        help="change a field of every job, such as memory=1GiB or env.NAME=you",
    )
    add_hosts(parser)


def add_format(parser: argparse.ArgumentParser) -> None:
    """The option for machines that read."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to answer (default: text)")


def add_long(parser: argparse.ArgumentParser, sentence: str) -> None:
    """The option for whole ads."""
    parser.add_argument("-l", "--long", action="store_true", help=sentence)
