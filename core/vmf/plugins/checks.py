"""The lint rules of plugins: whether they count, and their judging, which must not keep others from judging."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from vmf.plugins.failures import BrokenPlugin
from vmf.rules import Check, Objection, Rule

_RULE = re.compile(r"[A-Z]+[0-9]{3}")
"""The id of a rule: the letters of its plugin, and a number."""

log = logging.getLogger(__name__)
T = TypeVar("T")


def letters_of(checks: Sequence[object]) -> set[str]:
    """The letters of the rules that checks are of, each of which has an id of its own.

    Raises:
        BrokenPlugin: if one of them is no check, or shares an id.
    """
    rules: dict[str, Rule] = {}
    for check in checks:
        if not isinstance(check, Check) or not issubclass(check.kind, Struct):
            raise BrokenPlugin(f"{check!r:.100} is no check of a job, a host or an image")
        rule = check.rule
        if not _RULE.fullmatch(rule.id):
            raise BrokenPlugin(f"{rule.id!r} is no id: write capital letters and three digits, such as SITE201")
        if rules.setdefault(rule.id, rule) != rule:
            raise BrokenPlugin(f"{rule.id} is the id of two rules")
    return {each.rstrip("0123456789") for each in rules}


def guarded(plugin: str, check: Check[T]) -> Check[T]:
    """The check, whose judge has nothing against a value if it fails."""
    return replace(check, judge=partial(_judged, plugin, check))


def _judged(plugin: str, check: Check[T], value: T) -> tuple[Objection, ...]:
    """What a plugin's check has against a value: nothing if it fails, which is logged."""
    try:
        found: tuple[Any, ...] = tuple(check.judge(value))
        if strays := [each for each in found if not isinstance(each, Objection)]:
            raise TypeError(f"{strays[0]!r:.100} is no Objection")  # noqa: TRY301  # as if the check had raised it
    except Exception as error:  # third-party code: it must not keep other rules from judging
        log.debug("plugin %s, rule %s", plugin, check.rule.id, exc_info=True)
        log.error("plugin %s failed in rule %s: %s: %s", plugin, check.rule.id, type(error).__name__, error)  # noqa: TRY400  # no traceback for users
        return ()
    return found
