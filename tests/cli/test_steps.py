"""Images that are built by their steps, and jobs with steps of their own, on fake hosts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shell import DEADLINE, Shell, until
from vmf.errors import Exit
from vmf.model import Home
from vmf.store import Store
from vmf.warehouse.shelf import Warehouse

KILL_AT = str(Path(__file__).parents[1] / "kill_at.py")
VERB = "vmf.plugins:Hypervisor."


def killed(shell: Shell, point: tuple[str, int], *words: str) -> None:
    """Type words of which the process is killed just before a call; it must have come that far."""
    place, number = point
    done = dataclasses.replace(shell, program=(KILL_AT, place, str(number))).vmf(*words)
    assert done.returncode == -signal.SIGKILL, done


def step(name: str, run: str = "", **more: object) -> dict[str, object]:
    return {"name": name, "run": run or f"echo {name}", **more}


def image(shell: Shell, name: str, *steps: dict[str, object]) -> str:
    spec = {"disks": [{"file": "box.raw"}], "hardware": {"memory": "256MiB"}, "steps": steps}
    path = shell.folder / f"{name}.image.yaml"
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": name}, "spec": spec}))
    return path.name


def job(shell: Shell, name: str, **spec: object) -> str:
    path = shell.folder / f"{name}.yaml"
    whole = {"image": "box.raw", "memory": "256MiB", "run": "exit 0", **spec}
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Job", "metadata": {"name": name}, "spec": whole}))
    return path.name


def told(shell: Shell, name: str = "j") -> dict[str, object]:
    read: dict[str, object] = json.loads((shell.folder / f"{name}.results/result.json").read_text())
    return read


def ids(shell: Shell) -> tuple[str, ...]:
    """The golden images that boot; beside each there is one with memory."""
    return cold(shell.home / "images")


def cold(images: Path) -> tuple[str, ...]:
    return tuple(each.id for each in Warehouse(images).every() if not each.memory)


def build(shell: Shell, *words: str, code: int = 0) -> str:
    done = shell.vmf("image", "build", *words, *shell.hosts)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_a_job_s_steps_are_done_before_its_script_and_told(shell: Shell) -> None:
    spec = job(shell, "j", steps=[step("two", after="one"), step("one", "exit 3", on_error={"then": "continue"})])
    done = shell.vmf("run", spec)
    assert done.returncode == 0, done.stderr
    assert "j: step one: could not be done\n" in done.stdout
    assert [(each["name"], each["exit_code"]) for each in told(shell)["steps"]] == [("one", 3), ("two", 0)]
    assert (shell.folder / "j.results/steps/two.log").read_text() == "two ends with 0\n"


def test_a_step_that_fails_is_how_the_job_ends(shell: Shell) -> None:
    done = shell.vmf("run", job(shell, "j", steps=[step("bad", "exit 3"), step("more")], run="echo never"))
    assert done.returncode == 82
    assert "step-failed: step bad failed with exit code 3; it said: bad ends with 3, exit code 82 (vmf)" in done.stdout
    assert "    | bad ends with 3" in done.stderr
    assert told(shell)["outcome"] == "step-failed"


def test_a_guest_that_does_no_steps_is_found_out(shell: Shell) -> None:
    done = shell.vmf("run", job(shell, "j", steps=[step("one", "silent")]))
    assert done.returncode == 73


def test_an_image_is_built_once_and_begun_upon(shell: Shell) -> None:
    spec = image(shell, "base", step("one", publish={"Port": "80"}), step("two"))
    said = build(shell, spec)
    (golden,) = ids(shell)
    assert f"base is golden image {golden}, by 2 steps\n" in said
    assert not (shell.home / "builds/build-base").exists()
    assert "build-base: completed, exit code 0 (guest)" in said
    assert "results in" not in said
    assert build(shell, spec).startswith(f"base is there already: golden image {golden}\n")
    done = shell.vmf("run", job(shell, "j", image=spec, steps=[step("three")]))
    assert done.returncode == 0, done.stderr
    assert f"j: begun upon golden image {golden[:12]}, which has one, two done\n" in done.stdout
    assert [each["name"] for each in told(shell)["steps"]] == ["three"]
    assert told(shell)["attributes"] == {"Port": 80}
    shown = json.loads(shell.vmf("show", "j", "--format", "json").stdout)
    assert (shown["golden"], shown["done"], shown["steps"]) == (golden, ["one", "two"], ["three"])
    assert "warehouse  begun upon golden image" in shell.vmf("show", "j").stdout


def test_what_a_spec_publishes_counts_though_the_golden_image_was_made_of_another(shell: Shell) -> None:
    build(shell, image(shell, "base", step("one", publish={"Version": "1", "Old": "0"})))
    spec = image(shell, "base", step("one", publish={"Version": "2", "Extra": "true"}))
    assert "is there already" in build(shell, spec)
    own = {"name": "again", "run": "echo one", "publish": {"Extra": "false", "More": "5"}}
    done = shell.vmf("run", job(shell, "j", image=spec, steps=[own]))
    assert done.returncode == 0, done.stderr
    assert told(shell)["attributes"] == {"Version": 2, "Old": 0, "Extra": False, "More": 5}


def test_a_job_is_matched_with_what_its_golden_image_has_published(shell: Shell) -> None:
    spec = image(shell, "base", step("one", publish={"N": "3"}))
    wanted = job(shell, "j", image=spec, requirements="MY.N >= 2", rank="MY.N")
    ways = [("match", wanted, *shell.hosts), ("plan", wanted), ("estimate", wanted, *shell.hosts), ("run", wanted)]
    assert [shell.vmf(*way).returncode for way in ways] == [Exit.NO_MATCH] * 4
    build(shell, spec)
    match, plan, estimate, run = (shell.vmf(*way) for way in ways)
    assert [each.returncode for each in (match, plan, estimate, run)] == [0] * 4
    assert "`MY.N >= 2`: job has N 3" in plan.stdout
    assert told(shell)["attributes"] == {"N": 3}
    assert "N = 3" in shell.vmf("match", "-l", wanted).stdout


def test_a_job_upon_a_golden_image_that_lives_is_matched_with_what_it_has_published(shell: Shell) -> None:
    says = "echo vmf: publish Avoid = true\nhang"
    spec = job(shell, "j", steps=[step("one")], run=says, requirements="MY.Avoid =!= true")
    build(shell, image(shell, "base", step("one")))
    with shell.start("run", spec) as process:
        until(lambda: shell.records("j") and shell.records("j")[-1].published, "it has published")
        process.kill()
    assert shell.vmf("match", spec, *shell.hosts).returncode == Exit.NO_MATCH


def test_an_image_that_several_build_at_the_same_moment_is_built_once(shell: Shell) -> None:
    spec = image(shell, "base", step("one"))
    with ExitStack() as begun:
        several = [begun.enter_context(shell.start("image", "build", spec, *shell.hosts)) for _ in range(3)]
        ends = [(*each.communicate(timeout=DEADLINE), each.returncode) for each in several]
    assert [code for *_, code in ends] == [0, 0, 0], ends
    (golden,) = ids(shell)
    assert all(golden in out for out, *_ in ends)
    assert len(shell.records("build-base")) == 1


def test_an_image_upon_one_that_is_there_does_only_what_is_new(shell: Shell) -> None:
    build(shell, image(shell, "small", step("one")))
    said = build(shell, image(shell, "large", step("two", after="one"), step("one")))
    assert "step one:" not in said
    assert ", by 2 steps\n" in said
    assert len(ids(shell)) == 2


def test_a_folder_that_a_step_of_an_image_puts_in_is_known_by_what_is_in_it(shell: Shell) -> None:
    inside = shell.folder / "settings/more"
    inside.mkdir(parents=True)
    (inside / "one").write_text("1")
    spec = image(shell, "base", {"name": "settings", "files": {"/etc/settings": "settings"}})
    assert ", by 1 step\n" in build(shell, spec)
    assert "is there already" in build(shell, spec)
    own = [{"name": "again", "files": {"/etc/settings": "settings"}}]
    done = shell.vmf("run", job(shell, "j", steps=own))
    assert "which has settings done\n" in done.stdout
    (inside / "one").write_text("2")
    assert "step settings: done" in build(shell, spec)
    assert len(ids(shell)) == 2


def test_one_build_of_several_finds_what_those_before_it_have_done(shell: Shell) -> None:
    said = build(shell, image(shell, "small", step("one")), image(shell, "large", step("one"), step("two")))
    assert said.count("step one: begins") == 1
    assert "large is golden image" in said


def test_an_image_without_steps_is_not_built_where_no_guest_can_wake(shell: Shell) -> None:
    path = shell.folder / image(shell, "plain")
    path.write_text(path.read_text().replace("256MiB", "64TiB"))
    assert build(shell, path.name).startswith("plain is kept without memory: no host fits memory-plain")
    assert Warehouse(shell.home / "images").ids() == ()


@pytest.mark.parametrize(("more", "network"), [("", "default"), (", networks: {types: []}", "none")])
def test_a_build_has_a_network_where_there_is_one(shell: Shell, more: str, network: str) -> None:
    shell.host(more=more)
    build(shell, image(shell, "base", step("one")))
    assert shell.records("build-base")[-1].job.network.type == network


def test_a_build_that_no_host_fits_says_why(shell: Shell) -> None:
    path = shell.folder / image(shell, "base", step("one"))
    path.write_text(path.read_text().replace("256MiB", "64TiB"))
    said = build(shell, path.name, code=72)
    assert "memory 64 TiB" in said
    assert "network" not in said


def test_a_build_is_told_as_json(shell: Shell) -> None:
    said = build(shell, "--format", "json", image(shell, "base", step("one")))
    told = [json.loads(line) for line in said.splitlines()]
    built, memory = (each for each in told if "image" in each)
    assert (built["image"], built["golden"]) == ("base", ids(shell)[0])
    assert memory["golden"] not in {"", built["golden"]}
    assert "step one: begins" in [each.get("remark") for each in told]


def test_a_build_that_fails_keeps_no_image_but_what_its_guest_said(shell: Shell) -> None:
    said = build(shell, image(shell, "base", step("one"), step("two", "exit 4")), code=82)
    assert "step two failed with exit code 4" in said
    assert ids(shell) == ()
    assert (shell.home / "builds/build-base/steps/two.log").exists()
    build(shell, image(shell, "base", step("one"), step("two")))
    assert not (shell.home / "builds/build-base").exists()


@pytest.mark.parametrize("how", ["build", "wait"])
def test_a_build_that_was_killed_goes_on_and_is_kept_whoever_carries_it(shell: Shell, how: str) -> None:
    spec = image(shell, "base", step("one", "hear"))
    with shell.start("image", "build", spec, *shell.hosts) as process:
        shell.reaches("build-base", "running")
        process.kill()
    shell.tell("build-base")
    again = ("image", "build", spec, *shell.hosts) if how == "build" else ("wait", "build-base")
    done = shell.vmf(*again)
    assert done.returncode == 0, done.stderr
    (golden,) = ids(shell)
    assert len(shell.records("build-base")) == 1
    assert golden in build(shell, spec)


@pytest.mark.parametrize(
    "point",
    [
        "vmf.store:Store.submit", f"{VERB}create", f"{VERB}fetch", "vmf.warehouse.shelf:Warehouse.publish",
        "vmf.warehouse.folders:Folders.settle", "vmf.run.results:Parcel.drop_disks", "vmf.run.results:Parcel.deliver",
        f"{VERB}destroy", "vmf.cli.builds:Builds._settled",
    ],
)  # fmt: skip
def test_a_build_that_is_killed_at_any_step_is_typed_again(shell: Shell, point: str) -> None:
    spec = image(shell, "base", step("one"))
    killed(shell, (point, 0), "image", "build", spec, *shell.hosts)
    build(shell, spec)
    assert len(ids(shell)) == 1
    assert {each.state for each in shell.records()} == {"completed"}
    assert shell.left_behind() == []
    assert [*(shell.home / "builds").glob("*")] == []
    assert [*(shell.home / "images/.golden/making").iterdir()] == []


def test_a_build_that_is_stopped_leaves_nothing(shell: Shell) -> None:
    with shell.start("image", "build", image(shell, "base", step("one", "hang")), *shell.hosts) as process:
        shell.reaches("build-base", "running")
        assert shell.vmf("rm", "build-base").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert (ids(shell), shell.left_behind()) == ((), [])


def test_a_job_keeps_its_machine_as_an_image_and_is_run_on_it(shell: Shell) -> None:
    spec = job(shell, "j", steps=[step("one")], keep_image=True)
    done = shell.vmf("run", spec)
    assert done.returncode == 0, done.stderr
    (golden,) = ids(shell)
    assert f"j is golden image {golden}, by 1 step\n" in done.stdout
    assert told(shell)["steps"] == []
    shutil.rmtree(shell.folder / "j.results")
    assert "build-j" not in shell.vmf("run", spec).stdout
    assert ids(shell) == (golden,)


def test_a_job_whose_image_cannot_be_kept_is_not_run(shell: Shell) -> None:
    assert shell.vmf("run", job(shell, "j", steps=[step("one", "exit 3")], keep_image=True)).returncode == 82
    assert [each.job.name for each in shell.records()] == ["build-j"]


def test_a_job_that_was_killed_is_carried_on_whatever_image_has_come_meanwhile(shell: Shell) -> None:
    base = image(shell, "base", step("one"))
    spec = job(shell, "j", image=base, run="hear")
    with shell.start("run", spec) as process:
        shell.reaches("j", "running")
        process.kill()
    build(shell, base)
    shell.tell("j")
    assert shell.vmf("run", spec).returncode == 0
    assert len(shell.records("j")) == 1


def test_a_golden_image_that_a_live_job_is_begun_upon_is_not_removed(shell: Shell) -> None:
    base = image(shell, "base", step("one"))
    build(shell, base)
    (golden,) = ids(shell)
    with shell.start("run", job(shell, "j", image=base, run="hang")) as process:
        shell.reaches("j", "running")
        assert shell.vmf("image", "rm", golden).returncode != 0
        assert ids(shell) == (golden,)
        shell.vmf("rm", "j")
        process.communicate(timeout=DEADLINE)
    assert shell.vmf("image", "rm", golden).returncode == 0
    assert ids(shell) == ()


def test_a_golden_image_that_somebody_else_s_live_job_is_begun_upon_is_not_removed(shell: Shell) -> None:
    shared = shell.folder.parent / "shared"
    shared.mkdir()
    ours = dataclasses.replace(shell, environment={**shell.environment, "VMF_WAREHOUSE": str(shared)})
    theirs = dataclasses.replace(ours, environment={**ours.environment, "VMF_HOME": str(shell.home.with_name("other"))})
    base = image(ours, "base", step("one"))
    build(ours, base)
    (golden,) = cold(shared)
    assert ours.vmf("run", "--detach", job(ours, "j", image=base, run="hang")).returncode == 0
    ours.reaches("j", "running")
    assert "it is used now" in theirs.vmf("image", "rm", golden).stderr
    assert cold(shared) == (golden,)
    assert ours.vmf("rm", "--force", "j").returncode == 0
    until(lambda: theirs.vmf("image", "rm", golden).returncode == 0, "it is not used any more")


def test_how_long_steps_took_is_kept(shell: Shell) -> None:
    build(shell, image(shell, "base", step("one"), step("two", "exit 3", on_error={"then": "continue"})))
    record = shell.records("build-base")[-1]
    with closing(Store(Home(root=shell.home))) as store:
        assert store.step_seconds(record.ground.left) == {record.ground.left[0]: 1.5}


def test_what_steps_are_left_is_estimated_as_they_were_seen_to_take(shell: Shell) -> None:
    def seconds_of(*steps: dict[str, object]) -> str:
        done = shell.vmf("estimate", "--format", "json", job(shell, "j", steps=steps), *shell.hosts)
        (bid,) = json.loads(done.stdout)["j"]["bids"]
        assert ("1.5s" in bid["bid"]["seconds_of"][-1]) == (bid["bid"]["seconds"] >= 1.5)
        told: str = bid["bid"]["seconds_of"][-1]
        return told

    assert seconds_of(step("one"), step("two")) == "2 steps that nobody has measured"
    shell.vmf("run", job(shell, "first", steps=[step("one")]))
    assert seconds_of(step("one")) == "1 step: 1.5s"
    assert seconds_of(step("one"), step("two")) == "2 steps: 1.5s, without 1 that nobody has measured"
    build(shell, image(shell, "base", step("one")))
    assert seconds_of(step("one"), step("two")) == "1 step that nobody has measured"
    assert shell.vmf("run", job(shell, "last", steps=[step("one"), step("two")])).returncode == 0
    assert shell.records("last")[-1].placement.bid.seconds_of[-1] == "1 step that nobody has measured"


def test_a_plan_makes_nothing_and_says_what_a_job_is_begun_upon(shell: Shell) -> None:
    spec = job(shell, "j", steps=[step("one"), step("two")])
    planned = shell.vmf("plan", spec).stdout
    assert "no golden image has any of its steps done" in planned
    assert "one, two" in planned
    assert shell.records() == []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has a disk."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www/disk.raw").write_bytes(b"disk".ljust(2**20, b"\0"))
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "www")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/disk.raw"
        server.shutdown()


def test_a_disk_that_an_image_begins_with_is_fetched_when_it_is_wanted(shell: Shell, served: str) -> None:
    sha256 = hashlib.sha256(b"disk".ljust(2**20, b"\0")).hexdigest()
    path = shell.folder / "net.image.yaml"
    start = {"download": {"url": served, "sha256": sha256}, "disks": [{"file": "box.raw"}]}
    spec = {**start, "hardware": {"memory": "256MiB"}, "steps": [step("one")]}
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": "net"}, "spec": spec}))
    fetched = shell.home / "images/.downloads" / f"{sha256}.raw"
    asked = job(shell, "j", image=path.name)
    assert str(fetched) in shell.vmf("plan", asked).stdout
    assert not fetched.exists()
    build(shell, path.name)
    assert fetched.exists()
    fetched.unlink()
    assert "net is there already" in build(shell, path.name)
    assert fetched.exists()
    assert shell.vmf("run", asked).returncode == 0
    assert told(shell)["steps"] == []


def test_an_empty_disk_is_what_an_image_may_begin_with(shell: Shell) -> None:
    path = shell.folder / "bare.image.yaml"
    spec = {"blank": "8MiB", "disks": [{"file": "box.raw"}], "hardware": {"memory": "256MiB"}, "steps": [step("one")]}
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": "bare"}, "spec": spec}))
    build(shell, path.name)
    assert (shell.home / "images/.blank/8388608.raw").stat().st_size == 8 * 2**20
    assert len(ids(shell)) == 1


def test_a_drawing_marks_what_a_golden_image_has_done(shell: Shell) -> None:
    drawn = image(shell, "more", step("one"), step("two", after=["one"]))
    assert [line.split() for line in shell.vmf("image", "graph", drawn).stdout.splitlines()[:2]] == [
        ["○", "one"],
        ["○", "two"],
    ]
    build(shell, image(shell, "less", step("first", "echo one")))
    marks = shell.vmf("image", "graph", drawn).stdout.splitlines()
    assert [line.split() for line in marks[:2]] == [["●", "one"], ["○", "two"]]
    assert shell.vmf("image", "graph", drawn, "--format", "svg").stdout.startswith("<svg ")
    assert "digraph" in shell.vmf("image", "graph", drawn, "--format", "dot").stdout


def test_each_golden_image_is_told_with_the_step_that_refuses_it(shell: Shell) -> None:
    for name, steps in {"less": ["one"], "other": ["one", "three", "two"]}.items():
        build(shell, image(shell, name, *map(step, steps)))
    wanted = job(shell, "j", steps=[step("one"), step("three", after=["one"])])
    done = shell.vmf("image", "match", wanted)
    _, _, best, _, refused, _ = (line.split(maxsplit=3) for line in done.stdout.splitlines())
    assert best[1:] == ["less", "passed", "the best: left to do: three"]
    assert refused[1:3] == ["other", "subset"]
    assert "two" in refused[3]
    (choices,) = json.loads(shell.vmf("image", "match", "--format", "json", wanted).stdout).values()
    assert [(each["name"], each["left"], each["test"]) for each in choices] == [
        *[("less", ["three"], None)] * 2,
        *[("other", [], "subset")] * 2,
    ]
    assert choices[2]["step"] != ""
    assert shell.vmf("image", "match", job(shell, "k", steps=[step("none")])).returncode == Exit.NO_MATCH
