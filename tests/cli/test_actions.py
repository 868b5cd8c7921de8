"""Steps that a host does, by programs that its owner lends, on fake hosts."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.test_steps import build, ids, image, job, killed, step, told
from shell import DEADLINE, Shell, until
from vmf.model import Golden
from vmf.warehouse.shelf import Warehouse

Lend = Callable[..., Path]
VERB = "vmf.plugins:Hypervisor."


def ask(name: str, **more: object) -> dict[str, object]:
    """A step that has the action of its name run."""
    return {"name": name, "on_host": name, **more}


def goldens(shell: Shell) -> list[Golden]:
    """Those that boot."""
    shelf = Warehouse(shell.home / "images")
    return [golden for golden in map(shelf.golden, shelf.ids()) if not golden.memory]


def test_a_host_does_its_steps_before_the_guest_s_and_they_are_told_alike(shell: Shell, lend: Lend) -> None:
    script = 'echo "$1 $2 $VMF_JOB $VMF_STEP $VMF_ENV_LD_PRELOAD"; echo "vmf: publish Seen = 3"; echo kept >kept'
    lend("show", script, arguments=["x"])
    wanted = ask("show", arguments=["y"], env={"LD_PRELOAD": "you"}, publish={"Rack": '"r1"'})
    done = shell.vmf("run", job(shell, "j", steps=[step("guest", after="show"), wanted]))
    assert done.returncode == 0, done.stderr
    assert "j: step show: begins\nj: step show: done\n" in done.stdout
    results = shell.folder / "j.results"
    assert (results / "steps/show.log").read_text() == "x y j show you\nvmf: publish Seen = 3\n"
    assert (results / "steps/show/kept").read_text() == "kept\n"
    found = told(shell)
    assert [each["name"] for each in found["steps"]] == ["show", "guest"]
    assert found["attributes"] == {"Seen": 3, "Rack": "r1"}
    assert not (shell.home / "jobs/1/acted").exists()


def test_a_step_of_the_host_s_that_fails_is_how_the_job_ends_and_no_machine_is_made(shell: Shell, lend: Lend) -> None:
    said = lend("bad", "echo again >>$said; echo out of luck; exit 3")
    spec = job(shell, "j", steps=[ask("bad", on_error={"retry": 1}), step("more", after="bad")], run="echo never")
    done = shell.vmf("run", spec)
    assert done.returncode == 82
    assert "step bad failed with exit code 3 after 2 tries; it said: out of luck; out of luck" in done.stdout
    assert "A step of job or image failed, in the guest or on its host" in done.stderr
    assert said.read_text() == "again\nagain\n"
    assert (shell.folder / "j.results/steps/bad.log").read_text() == "out of luck\nout of luck\n"
    assert "running" not in told(shell)["times"]


def test_a_step_that_may_fail_counts_as_done(shell: Shell, lend: Lend) -> None:
    lend("bad", "exit 3")
    done = shell.vmf("run", job(shell, "j", steps=[ask("bad", on_error={"then": "continue"})]))
    assert done.returncode == 0, done.stderr
    assert [each["exit_code"] for each in told(shell)["steps"]] == [3]


def test_a_program_and_all_that_it_started_is_ended_at_its_limit(shell: Shell, lend: Lend) -> None:
    said = lend("slow", "sleep 300 & echo $! >$said; wait", time_limit="1s")
    done = shell.vmf("run", job(shell, "j", steps=[ask("slow", time_limit="10m")]))
    assert done.returncode == 82
    assert "step slow failed with exit code 124; it said: vmf: it may take 1 seconds, and is ended" in done.stdout
    started = said.read_text().strip() if said.exists() else ""  # it may have been too late even for that
    until(lambda: not (started and Path(f"/proc/{started}").exists()), "what it started is gone")


def test_what_a_program_says_is_kept_within_bounds(shell: Shell, lend: Lend) -> None:
    lend("much", "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last")
    assert shell.vmf("run", job(shell, "j", steps=[ask("much")])).returncode == 0
    log = (shell.folder / "j.results/steps/much.log").read_text()
    assert log.startswith("first\n")
    assert log.endswith("\nlast\n")
    assert len(log) < 66_000


def test_steps_of_the_host_that_do_not_wait_for_each_other_are_done_at_once(shell: Shell, lend: Lend) -> None:
    meet = 'mkfifo "$said.$1" 2>/dev/null; mkfifo "$said.$2" 2>/dev/null; echo >"$said.$1" & read x <"$said.$2"; wait'
    lend("one", f"set -- a b; {meet}", time_limit="20s")
    lend("two", f"set -- b a; {meet}", time_limit="20s")
    done = shell.vmf("run", job(shell, "j", steps=[ask("one"), ask("two")]))
    assert done.returncode == 0, done.stdout


def test_an_action_that_no_host_lends_is_told_with_the_one_that_was_meant(shell: Shell, lend: Lend) -> None:
    lend("show", "true")
    spec = job(shell, "j", steps=[{"name": "a", "on_host": "shaw"}])
    said = shell.vmf("match", spec, "--hosts", "hosts").stdout
    assert "the host has no action `shaw` for you; did you mean `show`?" in said
    assert shell.vmf("run", spec).returncode == 72


def test_a_program_that_is_not_there_is_the_host_s_fault(shell: Shell, lend: Lend) -> None:
    lend("show", "true")
    (shell.folder.parent / "lent-show").unlink()
    done = shell.vmf("run", job(shell, "j", steps=[ask("show")]))
    assert done.returncode == 71
    assert "lent-show is no program that can be run" in done.stdout


def test_a_host_s_step_after_a_guest_s_is_not_done_before_a_script(shell: Shell, lend: Lend) -> None:
    lend("show", "true")
    path = shell.folder / image(shell, "base", step("one"))
    done = shell.vmf("run", job(shell, "j", image=path.name, steps=[ask("show")]))
    assert done.returncode == 76
    assert "step show of the host comes after a step of the guest" in done.stderr
    build(shell, path.name)
    assert shell.vmf("run", job(shell, "j", image=path.name, steps=[ask("show")])).returncode == 0


def test_a_host_s_steps_are_part_of_the_image(shell: Shell, lend: Lend) -> None:
    said = lend("before", "echo before >>$said")
    lend("after", "echo after >>$said")
    steps = [ask("before"), step("one", after="before"), ask("after", after="one", publish={"Kept": "1"})]
    build(shell, image(shell, "base", *steps))
    assert said.read_text() == "before\nafter\n"
    found = json.loads(shell.vmf("image", "show", ids(shell)[0], "--format", "json").stdout)
    assert [each["name"] for each in found["golden"]["performed"]] == ["before", "one", "after"]
    done = shell.vmf("run", job(shell, "j", image="base.image.yaml"))
    assert (done.returncode, told(shell)["attributes"]) == (0, {"Kept": 1})
    assert said.read_text() == "before\nafter\n"
    assert shell.vmf("image", "graph", "base.image.yaml").stdout.count("●") == 3 + 1


@pytest.mark.parametrize(
    "point", ["vmf.run.acting:Acting.after", "vmf.run.results:Parcel.measure", "vmf.warehouse.shelf:Warehouse.publish"]
)
def test_a_build_that_is_killed_after_its_guest_has_the_host_do_its_steps_again(
    shell: Shell, lend: Lend, point: str
) -> None:
    said = lend("after", "echo after >>$said")
    spec = image(shell, "base", step("one"), ask("after", after="one"))
    killed(shell, (point, 0), "image", "build", spec, *shell.hosts)
    build(shell, spec)
    assert [[done.name for done in each.performed] for each in goldens(shell)] == [["one", "after"]]
    assert 1 <= len(said.read_text().splitlines()) <= 2
    assert shell.left_behind() == []
    assert not [*(shell.home / "jobs").glob("*/act*")]


def test_an_image_of_a_host_s_steps_alone_is_built_without_a_machine(shell: Shell, lend: Lend) -> None:
    said = lend("only", "echo done >>$said")
    said_ = build(shell, image(shell, "base", ask("only")))
    assert "base is golden image" in said_
    assert "build-base: running" not in said_
    assert said.read_text() == "done\n"


@pytest.mark.parametrize("point", ["vmf.run.acting:Acting._settle", f"{VERB}create", f"{VERB}destroy"])
def test_a_job_that_is_killed_around_a_host_s_step_comes_to_its_end(shell: Shell, lend: Lend, point: str) -> None:
    said = lend("count", "echo once >>$said")
    spec = job(shell, "j", steps=[ask("count")])
    killed(shell, (point, 0), "run", spec, *shell.hosts)
    assert shell.vmf("run", spec).returncode == 0
    assert said.read_text() == ("once\nonce\n" if point.endswith("_settle") else "once\n")
    assert [each["name"] for each in told(shell)["steps"]] == ["count"]
    assert shell.left_behind() == []
    assert not [*(shell.home / "jobs").glob("*/act*")]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_that_runs_ends_with_the_engine_and_is_run_again(shell: Shell, lend: Lend, blow: int) -> None:
    said = lend("wait", "echo $$ >>$said; until [ -e $said.go ]; do sleep 0.1; done")
    spec = job(shell, "j", steps=[ask("wait")])
    with shell.start("run", spec) as process:
        until(said.exists, "the program runs")
        until(lambda: said.read_text().strip(), "the program says its number")
        process.send_signal(blow)
    until(lambda: not Path(f"/proc/{said.read_text().strip()}").exists(), "the program is gone")
    said.with_name("said.go").touch()
    assert shell.vmf("run", spec).returncode == 0
    assert len(said.read_text().splitlines()) == 2


def test_a_job_can_be_removed_while_a_program_runs(shell: Shell, lend: Lend) -> None:
    said = lend("wait", "echo $$ >$said; sleep 300")
    with shell.start("run", job(shell, "j", steps=[ask("wait")])) as process:
        until(lambda: said.exists() and said.read_text().strip(), "the program runs")
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    until(lambda: not Path(f"/proc/{said.read_text().strip()}").exists(), "the program is gone")


def test_a_host_whose_program_is_not_there_leaves_the_job_to_another(shell: Shell, lend: Lend) -> None:
    said = lend("show", "echo here >>$said")
    lent = shell.folder.parent / "lent-show"
    shell.host("barn", more=f", memory: 1GiB, actions: {{show: {{program: {lent}}}}}")
    shell.host(more=", actions: {show: {program: /no/such/program}}")
    done = shell.vmf("run", job(shell, "j", steps=[ask("show")]))
    assert done.returncode == 0, done.stdout
    assert "/no/such/program is no program that can be run" in done.stdout
    assert (told(shell)["host"], said.read_text()) == ("barn", "here\n")


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ('rm "$VMF_DISK0"', "there is no such file"),
        ('head -c 65536 /dev/zero >"$VMF_DISK0"', "it is no qcow2 image"),
        (
            'qemu-img create -q -f qcow2 -F raw -b /etc/passwd "$VMF_DISK0" 1M',
            "it is an overlay over another file, /etc/passwd",
        ),
    ],
)
def test_an_action_that_spoils_a_disk_is_named(shell: Shell, lend: Lend, script: str, what: str) -> None:
    lend("lent", script, disks=True)
    lend("other", "true")
    done = shell.vmf("run", job(shell, "j", steps=[ask("other"), {"name": "spoil", "on_host": "lent"}]))
    assert done.returncode == 76, done.stdout
    assert "step spoil (action lent) has left a disk that cannot be used: disk " in done.stdout
    assert what in done.stdout
    assert "have the owner of host farm mend that action" in done.stdout
    assert shell.left_behind() == []


def test_an_action_is_for_those_whom_its_owner_names(shell: Shell, lend: Lend) -> None:
    lend("show", "true", users=[])
    assert "the host has no action `show` for you" in shell.vmf("run", job(shell, "j", steps=[ask("show")])).stderr


def test_a_plan_says_what_the_host_does_and_has_nothing_run(shell: Shell, lend: Lend) -> None:
    said = lend("show", "echo here >>$said")
    planned = shell.vmf("plan", job(shell, "j", steps=[ask("show"), step("one")])).stdout
    assert "done by the host, before the machine is made" in planned
    assert not said.exists()


def test_a_job_that_keeps_its_image_has_the_host_s_steps_wherever_they_stand(shell: Shell, lend: Lend) -> None:
    said = lend("last", "echo here >>$said")
    spec = job(shell, "j", steps=[step("one"), ask("last", after="one")], keep_image=True)
    assert "an image is built first" in shell.vmf("plan", spec).stdout
    assert [shell.vmf(verb, spec, *shell.hosts).returncode for verb in ("match", "estimate")] == [0, 0]
    done = shell.vmf("run", spec)
    assert done.returncode == 0, done.stderr
    assert (told(shell)["steps"], said.read_text()) == ([], "here\n")
    assert "an image is built first" not in shell.vmf("plan", spec).stdout


def test_what_needs_several_boots_is_made_image_by_image(shell: Shell, lend: Lend) -> None:
    lend("middle", "true")
    image(shell, "low", step("one"), ask("middle", after="one"))
    high = shell.folder / image(shell, "high", step("two"))
    whole = json.loads(high.read_text())
    whole["spec"] |= {"from": "low.image.yaml", "disks": []}
    high.write_text(json.dumps(whole))
    assert "build an image of the steps up to there" in build(shell, high.name, code=76)
    build(shell, "low.image.yaml")
    assert ", by 3 steps\n" in build(shell, high.name)
    found = {each.name: [done.name for done in each.performed] for each in goldens(shell)}
    assert found == {"low": ["one", "middle"], "high": ["one", "middle", "two"]}


def test_of_what_a_program_leaves_files_and_folders_come_back(shell: Shell, lend: Lend) -> None:
    lend("show", "ls; echo kept >kept; ln -s /etc/passwd link; mkfifo pipe")
    done = shell.vmf("run", job(shell, "j", steps=[ask("show")]))
    assert done.returncode == 0, done.stderr
    assert [each.name for each in (shell.folder / "j.results/steps/show").iterdir()] == ["kept"]
