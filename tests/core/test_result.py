from __future__ import annotations

from itertools import product

import pytest

from vmf.errors import Exit
from vmf.model import Ending
from vmf.result import MEANING, Outcome, Refusal, Said, Word, exit_code, judge, verdict

GUEST_CODE = 7
OUTCOMES = """
said     contract  stopped   shutdown     rebooted   panicked   crashed    killed     unknown
all      yes       no        completed    completed  completed  completed  completed  completed
all      yes       yes       completed    completed  completed  completed  completed  completed
all      no        no        completed    completed  completed  completed  completed  completed
all      no        yes       completed    completed  completed  completed  completed  completed
part     yes       no        cut-short    cut-short  cut-short  cut-short  cut-short  cut-short
part     yes       yes       stopped      stopped    stopped    stopped    stopped    stopped
part     no        no        completed    completed  cut-short  cut-short  cut-short  completed
part     no        yes       stopped      stopped    stopped    stopped    stopped    stopped
nothing  yes       no        never-spoke  rebooted   panicked   crashed    killed     never-spoke
nothing  yes       yes       stopped      stopped    stopped    stopped    stopped    stopped
nothing  no        no        completed    completed  panicked   crashed    killed     completed
nothing  no        yes       stopped      stopped    stopped    stopped    stopped    stopped
"""


HEADER, *ROWS = (line.split() for line in OUTCOMES.strip().splitlines())
CASES = [
    (Said(said), contract == "yes", stopped == "yes", Ending(ending), Outcome(outcome))
    for said, contract, stopped, *outcomes in ROWS
    for ending, outcome in zip(HEADER[3:], outcomes, strict=True)
]


def word(said):
    return Word(said=said, exit_code=GUEST_CODE if said is Said.ALL else None)


def test_the_table_is_complete():
    assert {case[:4] for case in CASES} == set(product(Said, (True, False), (True, False), Ending))


@pytest.mark.parametrize(("said", "contract", "stopped", "ending", "outcome"), CASES)
def test_how_an_attempt_ended(said, contract, stopped, ending, outcome):
    found = judge(contract=contract, stopped=stopped, ending=ending, word=word(said))
    assert found.outcome is outcome
    if outcome is Outcome.COMPLETED:
        assert (found.source, found.exit_code) == ("guest", GUEST_CODE if said is Said.ALL else 0)
    else:
        assert (found.source, found.exit_code) == ("vmf", MEANING[outcome].exit)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("cut", [Outcome.LIMIT, Outcome.HALTED])
def test_what_a_guest_was_ended_for_is_told_unless_it_had_finished(case, cut):
    said, contract, stopped, ending, _ = case
    found = judge(contract=contract, stopped=stopped, ending=ending, word=word(said), cut=cut, reason="disk0 is full")
    told = (Outcome.COMPLETED, "") if said is Said.ALL else (cut, "disk0 is full")
    assert (found.outcome, found.reason) == told


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("cut", [Outcome.TIME_LIMIT, Outcome.SILENT])
def test_what_a_guest_hands_over_when_it_is_asked_to_end_is_not_its_end(case, cut):
    said, contract, stopped, ending, _ = case
    found = judge(contract=contract, stopped=stopped, ending=ending, word=word(said), cut=cut, reason="an hour")
    assert (found.outcome, found.reason, found.exit_code) == (cut, "an hour", Exit.LIMIT)


@pytest.mark.parametrize(("ending", "stopped"), list(product(Ending, (True, False))))
def test_what_must_not_be_unpacked_is_named(ending, stopped):
    refused = (Refusal(name="../etc/passwd", reason="outside the folder"), Refusal(name="x", reason="y"))
    said = Word(said=Said.ALL, exit_code=0, refused=refused)
    found = judge(contract=True, stopped=stopped, ending=ending, word=said)
    assert (found.outcome, found.exit_code) == (Outcome.UNSAFE_RESULTS, Exit.RESULTS)
    assert found.reason == "../etc/passwd: outside the folder"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_vmf_s_word_is_not_the_guest_s(outcome):
    found = verdict(outcome, exit_code=3, code="refused")
    ours = MEANING[outcome].exit
    assert (found.source, found.exit_code) == (("guest", 3) if ours is None else ("vmf", ours))


def guest(code):
    return verdict(Outcome.COMPLETED, exit_code=code)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((), 0),
        ((guest(0),), 0),
        ((guest(42),), 42),
        ((verdict(Outcome.STOPPED),), Exit.STOPPED),
        ((guest(0), guest(0)), 0),
        ((guest(0), guest(42)), 1),
        ((guest(255), verdict(Outcome.HOST_FAULT)), Exit.HOST),
        ((verdict(Outcome.STOPPED), verdict(Outcome.HOST_FAULT), guest(0)), Exit.STOPPED),
    ],
)
def test_the_exit_code_of_a_call(verdicts, code):
    assert exit_code(iter(verdicts)) == code
