"""The tiny guest is built from packages of a small distribution of our own: real archives, an apt that serves them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from vmf.errors import SetupError
from vmf.model import DiskFormat, File
from vmf.warehouse import bundle, tiny
from vmf.warehouse.cpio import file
from vmf.warehouse.tiny import build

APT_CACHE = """#!/bin/sh
for archive in "$REPOSITORY/$2"_*.deb; do [ ! -e "$archive" ] || echo "  Candidate: 1"; done
"""
APT_GET = """#!/bin/sh
echo "$@" >>"$REPOSITORY/calls"
for package; do :; done
[ -e "$REPOSITORY/$package"_1_amd64.deb ] || { echo "E: Unable to locate package $package" >&2; exit 100; }
cp "$REPOSITORY/$package"_1_amd64.deb .
"""
BUSYBOX = b"#!/bin/sh\nprintf '%s\\n' busybox cat poweroff sh\n"
MODULE = b"\x7fELF\0depends=\0"
DEBIAN = {
    "linux-image-cloud-amd64": ("linux-image-6.1.0-1-cloud-amd64 (= 1)", {}),
    "linux-image-6.1.0-1-cloud-amd64": (
        "kmod, linux-base (>= 4.3~), initramfs-tools | linux-initramfs-tool",
        {"boot/vmlinuz-6.1.0-1-cloud-amd64": b"kernel\0", "usr/lib/modules/6.1/isofs.ko": MODULE},
    ),
    "busybox-static": ("", {"bin/busybox": BUSYBOX}),
}
UBUNTU = {
    "linux-image-virtual": ("linux-image-6.8.0-1-generic, linux-firmware", {}),
    "linux-image-6.8.0-1-generic": (
        "kmod, linux-modules-6.8.0-1-generic",
        {"boot/vmlinuz-6.8.0-1-generic": b"kernel\0"},
    ),
    "linux-modules-6.8.0-1-generic": ("", {"lib/modules/6.8/kernel/fs/isofs.ko": MODULE}),
    "busybox-static": ("libc6", {"usr/bin/busybox": BUSYBOX}),
}


def publish(repository, packages):
    for name, (depends, files) in packages.items():
        root = repository / name
        (root / "DEBIAN").mkdir(parents=True)
        fields = {"Package": name, "Version": "1", "Architecture": "amd64", "Maintainer": "vmf", "Description": "x"}
        control = {**fields, **({"Depends": depends} if depends else {})}
        (root / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in control.items()))
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
            (root / path).chmod(0o755)
        archive = repository / f"{name}_1_amd64.deb"
        subprocess.run(["dpkg-deb", "--build", "-Znone", root, archive], check=True, capture_output=True)
        shutil.rmtree(root)


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """A function that makes these packages the ones that apt has."""
    tools, repository = tmp_path / "bin", tmp_path / "repository"
    tools.mkdir()
    repository.mkdir()
    for name, text in {"apt-cache": APT_CACHE, "apt-get": APT_GET}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("REPOSITORY", str(repository))

    def publish_there(packages):
        publish(repository, packages)
        return repository

    return publish_there


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "images" / "tiny"


def silent(_):
    pass


def cpio(folder, *arguments):
    with (folder / "initrd.img").open("rb") as initrd:
        command = ["cpio", "--quiet", *arguments]
        return subprocess.run(command, stdin=initrd, capture_output=True, check=True).stdout


@pytest.mark.parametrize("packages", [DEBIAN, UBUNTU], ids=["debian", "ubuntu"])
def test_the_bundle_has_what_its_description_says(distribution, folder, packages):
    distribution(packages)
    image = build(folder, report=silent)
    assert (folder / "vmlinuz").read_bytes() == b"kernel\0"
    names = cpio(folder, "-t").decode().split()
    assert {"init", "guest.sh", "dev/console", "bin/sh", "bin/poweroff", "modules/00-isofs.ko"} <= {*names}
    assert cpio(folder, "-i", "--to-stdout", "bin/busybox") == BUSYBOX
    assert (image.kernel, image.initrd) == (File(path=folder / "vmlinuz"), File(path=folder / "initrd.img"))
    (disk,) = image.disks
    assert disk.format is DiskFormat.RAW
    content = disk.file.path.read_bytes()
    assert content.startswith(b"vmf tiny scratch disk\n")
    assert len(content) == 2**20
    assert hashlib.sha256(content).hexdigest() == disk.sha256
    described = (folder / "tiny.image.yaml").read_text()
    assert f"sha256: {disk.sha256}\n" in described
    assert f'kernel_parameters: "{image.kernel_parameters}"\n' in described


def test_a_recipe_adds_programs_with_their_libraries_and_files(distribution, folder):
    """What else a package depends on is neither there nor asked for."""
    agent = ("init-system-helpers, libc6 (>= 2.34)", {"usr/sbin/agent": b"agent"})
    distribution({**DEBIAN, "agent": agent, "libc6": ("", {"lib/libc.so": b"libc"})})

    def more(packages):
        assert (packages.root / "lib/libc.so").read_bytes() == b"libc"
        yield file("bin/poweroff", packages.find("usr/sbin/agent").read_bytes())

    recipe = replace(tiny.RECIPE, packages=("agent",), more=more, beside=lambda _, files: {**files, "vmlinuz": b"elf"})
    bundle.build(recipe, folder, report=silent)
    assert cpio(folder, "-i", "--to-stdout", "bin/poweroff").endswith(b"agent")
    assert (folder / "vmlinuz").read_bytes() == b"elf"


def test_everybody_can_read_it_and_its_disk_is_sparse(distribution, folder):
    distribution(DEBIAN)
    umask = os.umask(0o077)
    try:
        build(folder, report=silent)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert (folder / "scratch.raw").stat().st_blocks * 512 < 2**20


def test_the_same_packages_make_the_same_bytes(distribution, folder):
    distribution(DEBIAN)
    build(folder, report=silent)
    build(folder.with_name("again"), report=silent)
    assert (folder / "initrd.img").read_bytes() == (folder.with_name("again") / "initrd.img").read_bytes()


def test_a_second_build_asks_nobody(distribution, folder, monkeypatch):
    distribution(DEBIAN)
    first = build(folder, report=silent)
    monkeypatch.setenv("PATH", "")
    reports = []
    assert build(folder, report=reports.append) == first
    assert reports == []


@pytest.mark.parametrize(
    "spoil", [lambda folder: (folder / "vmlinuz").unlink(), lambda folder: (folder / "key").write_text("{}")]
)
def test_what_is_not_whole_is_built_again(distribution, folder, spoil):
    distribution(DEBIAN)
    build(folder, report=silent)
    spoil(folder)
    build(folder, report=silent)
    assert (folder / "vmlinuz").read_bytes() == b"kernel\0"


def test_another_vmf_builds_its_own(distribution, folder, monkeypatch):
    repository = distribution(DEBIAN)
    build(folder, report=silent)
    calls = (repository / "calls").read_text()
    monkeypatch.setattr(bundle, "SOURCES", bundle.SOURCES[1:])
    build(folder, report=silent)
    assert len((repository / "calls").read_text()) == 2 * len(calls)


def test_a_failed_build_leaves_the_old_image_and_nothing_else(distribution, folder, monkeypatch):
    repository = distribution(DEBIAN)
    build(folder, report=silent)
    monkeypatch.setattr(bundle, "SOURCES", bundle.SOURCES[1:])
    (repository / "busybox-static_1_amd64.deb").unlink()
    with pytest.raises(SetupError, match=r"apt-get .*Unable to locate package busybox-static"):
        build(folder, report=silent)
    assert (folder / "vmlinuz").exists()
    assert {path.name for path in folder.parent.iterdir()} == {"tiny", ".tiny.lock"}


def test_what_a_killed_build_left_is_no_hindrance(distribution, folder):
    distribution(DEBIAN)
    (folder.parent / ".tiny.new" / "work").mkdir(parents=True)
    build(folder, report=silent)
    assert {path.name for path in folder.parent.iterdir()} == {"tiny", ".tiny.lock"}


def test_several_at_once_build_it_once(distribution, folder):
    repository = distribution(DEBIAN)
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: build(folder, report=silent), range(4)))
    assert images == [images[0]] * 4
    assert (repository / "calls").read_text().count("busybox-static") == 1


def test_somebody_elses_folder_is_left_alone(distribution, folder):
    distribution(DEBIAN)
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(SetupError, match="vmf has not made it"):
        build(folder, report=silent)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("packages", "fault"),
    [
        ({}, r"none of linux-image-cloud-amd64.*package lists\n.*apt-get update"),
        ({**DEBIAN, "busybox-static": ("", {})}, r"no \*\*/bin/busybox in the packages .*busybox-static"),
        ({**DEBIAN, "linux-image-6.1.0-1-cloud-amd64": ("", {"boot/vmlinuz-6.1": b"kernel"})}, "cannot read a CD-ROM"),
    ],
    ids=["no kernel", "no busybox", "no isofs"],
)  # fmt: skip
def test_packages_of_no_use_are_named(distribution, folder, packages, fault):
    distribution(packages)
    with pytest.raises(SetupError, match=fault) as caught:
        build(folder, report=silent)
    assert "docs/guest.md" in caught.value.hint
    assert not folder.exists()


def test_without_apt_the_error_says_what_it_needs(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError, match=r"no apt-cache here\n.*docs/guest\.md"):
        build(folder, report=silent)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match=r"file/tiny: the tiny guest could not be built: "):
        build(tmp_path / "file" / "tiny", report=silent)
