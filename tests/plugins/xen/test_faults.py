"""What goes wrong on a real Xen, and around it: whose fault it is, and that nothing is lost or left."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dom0_shell import await_
from vmf.hookspecs import GAP
from vmf_xen.connection import opened
from vmf_xen.rousing import rouse

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

COUNTS = """\
while sleep 0.2; do n=$((n + 1)); echo "count $n"; done &
read -r go </dev/console
kill $!
echo made >out.txt
exit 3
"""


@contextmanager
def adopted(shell, *words):
    """An engine that carries the job; it is killed with the block, and leaves an orphan."""
    with shell.start(*words) as engine:
        yield engine
        engine.send_signal(signal.SIGKILL)


def test_a_job_is_carried_on_after_vmf_was_killed_in_staging_running_and_checkpointing(shell):
    shell.write(COUNTS, checkpoint={"on_eviction": True})
    with adopted(shell, "run", "j.yaml"):
        shell.reaches("j", "starting")
    with adopted(shell, "wait", "j"):
        shell.says("j", "count 3")
    with adopted(shell, "wait", "j"), shell.start("checkpoint", "j"):
        shell.reaches("j", "checkpointing")
    with shell.start("wait", "j") as engine:
        shell.counts_on("j")
        shell.tell("j", "go")
        out, err = engine.communicate(timeout=300)
    assert engine.returncode == 3, out + err
    assert (shell.folder / "j.results/out.txt").read_text() == "made\n"
    assert (shell.result()["outcome"], shell.result()["attempt"]) == ("completed", 1)
    assert shell.left() == []


def test_a_job_survives_its_hosts_libvirt_while_it_runs_and_while_it_is_saved(shell, dom0):
    shell.write(COUNTS)
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "count 3")
        dom0.restart_libvirtd()
        shell.counts_on("j")
        assert shell.vmf("suspend", "--hard", "j").returncode == 0
        dom0.restart_libvirtd()
        assert shell.vmf("resume", "j").returncode == 0
        shell.counts_on("j")
        shell.tell("j", "go")
        out, err = engine.communicate(timeout=300)
    assert engine.returncode == 3, out + err
    assert (shell.folder / "j.results/out.txt").read_text() == "made\n"
    assert shell.left() == []


ENDS = {"reboot -f": (73, "rebooted"), "echo c >/proc/sysrq-trigger": (75, "panicked"), "exit 3": (3, "completed")}
"""How a guest ends, vmf's exit code, and the outcome."""


@pytest.mark.parametrize("end", ENDS)
def test_a_guest_that_ends_while_its_hosts_libvirt_is_down_is_found(shell, dom0, end):
    """Although nothing else is there, whose end would have Xen's driver look."""
    shell.write(f"echo up; read -r go </dev/console; {end}", results={})
    code, outcome = ENDS[end]
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "up")
        terminal = dom0.run(f"virsh ttyconsole {shell.domain('j')}").strip()
        dom0.restart_libvirtd(f"echo go >{terminal}; until xl list | grep -q -e ---s; do sleep 0.1; done")
        out, err = engine.communicate(timeout=300)
    assert (engine.returncode, shell.result()["outcome"]) == (code, outcome), out + err
    assert GAP.decode() in (shell.folder / "j.results/console.log").read_text()
    assert shell.left() == []


def test_xen_looks_at_its_guests_when_it_is_roused(dom0, dom0_host, tmp_path):
    """By another guest's end, of which nothing is left."""
    remote = opened(dom0_host, tmp_path)
    files = remote.site.volumes("m")
    with ThreadPoolExecutor() as beside:
        heard = beside.submit(dom0.run, "timeout 280 xenstore-watch -n 2 @releaseDomain")  # the first is no news
        await_(lambda: dom0.run("pidof xenstore-watch || true").strip(), "somebody listens")
        rouse(files, remote.site.prefix)
        assert heard.result().split() == ["@releaseDomain"] * 2
    rouse(files, remote.site.prefix)  # once more is no less
    files.remove()
    remote.close()
    await_(lambda: remote.site.prefix not in dom0.run("xl list"), "it is gone")


CAUGHT = "until writer=$(pidof libxl-save-helper); do sleep 0.05; done; kill -STOP $writer"
"""In dom0: when a guest's memory is being written, have that wait."""


@pytest.mark.parametrize("words", [("checkpoint",), ("suspend", "--hard")])
def test_a_guest_whose_hosts_libvirt_dies_while_its_memory_is_written_is_told(shell, dom0, words):
    """Xen stops a guest for that, and libvirt alone cannot have it go on."""
    shell.write(COUNTS, checkpoint={"on_eviction": True})
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "count 3")
        with ThreadPoolExecutor() as beside:
            restarted = beside.submit(dom0.restart_libvirtd, before=CAUGHT, meanwhile="kill -CONT $writer")
            with shell.start(*words, "j"):
                restarted.result()
        out, err = engine.communicate(timeout=300)
    assert engine.returncode == 75, out + err
    assert "libvirt died" in shell.vmf("show", "j").stdout
    assert shell.left() == []


FAULTS = {
    "kernel": ({"boot": {"kernel": {"on_host": "/etc/hosts"}}}, "job-fault", "is no Linux kernel"),
    "none": ({"boot": {"kernel": {"on_host": "/etc/none"}}}, "job-fault", "there is no such file"),
    "disk": ({"disks": [{"file": {"on_host": "/var/lib/images/none.raw"}}]}, "job-fault", "there is no such file"),
    "read": ({"disks": [{"file": {"on_host": "/etc/none.raw"}, "access": "read"}]}, "job-fault", "no such file"),
    "memory": ({"memory": "3GiB"}, "host-fault", "Xen has not as much free memory"),
}
"""What a job has that is wrong, the outcome that says whose fault it is, and words that say what."""


def test_what_is_not_there_is_told_with_whose_fault_it_is(shell, dom0):
    shell.reach(dom0, memory="8GiB", cpus=len(FAULTS))
    for name, (spec, _, _) in FAULTS.items():
        shell.write("exit 0", name, **spec)
    shell.vmf("run", *(f"{name}.yaml" for name in FAULTS))
    for name, (_, outcome, words) in FAULTS.items():
        told = shell.result(name)
        assert (told["outcome"], words in told["reason"]) == (outcome, True), told["reason"]
    assert shell.left() == []


HOGGED = """\
import pathlib, socket, subprocess, time
before = set(pathlib.Path("/var/run/xen").glob("qmp-libxl-*"))
print("ready", flush=True)
while True:
    for path in set(pathlib.Path("/var/run/xen").glob("qmp-libxl-*")) - before:
        with socket.socket(socket.AF_UNIX) as monitor:
            if not monitor.connect_ex(str(path)):
                monitor.recv(1)
                while path.exists():
                    time.sleep(0.1)
                raise SystemExit
    time.sleep(0.005)
"""
"""In dom0: be the one whom the QEMU of the next guest answers, until it is gone; Xen's library waits for it 10 s."""


def test_a_guest_whose_qemu_does_not_answer_xen_in_time_is_started_again(shell, dom0):
    shell.write("exit 3", results={})
    with ThreadPoolExecutor() as beside:
        hogged = beside.submit(dom0.run, "python3 - | tee /tmp/hogged", given=HOGGED.encode())
        await_(lambda: dom0.run("cat /tmp/hogged 2>/dev/null || true").strip(), "somebody waits for a QEMU")
        done = shell.vmf("run", "j.yaml")
        hogged.result()
    assert done.returncode == 3, done.stdout + done.stderr
    assert shell.result()["attempt"] == 1
    assert shell.left() == []


def test_a_host_without_power_is_lost_and_told(shell, dom0):
    shell.write(COUNTS)
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "count 1")
        dom0.kill()
        while "asking again" not in engine.stdout.readline():
            assert engine.poll() is None
        assert "libvirt does not answer" in shell.vmf("show", "j").stdout
        engine.send_signal(signal.SIGKILL)
    assert "orphaned" in shell.row("j")
