"""`--fix`: what is surely meant is written, and not a byte beside it is touched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lint.samples import FINE, host, job
from vmf.files import beside
from vmf.lint import fixing, inline, judge
from vmf.lint.choosing import Choice
from vmf.lint.finding import Report

SLIP, MENDED = job("vnc: yes"), job("vnc: true")


@pytest.fixture
def fix(folder, plugins):
    """Fix files, and say how many places were mended and what is left."""

    def fix(*names: str, choice: Choice = Choice()):  # noqa: B008  # it is frozen
        files = [Path(name) for name in names]

        def look():
            found = judge.findings(files, plugins=plugins, hosts=(), images=folder / "images")
            return Report.of(choice.of(inline.heed(found, files)), files)

        left, mended = fixing.settle(look, files)
        return mended, [each.rule.id for each in left.findings]

    return fix


@pytest.mark.parametrize(
    ("slip", "meant", "count"),
    [
        ("netwrok: {type: user}", "network: {type: user}", 1),
        ("vnc: Yes", "vnc: true", 1),
        ("vnc: off", "vnc: false", 1),
        ("network: {type: Bridge}", "network: {type: bridge}", 1),
        ("requirements: TARGET.Cpus = 4", "requirements: TARGET.Cpus == 4", 1),
        ("requirements: 'TARGET.Cpus = 4'", "requirements: 'TARGET.Cpus == 4'", 1),
        ("requirements: |\n    TARGET.Cpus = 4", "requirements: |\n    TARGET.Cpus == 4", 1),
        ("requirements: Has_a and Has_b OR Has_c", "requirements: Has_a && Has_b || Has_c", 2),
        ("netwrok: {type: natt, modle: virtoi}", "network: {type: nat, model: virtio}", 4),
        ("run: ü \U0001f600\n  netwrok: {'type': user}", "run: ü \U0001f600\n  network: {'type': user}", 1),
        ("queue: [{vnc: yes}, {vnc: no, cpus: 2}]", "queue: [{vnc: true}, {vnc: false, cpus: 2}]", 2),
    ],
)
def test_what_is_surely_a_slip_is_mended_at_once(fix, slip, meant, count):
    Path("j.yaml").write_text(job(slip))
    assert fix("j.yaml")[0] == count
    assert Path("j.yaml").read_text() == job(meant)
    assert fix("j.yaml")[0] == 0


@pytest.mark.parametrize(
    "doubtful",
    [
        "zzz: 1",
        "vcn: true",
        "memry: 1GiB",
        "cpus: four",
        "vnc: 'yes'",
        "'netwrok': {}",
        "network: {type: n}",
        'requirements: "\\x43pus = 4"',
        "requirements: TARGET.Cpus > (4",
        "image: none.raw",
    ],
)
def test_what_is_in_doubt_is_left_as_it_is(fix, doubtful):
    Path("j.yaml").write_text(job(doubtful))
    mended, left = fix("j.yaml")
    assert mended == 0
    assert left
    assert Path("j.yaml").read_text() == job(doubtful)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_the_byte_order_mark_stay(fix, start, end):
    def text(spec):
        return f"{start}{spec}# end".replace("\n", end).encode()

    Path("j.yaml").write_bytes(text(SLIP))
    assert fix("j.yaml") == (1, [])
    assert Path("j.yaml").read_bytes() == text(MENDED)


@pytest.mark.parametrize("name", ["a b.yaml", "-f.yaml", "ü.yaml", "a\nb\x1b.yaml", "\udcff.yaml", "[*].yaml"])
def test_files_of_any_name(fix, name):
    Path(name).write_text(SLIP)
    Path("other.yaml").write_text(SLIP)
    assert fix(name) == (1, [])
    assert (Path(name).read_text(), Path("other.yaml").read_text()) == (MENDED, SLIP)


def test_files_whose_names_look_alike_are_kept_apart(fix):
    Path("a\x1b.yaml").write_text(SLIP)
    Path("a\x1c.yaml").write_text(f"# one more line\n{SLIP}")
    assert fix("a\x1b.yaml", "a\x1c.yaml") == (2, [])
    assert Path("a\x1b.yaml").read_text() == MENDED
    assert Path("a\x1c.yaml").read_text() == f"# one more line\n{MENDED}"


def test_all_files_and_documents_of_a_run(fix):
    Path("a.yaml").write_text(f"{SLIP}---\n{SLIP.replace('name: j', 'name: k')}")
    Path("b.yaml").write_text(host("soft_suspend: yes"))
    Path("c.yaml").write_text(FINE)
    assert fix("a.yaml", "b.yaml", "c.yaml")[0] == 3
    assert Path("a.yaml").read_text() == f"{MENDED}---\n{MENDED.replace('name: j', 'name: k')}"


def test_what_is_not_told_is_not_mended(fix):
    Path("j.yaml").write_text(job("netwrok: {}", "vnc: yes", "boot: {firmware: bois}  # vmf: ignore[VMF113]"))
    assert fix("j.yaml", choice=Choice(ignore=("VMF109",)))[0] == 1
    assert Path("j.yaml").read_text() == job(
        "netwrok: {}", "vnc: true", "boot: {firmware: bois}  # vmf: ignore[VMF113]"
    )


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_permissions_stay(fix, mode):
    Path("j.yaml").write_text(SLIP)
    Path("j.yaml").chmod(mode)
    fix("j.yaml")
    assert stat.S_IMODE(Path("j.yaml").stat().st_mode) == mode


def test_a_link_stays_one(fix, folder):
    (folder / "real").mkdir()
    (folder / "real/j.yaml").write_text(SLIP.replace("box.raw", "../box.raw"))
    Path("j.yaml").symlink_to("real/j.yaml")
    (folder / "real/box.raw").write_bytes(bytes(512))
    (folder.parent / "box.raw").write_bytes(bytes(512))
    assert fix("j.yaml") == (1, [])
    assert Path("j.yaml").is_symlink()
    assert (folder / "real/j.yaml").read_text() == MENDED.replace("box.raw", "../box.raw")


def test_a_file_that_is_clean_is_not_written(fix):
    Path("j.yaml").write_text(FINE)
    before = Path("j.yaml").stat()
    assert fix("j.yaml") == (0, [])
    assert Path("j.yaml").stat() == before


def test_a_file_that_changed_meanwhile_keeps_what_it_has(folder, plugins):
    Path("j.yaml").write_text(SLIP)
    found = list(judge.findings([Path("j.yaml")], plugins=plugins, hosts=(), images=folder))
    Path("j.yaml").write_text(SLIP.replace("vnc: yes", "vnc: false  # yes"))
    assert fixing.fix(found, [Path("j.yaml")]) == 0
    Path("j.yaml").write_text("a")
    assert fixing.fix(found, [Path("j.yaml")]) == 0
    assert Path("j.yaml").read_text() == "a"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_broken_off_it_leaves_the_file_as_it_was(fix, folder, monkeypatch, step):
    Path("j.yaml").write_text(SLIP)
    before = sorted(folder.iterdir())

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (beside.Path, "replace")), fail)
    with pytest.raises(KeyboardInterrupt):
        fix("j.yaml")
    assert Path("j.yaml").read_text() == SLIP
    assert sorted(folder.iterdir()) == before


def test_a_file_of_nothing_but_slips_ends(fix):
    Path("j.yaml").write_text(job(f"requirements: a{100 * ' and a'}"))
    assert fix("j.yaml") == (fixing.ROUNDS_MOST, ["VMF301"])
