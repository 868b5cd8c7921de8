from __future__ import annotations

import os
from pathlib import Path

import pytest

from lint.reports import RULES, finding
from vmf.errors import UsageError
from vmf.lint.choosing import Choice, Patterns, spec_files

KNOWN = {each.id: each for each in RULES.values()}
FINDINGS = tuple(map(finding, RULES))


@pytest.mark.parametrize(
    ("select", "ignore", "ids"),
    [
        ((), (), ["VMF203", "VMF301", "VMF402"]),
        (("VMF2", "VMF402"), (), ["VMF203", "VMF402"]),
        ((), ("VMF3",), ["VMF203", "VMF402"]),
        (("VMF",), ("VMF402", "VMF301"), ["VMF203"]),
        (("VMF203",), ("VMF2",), []),
    ],
)
def test_rules_are_chosen_by_their_ids_or_the_beginnings_of_them(select, ignore, ids):
    assert [each.rule.id for each in Choice(select=select, ignore=ignore).of(FINDINGS)] == ids


def test_a_rule_can_be_ignored_in_some_files():
    findings = [finding(where=where) for where in ("a.yaml", "old/a.yaml", "old/deep/b.yaml")]
    choice = Choice(per_file=((Patterns(folder=Path(), globs=("old",)), ("VMF2",)),))
    assert [each.fault.where for each in choice.of(findings)] == ["a.yaml"]


@pytest.mark.parametrize(
    "choice",
    [
        Choice(select=("VMF230",)),
        Choice(ignore=("VMF203", "")),
        Choice(per_file=((Patterns(globs=("*",)), ("vmf203",)),)),
    ],
)
def test_a_rule_that_there_is_not_is_refused(choice):
    with pytest.raises(UsageError):
        choice.check(KNOWN)


def test_a_slip_of_the_pen_is_mended():
    with pytest.raises(UsageError, match=r"'VMF204' is no rule(.|\n)*did you mean VMF20"):
        Choice(select=("VMF204",)).check(KNOWN)


@pytest.mark.parametrize(
    ("glob", "fitting"),
    [
        ("a.yaml", {"a.yaml"}),
        ("*.yaml", {"a.yaml", "old/b.yaml", "old/deep/c.yaml"}),
        ("old", {"old/b.yaml", "old/deep/c.yaml"}),
        ("old/*/c.yaml", {"old/deep/c.yaml"}),
        ("../specs/a.yaml", set()),
    ],
)
def test_patterns_are_relative_to_their_folder(tmp_path, monkeypatch, glob, fitting):
    files = ("a.yaml", "old/b.yaml", "old/deep/c.yaml")
    patterns = Patterns(folder=tmp_path, globs=(glob,))
    assert {each for each in files if patterns.fit(tmp_path / each)} == fitting
    monkeypatch.chdir(tmp_path)
    assert {each for each in files if patterns.fit(Path(each))} == fitting


@pytest.fixture
def tree(tmp_path):
    for each in ("b.yaml", "a.yml", "c.txt", ".hidden.yaml", "sub/d.yaml", ".git/e.yaml", "sub/.cache/f.yaml"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).touch()
    return tmp_path


def test_a_folder_is_searched_for_yaml_and_nothing_hidden(tree):
    assert [str(each.relative_to(tree)) for each in spec_files([tree])] == ["a.yml", "b.yaml", "sub/d.yaml"]


def test_what_would_never_end_or_is_no_file_is_passed_over_in_a_folder(tree):
    os.mkfifo(tree / "pipe.yaml")
    (tree / "folder.yaml").mkdir()
    assert [each.name for each in spec_files([tree])] == ["a.yml", "b.yaml", "d.yaml"]


def test_what_is_named_is_looked_at_once_whatever_it_is_called(tree):
    named = [tree / "c.txt", tree / ".hidden.yaml", tree / "missing.yaml", tree / "sub/d.yaml"]
    assert spec_files([*named, tree / "sub"]) == tuple(named)


def test_a_folder_that_holds_itself_has_an_end(tree):
    (tree / "sub/loop").symlink_to(tree)
    assert len(spec_files([tree])) == 3


def test_a_folder_that_cannot_be_read_is_not_passed_over(tree, monkeypatch):
    real = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        spec_files([tree])
