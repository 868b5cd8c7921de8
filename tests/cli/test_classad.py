from __future__ import annotations

import json
import subprocess
import sys

import pytest

from shell import Shell

FORMS = {
    "new": "[ a = 1; b = a + 1; Requirements = TARGET.Memory > 5 && true; Rank = 3 ]",
    "old": "a = 1\nb = a + 1\nRequirements = TARGET.Memory > 5 && true\nRank = 3\n",
    "json": r'{"a": 1, "b": "\/Expr(a + 1)\/", "Requirements": "\/Expr(TARGET.Memory > 5 && true)\/", "Rank": 3}',
}


@pytest.fixture(autouse=True)
def ads(shell: Shell) -> None:
    for name, text in FORMS.items():
        (shell.folder / name).write_text(text)
    (shell.folder / "host").write_text("[ Memory = 4; Requirements = true ]")
    (shell.folder / "twin").write_text("[ a = 1 ] [ a = 2 ]")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("1 + 2",), "3"),
        (('strcat("a", "b")',), '"ab"'),
        (("missing",), "undefined"),
        (("1 / 0",), "error"),
        (("--", "-1"), "-1"),
        (("{a, 2}", "--my", "new"), "{ a,2 }"),
        (("b", "--my", "new"), "2"),
        (("b", "--my", "old"), "2"),
        (("b", "--my", "json"), "2"),
        (("TARGET.Memory + a", "--my", "new", "--target", "host"), "5"),
        (("Memory", "--target", "host"), "4"),
        (("time() > 1700000000",), "true"),
        (('"\u202e"',), r'"\342\200\256"'),
    ],
)
def test_a_value_is_printed_as_an_expression(shell: Shell, words: tuple[str, ...], value: str) -> None:
    done = shell.vmf("classad", "eval", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{value}\n", "")


def test_as_json_it_is_an_ad_in_an_array(shell: Shell) -> None:
    assert json.loads(shell.vmf("classad", "eval", "{a, b}[1]", "--my", "new", "--format", "json").stdout) == [
        {"Value": 2}
    ]
    assert json.loads(shell.vmf("classad", "eval", "c", "--format", "json").stdout) == [{"Value": None}]


def test_an_ad_is_read_from_standard_input(shell: Shell) -> None:
    words = [sys.executable, "-P", "-m", "vmf", "classad", "eval", "b", "--my", "-"]
    done = subprocess.run(words, env=shell.environment, input=FORMS["old"], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("eval", "a + + (b"), "expression:1:9: `)` is missing\n    a + + (b\n            ^"),
        (("eval", "1", "--my", "bad"), "bad:2:5: "),
        (("eval", "1", "--my", "none"), "none cannot be read: No such file or directory"),
        (("eval", "1", "--my", "."), ". cannot be read: Is a directory"),
        (("eval", "1", "--target", "twin"), "twin has 2 ads\n    give it exactly one"),
        (("match", "new", "-"), "standard input has 0 ads"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(shell: Shell, words: tuple[str, ...], told: str) -> None:
    (shell.folder / "bad").write_text("a = 1\nb = = 3\n")
    done = shell.vmf("classad", *words)
    assert (done.returncode, done.stdout) == (78, "")
    assert told in done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_ads_that_do_not_fit_are_told_the_clauses_that_object(shell: Shell, form: str) -> None:
    done = shell.vmf("classad", "match", form, "host")
    assert done.returncode == 72
    assert done.stdout.splitlines() == [
        "they do not fit",
        "left: refuses right, rank 3",
        "    `TARGET.Memory > 5` is false: right has Memory 4",
        "right: takes left, rank 0",
    ]


def test_ads_that_fit_take_each_other(shell: Shell) -> None:
    (shell.folder / "host").write_text("Memory = 40\nRequirements = TARGET.a == 1\nRank = TARGET.b / 4.0")
    done = shell.vmf("classad", "match", "host", "new")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "they fit each other",
        "left: takes right, rank 0.5",
        "right: takes left, rank 3",
    ]


def test_an_ad_without_requirements_is_told_that_it_needs_some(shell: Shell) -> None:
    (shell.folder / "host").write_text("Memory = 40")
    done = shell.vmf("classad", "match", "new", "host")
    assert done.returncode == 72
    assert "right has no Requirements" in done.stdout


@pytest.mark.parametrize("requirements", ["1", "2.5", "undefined"])
def test_ads_fit_only_if_it_is_exactly_true(shell: Shell, requirements: str) -> None:
    (shell.folder / "one").write_text(f"[ Requirements = {requirements} ]")
    done = shell.vmf("classad", "match", "one", "host")
    assert done.returncode == 72
    assert done.stdout.startswith("they do not fit\nleft: refuses right, rank 0\n")
    assert "right: takes left" in done.stdout
