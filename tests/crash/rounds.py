"""One round: a life whose processes are killed one after the other, each at a step of its own, until one is spared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import chain, count
from signal import SIGKILL

from msgspec.structs import replace

from crash import chance
from crash.lives import LIVES, Life
from crash.place import Place
from crash.process import Done, vmf
from crash.promises import Round, broken_at_last, broken_between, leavings
from crash.steps import death


class Rounds:
    """Rounds of these lives, in places that are made by `place`."""

    def __init__(self, place: Callable[[Life], Place], lives: Sequence[str]) -> None:
        self.lives = lives
        self._place = place
        self._known: dict[str, tuple[Round, Mapping[str, object]]] = {}

    def play(self, life: str, kills: Sequence[str] = ()) -> Round:
        """Live a life, killing process after process, each at its step."""
        undisturbed, left = self._undisturbed(life)
        return self._played(life, kills, left) if kills else undisturbed

    def wear_out(self, life: str) -> Round:
        """Live a life of which the first process is killed at its first step, the next at its second, and so on."""
        return replace(self._played(life, map(str, count(1)), self._undisturbed(life)[1]), missed="")

    def chance(self, seed: int, number: int) -> Round:
        """Live a life that blows of chance fall on."""
        struck = chance.fate(seed, number, self.lives)
        left = self._undisturbed(struck.life)[1]
        with closing(self._placed(struck.life)) as place:
            return chance.play(place, struck, left)

    def _undisturbed(self, life: str) -> tuple[Round, Mapping[str, object]]:
        """The life if nobody is killed, and what it leaves."""
        if life not in self._known:
            with closing(self._placed(life)) as place:
                done = _vmf(place, place.words()[0])
                left = leavings(place)
                broken = tuple(broken_at_last(place, done, code=place.life.code, left=left))
            self._known[life] = (Round(steps=(done.steps,), broken=broken, said=done.said), left)
        return self._known[life]

    def _played(self, life: str, kills: Iterable[str], left: Mapping[str, object]) -> Round:
        played = Round(steps=())
        with closing(self._placed(life)) as place:
            for kill in chain(kills, [""]):
                words, code = place.words()
                done = _vmf(place, words, kill)
                is_last = done.code != -SIGKILL
                broken = broken_at_last(place, done, code=code, left=left) if is_last else broken_between(place, done)
                played = Round(
                    steps=(*played.steps, done.steps),
                    missed=kill if is_last else "",
                    broken=tuple(broken),
                    said=done.said,
                )
                if is_last or played.broken:
                    break
        return played

    def _placed(self, life: str) -> Place:
        place = self._place(LIVES[life])
        if place.life.orphaned:
            _vmf(place, ("run", "j.yaml"), place.life.orphaned)
        return place


def _vmf(place: Place, words: tuple[str, ...], last: str = "") -> Done:
    return vmf(words, befall=death(last), folder=place.work, prepare=lambda _: place.prepare())
