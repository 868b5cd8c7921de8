"""Nodes to values, by the model's own types.

A scalar means what the type of its field makes of its text, never what YAML would take it for: `no`, `1e3` and
`3.10` are text where text is wanted. A new field of the model is readable as soon as it is written there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, inspect
from msgspec.structs import replace

from vmf import model, units
from vmf.classad import ClassAdSyntaxError, parse
from vmf.errors import SpecError
from vmf.spec import nodes
from vmf.spec.faults import Faults, Place, shown, suggestion
from vmf.spec.nodes import Node, Scalar, Sequence

T = TypeVar("T")

_INTEGER = re.compile(r"0|[1-9][0-9]{0,18}")
_BOOLEANS = MappingProxyType({"true": True, "false": False})
_KINDS = MappingProxyType({Scalar: "a text", Sequence: "a list", nodes.Mapping: "a block of keys"})


class Given(Struct, frozen=True, kw_only=True):
    """What a spec gives under a name; the name is the path of keys that leads there."""

    name: str = ""
    node: Node

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.node.place

    def below(self, key: str, node: Node) -> Given:
        """What is given one level deeper."""
        return Given(name=f"{self.name}.{key}" if self.name else key, node=node)

    def wrong(self, what: str, *, hint: str = "") -> SpecError:
        """Say what is wrong with it, to be raised."""
        return self.place.wrong(f"{self.name}: {what}" if self.name else what, hint=hint)

    def text(self, wanted: str = "a text") -> str:
        """The text as written.

        Raises:
            SpecError: if something else is given, or nothing.
        """
        if not isinstance(self.node, Scalar):
            raise self.wrong(f"{wanted} is wanted, this is {_KINDS[type(self.node)]}", hint=f"write {wanted}")
        if self.node.null:
            raise self.wrong(f"{wanted} is wanted, this is empty", hint="give a value; write an empty text as ''")
        return self.node.text


Custom: TypeAlias = Mapping[type, Callable[[Given], Any]]
"""How to read the types that mean more than their text, such as paths."""


def read(given: Given, wanted: inspect.Type, custom: Custom) -> Any:  # noqa: ANN401  # the wanted type decides
    """Read a value of the wanted type.

    Raises:
        SpecError: with everything that is wrong with it.
    """
    convert = custom.get(getattr(wanted, "cls", object))
    return convert(given) if convert else _READERS[type(wanted)](given, wanted, custom)


def read_path(folder: Path, given: Given) -> Path:
    """The absolute path that is given relative to a folder.

    Raises:
        SpecError: if it is no path.
    """
    text = given.text("a path")
    if not text:
        raise given.wrong("a path is wanted, this is empty", hint="write a path, such as folder/file")
    return (folder / text).absolute()


def entries(given: Given, faults: Faults) -> Iterator[tuple[Scalar, Given]]:
    """The entries of a block, each key once; doubles and keys that are no text go to `faults`.

    Raises:
        SpecError: if it is no block.
    """
    if not isinstance(given.node, nodes.Mapping):
        found = "empty" if isinstance(given.node, Scalar) and given.node.null else _KINDS[type(given.node)]
        raise given.wrong(f"a block of keys is wanted, this is {found}", hint="write KEY: VALUE lines below it")
    first: dict[str, Place] = {}
    for key, value in given.node.entries:
        if not isinstance(key, Scalar):
            faults.add(key.place.fault("a key is wanted, this is no text", hint="texts that hold { or [ need quotes"))
        elif key.text in first:
            what = f"the key {shown(key.text)} is given twice; the first is in line {first[key.text].line}"
            faults.add(key.place.fault(what, hint="keep one of them"))
        else:
            first[key.text] = key.place
            yield key, given.below(key.text if key.text.isidentifier() else shown(key.text), value)


def _fields(given: Given, wanted: inspect.StructType | inspect.TypedDictType, custom: Custom) -> Any:  # noqa: ANN401  # the struct's class
    faults = Faults()
    fields = {field.encode_name: field for field in wanted.fields}
    missing = {key: field for key, field in fields.items() if field.required}
    values: dict[str, Any] = {}
    for key, below in entries(given, faults):
        missing.pop(key.text, None)
        with faults:
            if key.text not in fields:
                what = f"{given.name}: " if given.name else ""
                raise key.place.wrong(f"{what}unknown key {shown(key.text)}", hint=suggestion(key.text, fields))
            field = fields[key.text]
            values[field.name] = read(below, field.type, custom)
    for name, field in missing.items():
        with faults:
            raise given.wrong(f"the key {name} is missing", hint=f"add `{name}:` {_description(field.type)}".strip())
    faults.settle()
    return wanted.cls(**values)


def _description(wanted: inspect.Type) -> str:
    schema = wanted.extra_json_schema if isinstance(wanted, inspect.Metadata) else None
    return f"({schema['description']})" if schema and "description" in schema else ""


def _dict(given: Given, wanted: inspect.DictType, custom: Custom) -> Mapping[Any, Any]:
    faults = Faults()
    values = {}
    for key, below in entries(given, faults):
        with faults:
            name = read(Given(name=given.name, node=key), wanted.key_type, custom)
            values[name] = read(below, wanted.value_type, custom)
    faults.settle()
    return values


def _tuple(given: Given, wanted: inspect.VarTupleType, custom: Custom) -> tuple[Any, ...]:
    if not isinstance(given.node, Sequence):
        raise given.wrong(f"a list is wanted, this is {_KINDS[type(given.node)]}", hint="write it as [a, b]")
    faults = Faults()
    values = []
    for number, item in enumerate(given.node.items, start=1):
        with faults:
            values.append(read(Given(name=f"{given.name}, item {number}", node=item), wanted.item_type, custom))
    faults.settle()
    return tuple(values)


def _optional(given: Given, wanted: inspect.UnionType, custom: Custom) -> Any:  # noqa: ANN401  # as `read`
    if isinstance(given.node, Scalar) and given.node.null:
        return None
    (inner,) = (each for each in wanted.types if not isinstance(each, inspect.NoneType))
    return read(given, inner, custom)


def _metadata(given: Given, wanted: inspect.Metadata, custom: Custom) -> Any:  # noqa: ANN401  # as `read`
    if "language" in (wanted.extra or {}):
        return _expression(given)
    unit = _UNITS.get((wanted.extra or {}).get("unit", ""))
    if unit and isinstance(wanted.type, inspect.IntType):
        return _measured(given, wanted.type, unit)
    return read(given, wanted.type, custom)


def _expression(given: Given) -> str:
    """The text of a ClassAd expression; one that spans no lines is at fault at the very character."""
    text = given.text("a ClassAd expression")
    try:
        parse(text)
    except ClassAdSyntaxError as error:
        fault, place = error.fault, given.place
        if isinstance(given.node, Scalar) and given.node.plain and "\n" not in text:
            place = replace(place, column=place.column + max(fault.column - 1, 0))
        what = f"{given.name}: {shown(text)} is no ClassAd expression: {fault.what}"
        raise place.wrong(what, hint=fault.hint) from error
    return text


class _Unit(Struct, frozen=True, kw_only=True):
    """How a quantity is read and written."""

    wanted: str
    parse: Callable[[str], int]
    show: Callable[[int], str]


_UNITS = MappingProxyType({
    "size": _Unit(wanted="a size such as 256MiB", parse=units.parse_size, show=units.format_size),
})  # fmt: skip


def _measured(given: Given, wanted: inspect.IntType, unit: _Unit) -> int:
    text = given.text(unit.wanted)
    try:
        value = unit.parse(text)
    except ValueError as error:
        raise given.wrong(f"{shown(text)} is not {unit.wanted}", hint=str(error)) from None
    if not _within(value, wanted):
        raise given.wrong(f"{shown(text)} is out of range", hint=f"write {unit.wanted}{_range(wanted, unit.show)}")
    return value


def _integer(given: Given, wanted: inspect.IntType, _: Custom) -> int:
    text = given.text("a whole number")
    if not _INTEGER.fullmatch(text):
        hint = "write digits only: no sign, leading zero, fraction, exponent or prefix"
        raise given.wrong(f"{shown(text)} is not a whole number{_range(wanted, str)}", hint=hint)
    if not _within(int(text), wanted):
        raise given.wrong(f"{shown(text)} is out of range", hint=f"write a whole number{_range(wanted, str)}")
    return int(text)


def _within(value: int, wanted: inspect.IntType) -> bool:
    return (wanted.ge is None or value >= wanted.ge) and (wanted.le is None or value <= wanted.le)


def _range(wanted: inspect.IntType, show: Callable[[int], str]) -> str:
    bounds = (("from", wanted.ge), ("to", wanted.le))
    return "".join(f" {word} {show(bound)}" for word, bound in bounds if bound is not None)


def _string(given: Given, wanted: inspect.StrType, _: Custom) -> str:
    text = given.text()
    if wanted.pattern is not None and not _matches(wanted.pattern, text):
        sentence = SENTENCES.get(wanted.pattern, f"a text that matches {wanted.pattern}")
        raise given.wrong(f"{shown(text)} is not allowed here", hint=f"write {sentence}")
    return text


def _matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found; its `$` means the very end, not also the place before a last line break."""
    found = re.search(pattern, text)
    return found is not None and (not pattern.endswith("$") or found.end() == len(text))


def _boolean(given: Given, _wanted: inspect.BoolType, _: Custom) -> bool:
    return _choice(given, _BOOLEANS)


def _enum(given: Given, wanted: inspect.EnumType, _: Custom) -> Enum:
    return _choice(given, {str(each.value): each for each in wanted.cls})


def _literal(given: Given, wanted: inspect.LiteralType, _: Custom) -> str | int | None:
    return _choice(given, {str(each): each for each in wanted.values})


def _choice(given: Given, choices: Mapping[str, T]) -> T:
    text = given.text("one of " + ", ".join(choices))
    if text not in choices:
        raise given.wrong(
            f"{shown(text)} is none of {', '.join(choices) or '(nothing)'}", hint=suggestion(text, choices)
        )
    return choices[text]


SENTENCES: Mapping[str, str] = MappingProxyType({
    model.NAME: "letters, digits, dots, dashes and underscores, at most 63, the first a letter or digit; no number",
    model.GUEST_PATH: "a relative path of at most 200 characters, without .., control characters or a leading -",
    model.ATTRIBUTE: "letters, digits and underscores, at most 63, the first no digit",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and underscores, the first no digit",
    r"^[0-9a-f]{64}$": "64 hexadecimal digits in lower case, as sha256sum prints them",
    r"^[^\x00-\x1f]*$": "one line of text without control characters",
    r"^[^\x00]*$": "a text without NUL characters",
})  # fmt: skip
"""What each pattern of the model asks for, in words."""

_READERS: Mapping[type[inspect.Type], Callable[[Given, Any, Custom], Any]] = MappingProxyType({
    inspect.Metadata: _metadata,
    inspect.StructType: _fields,
    inspect.TypedDictType: _fields,
    inspect.DictType: _dict,
    inspect.VarTupleType: _tuple,
    inspect.UnionType: _optional,
    inspect.StrType: _string,
    inspect.IntType: _integer,
    inspect.BoolType: _boolean,
    inspect.EnumType: _enum,
    inspect.LiteralType: _literal,
})  # fmt: skip
