from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from vmf.errors import HostFault, JobFault
from vmf_vmware import bootdisc

SECONDS = 90
KERNEL = bytes(0x202) + b"HdrS"
WORDS = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on cryptomgr.notests noreplace-smp"


@pytest.mark.real
def test_a_computer_boots_the_kernel_with_all_of_its_words(tiny, tmp_path):
    """The tiny guest says on its console what it was booted with, before it finds that nothing else is there."""
    image, console = tmp_path / "boot.iso", tmp_path / "console"
    with image.open("w+b") as disc, (tiny / "vmlinuz").open("rb") as kernel, (tiny / "initrd.img").open("rb") as initrd:
        bootdisc.write(disc, kernel, initrd, f'{WORDS.replace("quiet", "debug")} told="by vmf"')
    words = ("-accel", "tcg", "-machine", "pc", "-nodefaults", "-display", "none", "-m", "256", "-no-reboot")
    drive = ("-cdrom", image, "-serial", f"file:{console}", "-monitor", "none")
    subprocess.run(("qemu-system-x86_64", *words, *drive), check=True, timeout=SECONDS)
    said = console.read_text(errors="replace")
    assert 'told="by vmf"' in said
    assert "vmf: no CD-ROM with magic" in said


def test_its_menu_boots_at_once():
    assert bootdisc.menu("a=b", has_initrd=False).splitlines() == [
        "default vmf", "prompt 0", "label vmf", "  kernel /kernel", "  append a=b",
    ]  # fmt: skip


def test_a_kernel_takes_so_many_words_only():
    with pytest.raises(JobFault, match="2047"):
        bootdisc.menu("a" * 2048, has_initrd=True)


def test_a_computer_without_a_boot_loader_is_told_what_to_install(tmp_path):
    with pytest.raises(HostFault, match=r"isolinux\.bin is not on this computer") as caught:
        bootdisc.write(io.BytesIO(), io.BytesIO(KERNEL), None, "", folders=[str(tmp_path)])
    assert "syslinux-common" in caught.value.hint


def test_its_boot_loader_is_found_in_any_of_the_folders(tmp_path):
    for name, folder in ((bootdisc.LOADER, tmp_path / "a"), (bootdisc.LIBRARY, tmp_path / "b")):
        folder.mkdir()
        found = next(Path(each) / name for each in bootdisc.FOLDERS if (Path(each) / name).is_file())
        (folder / name).write_bytes(found.read_bytes())
    disc = io.BytesIO()
    bootdisc.write(disc, io.BytesIO(KERNEL), None, "", folders=[str(tmp_path / "a"), str(tmp_path / "b")])
    assert b"EL TORITO SPECIFICATION" in disc.getvalue()


@pytest.mark.parametrize("kernel", [b"\x7fELF".ljust(1024, b"\0"), b"", KERNEL[:-1]])
def test_a_kernel_that_no_boot_loader_starts_holds_its_job(kernel):
    with pytest.raises(JobFault, match="no bzImage"):
        bootdisc.write(io.BytesIO(), io.BytesIO(kernel), None, "")
