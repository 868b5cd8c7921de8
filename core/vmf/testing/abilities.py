"""Which test of the contract suite tries which ability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., None])


def tries(*abilities: str) -> Callable[[Test], Test]:
    """Tie a test to the abilities that it tries: it is run for a host that has one of them."""

    def tie(test: Test) -> Test:
        test.tries = abilities  # type: ignore[attr-defined]  # functions take attributes
        return test

    return tie


def tried_by(test: Any) -> tuple[str, ...]:  # noqa: ANN401  # whatever a class has
    """The abilities that a test is tied to."""
    found: tuple[str, ...] = getattr(test, "tries", ())
    return found


def tried(contract: type) -> Mapping[str, str]:
    """Each ability that the tests of a class try, and the last test that does."""
    tests = {name: getattr(contract, name) for name in dir(contract)}
    return {ability: name for name, test in tests.items() for ability in tried_by(test)}
