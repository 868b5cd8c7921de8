"""What the set-up does with the system's package manager, with stand-ins for its programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools/system-packages"
REAL = ("bash", "cat", "env")
STAND_INS = {
    "id": "echo $USER_ID",
    # as for a package that is there for two architectures
    "dpkg-query": '[[ " $ABSENT " != *" ${*: -1} "* ]] && echo " installed  installed "',
    "apt-cache": '[ -n "$UNLISTED" ] || echo "${*: -1} | 1.0 | http://debian.example bookworm/main"',
    "apt-get": 'echo "$@" >>"$CALLS"; [ "$1" != "$FAILS" ]',
    "sudo": 'echo sudo >>"$CALLS"; exec "$@"',
}
OPTIONS = "-y -qq --no-install-recommends -o DPkg::Lock::Timeout=300"


@pytest.fixture
def system(tmp_path):
    """A system; call it with what the set-up is for and what is peculiar: the outcome, and what was called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in REAL:
        (programs / name).symlink_to(shutil.which(name))
    for name, body in STAND_INS.items():
        (programs / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (programs / name).chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()
    release = tmp_path / "os-release"

    def setting_up(what, *, os_release="ID=debian", user=1000, absent="", fails="", unlisted="", sudo=True):
        if not sudo:
            (programs / "sudo").unlink()
        release.write_text(os_release + "\n")
        environment = {
            "PATH": str(programs), "CALLS": str(calls), "USER_ID": str(user), "ABSENT": absent, "FAILS": fails,
            "OS_RELEASE": str(release), "UNLISTED": unlisted,
        }  # fmt: skip
        done = subprocess.run((SCRIPT, what), env=environment, capture_output=True, text=True, check=False)
        return done, calls.read_text().splitlines()

    return setting_up


def test_nothing_is_called_where_all_is_installed(system):
    done, calls = system("test", sudo=False)
    assert (done.returncode, done.stdout, done.stderr, calls) == (0, "", "", [])


@pytest.mark.parametrize("os_release", ["ID=debian", "ID=ubuntu\nID_LIKE=debian", "ID=elementary\nID_LIKE=ubuntu"])
def test_what_is_absent_is_installed(system, os_release):
    done, calls = system("run", os_release=os_release, absent="qemu-utils zstd")
    assert (done.returncode, done.stdout) == (0, "installing qemu-utils zstd\n")
    assert calls == ["sudo", "update -qq", "sudo", f"install {OPTIONS} qemu-utils zstd"]


def test_root_needs_no_sudo_but_the_user_that_runs_guests(system):
    done, calls = system("run", user=0, absent="libvirt-daemon-system", sudo=False)
    assert (done.returncode, calls[-1]) == (0, f"install {OPTIONS} libvirt-daemon-system")


def test_a_user_gets_no_daemon_of_the_system(system):
    assert system("run", absent="libvirt-daemon-system")[1] == []


def test_only_the_tests_need_what_they_need(system):
    assert system("run", absent="cpio")[1] == []
    assert system("test", absent="cpio")[1][-1] == f"install {OPTIONS} cpio"


@pytest.mark.parametrize(("sudo", "expected"), [(True, ["sudo", "update -qq"]), (False, [])])
def test_lists_that_were_cleared_away_are_renewed_where_that_can_be(system, sudo, expected):
    done, calls = system("run", unlisted="all", sudo=sudo)
    assert (done.returncode, done.stderr, calls) == (0, "", expected)


def test_lists_that_cannot_be_renewed_may_do(system):
    done, calls = system("run", absent="zstd", fails="update")
    assert (done.returncode, len(calls)) == (0, 4)


def test_a_failed_installation_is_a_failure(system):
    assert system("run", absent="zstd", fails="install")[0].returncode != 0


def test_without_sudo_the_packages_are_named(system):
    done, calls = system("run", absent="gcc zstd", sudo=False)
    assert (done.returncode, calls) == (1, [])
    assert (
        done.stderr == "vmf needs the packages gcc zstd, and there is no sudo: install them as root, then try again\n"
    )


def test_another_system_gets_a_list(system):
    done, calls = system("run", os_release='ID=fedora\nPRETTY_NAME="Fedora Linux 42"', absent="zstd")
    assert (done.returncode, calls) == (1, [])
    assert done.stderr.startswith("vmf sets itself up on Debian and Ubuntu; this is Fedora Linux 42. Install with ")
    assert done.stderr.endswith("Then type: make SYSTEM_PACKAGES=true run\n")
    for thing in ("Python 3.11", "C compiler", "headers of libvirt", "qemu-img", "QEMU driver"):
        assert thing in done.stderr
