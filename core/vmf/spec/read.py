"""Nodes to values, by the model's own types.

A scalar means what the type of its field makes of its text, never what YAML would take it for: `no`, `1e3` and
`3.10` are text where text is wanted. A new field of the model is readable as soon as it is written there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, inspect
from msgspec.structs import replace

from vmf import units
from vmf.classad import ClassAdSyntaxError, parse
from vmf.errors import Fault, SpecError
from vmf.model import terms
from vmf.rules import Rule
from vmf.spec import nodes, refusals
from vmf.spec.faults import Faults, Place, meant, shown, suggestion
from vmf.spec.nodes import Node, Scalar, Sequence

T = TypeVar("T")

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_BOOLEANS = MappingProxyType({"true": True, "false": False})
_WORDS = MappingProxyType({"yes": "true", "on": "true", "no": "false", "off": "false"})
"""What older YAML takes for true and false."""
_KINDS = MappingProxyType({Scalar: "a text", Sequence: "a list", nodes.Mapping: "a block of keys"})


type_info = cache(inspect.type_info)
"""What msgspec knows of a type; to ask costs more than to read a whole document."""


class Given(Struct, frozen=True, kw_only=True):
    """What a spec gives, and the keys that lead there; list items count from 0."""

    keys: tuple[str | int, ...] = ()
    node: Node

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.node.place

    @property
    def name(self) -> str:
        """The keys as people read them: `spec.disks, item 1.file`."""
        words = (f", item {key + 1}" if isinstance(key, int) else f".{_key(key)}" for key in self.keys)
        return "".join(words).removeprefix(".")

    def below(self, key: str | int, node: Node) -> Given:
        """What is given one level deeper."""
        return Given(keys=(*self.keys, key), node=node)

    def wrong(
        self, what: str, *, hint: str = "", rule: Rule = refusals.WRONG_VALUE, fix: tuple[str, str] | None = None
    ) -> SpecError:
        """Say what is wrong with it, to be raised."""
        return self.place.wrong(f"{self.name}: {what}" if self.keys else what, hint=hint, rule=rule, fix=fix)

    def text(self, wanted: str = "a text") -> str:
        """The text as written.

        Raises:
            SpecError: if something else is given, or nothing.
        """
        if not isinstance(self.node, Scalar):
            what = f"{wanted} is wanted, this is {_KINDS[type(self.node)]}"
            raise self.wrong(what, hint=f"write {wanted}", rule=refusals.WRONG_SHAPE)
        if self.node.null:
            hint = "give a value; write an empty text as ''"
            raise self.wrong(f"{wanted} is wanted, this is empty", hint=hint, rule=refusals.WRONG_SHAPE)
        return self.node.text


Custom: TypeAlias = Mapping[type, Callable[[Given], Any]]
"""How to read the types that mean more than their text, such as paths."""


FAULTS_MOST = 100
"""With so many, no more unknown keys are told of: whoever wrote that meant something else."""


class Lost:
    """What becomes of a value that cannot be read: nothing, and its faults are told."""


LOST = Lost()


class Reader:
    """Reads values of wanted types; what is wrong is gathered, and the reading goes on beside it."""

    def __init__(self, custom: Custom) -> None:
        self.custom = custom
        self.faults = Faults()
        self.spoilt: set[tuple[str | int, ...]] = set()
        """The keys of fields, two levels deep, in which something was wrong."""

    def read(self, given: Given, wanted: inspect.Type) -> Any:  # noqa: ANN401  # the wanted type decides
        """Read a value of the wanted type; `LOST` if that cannot be done."""
        convert = self.custom.get(getattr(wanted, "cls", object))
        try:
            return convert(given) if convert else _READERS[type(wanted)](self, given, wanted)
        except SpecError as error:
            self.lose(given, error)
            return LOST

    def lose(self, given: Given, error: SpecError) -> None:
        """Keep what is wrong with a value."""
        self.faults.add(*error.faults)
        self.spoilt.add(given.keys[:2])


def read(given: Given, wanted: inspect.Type, custom: Custom) -> Any:  # noqa: ANN401  # the wanted type decides
    """Read a value of the wanted type.

    Raises:
        SpecError: with everything that is wrong with it.
    """
    reader = Reader(custom)
    value = reader.read(given, wanted)
    reader.faults.settle()
    return value


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
        what = f"a block of keys is wanted, this is {found}"
        raise given.wrong(what, hint="write KEY: VALUE lines below it", rule=refusals.WRONG_SHAPE)
    first: dict[str, Place] = {}
    for key, value in given.node.entries:
        if not isinstance(key, Scalar):
            what, hint = "a key is wanted, this is no text", "texts that hold { or [ need quotes"
            faults.add(key.place.fault(what, hint=hint, rule=refusals.DOUBLE_KEY))
        elif key.text in first:
            what = f"the key {shown(key.text)} is given twice; the first is in line {first[key.text].line}"
            faults.add(key.place.fault(what, hint="keep one of them", rule=refusals.DOUBLE_KEY))
        else:
            first[key.text] = key.place
            yield key, given.below(key.text, value)


def _struct(reader: Reader, given: Given, wanted: inspect.StructType) -> Any:  # noqa: ANN401  # the struct's class
    values = _fields(reader, given, wanted)
    if any(field.required and field.name not in values for field in wanted.fields):
        return LOST
    return wanted.cls(**values)


def _fields(reader: Reader, given: Given, wanted: inspect.StructType | inspect.TypedDictType) -> dict[str, Any]:
    """The fields that can be read."""
    fields = {field.encode_name: field for field in wanted.fields}
    missing = {key: field for key, field in fields.items() if field.required}
    values: dict[str, Any] = {}
    for key, below in entries(given, reader.faults):
        missing.pop(key.text, None)
        if key.text not in fields:
            reader.faults.add(_unknown(given, key, fields))
            if len(reader.faults) >= FAULTS_MOST:
                break
            continue
        field = fields[key.text]
        if (value := reader.read(below, field.type)) is not LOST:
            values[field.name] = value
    for name, field in missing.items():
        hint = f"add `{name}:` {_description(field.type)}".strip()
        reader.lose(given, given.wrong(f"the key {name} is missing", hint=hint, rule=refusals.MISSING_KEY))
    return values


def _unknown(given: Given, key: Scalar, known: Mapping[str, object]) -> Fault:
    name = f"{given.name}: " if given.keys else ""
    entries_ = given.node.entries if isinstance(given.node, nodes.Mapping) else ()
    there = {each.text for each, _ in entries_ if isinstance(each, Scalar)}
    guess = meant(key.text, known)
    return key.place.fault(
        f"{name}unknown key {shown(key.text)}",
        hint=suggestion(key.text, known),
        rule=refusals.UNKNOWN_KEY,
        fix=(key.text, guess) if guess and guess not in there and key.plain else None,
    )


def _description(wanted: inspect.Type) -> str:
    schema = wanted.extra_json_schema if isinstance(wanted, inspect.Metadata) else None
    return f"({schema['description']})" if schema and "description" in schema else ""


def _dict(reader: Reader, given: Given, wanted: inspect.DictType) -> Mapping[Any, Any]:
    _count(given, len(given.node.entries) if isinstance(given.node, nodes.Mapping) else 0, wanted.max_length)
    values = {}
    for key, below in entries(given, reader.faults):
        name = reader.read(Given(keys=given.keys, node=key), wanted.key_type)
        value = reader.read(below, wanted.value_type)
        if name is not LOST and value is not LOST:
            values[name] = value
    return values


def _tuple(reader: Reader, given: Given, wanted: inspect.VarTupleType) -> tuple[Any, ...]:
    if not isinstance(given.node, Sequence):
        what = f"a list is wanted, this is {_KINDS[type(given.node)]}"
        raise given.wrong(what, hint="write it as [a, b]", rule=refusals.WRONG_SHAPE)
    _count(given, len(given.node.items), wanted.max_length)
    read = (reader.read(given.below(number, item), wanted.item_type) for number, item in enumerate(given.node.items))
    return tuple(value for value in read if value is not LOST)


def _count(given: Given, number: int, most: int | None) -> None:
    if most is not None and number > most:
        raise given.wrong(f"{number} of them", hint=f"give at most {most}", rule=refusals.OUT_OF_RANGE)


def _union(reader: Reader, given: Given, wanted: inspect.UnionType) -> Any:  # noqa: ANN401  # as `read`
    """Nothing, where nothing is given; an allowed word, where it is one; else what the type that is left says."""
    optional = any(isinstance(each, inspect.NoneType) for each in wanted.types)
    if optional and isinstance(given.node, Scalar) and given.node.null:
        return None
    (inner,) = (each for each in wanted.types if not isinstance(each, inspect.NoneType | inspect.LiteralType))
    for words in wanted.types:
        if (
            isinstance(words, inspect.LiteralType)
            and isinstance(given.node, Scalar)
            and given.node.text in words.values
        ):
            return given.node.text
    return reader.read(given, inner)


def _metadata(reader: Reader, given: Given, wanted: inspect.Metadata) -> Any:  # noqa: ANN401  # as `read`
    extra = wanted.extra or {}
    if "language" in extra:
        return _expression(given)
    unit = _UNITS.get(extra.get("unit", ""))
    if unit and isinstance(wanted.type, inspect.IntType):
        return _measured(given, wanted.type, unit)
    if "single" in extra and isinstance(given.node, Scalar) and isinstance(wanted.type, inspect.VarTupleType):
        value = reader.read(given, wanted.type.item_type)
        return value if value is LOST else (value,)
    return reader.read(given, wanted.type)


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
        raise place.wrong(what, hint=fault.hint, rule=refusals.NOT_PARSED) from error
    return text


class _Unit(Struct, frozen=True, kw_only=True):
    """How a quantity is read and written."""

    wanted: str
    parse: Callable[[str], int]
    show: Callable[[int], str]


_UNITS = MappingProxyType({
    "size": _Unit(wanted="a size such as 256MiB", parse=units.parse_size, show=units.format_size),
    "duration": _Unit(wanted="a duration such as 10m", parse=units.parse_duration, show=units.format_duration),
})  # fmt: skip


def _measured(given: Given, wanted: inspect.IntType, unit: _Unit) -> int:
    text = given.text(unit.wanted)
    try:
        value = unit.parse(text)
    except ValueError as error:
        raise given.wrong(f"{shown(text)} is not {unit.wanted}", hint=str(error)) from None
    if not _within(value, wanted):
        hint = f"write {unit.wanted}{_range(wanted, unit.show)}"
        raise given.wrong(f"{shown(text)} is out of range", hint=hint, rule=refusals.OUT_OF_RANGE)
    return value


def _integer(_: Reader, given: Given, wanted: inspect.IntType) -> int:
    text = given.text("a whole number")
    if not _INTEGER.fullmatch(text):
        hint = "write digits only: no plus sign, leading zero, fraction, exponent or prefix"
        raise given.wrong(f"{shown(text)} is not a whole number{_range(wanted, str)}", hint=hint)
    if not _within(int(text), wanted):
        hint = f"write a whole number{_range(wanted, str)}"
        raise given.wrong(f"{shown(text)} is out of range", hint=hint, rule=refusals.OUT_OF_RANGE)
    return int(text)


def _within(value: int, wanted: inspect.IntType) -> bool:
    return (wanted.ge is None or value >= wanted.ge) and (wanted.le is None or value <= wanted.le)


def _range(wanted: inspect.IntType, show: Callable[[int], str]) -> str:
    bounds = (("from", wanted.ge), ("to", wanted.le))
    return "".join(f" {word} {show(bound)}" for word, bound in bounds if bound is not None)


def _string(_: Reader, given: Given, wanted: inspect.StrType) -> str:
    text = given.text()
    if wanted.pattern is not None and not _matches(wanted.pattern, text):
        sentence = SENTENCES.get(wanted.pattern, f"a text that matches {wanted.pattern}")
        raise given.wrong(f"{shown(text)} is not allowed here", hint=f"write {sentence}")
    return text


def _matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found; its `$` means the very end, not also the place before a last line break."""
    found = re.search(pattern, text)
    return found is not None and (not pattern.endswith("$") or found.end() == len(text))


def _boolean(_: Reader, given: Given, _wanted: inspect.BoolType) -> bool:
    return _choice(given, _BOOLEANS)


def _enum(_: Reader, given: Given, wanted: inspect.EnumType) -> Enum:
    return _choice(given, {str(each.value): each for each in wanted.cls})


def _literal(_: Reader, given: Given, wanted: inspect.LiteralType) -> str | int | None:
    return _choice(given, {str(each): each for each in wanted.values})


def _choice(given: Given, choices: Mapping[str, T]) -> T:
    text = given.text("one of " + ", ".join(choices))
    if text not in choices:
        what = f"{shown(text)} is none of {', '.join(choices) or '(nothing)'}"
        guess = _WORDS.get(text.lower(), text) if _BOOLEANS.keys() == choices.keys() else text
        guess = meant(guess, choices)
        sure = guess and isinstance(given.node, Scalar) and given.node.plain
        raise given.wrong(what, hint=suggestion(text, choices), fix=(text, guess) if sure else None)
    return choices[text]


SENTENCES: Mapping[str, str] = MappingProxyType({
    terms.NAME: "letters, digits, dots, dashes and underscores, at most 63, the first a letter or digit; no number",
    terms.GUEST_PATH: "a relative path of at most 200 characters, without .., control characters or a leading -",
    terms.ATTRIBUTE: "letters, digits and underscores, at most 63, the first no digit",
    terms.VARIABLE: "letters, digits and underscores, the first no digit",
    terms.SHA256: "64 hexadecimal digits in lower case, as sha256sum prints them",
    terms.LINE: "one line of text without control characters",
    terms.LABEL: "one line of at most 200 characters",
    terms.TEXT: "a text without NUL characters",
    terms.DEVICE: "a device's name such as vda, hdc or sda1",
    terms.DEVICE_PATH: "a device such as /dev/vda1, LABEL=root or UUID=…",
    terms.MAC: "six pairs of hexadecimal digits such as 52:54:00:12:34:56",
    terms.ADDRESS: "a host's name or IP address",
    terms.BRIDGE: "a bridge's name such as br0: at most 15 letters, digits, dots, dashes and underscores",
})  # fmt: skip
"""What each pattern of the model asks for, in words."""

_READERS: Mapping[type[inspect.Type], Callable[[Reader, Given, Any], Any]] = MappingProxyType({
    inspect.Metadata: _metadata,
    inspect.StructType: _struct,
    inspect.TypedDictType: _fields,
    inspect.DictType: _dict,
    inspect.VarTupleType: _tuple,
    inspect.UnionType: _union,
    inspect.StrType: _string,
    inspect.IntType: _integer,
    inspect.BoolType: _boolean,
    inspect.EnumType: _enum,
    inspect.LiteralType: _literal,
})  # fmt: skip


def _key(key: str) -> str:
    return key if key.isidentifier() else shown(key)
