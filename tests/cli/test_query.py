"""`vmf query`: what a guest has published and what is known of its machine, now and as it changes."""

from __future__ import annotations

import json
import signal

import pytest

from shell import DEADLINE, Shell, until

SAYS = """\
echo vmf: publish Progress = 0.25
echo vmf: publish Stage = "link"
echo vmf: publish Requirements = false
hear
echo vmf: publish Progress = 0.75
write vmf-attributes Objects = 12
exit 0
"""


def until_published(shell: Shell, *names: str) -> None:
    """What a guest says at once may be known one after the other."""
    until(lambda: any({*names} <= each.published.keys() for each in shell.records("j")), "it has published")


@pytest.fixture
def building(shell: Shell):
    """A job that another process runs, whose guest has published something."""
    shell.job(SAYS)
    with shell.start("run", "j.yaml") as process:
        until_published(shell, "Progress", "Stage")
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE)


def test_of_the_words_only_the_job_has_to_be_there(shell: Shell) -> None:
    assert shell.vmf("query").stderr.endswith("vmf: the following arguments are required: JOB\n")
    assert shell.vmf("ssh").stderr.endswith("vmf: the following arguments are required: JOB\n")


@pytest.mark.usefixtures("building")
def test_the_ad_of_a_machine_has_what_its_guest_has_published(shell: Shell) -> None:
    told = dict(line.split(" = ", 1) for line in shell.vmf("query", "j").stdout.splitlines())
    assert float(told["Progress"]) == 0.25
    assert told["Stage"] == '"link"'
    assert told["JobState"] == '"running"'
    assert (told["RemoteHost"], told["JobVMMachine"], told["JobName"]) == ('"farm"', '"vmf-1-1"', '"j"')
    assert "TARGET.HasVM" in told["Requirements"]
    assert json.loads(shell.vmf("query", "j", "--format", "json").stdout)["Progress"] == 0.25
    assert 'Stage = "link"' in shell.vmf("ps", "-l").stdout


@pytest.mark.usefixtures("building")
def test_expressions_are_worth_what_they_are_over_that_ad(shell: Shell) -> None:
    asked = ("progress  > 0.2", "Stage", "NoSuchThing", "4 * Progress")
    told = shell.vmf("query", "j", *asked)
    assert (told.returncode, told.stdout.splitlines()) == (
        0,
        ["progress  > 0.2 = true", 'Stage = "link"', "NoSuchThing = undefined", "4 * Progress = 1.0"],
    )
    told = json.loads(shell.vmf("query", "j", *asked, "--format", "json").stdout)
    assert told == {"progress  > 0.2": True, "Stage": "link", "NoSuchThing": None, "4 * Progress": 1.0}


@pytest.mark.parametrize(("expression", "place"), [("1 +", "1:4"), ("Progress = 1", "1:10")])
def test_an_expression_that_is_none_is_told_with_its_place(shell: Shell, expression: str, place: str) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    done = shell.vmf("query", "j", "JobName", expression)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"expression:{place}: " in done.stderr


def test_changes_are_told_as_they_come_until_the_job_has_ended(shell: Shell, building) -> None:
    with shell.start("query", "j", "Progress", "JobOutcome", "Objects", "--watch") as watching:
        first = [watching.stdout.readline() for _ in range(3)]
        for _ in range(3):  # it looks again meanwhile, and finds nothing new
            assert shell.vmf("query", "j", "Progress").stdout == "Progress = 0.25\n"
        shell.tell("j")
        rest, _ = watching.communicate(timeout=DEADLINE)
    building.communicate(timeout=DEADLINE)
    assert first == ["Progress = 0.25\n", "JobOutcome = undefined\n", "Objects = undefined\n"]
    assert sorted(rest.splitlines()) == ['JobOutcome = "completed"', "Objects = 12", "Progress = 0.75"]
    assert watching.returncode == 0


def test_changes_of_the_whole_ad_are_lines_of_json_for_programs(shell: Shell, building) -> None:
    with shell.start("query", "j", "--watch", "--format", "json") as watching:
        while (line := json.loads(watching.stdout.readline())) != {"Progress": 0.25}:
            assert len(line) == 1
        shell.tell("j")
        rest, _ = watching.communicate(timeout=DEADLINE)
    building.communicate(timeout=DEADLINE)
    lines = [json.loads(line) for line in rest.splitlines()]
    assert {"Progress": 0.75} in lines
    assert {"JobState": "completed"} in lines


def test_a_job_that_has_ended_still_tells(shell: Shell, building) -> None:
    shell.tell("j")
    _, err = building.communicate(timeout=DEADLINE)
    assert building.returncode == 0, err
    asked = ("Objects + 1", "Progress", "JobState", "JobOutcome", "RemoteHost")
    told = [line.partition(" = ")[2] for line in shell.vmf("query", "1", *asked).stdout.splitlines()]
    assert told == ["13", "0.75", '"completed"', '"completed"', '"farm"']
    assert shell.vmf("query", "j", "Progress", "--watch").stdout == "Progress = 0.75\n"
    result = json.loads((shell.folder / "j.results/result.json").read_text())
    assert result["attributes"] == {"Progress": 0.75, "Stage": "link", "Objects": 12}
    assert not (shell.folder / "j.results/vmf-attributes").exists()


def test_what_is_refused_is_told_once(shell: Shell) -> None:
    shell.job("echo vmf: publish MyType = 1\necho vmf: publish MyType = 2\nexit 0")
    said = shell.vmf("run", "j.yaml").stdout
    assert said.count("what the guest publishes MyType is refused") == 1
    assert shell.vmf("query", "j", "MyType").stdout == 'MyType = "Job"\n'


def test_of_an_orphan_it_is_known_what_it_had_published_and_whoever_adopts_it_hears_the_rest(shell: Shell) -> None:
    shell.job(SAYS)
    with shell.start("run", "j.yaml") as process:
        until_published(shell, "Progress", "Stage")
        process.kill()
    assert shell.vmf("query", "j", "Stage").stdout == 'Stage = "link"\n'
    shell.tell("j")
    assert shell.vmf("wait", "j").returncode == 0
    assert shell.vmf("query", "j", "Progress", "Objects").stdout == "Progress = 0.75\nObjects = 12\n"


def test_what_a_guest_writes_into_a_literal_cannot_reach_the_terminal(shell: Shell) -> None:
    shell.job(r'''echo vmf: publish Title = "\033[2Jred \342\200\256"''')
    shell.vmf("run", "j.yaml")
    for form in ("text", "json"):
        said = shell.vmf("query", "j", "--format", form).stdout
        assert all(each.isprintable() or each == "\n" for each in said)
        assert "[2Jred" in said


def test_nobody_knows_the_machine_of_no_job(shell: Shell) -> None:
    done = shell.vmf("query", "k", "--watch")
    assert (done.returncode, done.stdout) == (78, "")
    assert "no job is called 'k'" in done.stderr


def test_the_event_that_a_machine_is_in_being_has_its_ad(shell: Shell) -> None:
    shell.job("exit 0")
    lines = [json.loads(line) for line in shell.vmf("run", "j.yaml", "--format", "json").stdout.splitlines()]
    (ad,) = (line["ad"] for line in lines if "ad" in line)
    assert (ad["JobId"], ad["JobState"], ad["RemoteHost"]) == (1, "running", "farm")
    assert next(line["event"]["type"] for line in lines if "ad" in line) == "created"


def test_a_detached_job_tells_programs_the_ad_of_its_machine(shell: Shell) -> None:
    shell.job("hang")
    (line,) = shell.vmf("run", "--detach", "--format", "json", "j.yaml").stdout.splitlines()
    told = json.loads(line)
    assert (told["job"], told["id"], told["detached"], told["state"]) == ("j", 1, True, "running")
    assert (told["ad"]["JobVMMachine"], told["ad"]["JobVMMemory"]) == ("vmf-1-1", 256)
    assert shell.vmf("rm", "--force", "j").returncode == 0


def test_a_job_that_lives_is_matched_with_what_it_has_published(shell: Shell) -> None:
    path = shell.job('echo vmf: publish Avoid = "farm"\nhang')
    path.write_text(path.read_text().replace("  run:", "  requirements: TARGET.Name =!= MY.Avoid\n  run:"))
    assert shell.vmf("match", "j.yaml", "--hosts", "hosts").returncode == 0
    with shell.start("run", "j.yaml") as process:
        until_published(shell, "Avoid")
        process.kill()
    refused = shell.vmf("match", "j.yaml", "--hosts", "hosts")
    assert (refused.returncode, "Avoid" in refused.stdout) == (72, True)
    assert 'Avoid = "farm"' in shell.vmf("match", "-l", "j.yaml").stdout
    another = ("j.yaml", "--set", "memory=64MiB")
    assert shell.vmf("match", *another, "--hosts", "hosts").returncode == 0


def test_whoever_watches_a_job_that_is_removed_is_let_go(shell: Shell) -> None:
    shell.orphan("hang")
    with shell.start("query", "j", "JobState", "--watch") as watching:
        assert watching.stdout.readline() == 'JobState = "running"\n'
        assert shell.vmf("rm", "--force", "j").returncode == 0
        watching.communicate(timeout=DEADLINE)
    assert watching.returncode == 0


def test_the_story_has_it(shell: Shell) -> None:
    shell.job("echo vmf: publish Done = 0.5\nexit 0")
    shell.vmf("run", "j.yaml")
    assert "Done = 0.5" in shell.vmf("show", "j").stdout
    assert json.loads(shell.vmf("show", "j", "--format", "json").stdout)["published"] == {"Done": 0.5}
