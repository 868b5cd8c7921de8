"""How many arguments a function takes: with any other number, its answer is ERROR."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from vmf.classad.scope import Scope, Value
from vmf.classad.values import ERROR


def takes(least: int, most: int) -> Callable[[Callable[..., Value]], Callable[[Scope, tuple[Any, ...]], Value]]:
    """Make a function of Python arguments one of the language, which is given them as a tuple."""

    def checked(function: Callable[..., Value]) -> Callable[[Scope, tuple[Any, ...]], Value]:
        @wraps(function)  # whoever asks for the signature sees which arguments there are
        def call(scope: Scope, arguments: tuple[Any, ...]) -> Value:
            return function(scope, *arguments) if least <= len(arguments) <= most else ERROR

        return call

    return checked
