"""Two ads that see each other, as the reference's match ad has them.

Around each of the two stands a record that says what `TARGET` and `OTHER` are, and around both the match itself, with
`LEFT` and `RIGHT`, whether they fit, and their ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vmf.classad.ad import NOTHING, Ad, Fields
from vmf.classad.evaluating import answer, evaluation
from vmf.classad.scope import Element, RecordValue, Scope, Value
from vmf.classad.tree import Binary, Node, Reference, Selection
from vmf.classad.world import World

_LEFT: Final = Reference(name="LEFT", absolute=True)
_RIGHT: Final = Reference(name="RIGHT", absolute=True)
_LEFT_FITS: Final = Selection(of=Reference(name="LEFT"), name="requirements")
_RIGHT_FITS: Final = Selection(of=Reference(name="RIGHT"), name="requirements")
_SYMMETRIC: Final = Binary(operator="&&", left=_RIGHT_FITS, right=_LEFT_FITS)
_LEFT_RANK: Final = Selection(of=Reference(name="LEFT"), name="rank")
_RIGHT_RANK: Final = Selection(of=Reference(name="RIGHT"), name="rank")

_CONTEXT: Final[Mapping[str, Element]] = {
    "symmetricMatch": _SYMMETRIC,
    "leftMatchesRight": _RIGHT_FITS,
    "rightMatchesLeft": _LEFT_FITS,
    "leftRankValue": _LEFT_RANK,
    "rightRankValue": _RIGHT_RANK,
}
_AROUND_LEFT: Final = Ad({"other": _RIGHT, "target": _RIGHT, "my": _LEFT, "ad": _LEFT})
_AROUND_RIGHT: Final = Ad({"other": _LEFT, "target": _LEFT, "my": _RIGHT, "ad": _RIGHT})


def evaluate(node: Node, my: Ad = NOTHING, target: Ad | None = None, *, world: World | None = None) -> Value:
    """What an expression is worth for an ad, and for the ad it is matched with if there is one.

    It compiles all that it meets: whoever asks for many right ads keeps a `Match`.

    Args:
        node: a tree; `parse` makes one of a text. (A `str` is a literal: its own value.)
        my: the expression's own ad.
        target: the ad on the other side.
        world: what functions may know of the world; the default stands still.
    """
    if target is None:
        return answer(node, Scope(my, evaluation(world or World())))
    return Match(my, target, world).evaluate(node)


class Match:
    """A left and a right ad; what is compiled for them is kept, also when the right one is replaced."""

    def __init__(self, left: Ad, right: Ad, world: World | None = None) -> None:
        shared = evaluation(world or World())
        self._root = Scope(NOTHING, shared)
        around_left = Scope(_AROUND_LEFT, shared, parent=self._root, root=self._root)
        around_right = Scope(_AROUND_RIGHT, shared, parent=self._root, root=self._root)
        self._left = Scope(left, shared, parent=around_left, root=self._root)
        self._right = Scope(right, shared, parent=around_right, root=self._root)
        self._left.other, self._right.other = self._right, self._left
        records = {"LEFT": self._left, "RIGHT": self._right, "lCtx": around_left, "rCtx": around_right}
        self._root.become(Fields({**_CONTEXT, **{name: RecordValue(scope) for name, scope in records.items()}}))

    def replace_right(self, right: Ad) -> None:
        """Put another ad on the right; values that came from the ad that was there must not be used any more."""
        self._right.become(right)

    def evaluate(self, node: Node) -> Value:
        """What an expression of the left ad is worth: MY is left and TARGET is right."""
        return answer(node, self._left)

    def evaluate_right(self, node: Node) -> Value:
        """What an expression of the right ad is worth: MY is right and TARGET is left."""
        return answer(node, self._right)

    def symmetric(self) -> Value:
        """The reference's `symmetricMatch`: the right ad's requirements and the left ad's. A fit is exactly true."""
        return answer(_SYMMETRIC, self._root)

    def left_rank(self) -> float:
        """How much the left ad likes the right one; 0 if its rank is no number."""
        return _number(answer(_LEFT_RANK, self._root))

    def right_rank(self) -> float:
        """How much the right ad likes the left one; 0 if its rank is no number."""
        return _number(answer(_RIGHT_RANK, self._root))


def _number(value: Value) -> float:
    return float(value) if isinstance(value, bool | int | float) else 0.0
