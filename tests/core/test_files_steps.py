"""Steps are done by the shells of ordinary distributions and by busybox, as root of a guest would do them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from importlib import resources
from pathlib import Path

import pytest

from vmf.errors import JobFault
from vmf.files import cdrom, performed, steps, volume
from vmf.files.access import open_file
from vmf.model import File, Image, Job, OnError, Results, Step, Then

MAGIC = volume.magic("5eed")
TOOLS = (
    "cat", "chmod", "cp", "false", "head", "mkdir", "mktemp", "rm", "setsid", "sh", "sleep", "tail", "true", "wc",
)  # fmt: skip
DEADLINE = 30.0


def tools(folder, shell):
    """A folder with the commands that a guest has, those of busybox or else this system's with another shell."""
    folder.mkdir()
    if shell == "busybox":
        (folder / "busybox").symlink_to(shutil.which("busybox"))
        for name in (*TOOLS, "grep"):
            (folder / name).symlink_to("busybox")
        return folder
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(shell if name == "sh" else name))
    return folder


@pytest.fixture(params=["dash", "bash", "busybox"])
def guest(request, tmp_path):
    """A function that does steps, and a job's script after them; what it said and ended with."""
    path = tools(tmp_path / "bin", request.param)
    (tmp_path / "work").mkdir()

    def run(*asked, script=None, inspect=None, env=None, arguments=()):
        job = Job(name="hello", memory=2**28, run=script, env=env or {}, arguments=arguments)
        disc = tmp_path / "cd"
        written = steps.before(cdrom.contents(job, MAGIC), asked, open_file)
        lay(disc, {**written, "inspect": f"{inspect}\nthe machine stays\n".encode()} if inspect else written)
        return subprocess.run(
            [path / "sh", disc / "run"],
            cwd=tmp_path / "work",
            env={"PATH": str(path), "TMPDIR": str(tmp_path)},
            input=b"not for anybody",
            capture_output=True,
            start_new_session=True,
            timeout=DEADLINE,
            check=False,
        )

    return run


def lay(folder, written):
    """Lay out a disc as a guest sees it."""
    for name, content in written.items():
        path = folder / name
        (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            with content.open() as source:
                path.write_bytes(source.read())
            path.chmod(0o555 if content.executable else 0o444)


@pytest.fixture
def report(tmp_path):
    """What has come back: the number, code and tries of each step that was tried."""

    def read():
        text = (tmp_path / "work/vmf-steps/report").read_text()
        return [tuple(map(int, line.split()[:3])) for line in text.splitlines()]

    return read


@pytest.fixture
def log(tmp_path):
    return lambda number: (tmp_path / f"work/vmf-steps/{number}.log").read_bytes()


def test_steps_are_done_in_their_order_and_then_the_script(guest, report, tmp_path):
    said = guest(
        Step(name="one", run='echo "first, of $0"'),
        Step(name="two", command=("sh", "-c", "echo second")),
        script='echo "third $1 $WHOM, in $PWD"; exit 7',
        env={"WHOM": "it's"},
        arguments=("a  b",),
    )
    lines = said.stdout.decode().splitlines()
    assert lines == [
        "vmf: step one: begins",
        f"first, of {tmp_path}/cd/steps/1/script",
        "vmf: step one: done",
        "vmf: step two: begins",
        "second",
        "vmf: step two: done",
        f"third a  b it's, in {tmp_path}/work",
    ]
    assert said.returncode == 7
    assert report() == [(1, 0, 1), (2, 0, 1)]


def test_what_is_said_of_a_step_is_a_line_of_its_own_whatever_the_step_has_said(guest, log):
    said = guest(Step(name="one", run="printf 'no end'; exit 3", on_error=OnError(run="printf 'nor here'", retry=1)))
    assert said.stdout.decode().splitlines() == [
        "vmf: step one: begins",
        "no end",
        "vmf: step one: failed with exit code 3, try 1 of 2",
        "nor here",
        "no end",
        "vmf: step one: failed with exit code 3, try 2 of 2",
        "nor here",
        "vmf: step one: could not be done, and what comes after it is not",
    ]
    assert log(1) == b"no endnor here" * 2


def test_a_step_has_its_own_environment_and_arguments_and_no_job_s(guest, log):
    values = {"disc": "$(id)", "here": "it's", "PWD": "/x", "number": "7"}
    show = (
        'for name in disc here number; do eval "echo \\"\\$$name\\""; done; echo "$# $1 [$2] ${WHOM-nobody}"; pwd; cat'
    )
    guest(Step(name="one", run=show, env=values, arguments=("a b", "")), script="true", env={"WHOM": "the job"})
    assert log(1) == b"$(id)\nit's\n7\n2 a b [] nobody\n/\n"


def test_a_command_gets_its_words_as_they_are_and_no_shell_reads_them(guest, log):
    guest(Step(name="one", command=("sh", "-c", 'echo "$#:$1:$2"', "sh", "$(id) `id` 'x'", "a\nb")))
    assert log(1) == b"2:$(id) `id` 'x':a\nb\n"


def test_a_step_that_fails_is_the_last_and_the_script_is_not_run(guest, report, log):
    said = guest(Step(name="one", run="echo oh; exit 3"), Step(name="two", command=("true",)), script="echo the script")
    assert said.returncode == 3
    assert report() == [(1, 3, 1)]
    assert log(1) == b"oh\n"
    assert b"step one: could not be done" in said.stdout
    assert b"the script" not in said.stdout


def test_a_step_is_tried_again_after_what_is_to_be_done_about_its_failure(guest, report, log, tmp_path):
    mend = OnError(run=f'echo "mending for $1"; echo >>"{tmp_path}/mended"; exit 9', retry=5)
    count = f'echo "try $1"; [ -e "{tmp_path}/mended" ] && [ "$(wc -l <"{tmp_path}/mended")" -ge 2 ]'
    assert guest(Step(name="one", run=count, arguments=("this",), on_error=mend)).returncode == 0
    assert report() == [(1, 0, 3)]
    assert log(1) == b"try this\nmending for this\n" * 2 + b"try this\n"


def test_a_step_that_is_given_up_is_mended_once_more_and_fails(guest, report, log):
    said = guest(Step(name="one", command=("false",), on_error=OnError(run="echo mending", retry=1)))
    assert report() == [(1, 1, 2)]
    assert log(1) == b"mending\nmending\n"
    assert b"failed with exit code 1, try 2 of 2" in said.stdout


def test_what_follows_a_step_that_may_be_left_undone_is_done(guest, report):
    anyway = OnError(then=Then.CONTINUE)
    said = guest(Step(name="one", run="exit 4", on_error=anyway), Step(name="two", run="true"), script="exit 5")
    assert said.returncode == 5
    assert report() == [(1, 4, 1), (2, 0, 1)]


def test_a_step_that_takes_too_long_is_ended_with_all_that_it_has_started(guest, report, log, tmp_path):
    lasting = f'(echo $$ >"{tmp_path}/deep"; sleep 60; echo >"{tmp_path}/awake") & sleep 60'
    began = time.monotonic()
    assert guest(Step(name="one", run=lasting, time_limit=1), script="true").returncode == 124
    assert time.monotonic() - began < DEADLINE
    assert report() == [(1, 124, 1)]
    assert log(1) == b"vmf: it may take 1 seconds, and is ended\n"
    deep = tmp_path / "deep"
    begun = deep.read_text() if deep.exists() else ""  # it may have been too late even for that
    wait_for(lambda: not (begun and session(int(begun))))


@pytest.mark.parametrize("guest", ["dash"], indirect=True)  # it takes a while
def test_a_step_that_does_not_want_to_end_is_killed(guest, report):
    assert guest(Step(name="one", run="trap '' TERM; while :; do sleep 0.2; done", time_limit=1)).returncode == 124
    assert report() == [(1, 124, 1)]


def session(leader):
    """The processes of a session that are not just waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            state, _, _, sid = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(sid) == leader and state != "Z":
            found.append(entry.name)
    return found


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_service_that_a_step_leaves_behind_holds_nothing_up(guest, report, tmp_path):
    service = (
        f'sh -c \'echo $$ >"{tmp_path}/service"; while [ ! -e "{tmp_path}/over" ]; do sleep 0.1; done\' &\necho up'
    )
    try:
        said = guest(
            Step(name="one", run=service), Step(name="two", run=f'until [ -s "{tmp_path}/service" ]; do :; done')
        )
        assert said.returncode == 0
        assert report() == [(1, 0, 1), (2, 0, 1)]
    finally:
        (tmp_path / "over").touch()


def test_what_a_step_says_is_shown_whole_and_kept_at_its_start_and_its_end(guest, log):
    lines = "n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); echo $n; done; printf end"
    said = guest(Step(name="one", run=lines)).stdout
    whole = b"".join(b"%d\n" % number for number in range(1, 20001)) + b"end"
    assert whole in said
    kept = log(1)
    assert len(kept) < performed.LOG_MOST + 100
    assert kept.startswith(whole[: performed.LOG_MOST // 2] + b"[some")
    assert kept.endswith(b"\n" + whole[-performed.LOG_MOST // 2 :])


@pytest.mark.parametrize("guest", ["dash"], indirect=True)  # it is much
def test_of_very_much_that_a_step_says_the_start_and_the_end_are_kept(guest, log):
    shown = 'until [ "$(wc -c </proc/$$/fd/1)" -lt 9000000 ]; do sleep 0.05; done'
    flood = f"echo the start; for n in 1 2 3; do head -c 9000000 /dev/zero; {shown}; done; printf '\nthe end\n'"
    assert guest(Step(name="one", run=flood)).returncode == 0
    kept = log(1)
    assert len(kept) < performed.LOG_MOST + 100
    assert kept.startswith(b"the start\n\0")
    assert kept.endswith(b"\0\nthe end\n")
    assert kept.count(b"[some of it is left out here]") == 1


def test_what_a_step_says_within_the_log_s_bounds_is_kept_as_it_is(guest, log, tmp_path):
    text = bytes(range(256)).replace(b"'", b"") * 200
    (tmp_path / "said").write_bytes(text)
    guest(Step(name="one", command=("cat", str(tmp_path / "said"))))
    assert log(1) == text


def test_files_and_folders_are_put_where_they_belong(guest, report, tmp_path):
    given, root = tmp_path / "given", tmp_path / "root"
    (given / "tree/below").mkdir(parents=True)
    (given / "tree/below/data").write_text("data")
    (given / "tree/tool").write_text("#!/bin/sh\n")
    (given / "tree/tool").chmod(0o755)
    (given / "a b.conf").write_text("new")
    (root / "there").mkdir(parents=True)
    (root / "there/kept").write_text("kept")
    (root / "there/kept").chmod(0o400)
    (root / "there/tool").write_text("old")
    (root / "linked").write_text("what the link leads to")
    (root / "a b.conf").symlink_to("linked")
    files = {
        f"{root}/there": File(path=given / "tree"),
        f"{root}/new/tree": File(path=given / "tree"),
        f"{root}/a b.conf": File(path=given / "a b.conf"),
    }
    assert guest(Step(name="one", files=files)).returncode == 0
    for folder in ("there", "new/tree"):
        assert (root / folder / "below/data").read_text() == "data"
        assert (root / folder / "tool").read_text() == "#!/bin/sh\n"
        assert (root / folder / "tool").stat().st_mode & 0o777 == 0o755
        assert (root / folder / "below/data").stat().st_mode & 0o777 == 0o644
        assert (root / folder / "below").stat().st_mode & 0o777 == 0o755
    assert ((root / "there/kept").read_text(), (root / "there/kept").stat().st_mode & 0o777) == ("kept", 0o400)
    assert ((root / "a b.conf").read_text(), (root / "a b.conf").is_symlink()) == ("new", False)
    assert (root / "linked").read_text() == "what the link leads to"
    assert report() == [(1, 0, 1)]


def test_a_file_takes_no_folder_s_place(guest, report, log, tmp_path):
    (tmp_path / "file").write_text("file")
    (tmp_path / "folder").mkdir()
    files = {f"{tmp_path}/folder": File(path=tmp_path / "file")}
    assert guest(Step(name="one", files=files)).returncode == 1
    assert report() == [(1, 1, 1)]
    assert log(1) == f"vmf: {tmp_path}/folder is a folder, and a file is to be put there\n".encode()


def test_a_file_that_is_not_there_is_the_job_s_fault(tmp_path):
    asked = Step(name="one", files={"/x": File(path=tmp_path / "none")})
    with pytest.raises(JobFault, match="none"):
        steps.contents([asked], open_file)


MANAGERS = {
    "apt-get": ["apt-get update", "apt-get install -y {apt} /a/x.pkg", "apt-get install -y {apt} one two=1.0"],
    "dnf": ["dnf install -y /a/x.pkg", "dnf install -y one two=1.0"],
    "zypper": [
        "zypper --non-interactive install --allow-unsigned-rpm /a/x.pkg",
        "zypper --non-interactive install one two=1.0",
    ],
    "apk": ["apk add --allow-untrusted /a/x.pkg", "apk add one two=1.0"],
    "pacman": ["pacman -U --noconfirm --needed /a/x.pkg", "pacman -Sy --noconfirm --needed one two=1.0"],
}  # fmt: skip
APT = "-o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold"


def manager(tmp_path, name, code=0):
    (tmp_path / "bin" / name).write_text(f'#!{tmp_path}/bin/sh\necho "{name} $*"\nexit {code}\n')
    (tmp_path / "bin" / name).chmod(0o755)


@pytest.mark.parametrize("name", MANAGERS)
def test_packages_are_installed_by_the_manager_that_is_there(guest, log, tmp_path, name):
    manager(tmp_path, name)
    assert guest(Step(name="one", packages=("one", "/a/x.pkg", "two=1.0"))).returncode == 0
    assert log(1).decode().splitlines() == [line.format(apt=APT) for line in MANAGERS[name]]


def test_files_of_packages_are_installed_without_a_look_at_any_server(guest, log, tmp_path):
    manager(tmp_path, "apt-get")
    assert guest(Step(name="one", packages=("/a/x.deb", "/a/y.deb"))).returncode == 0
    assert log(1).decode().splitlines() == [f"apt-get install -y {APT} /a/x.deb /a/y.deb"]


@pytest.mark.parametrize("guest", ["dash"], indirect=True)  # busybox has both of its own
@pytest.mark.parametrize(("name", "how"), [("dpkg", "-i"), ("rpm", "-U --replacepkgs")])
def test_where_there_is_no_manager_files_of_packages_are_installed(guest, log, tmp_path, name, how):
    manager(tmp_path, name)
    assert guest(Step(name="one", packages=("/a/x.pkg",))).returncode == 0
    assert log(1).decode() == f"{name} {how} /a/x.pkg\n"


def test_a_manager_that_fails_fails_the_step(guest, report, tmp_path):
    manager(tmp_path, "apt-get", code=100)
    assert guest(Step(name="one", packages=("one",))).returncode == 100
    assert report() == [(1, 100, 1)]


def test_a_guest_without_a_manager_says_so(guest, log):
    assert guest(Step(name="one", packages=("one", "/a/x.deb"))).returncode == 1
    assert b"no package manager that could install one /a/x.deb" in log(1)


def test_one_who_may_look_into_a_guest_whose_step_has_failed_has_a_shell_there(guest, tmp_path):
    ours, theirs = os.openpty()
    os.write(ours, f"echo looked >'{tmp_path}/looked'; exit\n".encode())
    said = guest(Step(name="one", run="exit 3"), inspect=os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)
    assert said.returncode == 3
    assert b"vmf: step one: the machine stays\n" in said.stdout
    assert (tmp_path / "looked").read_text() == "looked\n"


def test_nobody_looks_into_a_guest_whose_steps_are_done(guest, tmp_path):
    assert guest(Step(name="one", run="true"), inspect=tmp_path / "none").stdout.endswith(b"done\n")


def test_what_a_step_publishes_is_said_once_it_is_done(guest):
    said = guest(
        Step(name="one", run="true", publish={"Port": "80", "Name": '"it\'s"'}),
        Step(name="two", run="false", publish={"Never": "1"}, on_error=OnError(then=Then.CONTINUE)),
    )
    assert said.stdout.decode().splitlines()[2:4] == ["vmf: publish Port = 80", 'vmf: publish Name = "it\'s"']
    assert b"Never" not in said.stdout


def test_a_disc_that_is_handed_in_later_is_done_by_the_same_lines(tmp_path):
    disc, work = tmp_path / "disc", tmp_path / "work"
    lay(disc, steps.contents([Step(name="one", run="echo later")], open_file))
    work.mkdir()
    runner = Path(str(resources.files("vmf.files") / "runner.sh"))
    told = subprocess.run(
        ["sh", runner, disc], cwd=work, capture_output=True, check=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert told.stdout == b"vmf: step one: begins\nlater\nvmf: step one: done\n"
    assert not list(tmp_path.glob("tmp*"))


def test_a_disc_says_which_results_are_wanted_and_what_the_steps_have_to_tell():
    job = Job(
        name="hello", image=Image(name="tiny"), memory=2**28, run="x", env={"A": "1"}, results=Results(files=("a",))
    )
    found = steps.before(cdrom.contents(job, MAGIC), [Step(name="one", run="y")], open_file)
    assert found["results"] == b"vmf-steps\nvmf-attributes\na\n"
    assert (found["env"], found["job/run"], found["job/env"]) == (b"", b"x", b"export A='1'\n")
