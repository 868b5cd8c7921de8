"""The submit language, compared with HTCondor's own reader where that can be asked."""

from __future__ import annotations

import os

import htcondor2
import pytest

from htcondor.desk import Desk
from vmf.errors import SpecError


def test_names_have_no_case_and_the_last_word_counts(desk: Desk) -> None:
    assert desk.values("ARGUMENTS = a\nArguments = b\nQUEUE") == ["b"]


def test_lines_go_on_after_a_backslash_without_what_surrounds_them(desk: Desk) -> None:
    assert desk.values("arguments = a\\\n   b \\\n c\n# a remark \\\nqueue") == ["ab c"]


def test_text_of_several_lines(desk: Desk) -> None:
    assert desk.values("arguments @=end\n a = 1\n b\n@end\nqueue") == ["a = 1\nb"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A = 1\narguments = $(a)-$(B:def)-$(C) $(D:$(Process))\nB = x\nqueue 2", ["1-x- 0", "1-x- 1"]),
        ("A = 1\nA = $(A)2\narguments = $(A)\nqueue", ["12"]),
        ("arguments = $(A)\nA = late\nqueue", ["late"]),
        ("arguments = $(Cluster).$(ClusterId) $(ProcId) $(DOLLAR)(x)\nqueue", ["1.1 0 $(x)"]),
        ("arguments = $$(Memory) $ENV(HOME) $RANDOM_CHOICE(1,2)\nqueue", ["$$(Memory) $ENV(HOME) $RANDOM_CHOICE(1,2)"]),
        ("F = /a/b/c.txt\narguments = $Fp(F) $Fd(F) $Fn(F) $Fx(F) $Fnx(F) $Fq(F)\nqueue",
         ['/a/b/ b/ c .txt c.txt "/a/b/c.txt"']),
        ("F = /a/b/c.txt\narguments = $BASENAME(F) $DIRNAME(F)\nqueue", ["c.txt /a/b"]),
        ("arguments = $(open\nqueue", ["$(open"]),
        ("+A = 1\narguments = $(MY.A)\nqueue", ["1"]),
    ],
)  # fmt: skip
def test_macros(desk: Desk, text: str, values: list[str]) -> None:
    assert desk.values(text) == values


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("queue", ["-/0/0"]),
        ("queue 2", ["-/0/0", "-/0/1"]),
        ("queue 1 + 1", ["-/0/0", "-/0/1"]),
        ("queue x in (a, b c)", ["a-/0/0", "b-/1/0", "c-/2/0"]),
        ("queue 2 x in a b", ["a-/0/0", "a-/0/1", "b-/1/0", "b-/1/1"]),
        ("queue x in (\n a\n # no\n b, c\n)", ["a-/0/0", "b-/1/0", "c-/2/0"]),
        ("queue x in [1:] (a b c)", ["b-/0/0", "c-/1/0"]),
        ("queue x in [-1] (a b c)", ["c-/0/0"]),
        ("queue x,y from (\n a, b c\n\n# no\n d e\n)", ["a-b c/0/0", "d-e/1/0"]),
        ("queue x y from items", ["1-2/0/0", "3-4 5/1/0"]),
        ("queue x matching *.img", ["a.img-/0/0", "b.img-/1/0"]),
        ("queue x matching dirs *", ["sub-/0/0"]),
        ("queue x matching files sub/*", ["sub/c.img-/0/0"]),
    ],
)
def test_queue(desk: Desk, statement: str, values: list[str]) -> None:
    desk.put("1 2\n\n# no\n3 4 5\n", "items")
    for name in ("b.img", "a.img", ".hidden.img", "sub/c.img"):
        desk.put("", name)
    assert desk.values(f"x =\ny =\narguments = $(x)-$(y)/$(ItemIndex)/$(Step)\n{statement}") == values


def test_the_item_has_a_name_of_its_own_if_none_is_given(desk: Desk) -> None:
    assert desk.values("arguments = $(Item)\nqueue in (a b)") == ["a", "b"]


def test_commands_change_between_queue_statements(desk: Desk) -> None:
    assert desk.values("arguments = a$(Process)\nqueue\narguments = b$(Process)\nqueue 2") == ["a0", "b1", "b2"]


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("true", "yes"),
        ("FALSE", "no"),
        ("defined executable", "yes"),
        ("defined nothing", "no"),
        ("! defined nothing", "yes"),
        ("version >= 8.1", "yes"),
        ("version < 8.1.6", "no"),
        ("$(WANTED)", "yes"),
    ],
)
def test_conditions(desk: Desk, condition: str, value: str) -> None:
    head = f"WANTED = 1\nexecutable = x\nif {condition}\narguments = yes\nelse\narguments = no\nendif\n"
    assert desk.values(f"{head}queue") == [value]


def test_a_condition_that_is_none_is_told_alone(desk: Desk) -> None:
    with pytest.raises(SpecError) as caught:
        desk.values("if 1 == 1\narguments = 1\nelse\narguments = 2\nendif\nqueue")
    assert len(caught.value.faults) == 1


def test_a_remark_may_end_a_statement(desk: Desk) -> None:
    assert desk.values("arguments = a \\\n# no \\\n# more\nqueue") == ["a"]


def test_branches_that_do_not_count_may_say_anything(desk: Desk) -> None:
    text = "if false\nwhat?\nif true\narguments = 1\nendif\nelif true\narguments = 2\nelif true\narguments = 3\nendif"
    assert desk.values(f"{text}\nqueue") == ["2"]


def test_files_are_included_relative_to_the_one_that_names_them(desk: Desk) -> None:
    desk.put("include : deeper.inc\n", "sub/more.inc")
    desk.put("arguments = deep\n", "sub/deeper.inc")
    assert desk.values("include : sub/more.inc\ninclude ifexist : none\nqueue") == ["deep"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("what is this\nqueue", "job.sub:1:1: 'what is this' is no statement"),
        ("queue x from items |", "queue: items from a program"),
        ("include : ls |\nqueue", "job.sub:1:11: include: this runs a program"),
        ("include command : ls\nqueue", "this runs a program"),
        ("include : none\nqueue", "No such file or directory"),
        ("include : .\nqueue", "this is no ordinary file"),
        ("include : job.sub\nqueue", "files included deeper than 8 levels"),
        ("if 1 == 1\nendif\nqueue", "'1 == 1' is no simple condition"),
        ("if true\nqueue", "job.sub:1:4: an `if` that is never ended"),
        ("if true\n" * 65, "more than 64 conditions within each other"),
        ("endif\nqueue", "there is no `if` for it"),
        ("queue x in (a", "a bracket that is never closed"),
        ("queue x matching /etc/*", "is not looked for"),
        ("queue x matching ../*", "is not looked for"),
        ("queue lots", "'lots' is no number of processes"),
        ("queue 10001", "is no number of processes"),
        ("queue 6000\nqueue 6000", "more than 10000 processes"),
        ("arguments = $(A)\nA = $(B)\nB = $(A)\nqueue", "macros nested deeper than 32"),
        ("executable = x", "no process is asked for"),
        ("queue 0", "no process is asked for"),
        ("a = \x07\nqueue", "job.sub:1:5: the control character U+0007"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(desk: Desk, text: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        desk.values(text)
    assert told in str(caught.value).replace(f"{desk.folder}/", "")


def test_a_pipe_that_nobody_fills_is_not_waited_for(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe")
    for text in ("include : pipe\nqueue", "queue x from pipe"):
        with pytest.raises(SpecError, match="this is no ordinary file"):
            desk.values(text)


def test_macros_that_grow_without_end_are_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmf.htcondor.macros.EFFORT_MOST", 1_000_000)
    doubling = "".join(f"A{number} = $(A{number - 1})$(A{number - 1})\n" for number in range(1, 31))
    with pytest.raises(SpecError, match="too"):
        desk.values(f"A0 =\n{doubling}arguments = $(A30)\nqueue")
    with pytest.raises(SpecError, match="too long"):
        desk.values("A = xx\n" + "A = $(A)$(A)\n" * 40 + "queue")


@pytest.mark.parametrize(
    "text",
    [
        "A=1\nA=$(A)2\narguments=$(A)-$(B:def)-$(C) $(D:$(Process))",
        "arguments=a\\\n  b\\\nc",
        "arguments=a\\ \n b\n# remark \\",
        "arguments = a \\\n   b\\\n   c \\\n d",
        "arguments @=end\n a\n b\n@end",
        "arguments=1 # no remark",
        "if defined FOO\narguments=1\nelif version >= 8.0\narguments=2\nelse\narguments=3\nendif",
        "if ! defined FOO\narguments=1\nendif",
        "X=1\nX=$(X)$(Y)\nY=3\narguments=$(X)",
        "arguments=$(open $(A:)",
        "arguments = a, \\\n# b, \\\n c",
        "arguments = a \\\n   # b \\\nc",
        "arguments = a \\\n# b\\\n# c \\\nd\nB = 1",
        *(
            f"X=\nZ=1\nN=$(X)\nif {condition}\narguments=1\nelse\narguments=0\nendif"
            for condition in (
                "defined X",
                "defined Z",
                "defined N",
                "! defined X",
                "$(X)",
                "t",
                "T",
                "f",
                "! t",
                "2",
                "-1",
                "-0",
                "0.0",
                "1.5",
                "1e3",
                "!2",
                "defined $(X)",
                "yes",
                "no",
            )
        ),
    ],
)
def test_htcondor_reads_it_the_same_way(desk: Desk, text: str) -> None:
    theirs = htcondor2.Submit(f"executable=x\n{text}\nqueue\n")
    assert desk.values(f"executable=x\n{text}\nqueue") == [theirs.expand("arguments")]
