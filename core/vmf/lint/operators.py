"""What rules say of operators and their operands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from vmf.classad import Node, Scalar
from vmf.classad.scope import VALUES
from vmf.classad.tree import Binary, Reference, Unary
from vmf.classad.values import Error, Undefined
from vmf.lint.constants import constant
from vmf.lint.expression_rules import (
    BINDING,
    BITS,
    LETTER_CASE,
    MIXED,
    TYPES,
    UNITS,
    UNQUOTED,
    WITH_UNDEFINED,
    Remark,
    remark,
)
from vmf.lint.spots import Spot
from vmf.lint.vocabulary import ARITHMETIC, EQUALITY, IDENTITY, ORDER, Vocabulary, bare
from vmf.match.reading import scoped
from vmf.match.words import brief

Judge: TypeAlias = Callable[[Spot, Vocabulary], Iterator[Remark]]


def judge_operator(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    """All that is wrong with an operator and its operands, its parts' own operators not included."""
    if isinstance(spot.node, Binary):
        for judge in _JUDGES.get(spot.node.operator, ()):
            yield from judge(spot, words)


def _with_undefined(spot: Spot, _words: Vocabulary) -> Iterator[Remark]:
    operator = _operator(spot)
    for one, other in (spot.parts, spot.parts[::-1]):
        if isinstance(bare(one.node), Undefined | Error):
            worth = brief(bare(one.node))
            same = "=!=" if operator == "!=" else "=?="
            what = f"what is compared with {worth} by `{operator}` is {worth}, neither true nor false"
            yield remark(WITH_UNDEFINED, spot, what, f"write `{_told(other.node)} {same} {worth}`")
            return


def _unlike(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    left, right = (words.type_of(each.node) for each in spot.parts)
    if left is None or right is None or _is_negated(spot.parts[0].node):
        return
    identity = _operator(spot) in IDENTITY
    if (left is str) != (right is str) or (identity and (left is bool) != (right is bool)):
        how = "are never the same" if identity else "cannot be compared"
        yield remark(TYPES, spot, f"{_NOUNS[left]} and {_NOUNS[right]} {how}", _converted(spot, (left, right)))


def _converted(spot: Spot, types: tuple[type, type]) -> str:
    """What to write instead of the operand that is a literal."""
    for part, wanted in zip(spot.parts, reversed(types), strict=True):
        value = bare(part.node)
        if isinstance(value, str) and wanted is not str and value.strip().lower() in {"true", "false"}:
            return f"write {value.strip().lower()} without quotes"
        if isinstance(value, str) and wanted is not str and value.strip().isdecimal():
            return f"write {brief(value.strip())[1:-1]} without quotes"
        if isinstance(value, int | float) and wanted is str:
            return f'a text has quotes: "{brief(value)}"'
    return "compare it with a value of its own type"


def _no_truth(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    """A text where true or false is wanted: often the rest of a comparison, `Type == "kvm" || "xen"`."""
    for part in spot.parts:
        if words.type_of(part.node) is str:
            literal = isinstance(bare(part.node), str)
            hint = f"compare each of them: `X == {_told(part.node)}`" if literal else f"compare {_told(part.node)}"
            yield remark(TYPES, part, f"a text is neither true nor false, and makes `{spot.token}` an error", hint)


def _no_number(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    if any(words.type_of(part.node) is str for part in spot.parts):
        hint = "strcat() joins texts" if _operator(spot) == "+" else "int() makes a number of a text"
        yield remark(TYPES, spot, f"`{spot.token}` takes numbers, and makes an error of a text", hint)


def _bits(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    if any(words.type_of(part.node) is bool for part in spot.parts):
        hint = "to look at bits, put them in parentheses: `(a & 4) == 4`"
        if logical := _LOGICAL.get(spot.token):
            hint = f"write `{logical}`; {hint}"
        yield remark(
            BITS, spot, f"`{spot.token}` takes whole numbers, and makes an error of what is true or false", hint
        )


def _mixed(spot: Spot, _words: Vocabulary) -> Iterator[Remark]:
    for part in spot.parts:
        if isinstance(part.node, Binary) and part.node.operator == "&&":
            what = "`&&` binds tighter than the `||` beside it"
            yield remark(MIXED, part, what, "put parentheses around what belongs together")
            return


def _bound(spot: Spot, _words: Vocabulary) -> Iterator[Remark]:
    left, operator = spot.parts[0], _operator(spot)
    if _is_negated(left.node):
        what = f"`!` binds tighter than `{operator}`: it turns its operand round, not the comparison"
        yield remark(BINDING, left, what, f"write `!(a {operator} b)`, or `!=` for `==`")
    elif isinstance(left.node, Binary) and any({operator, left.node.operator} <= each for each in (ORDER, EQUALITY)):
        what = f"`{operator}` compares the answer of the comparison before it, which is true or false"
        yield remark(BINDING, spot, what, "write two comparisons, with `&&` between them")


def _guarded_literal(spot: Spot, _words: Vocabulary) -> Iterator[Remark]:
    value = spot.parts[0].node
    if isinstance(value, bool | int | float | str):
        what = f"`?:` binds tighter than all before it: its left side is {brief(value)} alone, which is never undefined"
        yield remark(BINDING, spot, what, "put parentheses around its left side")


def _letters(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    for name, value in _with_constants(spot, words):
        letters, cased = _CASES.get(name, ("", str))
        if isinstance(value, str) and cased(value) != value:
            what = f"{_spelt(words, name)} has {letters} letters only, and `{_operator(spot)}` tells them apart"
            hint = f"write `{'==' if _operator(spot) == '=?=' else '!='}`, or {brief(cased(value))}"
            yield remark(LETTER_CASE, spot, what, hint)


def _amount(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    for name, value in _with_constants(spot, words):
        if name not in _UNITS or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        unit, least, most = _UNITS[name]
        if 0 < value < least or value >= most:
            much = "little" if value < least else "much"
            what = f"{_spelt(words, name)} is in {unit}, and {brief(value)} {unit} is very {much}"
            yield remark(UNITS, spot, what, _EXAMPLES[unit])


def _unquoted(spot: Spot, words: Vocabulary) -> Iterator[Remark]:
    for one, other in (spot.parts, spot.parts[::-1]):
        found = scoped(one.node) if isinstance(one.node, Reference) else None
        if not found or words.is_known(*found) or words.is_of_htcondor(*found) or words.near(*found):
            continue  # of a slip of the pen it is told elsewhere what was meant
        if words.type_of(other.node) is str or one.token.startswith("'"):
            name = brief(one.node.name)  # type: ignore[union-attr]  # a reference has one
            what = f"{brief(one.node)} is the name of an attribute, and nobody has it"
            yield remark(UNQUOTED, one, what, f"a text has double quotes: {name}")


def _with_constants(spot: Spot, words: Vocabulary) -> Iterator[tuple[str, Scalar]]:
    """The attribute of vmf's own that is compared with a constant, and the constant."""
    for one, other in (spot.parts, spot.parts[::-1]):
        found = scoped(one.node)
        if found and words.is_vmfs(*found) and (value := constant(other.node)) is not None:
            yield found[1], value


def _is_negated(node: Node) -> bool:
    return isinstance(node, Unary) and node.operator == "!"


def _operator(spot: Spot) -> str:
    return spot.node.operator if isinstance(spot.node, Binary) else spot.token


def _told(node: Node) -> str:
    """A name or a literal as it is written; anything else may be long, and is `x`."""
    return brief(bare(node)) if scoped(bare(node)) or isinstance(bare(node), VALUES) else "x"


def _spelt(words: Vocabulary, name: str) -> str:
    return next(names[name] for names in map(words.names, ("my", "target")) if name in names)


_NOUNS: Final[Mapping[type, str]] = MappingProxyType(
    {bool: "what is true or false", int: "a number", float: "a number", str: "a text"}
)
_LOGICAL: Final[Mapping[str, str]] = MappingProxyType({"&": "&&", "|": "||"})
_CASES: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = MappingProxyType(
    {"arch": ("capital", str.upper)} | dict.fromkeys(("vm_type", "vm_accelerator", "jobvmtype"), ("small", str.lower))
)
"""Attributes whose letters are all capital, or all small."""
_MIB: Final = ("MiB", 64, 2**28)
_KIB: Final = ("KiB", 2**10, 2**40)
_UNITS: Final[Mapping[str, tuple[str, int, int]]] = MappingProxyType(
    dict.fromkeys(("memory", "totalmemory", "vm_memory", "jobvmmemory", "requestmemory"), _MIB)
    | dict.fromkeys(("disk", "requestdisk"), _KIB)
)
"""The units of amounts, and from where on up to where they are likely."""
_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {"MiB": "write 2 GiB as 2048", "KiB": "write 10 GiB as 10 * 1024 * 1024"}
)
_JUDGES: Final[Mapping[str, tuple[Judge, ...]]] = MappingProxyType(
    dict.fromkeys(ORDER, (_with_undefined, _unlike, _unquoted, _bound, _amount))
    | dict.fromkeys(EQUALITY, (_with_undefined, _unlike, _unquoted, _bound, _amount))
    | dict.fromkeys(IDENTITY, (_unlike, _unquoted, _bound, _amount, _letters))
    | dict.fromkeys(ARITHMETIC, (_no_number,))
    | {"&&": (_no_truth,), "||": (_no_truth, _mixed), "?:": (_guarded_literal,)}
    | dict.fromkeys(("&", "|", "^"), (_bits,))
)
