"""What is wrong with what the user gives: told with its place and what to do; nothing is started, nothing is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shell import GOOD, Shell


@pytest.mark.parametrize(
    ("was", "becomes", "place", "what", "hint"),
    [
        ("exit 0", '"exit 0', "9:8", "a quote that is never closed", "close it"),
        ("kind: Job", "kind: }", "2:7", "not YAML: expected the node content", "check the indentation"),
        ("  memory", "\tmemory", "7:1", "a tab is used for indentation", "indent with spaces"),
        ("env: {A: b}", "memory: 1GiB", "8:3", "'memory' is given twice; the first is in line 7", "keep one of them"),
        ("  memory", "  memry", "7:3", "unknown key 'memry'", "did you mean memory?"),
        ("256MiB", "[256MiB]", "7:11", "a size such as 256MiB is wanted, this is a list", "write a size such as"),
        ("kind: Job", "kind: Host", "2:7", "'Host' is not read here", "hosts are read from --hosts or the config"),
        ("256MiB", "0", "7:11", "'0' is out of range", "from 1 MiB"),
        ("256MiB", "0MiB", "7:11", "'0MiB' is out of range", "from 1 MiB"),
        ("256MiB", "-256MiB", "7:11", "'-256MiB' is not a size", "write a number and a unit, such as 256MiB"),
        ("256MiB", "lots", "7:11", "'lots' is not a size", "write a number and a unit, such as 256MiB"),
        ("box.raw", "bux.raw", "6:10", "there is no image 'bux.raw'", "(no such file or directory)"),
        ("box.raw", "box.iso", "6:10", "there is no image 'box.iso'", "(no such file or directory)"),
        ("box.raw", "j.yaml", "6:10", "the format of 'j.yaml' cannot be told by its name", "a single disk ends with"),
        ("box.raw", "hosts", "6:10", "holds 0 descriptions", "describe the image in NAME.image.yaml"),
        ("name: j", "name: a<b", "4:9", "'a<b' is not allowed here", "write letters, digits, dots, dashes"),
        ("name: j", "name: a&b", "4:9", "'a&b' is not allowed here", "at most 63"),
        ("name: j", "name: '\"'", "4:9", "'\"' is not allowed here", "write letters"),
        ("name: j", 'name: "\'"', "4:9", '"\'" is not allowed here', "write letters"),
        ("name: j", 'name: "a\\nb"', "4:9", "'a\\nb' is not allowed here", "write letters"),
        ("name: j", "name: a/b", "4:9", "'a/b' is not allowed here", "write letters"),
        ("name: j", "name: ../j", "4:9", "'../j' is not allowed here", "write letters"),
        ("name: j", f"name: {'x' * 300}", "4:9", "xxx… is not allowed here", "at most 63"),
        ("{A: b}", "{A<: b}", "8:9", "'A<' is not allowed here", "write letters, digits and underscores"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(
    shell: Shell, was: str, becomes: str, place: str, what: str, hint: str
) -> None:
    assert GOOD.count(was) == 1
    (shell.folder / "j.yaml").write_text(GOOD.replace(was, becomes))
    said = shell.refused()
    fault = next(line for line in said.splitlines() if f"j.yaml:{place}: " in line)
    assert what in fault
    assert hint in said
    lines = said.splitlines()
    caret = next(number for number, line in enumerate(lines) if line.strip() == "^")
    line, column = map(int, place.split(":"))
    assert lines[caret].index("^") == 4 + column - 1
    assert lines[caret - 1].strip()[:40] == GOOD.replace(was, becomes).splitlines()[line - 1].strip()[:40]


def missing(_: Path) -> None:
    pass


def a_folder(path: Path) -> None:
    path.mkdir()


def large(path: Path) -> None:
    path.write_text(GOOD + "# " + "x" * 256 * 1024)


def deep(path: Path) -> None:
    path.write_text(GOOD.replace("{A: b}", "[" * 65 + "]" * 65))


def laughing(path: Path) -> None:
    levels = [f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    path.write_text(GOOD + "\n".join(["  l0: &l0 [ha]", *levels]))


def binary(path: Path) -> None:
    path.write_bytes(GOOD.encode() + b"\xff\xfe")


@pytest.mark.parametrize(
    ("make", "what", "hint"),
    [
        (missing, "j.yaml: no such file", "check the path"),
        (a_folder, "j.yaml: this is a folder", "name the file inside it"),
        (large, "the file is larger than 256 kB", "a spec is small"),
        (deep, "nested deeper than 64 levels", "write it flatter"),
        (laughing, "more than 40000 values, aliases spelt out", "write fewer values"),
        (binary, "the byte 0xff is not UTF-8 text", "save the file as UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    shell: Shell, make: Callable[[Path], None], what: str, hint: str
) -> None:
    make(shell.folder / "j.yaml")
    said = shell.refused()
    assert what in said
    assert hint in said


def test_all_faults_of_all_files_are_told_in_one_go(shell: Shell) -> None:
    (shell.folder / "j.yaml").write_text(GOOD.replace("box.raw", "bux.raw").replace("256MiB", "lots\n  cpu: 0"))
    (shell.folder / "k.yaml").write_text(GOOD.replace("name: j", "name: k/k").replace("run:", "runs:"))
    said = shell.refused("j.yaml", "k.yaml", "gone.yaml", "--set", "nothing")
    for place in ("j.yaml:6:10: ", "j.yaml:7:11: ", "j.yaml:8:3: ", "k.yaml:4:9: ", "k.yaml:9:3: ", "gone.yaml: "):
        assert f"\n{place}" in f"\n{said.removeprefix('vmf: ')}"
    assert "--set nothing: the = is missing" in said


def test_a_host_beyond_which_nothing_fits_says_so(shell: Shell) -> None:
    (shell.folder / "j.yaml").write_text(GOOD.replace("256MiB", "1TiB"))
    assert "farm: memory 1 TiB wanted, 4 GiB in all" in shell.refused(code=72)


def test_what_yaml_would_misread_arrives_as_it_is_written(shell: Shell) -> None:
    given = {"MAC": "52:54:00:12:34:56", "NO": "no", "EXP": "1e3", "OCT": "010", "DATE": "2001-01-01", "DOT": "3.10"}
    written = ", ".join(f"{name}: {value}" for name, value in given.items())
    (shell.folder / "j.yaml").write_text(GOOD.replace("A: b", written))
    assert shell.vmf("run", "j.yaml").returncode == 0
    assert shell.records("j")[0].job.env == given


@pytest.mark.parametrize(
    ("make", "reason", "hint"),
    [
        (("-f", "qcow2", "box.qcow2", "1M"), "", ""),
        (("-f", "vmdk", "box.qcow2", "1M"), "it is stated to be qcow2 and is a VMDK image", "state `format: vmdk`"),
        (
            ("-f", "qcow2", "-F", "raw", "-b", "box.raw", "box.qcow2"),
            "an overlay over another file, box.raw",
            "qemu-img convert -O qcow2",
        ),
        (
            ("-f", "qcow2", "-o", "data_file=data", "box.qcow2", "1M"),
            "its data is in another file",
            "qemu-img convert -O qcow2",
        ),
    ],
)
def test_an_image_must_be_what_it_is_stated_to_be_and_stand_alone(
    shell: Shell, make: tuple[str, ...], reason: str, hint: str
) -> None:
    subprocess.run(("qemu-img", "create", "-q", *make), cwd=shell.folder, check=True)
    (shell.folder / "j.yaml").write_text(GOOD.replace("box.raw", "box.qcow2"))
    if not reason:
        assert shell.vmf("run", "j.yaml").returncode == 0
        return
    said = shell.refused()
    assert f"disk {shell.folder}/box.qcow2: " in said
    assert reason in said
    assert hint in said


def test_an_appliance_must_be_one(shell: Shell) -> None:
    (shell.folder / "box.ova").write_text("not an archive")
    (shell.folder / "j.yaml").write_text(GOOD.replace("box.raw", "box.ova"))
    said = shell.refused()
    assert "j.yaml:6:10: spec.image: " in said
    assert f"appliance {shell.folder}/box.ova: it is no tar archive, or a damaged one" in said


def test_a_text_file_is_no_image(shell: Shell) -> None:
    (shell.folder / "box.raw").write_text("not a disk")
    (shell.folder / "j.yaml").write_text(GOOD)
    said = shell.refused("j.yaml", "--set", "cpus=none")
    assert "j.yaml:6:10: spec.image: " in said
    assert "box.raw: it is stated to be raw and its 10 bytes are no multiple of 512" in said
    assert f"{' ' * 4}  image: box.raw\n{' ' * 4}{' ' * 9}^" in said
    assert "--set cpus=none: spec.cpus" in said


def test_two_jobs_of_one_name_are_refused_together(shell: Shell) -> None:
    (shell.folder / "j.yaml").write_text(f"{GOOD}---\n{GOOD}")
    said = shell.refused()
    assert "j.yaml:14:9: metadata.name: 'j' is already the name of the one in j.yaml:4" in said


def test_two_jobs_cannot_share_a_results_folder(shell: Shell) -> None:
    (shell.folder / "j.yaml").write_text(f"{GOOD}---\n{GOOD.replace('name: j', 'name: k')}")
    assert "give each job its own results.folder" in shell.refused("j.yaml", "--set", "results.folder=both")


def test_a_results_folder_cannot_lie_in_another_jobs(shell: Shell) -> None:
    (shell.folder / "j.yaml").write_text(
        f"{GOOD}---\n{GOOD.replace('name: j', 'name: k')}  results: {{folder: j.results/k}}\n"
    )
    said = shell.refused()
    assert (
        f"k: {shell.folder}/j.results/k lies in {shell.folder}/j.results, where another job brings its results" in said
    )


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("j.yaml/out/r", "Not a directory"),
        (f"out/{'x' * 256}/r", "File name too long"),
        (f"out/{'x' * 240}", "File name too long"),
    ],
)
def test_a_results_folder_that_cannot_be_made_is_refused_with_nothing_left_of_the_way_to_it(
    shell: Shell, folder: str, reason: str
) -> None:
    (shell.folder / "j.yaml").write_text(GOOD)
    said = shell.refused("j.yaml", "--set", f"results.folder={folder}")
    assert f"the results cannot go to {shell.folder}/{folder}: {reason}" in said


def test_a_results_folder_that_is_there_keeps_what_is_in_it(shell: Shell) -> None:
    (shell.folder / "j.yaml").write_text(GOOD)
    (shell.folder / "j.results").mkdir()
    (shell.folder / "j.results/precious").write_text("mine")
    said = shell.refused()
    assert f"the results folder {shell.folder}/j.results is already there" in said
    assert "move it away, or --set results.folder=ANOTHER" in said
