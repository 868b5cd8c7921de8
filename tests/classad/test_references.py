from __future__ import annotations

import pytest

from vmf.classad.parser import parse
from vmf.classad.references import references


@pytest.mark.parametrize(
    ("text", "mine", "theirs"),
    [
        ("1 + 2", "", ""),
        ("MY.A + Target.B", "a", "b"),
        ("a", "a", "a"),
        ("self.A ?: other.B", "a", "b"),
        ("f(a, {MY.b, [c = target.D]})", "a b", "a d"),
        ("x.y", "x", "x"),
        ("x[TARGET.i]", "x", "x i"),
        ("(!a) ? -b : c", "a b c", "a b c"),
        ("TARGET", "target", "target"),
    ],
)
def test_names_are_found_in_their_scopes(text, mine, theirs):
    found = references(parse(text))
    assert (found.mine, found.theirs) == (frozenset(mine.split()), frozenset(theirs.split()))


def test_depth_does_not_matter():
    assert references(parse("-" * 200 + "a")).mine == {"a"}
