"""What guests tell of their steps is read strictly, and shown so that it can do no harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.files import performed, volume
from vmf.model import Ending, OnError, Outcome, Step, Then
from vmf.result import Refusal, Said, StepReport, judge
from volumes import MAGIC, member, read, tar

FUZZ = settings(database=None, max_examples=200)
ONE, TWO = Step(name="one", run="true"), Step(name="two", run="false")
LEFT = Step(name="left", run="false", on_error=OnError(then=Then.CONTINUE))
EXIT = ("exit-code", b"0\n")
DONE = StepReport(name="one", exit_code=0, tries=1, seconds=1.25)


def word(folder, steps, *entries, **given):
    made = (entry if not isinstance(entry[0], str) else member(*entry) for entry in entries)
    return read(tar(*made, begin=EXIT, **given), folder, steps=steps)


def settled(found):
    return judge(contract=True, stopped=False, ending=Ending.SHUTDOWN, word=found)


def test_steps_that_were_done_are_told_and_their_logs_are_among_the_results(folder):
    told = b"1 0 1 125\n2 0 3 100000\n"
    found = word(
        folder, [ONE, TWO], (performed.REPORT, told), ("vmf-steps/1.log", b"hello\n"), ("vmf-steps/2.log", b"")
    )
    assert found.steps == (DONE, StepReport(name="two", exit_code=0, tries=3, seconds=1000.0))
    assert found.files == ("steps/one.log", "steps/two.log")
    assert (folder / "steps/one.log").read_bytes() == b"hello\n"
    assert settled(found).outcome is Outcome.COMPLETED


def test_the_folder_that_a_tar_names_first_is_the_folder_of_the_logs(folder):
    found = word(folder, [ONE], member("./vmf-steps/", type=b"5"), (f"./{performed.REPORT}", b"1 0 1 5\n"))
    assert (found.refused, found.steps[0].seconds) == ((), 0.05)
    assert (folder / "steps").is_dir()


def test_a_step_that_failed_is_the_end_with_its_last_words_made_harmless(folder):
    log = b"first\n\nsecond\nthird\x1b[2J\n\xff last \r\n"
    found = word(folder, [ONE, TWO], (performed.REPORT, b"1 0 1 125\n2 3 2 10\n"), ("vmf-steps/2.log", log))
    end = settled(found)
    assert (end.outcome, end.exit_code, end.source) == (Outcome.STEP_FAILED, 82, "vmf")
    assert end.reason == (
        "step two failed with exit code 3 after 2 tries; it said: second; third\\x1b[2J; \N{REPLACEMENT CHARACTER} last"
    )
    assert end.reason.isprintable()


def test_a_step_that_may_be_left_undone_is_no_end(folder):
    found = word(folder, [LEFT, ONE], (performed.REPORT, b"1 9 1 1\n2 0 1 1\n"))
    assert [report.exit_code for report in found.steps] == [9, 0]
    assert settled(found).outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    "told",
    [
        b"", b"1 0 1\n", b"2 0 1 1\n", b"1 256 1 1\n", b"1 -1 1 1\n", b"1 0 1 1e9\n", b" 1 0 1 1\n", b"01 0 1 1 1\n",
        b"\0" * 100, b"1 0 1 1 \n", b"1 0 9999 1\n", b"1 0 1 1",
    ],
)  # fmt: skip
def test_a_guest_that_does_not_tell_of_all_steps_has_not_done_them(folder, told):
    found = word(folder, [ONE], (performed.REPORT, told))
    assert found.steps == ()
    assert (settled(found).outcome, settled(found).reason) == (
        Outcome.STEP_FAILED, "the guest tells nothing of step one",
    )  # fmt: skip


def test_a_guest_that_was_given_no_steps_has_none_to_tell_of(folder):
    found = word(folder, [], (performed.REPORT, b"1 0 1 1\n"), ("vmf-steps/1.log", b"x"))
    assert (found.steps, found.refused) == (
        (), (Refusal(name="vmf-steps/1.log", reason="that name is vmf's own"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("vmf-steps/2.log", None, "that name is vmf's own"),
        ("vmf-steps/../1.log", None, "its name leads out of the folder"),
        ("vmf-steps/1.log", "link", "it is a symbolic link; only files and folders are taken"),
    ],
)
def test_what_belongs_to_no_step_is_refused(folder, name, kind, reason):
    entry = member(name, type=b"2", linkname="/etc/passwd") if kind else member(name, b"x")
    assert [each.reason for each in word(folder, [ONE], entry).refused] == [reason]


def test_a_log_that_is_too_long_is_refused(folder):
    found = word(folder, [ONE], (performed.REPORT, b"1 0 1 1\n"), ("vmf-steps/1.log", bytes(performed.LOG_ROOM + 1)))
    assert [each.reason for each in found.refused] == ["a log has at most 64 KiB"]


@pytest.mark.parametrize(
    "name", ["vmf-steps/1.log/", ".//vmf-steps/./1.log/", "steps/one.log/deep", "./steps//mine", "steps", "vmf-steps"]
)
def test_nothing_else_takes_the_place_of_a_log(folder, name):
    """Whatever the guest says, there is a report of how its step went."""
    entry = member(name, type=b"5") if name.endswith("/") else member(name, b"x")
    found = word(folder, [ONE], entry, (performed.REPORT, b"1 3 1 125\n"))
    assert ([each.exit_code for each in found.steps], len(found.refused)) == ([3], 1)
    assert not (folder / "steps/one.log").exists()


def test_how_far_a_guest_got_that_was_cut_short_is_told(folder):
    found = word(folder, [ONE, TWO], (performed.REPORT, b"1 0 1 125\n"), end=None)
    assert (found.said, found.steps) == (Said.PART, (DONE,))
    assert settled(found).outcome is Outcome.CUT_SHORT


@FUZZ
@given(
    st.binary(max_size=200)
    | st.lists(st.integers(-5, 300), max_size=12).map(lambda each: b" ".join(b"%d" % n for n in each))
)
def test_whatever_a_report_says_it_is_read_within_bounds(tmp_path_factory, told):
    found = performed.reports(told, [ONE, TWO], tmp_path_factory.getbasetemp())
    assert len(found) <= 2
    for report, name in zip(found, ("one", "two"), strict=False):
        assert report.name == name
        assert 0 <= report.exit_code <= 255


def test_a_volume_of_a_guest_that_never_spoke_tells_of_no_step(folder, tmp_path):
    volume.make(tmp_path / "v", size=2**20, magic=MAGIC)
    assert read((tmp_path / "v").read_bytes(), folder, steps=[ONE]).steps == ()
