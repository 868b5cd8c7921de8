from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vmf import errors
from vmf.errors import Exit, Fault, HoldCode, HostFault, HostLost, JobFault, Refused, SpecError, UsageError, VmfError
from vmf.result import MEANING, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "outcomes.md"


def page():
    """Write `docs/outcomes.md`: every way in which a job can end, and what tells of it."""
    meanings = MEANING.items()
    return "\n".join([
        "# How a job ends",
        "",
        "<!-- Drawn from the code: python tests/core/test_errors.py > docs/outcomes.md -->",
        "",
        "The outcome is in the job's `result.json`, with `source`: who chose the exit code, the guest or vmf.",
        "",
        "| outcome | meaning | exit code | what to do |",
        "|---|---|---|---|",
        *(f"| `{outcome}` | {each.sentence} | {_code(each.exit)} | {each.advice} |" for outcome, each in meanings),
        "",
        "## Exit codes",
        "",
        "A single job whose guest spoke ends `vmf run` with the guest's own exit code, 0 to 255. The codes below are",
        "vmf's word. For several jobs it is the highest of vmf's words; else 1 if any guest failed, and 0 if none did.",
        "",
        "| exit code | name | meaning |",
        "|---|---|---|",
        *(f"| {each.value} | {each.name} | {each.description} |" for each in Exit),
        "",
        "## Why a job is held",
        "",
        "A job that vmf holds is at fault itself; the reason says what to mend. `vmf release` lets a held job be run.",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| `{each}` | {each.description} |" for each in HoldCode),
        "",
    ])  # fmt: skip


def _code(exit_):
    return "the guest's" if exit_ is None else f"{exit_.value}"


def test_the_page_says_what_the_code_does():
    assert PAGE.read_text() == page()


def test_every_outcome_has_a_meaning():
    assert set(MEANING) == set(Outcome)


def test_exit_codes_of_vmf_cannot_be_taken_for_those_of_a_shell():
    assert all(70 <= each <= 99 and each.description for each in Exit)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(what="no jobs"), "no jobs"),
        (Fault(what="not YAML", where="a.yaml"), "a.yaml: not YAML"),
        (Fault(what="too small", where="a.yaml", line=3, column=9), "a.yaml:3:9: too small"),
        (Fault(what="unknown key", hint="did you mean memory?"), "unknown key\n    did you mean memory?"),
        (
            Fault(what="too small", where="a.yaml", line=3, column=9, source="memory: 0", hint="write 256MiB"),
            "a.yaml:3:9: too small\n    memory: 0\n            ^\n    write 256MiB",
        ),
        (Fault(what="x", where="a", line=1, column=1, source="y"), "a:1:1: x\n    y\n    ^"),
    ],
)
def test_a_fault_says_what_where_and_what_to_do(fault, text):
    assert str(fault) == text


def test_the_caret_stands_below_the_column():
    source = "memory: 0"
    lines = str(Fault(what="x", where="a", line=1, column=source.index("0") + 1, source=source)).splitlines()
    assert lines[1][lines[2].index("^")] == "0"


def test_an_error_is_its_sentence_and_its_hint():
    assert str(VmfError("it broke")) == "it broke"
    assert str(VmfError("it broke", hint="mend it")) == "it broke\n    mend it"


def test_all_faults_of_a_spec_are_told_at_once():
    faults = (Fault(what="one", where="a"), Fault(what="two", where="b"))
    assert str(SpecError(faults)) == "a: one\nb: two"


@pytest.mark.parametrize(
    ("error", "exit_"),
    [
        (VmfError("x"), Exit.INTERNAL),
        (SpecError(()), Exit.USAGE),
        (UsageError("x"), Exit.USAGE),
        (errors.SetupError("x"), Exit.SETUP),
        (errors.NoMatch("x"), Exit.NO_MATCH),
        (JobFault("x", code=HoldCode.IMAGE_MISSING), Exit.HELD),
        (Refused("x"), Exit.HELD),
        (HostFault("x"), Exit.HOST),
        (HostLost("x"), Exit.HOST),
    ],
)
def test_whose_fault_decides_the_exit_code(error, exit_):
    assert error.exit is exit_


def test_what_is_refused_is_held_as_refused():
    assert Refused("x", hint="ask your site").code is HoldCode.REFUSED


if __name__ == "__main__":
    sys.stdout.write(page())


def test_a_fault_about_a_file_of_any_name_can_be_stored():
    fault = JobFault("half\udcff is bad", code=HoldCode.IMAGE_INVALID, hint="mend half\udcff")
    assert str(fault) == r"half\udcff is bad" + "\n    " + r"mend half\udcff"
    assert str(fault).encode()
