"""Functions of command lines and environments that are written as one string.

In the first syntax spaces separate, and nothing protects them; in the second, single quotes do, and a doubled one
stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.conversions import encoded
from vmf.classad.scope import Function, ListValue, Scope, Value
from vmf.classad.values import ERROR, UNDEFINED, Undefined

_SPACE: Final = re.compile(r"[ \t\n\r]")
_WORD: Final = re.compile(r"(?:'(?:[^']|'')*+'|[^' \t\n\r])++")
_QUOTED: Final = re.compile(r"'((?:[^']|'')*+)'")
_SPECIAL: Final = re.compile(r"[ \t\n\r']+")
_DELIMITERS: Final = frozenset("\n\x1f!#$%&*+,-/:;<>?@^`|~")
_FIRST: Final = 1
_SECOND: Final = 2


def _words(text: str) -> list[str] | None:
    """The words of the second syntax; None if a quote is not closed."""
    if _SPACE.sub("", _WORD.sub("", text)):
        return None
    return [_QUOTED.sub(lambda quoted: quoted[1].replace("''", "'"), word) for word in _WORD.findall(text)]


def _written(words: Iterable[str]) -> str:
    """Words in the second syntax: only what needs quotes is between them."""
    return " ".join(_SPECIAL.sub(_quoted, word) or "''" for word in words)


def _quoted(found: re.Match[str]) -> str:
    doubled = found[0].replace("'", "''")
    return f"'{doubled}'"


def _variables(entries: Iterable[str]) -> dict[str, str] | None:
    """What stands for a variable, by its name; None if an entry has no name or no value.

    An entry that HTCondor would fill in later, `$$(…)`, has no value yet and is its own name.
    """
    variables = {}
    for entry in entries:
        name, equals, _ = entry.partition("=")
        if not name or not (equals or "$$" in entry):
            return None
        variables[name] = entry
    return variables


def _environment(variables: Mapping[str, str]) -> str:
    return _written(variables[name] for name in sorted(variables, key=encoded))


@takes(1, 1)
def _env_v1_to_v2(_scope: Scope, text: Value) -> Value:
    """An environment of the first syntax, in the second: `;` or what the text begins with separates."""
    if isinstance(text, Undefined):
        return UNDEFINED
    if not isinstance(text, str):
        return ERROR
    delimiter, rest = (text[0], text[1:]) if text[:1] in _DELIMITERS else (";", text)
    entries = (entry.lstrip(" \t\n\r") for entry in rest.replace("\n", delimiter).split(delimiter))
    variables = _variables(entry for entry in entries if entry)
    return ERROR if variables is None else _environment(variables)


def _merge_environment(scope: Scope, arguments: tuple[Value, ...]) -> Value:
    """Environments of the second syntax in one, in which the last word counts."""
    merged: dict[str, str] = {}
    for argument in arguments:
        if isinstance(argument, Undefined):
            continue
        words = _words(argument) if isinstance(argument, str) else None
        variables = None if words is None else _variables(words)
        if variables is None:
            return ERROR
        scope.spend(len(variables))
        merged |= variables
    return _environment(merged)


@takes(1, 2)
def _list_to_args(scope: Scope, words: Value, syntax: Value = _SECOND) -> Value:
    if not isinstance(words, ListValue) or not _is_syntax(syntax):
        return ERROR
    values = list(words.values(scope))
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        return ERROR
    if syntax == _SECOND:
        return _written(texts)
    return ERROR if any(map(_SPACE.search, texts)) else " ".join(texts).lstrip(" ")


@takes(1, 2)
def _args_to_list(scope: Scope, text: Value, syntax: Value = _SECOND) -> Value:
    if not isinstance(text, str) or not _is_syntax(syntax):
        return ERROR
    words = _words(text) if syntax == _SECOND else [word for word in _SPACE.split(text) if word]
    if words is None:
        return ERROR
    scope.spend(len(words))
    return ListValue(tuple(words), scope)


def _is_syntax(number: Value) -> bool:
    return type(number) is int and number in {_FIRST, _SECOND}


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "envv1tov2": _env_v1_to_v2,
        "mergeenvironment": _merge_environment,
        "listtoargs": _list_to_args,
        "argstolist": _args_to_list,
    }
)
