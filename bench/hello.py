"""`vmf run` of the hello job against raw QEMU: the same guest with the same disks, whole processes, in turns.

Prints the medians and their ratio. The state folder is a fresh one, warmed by one run that does not count.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from state import fresh

from vmf import spec
from vmf.files import cdrom, disc, volume
from vmf.model import Job

ROUNDS = 7
TARGET = 1.25
SPEC = Path(__file__).parents[1] / "specs" / "hello.yaml"


def main() -> None:
    """Measure and print."""
    with fresh() as (work, environment):
        _measure(work, environment)


def _measure(work: Path, environment: Mapping[str, str]) -> None:
    job = spec.load_jobs([SPEC], spec.JobWords(images=work / "home" / "images"), remark=print)[0]
    ours, raw = [], []
    _vmf(work, environment)
    for _ in range(ROUNDS):
        ours.append(_vmf(work, environment))
        raw.append(_qemu(work, job))
    ratio = statistics.median(ours) / statistics.median(raw)
    print(
        f"vmf run hello {statistics.median(ours):.2f} s, raw QEMU {statistics.median(raw):.2f} s"
        f" (medians of {ROUNDS}): {ratio:.2f} x, target <= {TARGET} x"
    )


def _vmf(work: Path, environment: Mapping[str, str]) -> float:
    took = _timed([sys.executable, "-m", "vmf", "run", str(SPEC)], work, environment)
    shutil.rmtree(work / "hello.results")
    return took


def _qemu(work: Path, job: Job) -> float:
    magic = volume.magic(volume.new_nonce())
    disc.write(work / "cdrom", cdrom.contents(job, magic), label=cdrom.LABEL)
    volume.make(work / "results", size=job.results.volume, magic=magic)
    base = job.image.disks[0]
    backing = ("-F", base.layout, "-b", str(base.file.path))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(work / "disk0")], check=True)
    took = _timed(_command(work, job), work, os.environ)
    (work / "cdrom").unlink()
    with (work / "results").open("rb") as results:
        if not results.read(len("exit-code")) == b"exit-code":
            raise SystemExit("the raw guest did not speak: nothing is measured")
    return took


def _command(work: Path, job: Job) -> list[str]:
    """The machine that the kvm plugin makes, without libvirt."""
    image = job.image
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-sandbox", "on",
        "-machine", "q35,accel=tcg,usb=off", "-cpu", "max", "-m", f"{job.memory}b", "-smp", str(job.cpus),
        "-kernel", str(image.kernel.path), "-initrd", str(image.initrd.path), "-append", image.kernel_parameters,
        "-drive", f"file={work / 'disk0'},format=qcow2,if=none,id=disk0",
        "-device", "virtio-blk-pci,drive=disk0,bus=pcie.0,addr=0x1",
        "-drive", f"file={work / 'results'},format=raw,if=none,id=results",
        "-device", "virtio-blk-pci,drive=results,bus=pcie.0,addr=0x2",
        "-device", "virtio-scsi-pci,id=scsi0,bus=pcie.0,addr=0x3",
        "-drive", f"file={work / 'cdrom'},format=raw,if=none,id=cdrom,readonly=on",
        "-device", "scsi-cd,bus=scsi0.0,drive=cdrom",
        "-device", "scsi-cd,bus=scsi0.0",
        "-serial", f"file:{work / 'console.log'}",
    ]  # fmt: skip


def _timed(command: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


main()
