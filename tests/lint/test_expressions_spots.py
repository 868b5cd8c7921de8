"""Each part of an expression stands where its own token is."""

from __future__ import annotations

from random import Random

import pytest

from classad import texts
from vmf.classad import ClassAdSyntaxError, parse
from vmf.classad.lexer import IDENTITY, leaf
from vmf.classad.tree import Binary, Call, Record, Reference, Selection, Subscript, Unary, children
from vmf.lint.spots import every, spotted


def places(text):
    return [(spot.token, spot.at) for spot in every(spotted(text, parse(text)))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a -1", [("-", 2), ("a", 0), ("1", 3)]),
        ("-1 - -1", [("-", 3), ("-1", 0), ("-1", 5)]),
        ("TARGET . Memory", [("Memory", 9), ("TARGET", 0)]),
        (".a[0]", [("[", 2), ("a", 1), ("0", 3)]),
        ("f(x, 'y z')", [("f", 0), ("x", 2), ("'y z'", 5)]),
        ("f() is {}", [("is", 4), ("f", 0), ("{", 7)]),
        ('absTime("2024Z") > b', [(">", 17), ("absTime", 0), ("b", 19)]),
        ("[ a = [b = 1]; a = x[0] ].a ? b : c", [("?", 28), ("a", 26), ("[", 0), ("b", 30), ("c", 34)]),
        ("!(a) ?: b", [("!", 0), ("?:", 5), ("(", 1), ("a", 2), ("b", 8)]),
    ],
)
def test_places_by_hand(text, found):
    assert places(text) == found


def written(node):
    """What the own token of a node may be, as far as the tree tells."""
    match node:
        case Binary(operator=operator) | Unary(operator=operator):
            return operator
        case Reference(name=name) | Selection(name=name) | Call(function=name):
            return name
        case Record() | Subscript():
            return "["


@pytest.mark.parametrize("seed", range(4))
def test_tokens_are_those_of_the_tree(seed):
    random = Random(seed)  # noqa: S311  # a run is repeated by its seed
    judged = 0
    for _ in range(1500):
        text = texts.expression(random, 5)
        try:
            tree = parse(text)
        except ClassAdSyntaxError:
            continue
        for spot in every(spotted(text, tree)):
            judged += 1
            assert text[spot.at :].startswith(spot.token), text
            assert [part.node for part in spot.parts] == list(children(spot.node))[: len(spot.parts)], text
            wanted, token = written(spot.node), "".join(spot.token.split())
            if wanted is not None and not token.startswith("'"):
                assert wanted == IDENTITY.get(token.lower(), token), text
            elif isinstance(spot.node, int | float):
                assert leaf(token) == spot.node or token.lower() in {"true", "false"}, text
    assert judged > 3000
