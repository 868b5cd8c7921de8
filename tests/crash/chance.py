"""Rounds of chance: blows of every kind at any step of any life, each round the same whenever its seed is."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from crash.place import Place
from crash.process import Done, vmf
from crash.promises import Round, broken_at_last, broken_between
from crash.steps import Steps

BLOWS_MOST = 3
"""On one process."""
PROCESSES_MOST = 4
"""That are struck, one after the other."""
STEPS_MOST = 60
FILES_MOST = 150
"""Steps of a process whose changes of files are steps as well."""
HANG_SECONDS = 1.5
FAULT_TIMES = 3
REPEATS_MOST = 8
"""How often the words are typed again once all blows have fallen."""


class Blow(Struct, frozen=True, kw_only=True):
    """Something that befalls a process at a step."""

    at: int
    what: str
    chance: float
    """Between 0 and 1: what else there is to choose."""


class Struck(Struct, frozen=True, kw_only=True):
    """A process and what befalls it."""

    files: bool
    """Whether its changes of files are steps as well."""
    blows: tuple[Blow, ...]


SPARED = Struck(files=False, blows=())


class Fate(Struct, frozen=True, kw_only=True):
    """A round of chance."""

    life: str
    struck: tuple[Struck, ...]


def _kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(_: Place, chance: float) -> None:
    time.sleep(HANG_SECONDS * chance)


WHAT: Mapping[str, Callable[[Place, float], None]] = MappingProxyType({
    "kill": _kill,
    "hang": _hang,
    "fault": lambda place, chance: place.fail(chance),
    "death of the guest": lambda place, _: place.bereave(),
})  # fmt: skip
HARMLESS = ("kill", "hang")
"""After these, a life ends as if nothing had been."""


def fate(seed: int, number: int, lives: Sequence[str]) -> Fate:
    """The round of this number."""
    chance = random.Random(f"{seed} {number}")  # noqa: S311  # to be the same again is what is wanted of it
    return Fate(
        life=chance.choice(lives),
        struck=tuple(_struck(chance) for _ in range(chance.randint(1, PROCESSES_MOST))),
    )


def _struck(chance: random.Random) -> Struck:
    files = chance.random() < 1 / 2
    most = FILES_MOST if files else STEPS_MOST
    return Struck(
        files=files,
        blows=tuple(
            Blow(at=chance.randint(1, most), what=chance.choice((*WHAT, *HARMLESS)), chance=chance.random())
            for _ in range(chance.randint(1, BLOWS_MOST))
        ),
    )


def play(place: Place, fate: Fate, left: Mapping[str, object]) -> Round:
    """Have all blows of a round fall, and the life come to its end; `left`: what an undisturbed one leaves."""
    is_harmless = all(blow.what in HARMLESS for struck in fate.struck for blow in struck.blows)
    played = Round(steps=())
    for struck in (*fate.struck, *repeat(SPARED, REPEATS_MOST)):
        words, code = place.words()
        done = _befallen(place, words, struck)
        broken = tuple(broken_between(place, done))
        if struck is SPARED and place.is_over():
            broken = tuple(broken_at_last(place, done, code=code if is_harmless else None, left=left))
        played = Round(steps=(*played.steps, done.steps), broken=broken, said=done.said)
        if broken or (struck is SPARED and place.is_over()):
            return played
    return replace(played, broken=(f"the life has not come to its end in {REPEATS_MOST} processes",))


def _befallen(place: Place, words: tuple[str, ...], struck: Struck) -> Done:
    def befall(_: str, number: int) -> None:
        for blow in struck.blows:
            if blow.at == number:
                WHAT[blow.what](place, blow.chance)

    def prepare(steps: Steps) -> None:
        place.prepare()
        if struck.files:
            steps.watch_files()

    return vmf(words, befall=befall, folder=place.work, prepare=prepare)
