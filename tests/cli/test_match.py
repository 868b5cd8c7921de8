from __future__ import annotations

import json

import pytest

from shell import DEADLINE, Shell
from vmf import classad

HOSTS = ("--hosts", "hosts")


@pytest.fixture(autouse=True)
def hosts(shell: Shell) -> None:
    shell.host("barn", more=', cpus: 1, attributes: {Rack: 1}, start: "TARGET.RequestMemory <= 512"')
    shell.host("farm", more=", machines: 2, attributes: {Rack: 2}")
    shell.job("hang")


def told(shell: Shell, *changes: str, code: int = 0) -> list[str]:
    """What is printed of the job with these changes, a line each, without indentation."""
    words = [word for each in changes for word in ("--set", each)]
    done = shell.vmf("match", "j.yaml", *words, *HOSTS)
    assert (done.returncode, done.stderr) == (code, "")
    return [line.strip() for line in done.stdout.splitlines()]


def test_hosts_that_fit_are_ranked_with_their_reasons(shell: Shell) -> None:
    assert told(shell, "rank=TARGET.Rack") == [
        "j: fits 2 of 2 hosts",
        "RANK  COST    SECONDS  HOST  WHY",
        "2     0.0625  0.0      farm  memory 256 MiB of 4 GiB free; cpus 1 of 4 free; machines 0 of at most 2",
        "1     0.0625  0.0      barn  memory 256 MiB of 4 GiB free; cpus 1 of 1 free",
    ]


def test_each_host_that_is_out_is_told_with_the_clause_and_what_it_saw(shell: Shell) -> None:
    shell.fault("probe", "host", "out of order", host="dead")
    shell.host("dead")
    lines = told(shell, "memory=1GiB", "requirements=TARGET.Rack >= 2")
    assert lines[0] == "j: fits 1 of 3 hosts"
    assert lines[lines.index("out:") + 1 :] == [
        "barn: `TARGET.Rack >= 2` is false: host has Rack 1",
        "dead: out of order",
    ]
    lines = told(shell, "memory=1GiB")
    assert "barn: the host's own `TARGET.RequestMemory <= 512` is false: job has RequestMemory 1024" in lines


def test_a_job_that_fits_nowhere_is_told_what_to_change(shell: Shell) -> None:
    lines = told(shell, "cpus=2", "requirements=TARGET.Rack == 1", code=72)
    assert lines[0] == "j: fits none of 2 hosts, and waiting will not help"
    header = lines.index("OUT  LEFT  CONDITION")
    assert lines[header + 1 :] == [
        "0    2     TARGET.HasVM =?= true",
        "0    2     TARGET.Memory >= MY.JobVMMemory  (JobVMMemory 256)",
        "1    1     TARGET.Cpus >= MY.RequestCpus  (RequestCpus 2)",
        "1    0     TARGET.Rack == 1",
        "0    0     what the host asks of jobs",
        "0    0     room now",
        "any of these would do:",
        "lower cpus to 1 (`--set cpus=1`): then it fits barn",
        "change 1 to 2 in `TARGET.Rack == 1`: then it fits farm",
        "drop `TARGET.Rack == 1`: then it fits farm",
    ]
    assert told(shell, "cpus=1", "requirements=TARGET.Rack == 1")[0] == "j: fits 1 of 2 hosts"


def test_a_misspelt_name_is_told_with_the_one_that_was_meant(shell: Shell) -> None:
    lines = told(shell, "requirements=TARGET.Memroy > 1", code=72)
    assert "farm: `TARGET.Memroy > 1` is undefined: host has no Memroy; did you mean Memory?" in lines
    assert "no host has Memroy; did you mean Memory?" in lines


def test_a_job_that_nothing_helps_is_told_to_look_elsewhere(shell: Shell) -> None:
    shell.host("barn", more=", start: 'false'")
    shell.host("farm", more=", start: 'false'")
    assert told(shell, code=72)[-1] == "no small change would do: name other hosts with --hosts"


def test_a_job_for_which_only_room_lacks_waits(shell: Shell) -> None:
    shell.host("farm", more=", machines: 1")
    shell.host("barn", more=", cpus: 1, start: 'false'")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        lines = told(shell)
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert lines[0] == "j: fits none of 2 hosts now; it waits until machines have ended"
    assert "farm: machines 1 of at most 1" in lines
    assert "1    0     room now" in lines
    assert "would do" not in "".join(lines)


def test_as_json_it_is_one_object_for_each_job(shell: Shell) -> None:
    shell.job("exit 0", "k")
    done = shell.vmf("match", "j.yaml", "k.yaml", "--set", "cpus=9", "--format", "json", *HOSTS)
    assert done.returncode == 72
    answers = json.loads(done.stdout)
    assert list(answers) == ["j", "k"]
    assert (answers["k"]["verdict"], answers["k"]["fitting"]) == ("hopeless", [])
    assert [each["clause"] for each in answers["k"]["rejected"]] == ["cpus", "cpus"]
    assert answers["k"]["analysis"]["advice"] == [{"changes": ["lower cpus to 4 (`--set cpus=4`)"], "hosts": ["farm"]}]
    fits = json.loads(shell.vmf("match", "j.yaml", "--format", "json", *HOSTS).stdout)["j"]
    assert (fits["verdict"], fits["analysis"]) == ("fits", None)
    assert [(each["host"], each["rank"], each["cost"], each["seconds"]) for each in fits["fitting"]] == [
        ("barn", 0, 0.0625, 0),
        ("farm", 0, 0.0625, 0),
    ]


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_jobs_ads_can_be_had_and_read_again(shell: Shell, form: str) -> None:
    shell.job("exit 0", "k")
    done = shell.vmf("match", "-l", "j.yaml", "k.yaml", "--set", "rank=TARGET.Memory", "--format", form)
    first, second = classad.read(done.stdout)
    assert (first["JobName"], second["JobName"], second["RequestMemory"]) == ("j", "k", 256)
    assert classad.unparse(second["Rank"]) == "TARGET.Memory"
    assert not (shell.home / "hosts").exists()


def test_the_ad_of_a_job_with_several_files_is_told_in_new_syntax(shell: Shell) -> None:
    (shell.folder / "data.raw").write_bytes(bytes(512))
    words = ("-l", "j.yaml", "--set", "disks=[{file: data.raw}]")
    (ad,) = classad.read(shell.vmf("match", *words).stdout)
    assert ad["JobVMFiles"] == f"{shell.folder / 'box.raw'}\n{shell.folder / 'data.raw'}"


def test_without_a_host_that_can_be_used_it_says_what_is_wrong(shell: Shell) -> None:
    for name in ("barn", "farm"):
        shell.fault("probe", "host", f"{name} is out of order", host=name, times=9)
    done = shell.vmf("match", "j.yaml", *HOSTS)
    assert done.returncode == 71
    assert "barn is out of order" in done.stderr


def test_a_held_jobs_ad_tells_the_reason(shell: Shell) -> None:
    shell.fault("create", "job", "no such device\n    name another", host="barn")
    shell.job("exit 0")
    assert shell.vmf("run", "j.yaml").returncode == 76
    said = shell.vmf("ps", "--all", "-l").stdout
    assert 'HoldReason = "no such device name another"\n' in said
    assert 'JobOutcome = "job-fault"\n' in said
    assert shell.vmf("ps", "-l").stdout == ""
