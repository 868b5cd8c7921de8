"""`vmf plugin check` tells what was tried and how that went, whatever the tests do."""

from __future__ import annotations

import json
import re
import select
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from shell import DEADLINE, Shell, until
from vmf.cli import plugin_tests
from vmf.cli.plugin_report import Went
from vmf.errors import SetupError

pytestmark = pytest.mark.exhaustive

BED = """\
import os
import pytest
from vmf.model import Host, Image
from vmf.testing.abilities import tries
from vmf.testing.contract import Guests, HypervisorContract

HANGS = "echo vmf-ready\\nhang"


class TestFake(HypervisorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls):
        return Host(name="here", type="fake")

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls):
        return Image(name="none")

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        lacks = {"vnc": "nobody looks"}
        return Guests(ends=HANGS, hangs=HANGS, ignores=HANGS, reboots=HANGS, tells=HANGS, lacks=lacks)
"""
"""A subclass of the contract suite for the fake."""
HANGING = """
    def test_own(self, tmp_path_factory):
        import time
        try:
            open({begun!r}, "w").write(str(tmp_path_factory.getbasetemp()))
            while True:
                time.sleep(0.1)
        finally:
            open({cleared!r}, "a").write("x")
"""
FEW = """\
import pytest

FEW = {NAMES}


def pytest_collection_modifyitems(items):
    items[:] = [each for each in items if each.name in FEW or each.name.startswith("test_own")]
"""
"""Of the tests there, those that these tests need."""
GOOD = ("test_says_what_it_is", "test_facts_of_a_machine", "test_a_machine_has_a_screen_if_it_is_to_have_one")
BAD = '''
    @tries("soft-suspend")
    def test_own(self, bench):
        """Fails."""
        assert bench.facts.cpus == 0, "no \\x1b[31mcpus"
'''


@pytest.fixture
def bed(shell: Shell):
    """Writes tests of an author's own; the folder that they are in."""

    def write(*, more: str = "", names: tuple[str, ...] = GOOD) -> Path:
        folder = shell.folder / "tests"
        folder.mkdir()
        (folder / "conftest.py").write_text(FEW.replace("{NAMES}", repr(names)))
        (folder / "test_bed.py").write_text(BED + more)
        return folder

    return write


def check(shell: Shell, *words: str | Path) -> subprocess.CompletedProcess[str]:
    done = shell.vmf("plugin", "check", *map(str, words))
    for kept in re.findall(r"(\S+)/pytest.log|is in (\S+)", done.stderr):  # what failed leaves what was said
        shutil.rmtree("".join(kept))
    return done


def rows(done: subprocess.CompletedProcess[str]) -> dict[str, dict]:
    return {each["ability"]: each for each in json.loads(done.stdout)["rows"]}


def test_what_works_what_was_not_tried_and_what_is_not_declared(shell: Shell, bed) -> None:
    done = check(shell, "fake", "--tests", bed())
    assert done.returncode == 0, done.stderr
    said = {line[:20].strip(): line[20:].strip() for line in done.stdout.splitlines()}
    assert said["(every hypervisor)"] == "declared and works"
    assert said["network-nat"] == "not declared"
    assert said["vnc"] == "declared, and not tried"
    assert "cannot be tried: vnc: nobody looks" in done.stdout
    assert "passed in " in done.stderr
    assert "test_facts_of_a_machine" in done.stderr


def test_what_fails_is_told_with_its_tests_and_the_first_line(shell: Shell, bed) -> None:
    tests = bed(more=BAD)
    done = check(shell, "fake", "--tests", tests)
    assert done.returncode == 1
    assert "soft-suspend         declared and FAILS" in done.stdout
    assert "test_own: AssertionError: no \\x1b[31mcpus" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "vmf: what the tests said is in /" in done.stderr


def test_programs_are_told_each_test(shell: Shell, bed) -> None:
    told = check(shell, "fake", "--tests", bed(more=BAD) / "test_bed.py", "--format", "json")
    assert told.returncode == 1
    assert rows(told)["soft-suspend"]["standing"] == "fails"
    (test,) = rows(told)["soft-suspend"]["tests"]
    assert (test["test"], test["outcome"]) == ("test_own", "failed")
    assert rows(told)[""]["standing"] == "works"
    assert rows(told)["network-nat"]["standing"] == "undeclared"


def test_tests_that_end_their_process_have_failed(shell: Shell, bed) -> None:
    done = check(shell, "fake", "--tests", bed(more="    def test_own(self):\n        os._exit(0)\n"))
    assert done.returncode == 1
    assert "test_own: it was not over after 10m00s, or ended the process" in done.stdout


def test_tests_that_hang_are_ended(bed, tmp_path, monkeypatch) -> None:
    """In this process, whose patience is short once the test has begun."""
    begun, wait = tmp_path / "begun", select.select

    def impatient(told, *_):
        until(lambda: begun.exists() or wait(told, [], [], 0)[0], "its test has begun")
        return wait(told, [], [], 0.5)

    monkeypatch.setattr(plugin_tests, "CLEARING_SECONDS", 0.1)
    monkeypatch.setattr(plugin_tests.select, "select", impatient)
    hanging = f"def test_own(self):\n        open({str(begun)!r}, 'w').close()\n        signal.pause()\n"
    own = f"import signal\n\n\nclass TestOwn(HypervisorContract):\n    declared = None\n\n    {hanging}"
    (tmp_path / "place").mkdir()
    _, (tried,) = plugin_tests.run("kvm", [str(bed(more=f"\n\n{own}", names=()))], tmp_path / "place")
    assert (tried.test, tried.outcome) == ("test_own", Went.FAILED)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_whatever_ends_it_ends_the_tests(shell: Shell, bed, tmp_path, how) -> None:
    """Those clear up, once: a second Ctrl-C would keep them from that."""
    begun, cleared = tmp_path / "begun", tmp_path / "cleared"
    hanging = HANGING.format(begun=str(begun), cleared=str(cleared))
    with shell.start("plugin", "check", "fake", "--tests", str(bed(more=hanging))) as process:
        until(lambda: begun.exists() and begun.read_text(), "its test has begun")
        process.send_signal(how)
        assert process.wait(DEADLINE) == 77
    assert cleared.read_text() == "x"
    assert not Path(begun.read_text()).parent.exists()


def test_what_cannot_be_run_is_told_in_its_own_words(shell: Shell, bed) -> None:
    done = check(shell, "fake", "--tests", bed(more="    def broken(:\n"))
    assert (done.returncode, done.stdout) == (79, "")
    assert "the tests could not be run" in done.stderr
    assert "SyntaxError" in done.stderr


def test_tests_of_something_else_prove_nothing(shell: Shell) -> None:
    (shell.folder / "test_mine.py").write_text("def test_mine():\n    pass\n")
    done = check(shell, "fake", "--tests", "test_mine.py")
    assert (done.returncode, done.stdout) == (78, "")
    assert "none of these tests is of the contract suite" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "no plugin that is installed drives hosts of type 'nothing'"),
        (("words",), "no plugin that is installed drives hosts of type 'words'"),
        (("fake", "--tests", "nowhere"), "nowhere: there is no such file or folder"),
        (("fake",), "`vmf image build tiny` builds it"),
        (("kvm", "--hosts", "hosts.yaml"), "--hosts has 0 hosts of type kvm"),
        (("kvm", "--hosts", "far.yaml"), "needs the ability transport-api, which the plugin kvm does not have"),
    ],
)
def test_what_cannot_be_tried_is_refused(shell: Shell, words: tuple[str, ...], said: str) -> None:
    shell.host()
    (shell.folder / "hosts.yaml").write_text(
        "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: farm}\nspec: {type: fake}\n"
    )
    (shell.folder / "far.yaml").write_text(
        "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: far}\n"
        "spec: {type: kvm, connection: {transport: api, address: far.invalid}}\n"
    )
    done = check(shell, *words)
    assert (done.returncode, done.stdout) == (78, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_pytest_it_says_what_to_install(shell: Shell) -> None:
    blocked = shell.folder / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['pytest'] = None\n")
    shell.environment["PYTHONPATH"] += f":{blocked}"
    started = replace(shell, forker=None)  # for Python reads that file where it starts
    done = check(started, "fake", "--tests", ".")
    assert done.returncode == SetupError.exit
    assert "install vmf with its extra `testing`" in done.stderr
