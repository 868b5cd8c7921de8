"""Which test of the contract suite tries which ability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., None])


def tries(*abilities: str) -> Callable[[Test], Test]:
    """Tie a test to the abilities that it tries: it is run for a host that has one of them."""
    return lambda test: _tie(test, "tries", abilities)


def requires(*abilities: str) -> Callable[[Test], Test]:
    """Tie a test to the abilities that it tries together: it is run for a host that has all of them."""
    return lambda test: _tie(test, "requires", abilities)


def lacking(test: object, able: AbstractSet[str]) -> tuple[str, ...]:
    """The abilities for want of which a test is not run for a host that is `able`; none: it is run."""
    choice, needed = _tied(test, "tries"), _tied(test, "requires")
    passed_over = () if able & set(choice) else choice
    return tuple(dict.fromkeys((*passed_over, *(each for each in needed if each not in able))))


def need(ability: str, offered: AbstractSet[str], missing: Mapping[str, str]) -> None:
    """In a fixture of tests that try an ability: make no machine for them where they are passed over.

    Args:
        ability: what they try.
        offered: what the host can.
        missing: what it cannot although its plugin declares it, each with the reason.
    """
    import pytest  # noqa: PLC0415  # whoever only runs vmf has none

    if ability not in offered:
        pytest.skip(f"cannot be tried: {ability}: {missing.get(ability, 'it is not declared')}")


def tied(test: object) -> tuple[str, ...]:
    """The abilities that a test tries; nothing: it tries what every hypervisor can."""
    return (*_tied(test, "tries"), *_tied(test, "requires"))


def tried(contract: type) -> Mapping[str, str]:
    """Each ability that the tests of a class try, and the last test that does."""
    tests = {name: getattr(contract, name) for name in dir(contract)}
    return {ability: name for name, test in tests.items() for ability in tied(test)}


def _tie(test: Test, kind: str, abilities: tuple[str, ...]) -> Test:
    setattr(test, kind, abilities)
    return test


def _tied(test: Any, kind: str) -> tuple[str, ...]:  # noqa: ANN401  # whatever a class has
    found: tuple[str, ...] = getattr(test, kind, ())
    return found
