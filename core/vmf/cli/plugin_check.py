"""`vmf plugin check`: the contract suite from the shell, with a report of each ability."""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from contextlib import closing
from pathlib import Path
from shutil import rmtree

import msgspec

from vmf import spec
from vmf.cli.plugin_report import Report, lines, rows
from vmf.cli.plugin_tests import NotRun, run
from vmf.cli.printed import show, table
from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.errors import SetupError, UsageError
from vmf.hookspecs import HypervisorType
from vmf.model import TINY, Host, Image

LIVE = "vmf.testing.contract_live"
"""The module with the tests for any host; those are not for the engine to import."""
FAILED = 1
COLUMNS = ("ABILITY", "RESULT")


def check(session: Session, options: argparse.Namespace) -> int:
    """Run the tests, and tell what was found: 0 if nothing failed, 1 if something did.

    Raises:
        UsageError: if there is nothing to try.
        SetupError: if the tests cannot be run.
    """
    said = _driver(session, options.name)
    if importlib.util.find_spec("pytest") is None:
        raise SetupError("pytest is not installed", hint="install vmf with its extra `testing`: `vmf[testing]`")
    place = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))  # private; the paths of sockets are short
    place.chmod(0o711)  # for the hypervisor's user to pass
    try:
        words = _own(options.tests) if options.tests else _live(session, options, place)
        known, tests = run(options.name, words, place)
    except NotRun:
        raise
    except BaseException:
        rmtree(place, ignore_errors=True)
        raise
    report = Report(plugin=options.name, version=said.version, rows=tuple(rows(known, said.capabilities, tests)))
    if options.format == "json":
        print(msgspec.json.encode(report).decode())
    else:
        show("\n".join(table(COLUMNS, (line for row in report.rows for line in lines(row)))))
    if report.failed:
        say(f"vmf: what the tests said is in {place}")
        return FAILED
    rmtree(place, ignore_errors=True)
    return 0


def _driver(session: Session, name: str) -> HypervisorType:
    """What the plugin of a type says of itself."""
    for each in session.plugins.listed:
        if each.name == name and each.error:
            raise UsageError(f"plugin {name} is broken: {each.error}", hint="mend that first; `vmf plugin ls` shows it")
    if not session.plugins.drives(name):
        raise UsageError(
            f"no plugin that is installed drives hosts of type {name!r:.100}", hint="`vmf plugin ls` lists all"
        )
    return session.plugins.types[name]


def _own(tests: Path) -> list[str]:
    if not tests.exists():
        raise UsageError(f"{tests}: there is no such file or folder", hint="name where your tests are")
    return [str(tests.absolute())]


def _live(session: Session, options: argparse.Namespace, place: Path) -> list[str]:
    """The words that have the tests run on a host with an image; nothing there is touched yet."""
    host, image = _host(session, options), _image(session, options.image)
    with closing(session.plugins.connect(host, place / "h")) as hypervisor:
        if there := [each.machine for each in hypervisor.machines()]:
            raise UsageError(
                f"host {host.name} has machines of vmf's, such as {there[0]}, and the tests remove all that there are",
                hint="end the jobs there, or name a host that has none",
            )
    bed = place / "bed.json"
    bed.write_bytes(msgspec.json.encode({"host": host, "image": image, "folder": place}, enc_hook=str))
    (place / "pytest.ini").touch()  # what the current folder has of settings is for other tests
    return ["-c", str(place / "pytest.ini"), "--pyargs", LIVE, "--vmf-bed", str(bed)]


def _host(session: Session, options: argparse.Namespace) -> Host:
    """The one host of the type in `--hosts`, or one with nothing set."""
    host = _named(session, options) if options.hosts else Host(name=options.name, type=options.name)
    for need in session.plugins.missing(host):
        raise UsageError(f"host {host.name}: its {need}, which the plugin {host.type} does not have")
    return host


def _named(session: Session, options: argparse.Namespace) -> Host:
    found = [each for each in session.configured() if each.type == options.name]
    if len(found) != 1:
        raise UsageError(
            f"--hosts has {len(found)} hosts of type {options.name}, and one is tried", hint="name a file with one"
        )
    return found[0]


def _image(session: Session, name: str) -> Image:
    if name == TINY and not (session.home.images / TINY).is_dir():
        raise UsageError("the tiny guest is not in the warehouse", hint=f"`vmf image build {TINY}` builds it")
    return spec.load_image(name, beside=Path.cwd(), images=session.home.images)
