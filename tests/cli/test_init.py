from __future__ import annotations

import json
import re

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from shell import Shell, contents

TINY = "apiVersion: vmf/v1\nkind: Image\nmetadata: {name: tiny}\nspec: {disks: [{file: box.raw}]}\n"


@pytest.fixture
def built(shell: Shell) -> Shell:
    """A shell whose warehouse has something that is called tiny."""
    folder = shell.home / "images/tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.image.yaml").write_text(TINY)
    (folder / "box.raw").write_bytes(bytes(2**20))
    return shell


def test_the_first_job_runs(built: Shell) -> None:
    done = built.vmf("init")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "job.yaml: a first job",
        "job.schema.json: what a job can say, for your editor",
        "next: `vmf run job.yaml`",
    ]
    done = built.vmf("run", "job.yaml")
    assert done.returncode == 0, done.stderr
    assert "first: completed, exit code 0 (guest)" in done.stdout


def test_the_first_job_has_no_finding(built: Shell) -> None:
    built.vmf("init")
    done = built.vmf("lint", "job.yaml")
    assert (done.returncode, done.stdout) == (0, "")


def test_its_comments_show_what_can_be_said(built: Shell) -> None:
    built.vmf("init")
    path = built.folder / "job.yaml"
    field = re.compile(r"^( +)# ((?:\w+:| +- ).*)$", re.MULTILINE)
    text, count = field.subn(r"\1\2", path.read_text())
    assert count >= 5
    path.write_text(text.replace("type: kvm", "type: fake"))
    done = built.vmf("plan", "job.yaml")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == ["first-0", "first-1"]


def test_without_the_image_the_next_step_is_to_build_it(shell: Shell) -> None:
    assert "next: `vmf image build tiny`, then `vmf run job.yaml`" in shell.vmf("init").stdout


def test_an_editor_finds_the_schema_beside_the_job(shell: Shell) -> None:
    (shell.folder / "there").mkdir()
    assert shell.vmf("init", "there/mine.yaml").returncode == 0
    text = (shell.folder / "there/mine.yaml").read_text()
    named = re.match(r"# yaml-language-server: \$schema=(.*)\n", text)
    assert named is not None
    made = json.loads((shell.folder / "there" / named[1]).read_text())
    assert "fake" in made["properties"]["spec"]["properties"]
    Draft7Validator(made).validate(YAML(typ="safe", pure=True).load(text))


def test_what_is_there_already_stays(shell: Shell) -> None:
    (shell.folder / "job.yaml").write_text("mine")
    before = contents(shell.folder)
    done = shell.vmf("init")
    assert done.returncode == 78
    assert "job.yaml is already there\n    name another file, or move it away" in done.stderr
    assert contents(shell.folder) == before
    (shell.folder / "job.schema.json").write_text("mine, too")
    done = shell.vmf("init", "other.yaml")
    assert done.returncode == 0
    assert "job.schema.json" not in done.stdout
    assert (shell.folder / "job.schema.json").read_text() == "mine, too"


def test_a_dash_prints_the_job_and_writes_nothing(shell: Shell) -> None:
    before = contents(shell.folder)
    done = shell.vmf("init", "-")
    assert "kind: Job" in done.stdout
    assert "$schema" not in done.stdout
    assert contents(shell.folder) == before


def test_a_folder_that_is_not_there_is_told(shell: Shell) -> None:
    done = shell.vmf("init", "nowhere/job.yaml")
    assert done.returncode == 79
    assert "No such file or directory: nowhere/job.yaml" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"), [("", "the file's name is empty"), (".", "is already there"), ("/", "is already there")]
)
def test_what_is_no_name_of_a_file_is_told(shell: Shell, name: str, said: str) -> None:
    done = shell.vmf("init", name)
    assert done.returncode == 78
    assert said in done.stderr
