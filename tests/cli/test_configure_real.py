"""Steps in real guests that run, and before they are ended."""

from __future__ import annotations

import json
import re

import pytest

from cli.test_steps_real import job, step, told
from shell import DEADLINE, RealShell

pytestmark = pytest.mark.real

WAITS = "echo ready >/dev/console; until read -r go; do sleep 0.2; done </dev/console; cat /root/words >words"


def lend(real: RealShell) -> None:
    """Lend an action that says for whom it is run."""
    program = real.folder / "lent"
    program.write_text('#!/bin/sh\necho "$VMF_JOB" >>"${0%/*}/said"\n')
    program.chmod(0o755)
    spec = {"type": "kvm", "actions": {"note": {"program": str(program)}}}
    (real.folder / "hosts").mkdir()
    whole = {"apiVersion": "vmf/v1", "kind": "Host", "metadata": {"name": "local"}, "spec": spec}
    (real.folder / "hosts/local.yaml").write_text(json.dumps(whole))


def test_a_guest_that_runs_does_steps_and_says_goodbye(real: RealShell) -> None:
    lend(real)
    (real.folder / "words").write_text("given\n")
    wanted = [
        {"name": "files", "files": {"/root/words": "words"}},
        {"name": "note", "on_host": "note", "after": "files"},
        step("more", "echo made >>/root/words; echo said", after="note", publish={"Port": "80"}),
    ]
    steps = {"apiVersion": "vmf/v1", "kind": "Steps", "metadata": {"name": "s"}, "spec": {"steps": wanted}}
    (real.folder / "steps.yaml").write_text(json.dumps(steps))
    last = {"steps": [step("bye", "echo leaving"), {"name": "note", "on_host": "note"}], "time_limit": "30s"}
    spec = job(real, "j", run=WAITS, results={"files": ["words"]}, **{"finally": last})
    with real.start("run", spec, "--hosts", "hosts") as process:
        real.says("j", "ready")
        done = real.vmf("configure", "j", "steps.yaml")
        assert done.returncode == 0, done.stderr
        assert "j: step more: done\n" in done.stdout
        again = real.vmf("configure", "j", "steps.yaml")
        assert again.returncode == 0, again.stderr
        real.tell("j", "go")
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert (real.folder / "j.results/words").read_text() == "given\nmade\n"
    assert (real.folder / "said").read_text() == "j\n" * 3
    assert told(real, "j")["attributes"] == {"Port": 80}
    assert "leaving" not in out


def test_a_guest_is_configured_and_says_goodbye_by_its_agent(on_wide: RealShell) -> None:
    """It answers no disc, and its agent is another program than what keeps the contract."""
    real = on_wide
    (real.folder / "words").write_text("given\n")
    wanted = [
        {"name": "files", "files": {"/root/words": "words"}},
        step("show", "cat /root/words; stat -c %a /tmp/vmf-*; exit 3", after="files"),
        step("more", "true", after="show"),
    ]
    steps = {"apiVersion": "vmf/v1", "kind": "Steps", "metadata": {"name": "s"}, "spec": {"steps": wanted}}
    (real.folder / "steps.yaml").write_text(json.dumps(steps))
    last = {"steps": [step("bye", "echo leaving; ls /tmp")]}
    alone = f"pkill vmf-exchange; {WAITS}"
    with real.start("run", job(real, "j", image="wide", agent=True, run=alone, **{"finally": last})) as process:
        real.says("j", "ready")
        done = real.vmf("configure", "j", "steps.yaml")
        assert done.returncode == 82, done.stderr
        assert done.stdout == "j: step files: done\nj: step show: failed with exit code 3\n"
        assert "step show failed with exit code 3; it said: given; 700\n" in done.stderr
        assert real.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    said = (real.folder / "j.results/console.log").read_text()
    assert "leaving" in said
    assert len(set(re.findall("vmf-[0-9a-f]{32}", said))) == 1
    assert real.left_behind() == []


def test_a_guest_that_is_removed_does_its_last_steps(real: RealShell) -> None:
    lend(real)
    last = {"steps": [step("bye", "echo leaving"), {"name": "note", "on_host": "note", "after": "bye"}]}
    spec = job(real, "j", run=WAITS, **{"finally": last})
    with real.start("run", spec, "--hosts", "hosts") as process:
        real.says("j", "ready")
        assert real.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "leaving" in (real.folder / "j.results/console.log").read_text()
    assert (real.folder / "said").read_text() == "j\n"
    assert real.left_behind() == []
