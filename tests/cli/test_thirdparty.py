"""Plugins of third parties, installed for real: one wraps, one amends, one has rules, one is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shell import DEADLINE, Shell

pytestmark = pytest.mark.packaging


@pytest.fixture(autouse=True)
def installed(shell: Shell, site: Path) -> None:
    shell.environment["PYTHONPATH"] = str(site)


def test_all_are_listed_the_broken_one_with_its_error(shell: Shell) -> None:
    done = shell.vmf("plugin", "ls")
    assert done.returncode == 0
    assert {"fake 1.0: hypervisor", "amender 1.0: hooks amend, review", "timer 1.0: hooks create"} <= {
        *done.stdout.splitlines()
    }
    assert "broken 1.0: BROKEN: RuntimeError: this plugin is broken on purpose" in done.stdout
    told = {each["name"]: each for each in json.loads(shell.vmf("plugin", "ls", "--format", "json").stdout)}
    assert told["broken"]["error"] == "RuntimeError: this plugin is broken on purpose"
    assert (told["timer"]["error"], told["timer"]["hooks"]) == ("", ["create"])


def test_a_hypervisor_of_words_only_is_listed_as_one(shell: Shell) -> None:
    lines = shell.vmf("plugin", "ls").stdout.splitlines()
    assert "words 1.0: the words of a hypervisor's specs; it drives no host yet" in lines
    told = {each["name"]: each["drives"] for each in json.loads(shell.vmf("plugin", "ls", "--format", "json").stdout)}
    assert {name: told[name] for name in ("fake", "vmware", "words", "timer")} == {
        "fake": True, "vmware": True, "words": False, "timer": False,
    }  # fmt: skip


def test_its_rule_is_a_rule_of_lint_and_one_that_fails_harms_none(shell: Shell) -> None:
    shell.job("exit 0")
    done = shell.vmf("lint", "j.yaml")
    assert done.returncode == 1
    assert [line.strip() for line in done.stdout.splitlines()] == [
        "j.yaml:3:1: SITE201 warning: metadata: no project pays for it", "metadata:", "^",
        "add `labels: {project: NAME}`",
    ]  # fmt: skip
    assert "plugin rules failed in rule SITE202: KeyError: 'j'" in done.stderr
    assert "Traceback" not in done.stderr
    explained = shell.vmf("lint", "--explain", "SITE201").stdout
    assert explained.startswith("SITE201 (warning): a job that nobody pays for\n\nJobs without a project")


def following(plan: str, word: str) -> list[str]:
    """The last line of a plan that begins with a word, and the one after it."""
    lines = [line.strip() for line in plan.splitlines()]
    at = max(number for number, line in enumerate(lines) if line.startswith(word))
    return lines[at : at + 2]


def test_the_plan_shows_what_was_amended_and_by_whom(shell: Shell) -> None:
    shell.job("exit 0")
    assert following(shell.vmf("plan", "j.yaml").stdout, "amended") == [
        "amended      kernel parameters: site=thirdparty", "because plugins changed the machine: amender",
    ]  # fmt: skip


def test_a_run_is_timed_and_gets_the_amended_machine(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "-v", "j.yaml") as process:
        shell.reaches("j", "running")
        machine = json.loads((shell.home / "hosts/farm/machines/vmf-1-1/machine.json").read_text())
        assert shell.vmf("rm", "j").returncode == 0
        _, err = process.communicate(timeout=DEADLINE)
    assert machine["kernel_parameters"] == "site=thirdparty"
    assert "thirdparty_timer: created vmf-1-1 in " in err


def test_a_machine_that_a_site_does_not_want_is_held_with_the_reason(shell: Shell) -> None:
    shell.job("exit 0")
    done = shell.vmf("run", "j.yaml", "--set", "memory=2GiB")
    assert done.returncode == 76
    assert "job-fault: machine vmf-1-1 wants more than 1 GiB; ask for less memory, exit code 76 (vmf)" in done.stdout
    told = json.loads((shell.folder / "j.results/result.json").read_text())
    assert (told["outcome"], told["code"], told["source"]) == ("job-fault", "refused", "vmf")
    assert [each.state for each in shell.records("j")] == ["held"]
    assert shell.left_behind() == []


def test_a_machine_that_a_site_forbids_is_told_by_the_plan_and_nothing_is_made_of_it(shell: Shell) -> None:
    shell.job("exit 0")
    planned = shell.vmf("plan", "j.yaml", "--set", "vnc=true")
    assert planned.returncode == 76
    assert following(planned.stdout, "refused") == [
        "refused      no screens on this site", "because leave `vnc` out",
    ]  # fmt: skip
    assert "j: no screens on this site\n    leave `vnc` out" in shell.refused("j.yaml", "--set", "vnc=true", code=76)
