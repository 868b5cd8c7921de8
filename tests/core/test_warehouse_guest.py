"""The guest's lines in the shells of ordinary distributions, with commands that stand in for the devices.

The tiny guest, in `test_warehouse_boot.py`, proves the same lines with real devices and busybox.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from importlib import resources
from pathlib import Path

import pytest

from vmf.files import cdrom
from vmf.files.identity import READY
from vmf.model import Job

GUEST = Path(str(resources.files("vmf.warehouse") / "guest.sh"))
IDENTITY = GUEST.with_name("identity.sh")
EXCHANGE = GUEST.with_name("exchange.sh")
DOCUMENT = Path(__file__).parents[2] / "docs" / "guest.md"
TOOLS = ("sh", "cat", "cmp", "cp", "grep", "mkdir", "mktemp", "rm", "rmdir", "setsid", "wc")
DISKS = re.compile("/dev/(?=sr|vd|xvd|sd|hd|cdrom)")
MAGIC = b"VMF test".ljust(512, b"\0")
STAND_INS = {
    "mount": 'echo >>"$HERE/tries"\n[ $(wc -l <"$HERE/tries") -gt "$LATE" ] || exit 1\n'
    'case $5 in */sr0) cp "$HERE"/cd/* "$6" ;; *) false ;; esac',
    "umount": 'rm -f "$1"/*',
    # stricter than those we know, which pass over what is missing
    "tar": 'case $2 in */vda) ;; *) exit 1 ;; esac\nshift 3\nfor file; do [ -e "$file" ] || exit 1; done\n'
    '"$TAR" -cf "$HERE/dev/vda" -- "$@"',
    "sleep": "exit 0",
    "sync": "exit 0",
    "poweroff": 'echo off >"$HERE/power"',
}


@pytest.fixture(params=["dash", "bash"])
def guest(request, tmp_path):
    """A function that runs the lines with a script, and returns the volume's members, or None if it is untouched."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(request.param if name == "sh" else name))
    for name, lines in STAND_INS.items():
        command(tmp_path, name, lines)

    def run(script, *, results="", env="", late=0, begin=MAGIC, more=()):
        files = {"magic": MAGIC, "run": script.encode(), "env": env.encode(), "results": results.encode(), **dict(more)}
        (tmp_path / "cd").mkdir()
        for name, content in {**files, "vmf-end": b"the end\n"}.items():
            (tmp_path / "cd" / name).write_bytes(content)
        volume = tmp_path / "dev/vda"
        volume.parent.mkdir()
        volume.with_name("sr0").touch()
        volume.write_bytes(begin + bytes(2**20))
        lines = DISKS.sub(f"{tmp_path}/dev/", GUEST.read_text()).replace("/sys/class/dmi", f"{tmp_path}/dmi")
        (tmp_path / "guest.sh").write_text(lines)
        stand_ins = {"HERE": tmp_path, "LATE": late, "HEAD": shutil.which("head"), "TAR": shutil.which("tar")}
        settings = {"PATH": tools, "TMPDIR": tmp_path, "HOME": tmp_path / "$(id)", **stand_ins}
        said = subprocess.run(
            [tools / "sh", tmp_path / "guest.sh"],
            env={name: str(value) for name, value in settings.items()},
            input=b"not for the script",
            capture_output=True,
            start_new_session=True,
            timeout=30,
            check=False,
        )
        assert (tmp_path / "power").exists(), said
        (tmp_path / "said").write_bytes(said.stdout)
        return None if volume.read_bytes().startswith(begin) else members(volume)

    return run


def command(folder, name, lines):
    """A command that the guest finds."""
    (folder / "bin" / name).write_text(f"#!/bin/sh\n{lines}\n")
    (folder / "bin" / name).chmod(0o755)


def members(volume):
    with tarfile.open(volume) as archive:
        return [(each.name, archive.extractfile(each).read() if each.isfile() else None) for each in archive]


CLOCK = "while sleep 10; do hwclock -s -u; done &\n"
"""What a guest without an agent does about the time that it did not see; tried with a real one that moves."""


def test_the_document_has_exactly_these_lines():
    assert re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL) == [
        GUEST.read_text(),
        EXCHANGE.read_text(),
        IDENTITY.read_text(),
        CLOCK,
    ]


def test_the_exit_code_comes_first_and_the_end_last(guest):
    assert guest("exit 7") == [("exit-code", b"7\n"), ("vmf-end", b"the end\n")]


def test_what_was_asked_for_and_exists_comes_back(guest):
    script = "mkdir -p 'a folder'; echo one >'a folder/x'; echo two >'two  words'; echo three >three; echo 4 >other"
    found = guest(script, results="a folder\nmissing\ntwo  words\nthree\n")
    assert found == [
        ("exit-code", b"0\n"),
        ("a folder", None),
        ("a folder/x", b"one\n"),
        ("two  words", b"two\n"),
        ("three", b"three\n"),
        ("vmf-end", b"the end\n"),
    ]


def test_the_script_has_its_environment_and_no_input(guest):
    found = guest('cat >seen; echo "$GREETING" >>seen', env="export GREETING='it'\\''s  so'\n", results="seen\n")
    assert ("seen", b"it's  so\n") in found


def test_the_script_has_its_arguments(guest):
    env = "export A='b'\nset -- 'one' 'two  words' '' 'it'\\''s\n'\n"
    found = guest('printf "%s|" "$@" "$A" >seen', env=env, results="seen\n")
    assert ("seen", b"one|two  words||it's\n|b|") in found


def test_without_arguments_there_are_none(guest):
    assert ("seen", b"0\n") in guest("echo $# >seen", results="seen\n")


def test_a_key_is_added_to_those_of_its_user(guest, tmp_path):
    user = tmp_path / "$(id)"  # HOME, where `~` leads when the login is empty
    (user / ".ssh").mkdir(parents=True)
    (user / ".ssh/authorized_keys").write_text("before\n")
    more = {"login": b"\n", "authorized_keys": b"the key\n"}
    assert guest("exit 0", more=more)[0] == ("exit-code", b"0\n")
    assert (user / ".ssh/authorized_keys").read_text() == "before\nthe key\n"


def test_a_key_for_nobody_keeps_no_script_from_running(guest):
    more = {"login": b"nobody-of-this-name\n", "authorized_keys": b"the key\n"}
    assert guest("exit 3", more=more)[0] == ("exit-code", b"3\n")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exec sh -c 'exit 3'", b"3\n"),
        ("kill -9 $PPID", b"137\n"),
        ("kill -9 0", b"137\n"),
        ("cd /; exit 4", b"4\n"),
        ("rm -f *; exit 5", b"5\n"),
        ("if", b"2\n"),
    ],
)
def test_whatever_the_script_does_its_end_is_told(guest, script, code):
    assert guest(script) == [("exit-code", code), ("vmf-end", b"the end\n")]


def test_devices_may_appear_late(guest):
    assert guest("exit 0", late=50)[0] == ("exit-code", b"0\n")


def test_a_guest_without_its_cd_leaves_the_volume_alone_and_powers_off(guest):
    assert guest("exit 0", late=10**6) is None


def test_without_its_volume_the_script_is_not_run(guest, tmp_path):
    assert guest('echo ran >"$HERE/ran"', begin=b"another".ljust(512)) is None
    assert not (tmp_path / "ran").exists()


def test_results_wait_until_a_request_has_been_answered(guest, tmp_path):
    """What answers has the turn while the script ends: only when it gives it back, results are written."""
    answers = """mkdir ../turn; : >"$HERE/at-it"
until [ -e "$HERE/waits" ] || [ -e "$HERE/power" ]; do :; done
"$HEAD" -c 8 "$HERE/dev/vda" >"$HERE/found"; rmdir ../turn"""
    command(tmp_path, "vmf-exchange", answers)
    command(tmp_path, "sleep", ': >"$HERE/waits"')
    assert guest('until [ -e "$HERE/at-it" ]; do :; done; exit 4')[0] == ("exit-code", b"4\n")
    assert (tmp_path / "found").read_bytes() == b"VMF test"


@pytest.mark.parametrize("end", ["exit", "kill -9 $$"])
def test_what_ends_while_it_has_the_turn_is_not_waited_for(guest, tmp_path, end):
    command(tmp_path, "vmf-exchange", f'mkdir ../turn; : >"$HERE/at-it"; {end}')
    assert guest('until [ -e "$HERE/at-it" ]; do :; done; exit 4')[0] == ("exit-code", b"4\n")


def test_a_script_that_removes_everything_is_not_waited_for(guest):
    assert guest('rm -rf "${PWD%/*}"') is None


@pytest.fixture
def template(tmp_path):
    """The guest's machine is a template."""
    (tmp_path / "dmi/id").mkdir(parents=True)
    (tmp_path / "dmi/id/chassis_asset_tag").write_text("vmf-template\n")


@pytest.mark.usefixtures("template")
def test_the_guest_of_a_template_waits_longer_and_says_that_it_is_ready(guest, tmp_path):
    assert guest("exit 0", late=300)[0] == ("exit-code", b"0\n")
    assert (tmp_path / "said").read_bytes().startswith(READY + b"\n")


def test_another_guest_is_not_ready_for_others(guest, tmp_path):
    assert guest("exit 0")[0] == ("exit-code", b"0\n")
    assert READY not in (tmp_path / "said").read_bytes()


@pytest.fixture
def identifying(guest, tmp_path):
    """A guest with the lines for its identity, which find nothing of this computer's."""
    places = {
        "/proc/sys/kernel": "kernel", "/etc": "etc", "/sys/class/net": "net", "/sys/bus/pci/devices": "pci",
        "/dev/urandom": "urandom",
    }  # fmt: skip
    lines = IDENTITY.read_text()
    for place, name in places.items():
        lines = lines.replace(place, f"{tmp_path}/{name}")
        (tmp_path / name).mkdir()
    (tmp_path / "urandom").rmdir()
    (tmp_path / "net/eth0").mkdir()
    (tmp_path / "net/eth0/address").write_text("02:00:00:00:00:01\n")
    (tmp_path / "bin/vmf-identity").write_text(lines)
    (tmp_path / "bin/vmf-identity").chmod(0o755)
    for name in ("hwclock", "vmf-reseed"):
        command(tmp_path, name, f'echo "{name} $*" >>"$HERE/called"; cat >>"$HERE/called"')

    def run(mac=""):
        given = {"vmf_seed": "5eed", "vmf_clock": "-u", "vmf_host": "job", "vmf_machine": "1d", "vmf_mac": mac}
        text = "".join(f"{name}={value}\n" for name, value in given.items())
        return guest("exit 3", more={"identity": text.encode()})

    return run


def test_a_guest_that_woke_becomes_who_it_is_told_to_be(identifying, tmp_path):
    assert identifying()[0] == ("exit-code", b"3\n")
    assert (tmp_path / "kernel/hostname").read_text() == "job\n"
    assert (tmp_path / "etc/machine-id").read_text() == "1d\n"
    assert (tmp_path / "called").read_text().startswith("vmf-reseed \n5eed\nhwclock -s -u\n")


@pytest.mark.parametrize("mac", ["02:00:00:00:00:01", "02:00:00:00:00:0A"])
def test_a_card_is_waited_for_and_not_for_ever(identifying, tmp_path, mac):
    command(tmp_path, "sleep", 'echo waited >>"$HERE/waited"')
    assert identifying(mac)[0] == ("exit-code", b"3\n")
    assert (tmp_path / "waited").exists() is mac.endswith("A")


@pytest.mark.parametrize(("kind", "times"), [("0x010000", 500), ("0x020000", 100)])
def test_a_card_that_is_there_and_that_nothing_drives_is_waited_for_less_long(identifying, tmp_path, kind, times):
    command(tmp_path, "sleep", 'echo waited >>"$HERE/waited"')
    (tmp_path / "pci/0000:00:01.0").mkdir()
    (tmp_path / "pci/0000:00:01.0/class").write_text(f"{kind}\n")
    assert identifying("02:00:00:00:00:0A")[0] == ("exit-code", b"3\n")
    assert len((tmp_path / "waited").read_text().splitlines()) == times


def test_a_guest_without_those_lines_runs_all_the_same(guest):
    assert guest("exit 3", more={"identity": b"vmf_seed=5eed\n"})[0] == ("exit-code", b"3\n")


def test_the_lines_stay_few():
    lines = [line for line in GUEST.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) <= 18


def test_windows_reads_variables_and_arguments_as_the_shell_does():
    """There is no PowerShell to try the lines with; the one hard part of them is a regular expression."""
    (pattern,) = re.findall(r'^\$pattern = "\\G(.*)"$', DOCUMENT.read_text(), re.MULTILINE)
    env = {"PLAIN": "one", "EMPTY": "", "HARD": "it's \\'\n'export X='y'\n ' '", "END": "'"}
    arguments = ("a b", "", "'quoted'", "\\", "export A='b'\n", "set -- 'x'")
    job = Job(name="job", memory=2**28, run="", env=env, arguments=arguments)
    text, at, read, given = cdrom.contents(job, MAGIC)["env"].decode(), 0, {}, []
    while word := re.compile(pattern).match(text, at):
        at, value = word.end(), word[2].replace("'\\''", "'")
        read |= {word[1]: value} if word[1] else {}
        given += [] if word[1] else [value]
    assert (read, tuple(given), text[at:]) == (env, arguments, "")
