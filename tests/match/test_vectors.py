from __future__ import annotations

import itertools

import numpy as np
import pytest

from vmf.classad import ERROR, UNDEFINED, operators
from vmf.match import vectors

VALUES = (
    (True, False),
    (0, 1, 2, -3, 7, -7, 2**62, 2**63 - 1, -(2**63), -1),
    (0.0, -0.0, 1.0, 1.5, -2.5, 1e308, -1e308, float("nan"), float("inf"), float("-inf")),
)
HOLES = ((), (UNDEFINED,), (UNDEFINED, ERROR))


def told(vector, count):
    """A vector's values as the language has them."""
    states = np.broadcast_to(vector.state, count).tolist()
    data = np.broadcast_to(vector.data, count).tolist()
    return [(value, UNDEFINED, ERROR)[state] for value, state in zip(data, states, strict=True)]


@pytest.mark.parametrize("holes", HOLES)
@pytest.mark.parametrize("symbol", vectors.BINARY)
def test_operators_between_vectors_are_the_languages(symbol, holes):
    for left, right in itertools.product(VALUES, VALUES):
        pairs = list(itertools.product((*left, *holes), (*right, *holes)))
        with np.errstate(all="ignore"):
            found = vectors.BINARY[symbol](*map(vectors.packed, zip(*pairs, strict=True)))
        if found is None:
            assert ERROR in holes
            continue
        expected = [operators.BINARY[symbol](*pair) for pair in pairs]
        assert repr(told(found, len(pairs))) == repr(expected)


@pytest.mark.parametrize("holes", HOLES)
@pytest.mark.parametrize("symbol", vectors.UNARY)
def test_operators_before_vectors_are_the_languages(symbol, holes):
    for kind in VALUES:
        values = [*kind, *holes]
        with np.errstate(all="ignore"):
            found = vectors.UNARY[symbol](vectors.packed(values))
        assert repr(told(found, len(values))) == repr([operators.unary(symbol)(value) for value in values])


@pytest.mark.parametrize("holes", HOLES)
def test_values_become_vectors_and_stay_what_they_are(holes):
    for kind in VALUES:
        assert repr(told(vectors.packed([*kind, *holes]), len(kind) + len(holes))) == repr([*kind, *holes])


@pytest.mark.parametrize("values", [(1, True), (1, 1.0), ("a",), (0, UNDEFINED, False)])
def test_values_of_several_types_are_no_vector(values):
    assert vectors.packed(values) is None
