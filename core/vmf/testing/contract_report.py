"""A plugin of pytest that tells `vmf plugin check` how the tests go: a line of JSON for each step.

    python -m pytest -p vmf.testing.contract_report --vmf-tell 5 --vmf-type NAME TESTS

The lines go to a descriptor. Tests of abilities that the type does not declare are passed over before anything is made
for them.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import msgspec
import pytest
from msgspec.structs import replace

from vmf.cli.plugin_report import Begun, Collected, Told, Tried, Went
from vmf.plugins import Plugins
from vmf.testing.abilities import lacking, tied

pytest.register_assert_rewrite("vmf.testing")

WHY_MOST = 300
"""Characters of a reason."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that only `vmf plugin check` gives."""
    group = parser.getgroup("vmf")
    group.addoption("--vmf-tell", type=int, metavar="FD", help="the descriptor to tell")
    group.addoption("--vmf-type", metavar="NAME", help="the type whose plugin is tried")
    group.addoption("--vmf-bed", metavar="FILE", help="the host and the image, as JSON, if the tests are vmf's own")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to tell."""
    config.pluginmanager.register(Teller(config.getoption("--vmf-tell"), config.getoption("--vmf-type")))


class Teller:
    """Tells each step; each test once, however many of its phases there are to tell of."""

    def __init__(self, descriptor: int, type_: str) -> None:
        self._descriptor = descriptor
        self._declared = Plugins.load().types[type_].capabilities.keys()
        self._tried: dict[str, Tried] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what there is to do, if all of it could be read."""
        if session.testsfailed:
            return
        from vmf.testing.contract import CAPABILITIES, HypervisorContract  # noqa: PLC0415  # once its asserts are rewritten

        classes = [item.cls for item in session.items if isinstance(item, pytest.Function)]
        contract = sum(isinstance(each, type) and issubclass(each, HypervisorContract) for each in classes)
        self._tell(Collected(contract=contract, tests=len(session.items), abilities=tuple(sorted(CAPABILITIES))))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Pass over what is not declared, before any machine is made for it."""
        if undeclared := lacking(_function(item), self._declared):
            pytest.skip(f"{', '.join(undeclared)}: not declared")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell that a test begins."""
        self._tell(Begun(test=_name(nodeid)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note how a phase of a test went; what failed in one of them has failed."""
        report = yield
        before = self._tried.get(item.nodeid)
        seconds = report.duration + (before.seconds if before else 0)
        if before is None or before.outcome is Went.PASSED:
            before = Tried(
                test=_name(item.nodeid),
                outcome=Went(report.outcome),
                seconds=seconds,
                why=_why(report),
                abilities=tied(_function(item)),
            )
        self._tried[item.nodeid] = replace(before, seconds=seconds)
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Tell how a test went."""
        self._tell(self._tried.pop(nodeid))

    def _tell(self, what: Told) -> None:
        try:
            os.write(self._descriptor, msgspec.json.encode(what) + b"\n")
        except OSError:  # whoever listened has been killed
            if isinstance(what, Begun):  # what has been made is cleared up by those that end it
                pytest.exit("nobody listens any more")


def _function(item: pytest.Item) -> object:
    return item.function if isinstance(item, pytest.Function) else None


def _name(nodeid: str) -> str:
    return nodeid.rpartition("::")[2]


def _why(report: pytest.TestReport) -> str:
    """The first line of what is said of a test that did not pass."""
    said = report.longrepr
    if isinstance(said, tuple):
        words = said[2].removeprefix("Skipped: ")
    else:
        words = str(getattr(getattr(said, "reprcrash", None), "message", said or ""))
    return (words.splitlines() or [""])[0][:WHY_MOST]
