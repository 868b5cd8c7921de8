from __future__ import annotations

from pathlib import Path

import pytest

from vmf.errors import UsageError
from vmf.lint import config
from vmf.lint.config import Config, nearest

WHOLE = """\
select = ["VMF2", "XEN"]
ignore = ["VMF203"]
exclude = ["old"]
hosts = ["hosts/desk.yaml"]
[per-file-ignores]
"tests/*" = ["VMF4"]
"""


def test_without_any_there_is_none(tmp_path):
    assert nearest(tmp_path) == Config()


def test_every_key_is_read_and_paths_are_those_of_its_folder(tmp_path, monkeypatch):
    (tmp_path / "vmf.toml").write_text(WHOLE)
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/er")
    found = nearest(Path.cwd())
    assert (found.choice.select, found.choice.ignore) == (("VMF2", "XEN"), ("VMF203",))
    assert found.hosts == (Path("../../hosts/desk.yaml"),)
    assert found.exclude.fit(tmp_path / "old/a.yaml")
    ((patterns, words),) = found.choice.per_file
    assert (patterns.fit(tmp_path / "tests/a.yaml"), words) == (True, ("VMF4",))


def test_pyproject_holds_it_in_a_table_of_its_own(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.vmf.lint]\nignore = ["VMF2"]\n[tool.ruff]\nselect = ["ALL"]\n')
    assert nearest(tmp_path).choice.ignore == ("VMF2",)


def test_the_nearest_one_counts_alone_and_a_pyproject_of_others_is_passed_by(tmp_path):
    (tmp_path / "vmf.toml").write_text('ignore = ["VMF1"]')
    below = tmp_path / "below"
    below.mkdir()
    (below / "pyproject.toml").write_text("[tool.ruff]\n")
    assert nearest(below).choice.ignore == ("VMF1",)
    (below / "pyproject.toml").write_text('[tool.vmf.lint]\nselect = ["VMF2"]\n')
    assert (nearest(below).choice.select, nearest(below).choice.ignore) == (("VMF2",), ())
    (below / "vmf.toml").write_text("")
    assert nearest(below) == Config(exclude=nearest(below).exclude)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'selct = ["VMF2"]', "unknown key 'selct'(.|\n)*did you mean select?"),
        (b'select = "VMF2"', "toml: select: a list of texts is wanted, as in"),
        (b"ignore = [1]", "toml: ignore: a list of texts is wanted, as in"),
        (b"[per-file-ignores]\na = 1", "toml: per-file-ignores: a table of lists of texts is wanted, as in"),
        (b"[per-file-ignores]\na = [1]", "toml: per-file-ignores: a table of lists of texts is wanted, as in"),
        (b"select = [1 2]", "is not TOML: .*line 1"),
        (b"\xff", "is not TOML"),
        (b"a = " + b"[" * 100_000, "is not TOML"),
        (b"#" * (config.LARGEST + 1), "larger than 1 MiB"),
    ],
    ids=range(9),
)
def test_what_is_wrong_is_said_with_the_file(tmp_path, content, said):
    (tmp_path / "vmf.toml").write_bytes(content)
    with pytest.raises(UsageError, match=said) as error:
        nearest(tmp_path)
    assert str(tmp_path / "vmf.toml") in str(error.value)


@pytest.mark.parametrize("content", ["tool = 1", "[tool]\nvmf = 1", "[tool.vmf]\nother = 1", "[[tool]]"])
def test_tables_that_are_none_are_passed_by(tmp_path, content):
    (tmp_path / "pyproject.toml").write_text(content)
    assert nearest(tmp_path) == Config()


def test_a_table_must_be_one(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.vmf]\nlint = 1")
    with pytest.raises(UsageError, match="toml: a table is wanted"):
        nearest(tmp_path)
