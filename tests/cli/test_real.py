"""Real guests in a real QEMU, on the built-in host: what a user sees, and that nothing is left."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from shell import DEADLINE, WITH_GRACE, Command, RealShell, gone, kill, until
from vmf.warehouse import cpio

pytestmark = pytest.mark.real

HELLO = Path(__file__).parents[2] / "specs/hello.yaml"

GATE = "echo ready; read -r go </dev/console"
"""The guest says that it has come so far, and goes on when a line is typed on its console."""

DEAF = """\
for process in /proc/[0-9]*; do
  [ "$(cat "$process/comm")" = head ] && kill "${process#/proc/}"
done
echo deaf; sleep 1000
"""
"""The guest ends what waits for its power button to be pressed."""

DISK = """\
echo mine | dd of=/dev/vda conv=notrunc
echo 3 >/proc/sys/vm/drop_caches
head -n 1 /dev/vda >out.txt
env | grep -E '^(MAC|SWITCH)=' | sort >>out.txt
exit 7
"""


def result(real: RealShell, folder: str = "j.results") -> dict[str, object]:
    read: dict[str, object] = json.loads((real.folder / folder / "result.json").read_text())
    return read


def test_the_hello_job_brings_its_greeting(real: RealShell) -> None:
    done = real.vmf("run", "--console", str(HELLO))
    assert done.returncode == 0, done.stderr
    greeting = (real.folder / "hello.results/greeting.txt").read_text()
    assert re.fullmatch(r"Hello, world, from Linux [0-9]\S* with 1 cpu\n", greeting)
    assert greeting.strip() in done.stdout
    assert greeting.strip() in (real.folder / "hello.results/console.log").read_text()
    assert re.search(r"starting on local \(memory 256 MiB of .* free; cpus 1 of .*; accelerator \w+", done.stdout)
    told = result(real, "hello.results")
    assert {key: told[key] for key in ("job", "outcome", "exit_code", "source", "host", "files", "refused")} == {
        "job": "hello", "outcome": "completed", "exit_code": 0, "source": "guest",
        "host": "local", "files": ["greeting.txt"], "refused": [],
    }  # fmt: skip
    assert list(told["times"]) == ["idle", "starting", "running", "collecting", "delivered"]
    assert {"vmf", "vmf-kvm", "qemu", "libvirt"} <= set(told["versions"])
    assert real.left_behind() == []


def test_a_guest_gets_its_environment_and_a_disk_of_its_own(real: RealShell) -> None:
    scratch = real.home / "images/tiny/scratch.raw"
    before = hashlib.sha256(scratch.read_bytes()).hexdigest()
    real.job(DISK)
    assert real.vmf("run", "j.yaml", "--set", "env={MAC: 52:54:00:12:34:56, SWITCH: no}").returncode == 7
    assert (real.folder / "j.results/out.txt").read_text() == "mine\nMAC=52:54:00:12:34:56\nSWITCH=no\n"
    assert result(real)["exit_code"] == 7
    assert hashlib.sha256(scratch.read_bytes()).hexdigest() == before
    assert real.left_behind() == []


INIT = b"""#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done 2>/dev/null
echo changed | dd of=/dev/vda conv=notrunc 2>/dev/null
sync
poweroff -f
"""


@pytest.fixture
def writer(real_home: Path) -> str:
    """An image whose guest knows nothing of vmf: it changes its disk and powers off."""
    tiny, folder = real_home / "images/tiny", real_home / "images/writer"
    folder.mkdir()
    archive = cpio.archive([cpio.file("writer", INIT, mode=0o755)])
    (folder / "initrd.img").write_bytes((tiny / "initrd.img").read_bytes() + archive)
    shutil.copy(tiny / "scratch.raw", folder)
    description = (tiny / "tiny.image.yaml").read_text().replace("name: tiny", "name: writer")
    description = description.replace("vmlinuz", "../tiny/vmlinuz").replace(
        'parameters: "', 'parameters: "rdinit=/writer '
    )
    (folder / "writer.image.yaml").write_text(description)
    return "writer"


def test_a_guest_that_knows_nothing_of_vmf_brings_its_disk_back_changed_or_whole(real: RealShell, writer: str) -> None:
    real.image = writer
    path = real.job("")
    path.write_text(path.read_text().partition("  results:")[0])
    assert real.vmf("run", "j.yaml").returncode == 0
    disk = real.folder / "j.results/disk0.qcow2"
    told = json.loads(subprocess.check_output(("qemu-img", "info", "--output=json", disk)))
    scratch = real.home / "images/writer/scratch.raw"
    assert (told["format"], told["backing-filename"]) == ("qcow2", str(scratch))
    original = scratch.read_bytes()
    assert original.startswith(b"vmf tiny scratch disk\n")
    sha256 = hashlib.sha256(original).hexdigest()
    assert result(real)["disks"] == [
        {
            "file": "disk0.qcow2",
            "size": disk.stat().st_size,
            "base": {"file": str(scratch), "format": "raw", "sha256": sha256},
        }
    ]
    assert real.vmf("result", "rebase", "j.results", "-o", "rebased.raw").returncode == 0
    changed = b"changed\n" + original[8:]
    assert (real.folder / "rebased.raw").read_bytes() == changed
    assert real.vmf("run", "j.yaml", "--set", "results={disks: whole, folder: whole}").returncode == 0
    assert result(real, "whole")["disks"] == [
        {"file": "disk0.qcow2", "size": (real.folder / "whole/disk0.qcow2").stat().st_size}
    ]
    alone = json.loads(
        subprocess.check_output(("qemu-img", "info", "--output=json", real.folder / "whole/disk0.qcow2"))
    )
    assert (alone["format"], alone.get("backing-filename")) == ("qcow2", None)
    convert = ("qemu-img", "convert", "-O", "raw", real.folder / "whole/disk0.qcow2", real.folder / "whole.raw")
    subprocess.run(convert, check=True)
    assert (real.folder / "whole.raw").read_bytes() == changed
    assert scratch.read_bytes() == original
    assert (result(real)["outcome"], result(real)["source"]) == ("completed", "guest")
    assert real.left_behind() == []


def hostile(outside: Path) -> str:
    """A script that hands over names that lead out, links, a device, a pipe, and one file that is fine."""
    types = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, type_ in types.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, str(outside)
            tar.addfile(member)
        for name in ("../evil", f"{outside}/evil", "link/evil"):
            tar.addfile(tarfile.TarInfo(name))
        size = tar.offset
    return f"""\
echo 0 >exit-code
base64 -d >hostile <<'END'
{base64.encodebytes(stream.getvalue()[:size]).decode()}END
for file in exit-code vmf-end; do tar -cf - $file | head -c 1024 >$file.tar; done
cat exit-code.tar hostile vmf-end.tar >/dev/vdb
sync
poweroff -f
"""


def test_what_must_not_be_unpacked_is_refused_by_name(real: RealShell, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    real.job(hostile(outside))
    done = real.vmf("run", "j.yaml")
    assert done.returncode == 74
    told = result(real)
    assert told["outcome"] == "unsafe-results"
    reasons = {each["name"]: each["reason"] for each in told["refused"]}
    assert list(reasons) == ["link", "hard", "device", "pipe", "../evil", f"{outside}/evil"]
    assert "only files and folders are taken" in reasons["device"]
    assert reasons["../evil"] == "its name leads out of the folder"
    assert reasons[f"{outside}/evil"] == "its name is an absolute path"
    assert "link: " in done.stdout
    assert told["files"] == ["link/evil"]  # in a folder of that name, the link was never made
    assert (real.folder / "j.results/link/evil").is_file()
    assert list(outside.iterdir()) == []
    assert sorted(each.name for each in real.folder.iterdir()) == ["j.results", "j.yaml"]
    assert real.left_behind() == []


def test_results_beyond_their_size_are_cut_short(real: RealShell) -> None:
    real.job("dd if=/dev/urandom of=out.txt bs=1M count=2")
    done = real.vmf("run", "j.yaml", "--set", "results.size=1MiB")
    assert done.returncode == 74
    assert result(real)["outcome"] == "cut-short"
    assert "raise results.size" in done.stderr
    assert real.left_behind() == []


def test_ctrl_c_lets_a_guest_power_off_and_shows_its_console_meanwhile(real: RealShell) -> None:
    real.job("echo ready; sleep 1000")
    patient = dataclasses.replace(real, program=(WITH_GRACE, "1000"))
    with patient.start("run", "--console", "j.yaml") as process:
        until(lambda: "ready" in process.stdout.readline(), "the console is shown while the guest runs")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "forcing the machine off" not in out
    assert result(real)["outcome"] == "stopped"
    assert real.left_behind() == []


def test_a_deaf_guest_is_forced_after_a_while_or_at_once_by_a_second_ctrl_c(real: RealShell) -> None:
    for name in ("once", "twice"):
        real.job(DEAF, name)
    soon, never = (dataclasses.replace(real, program=(WITH_GRACE, seconds)) for seconds in ("1", "1000"))
    with soon.start("run", "once.yaml") as once, never.start("run", "twice.yaml") as twice:
        for name in ("once", "twice"):
            real.says(name, "deaf")
        once.send_signal(signal.SIGINT)
        twice.send_signal(signal.SIGINT)
        real.reaches("twice", "stopping")
        ends(once, forced=False)
        assert real.records("twice")[-1].state == "stopping"
        twice.send_signal(signal.SIGINT)
        ends(twice, forced=True)
    assert real.left_behind() == []


def ends(process: Command, *, forced: bool) -> None:
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "forcing the machine off" in out
    assert ("vmf: forcing" in err) is forced


def test_a_killed_engines_job_is_carried_on_whether_its_guest_still_runs_or_not(real: RealShell) -> None:
    for name in ("runs", "ended"):
        real.job(f"{GATE}\necho made >out.txt\nexit 6", name)
    with real.start("run", "runs.yaml", "ended.yaml") as engine:
        for name in ("runs", "ended"):
            real.says(name, "ready")
        engine.kill()
    guest = real.guest("ended")
    real.tell("ended", "go")
    gone(guest)
    assert "running, orphaned" in real.row("runs")
    handed_in_and_out(real)
    with real.start("wait", "runs", "ended") as wait:
        real.reaches("ended", "completed")
        real.tell("runs", "go")
        wait.communicate(timeout=DEADLINE)
    assert wait.returncode == 1
    for name in ("runs", "ended"):
        assert (real.folder / f"{name}.results/out.txt").read_text() == "made\n"
        assert result(real, f"{name}.results")["exit_code"] == 6
        assert "ready" in (real.folder / f"{name}.results/console.log").read_text()
    assert real.left_behind() == []


def handed_in_and_out(real: RealShell) -> None:
    """Files go in and out while the script waits, without an agent; what is asked has no effect on the results."""
    odd = real.folder / "it's $(odd)\nü"
    odd.write_bytes(bytes(range(256)) * 5000)
    odd.chmod(0o750)
    (real.folder / "box/deep").mkdir(parents=True)
    (real.folder / "box/deep/file").write_text("deep\n")
    assert real.vmf("cp", odd.name, "box", "runs:/root").returncode == 0
    hostile = real.vmf("cp", f"runs:/root/{odd.name}", "nothing")
    assert (hostile.returncode, r"no file or folder; it's $(odd)\nü: its name has control" in hostile.stderr) == (
        78,
        True,
    )
    assert real.vmf("cp", odd.name, "runs:plain").returncode == 0
    assert real.vmf("cp", "runs:plain", "back").returncode == 0
    assert (real.folder / "back").read_bytes() == odd.read_bytes()
    assert (real.folder / "back").stat().st_mode & 0o111
    assert real.vmf("cp", "runs:/root/box", "came").returncode == 0
    assert (real.folder / "came/deep/file").read_text() == "deep\n"
    refused = real.vmf("cp", "runs:/none", "nothing")
    assert (refused.returncode, "ls: /none: No such file or directory" in refused.stderr) == (78, True)
    assert not (real.folder / "nothing").exists()


def test_a_job_survives_the_libvirt_daemon(real: RealShell) -> None:
    real.job(f"{GATE}\necho made >out.txt\nexit 5")
    with real.start("run", "j.yaml") as process:
        real.says("j", "ready")
        kill(real.daemon())
        real.tell("j", "go")
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 5
    assert (real.folder / "j.results/out.txt").read_text() == "made\n"
    assert real.left_behind() == []


def test_a_guest_whose_qemu_is_killed_is_told_apart(real: RealShell) -> None:
    real.job(GATE)
    with real.start("run", "j.yaml") as process:
        real.says("j", "ready")
        kill(real.guest("j"))
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 75
    assert result(real)["outcome"] in {"crashed", "killed"}
    assert "| ready" in err
    assert "exit code 75 (vmf)" in out
    assert real.left_behind() == []


def test_runs_at_once_share_the_host_and_its_limit(real: RealShell) -> None:
    limited = real.folder / "local.yaml"
    limited.write_text("apiVersion: vmf/v1\nkind: Host\nmetadata: {name: local}\nspec: {type: kvm, cpus: 2}\n")
    real.hosts = ("--hosts", str(limited))
    for name in ("a", "b", "c"):
        real.job(f"{GATE}\nexit 4", name)
    with real.start("run", "a.yaml") as first, real.start("run", "b.yaml") as second:
        real.says("a", "ready")
        real.says("b", "ready")
        detached = real.vmf("run", "--detach", "c.yaml")
        assert detached.returncode == 0
        assert "c: job" in detached.stdout
        assert [real.records("c")[-1].state, len(real.machines())] == ["idle", 2]
        real.tell("a", "go")
        real.says("c", "ready")
        assert real.machine("a") not in real.machines()
        real.tell("b", "go")
        first.communicate(timeout=DEADLINE)
        second.communicate(timeout=DEADLINE)
    real.tell("c", "go")
    assert (first.returncode, second.returncode, real.vmf("wait", "c").returncode) == (4, 4, 4)
    until(lambda: real.left_behind() == [], "the engine in the background has left")
