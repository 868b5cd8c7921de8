"""Nodes to values, by the model's own types.

A scalar means what the type of its field makes of its text, never what YAML would take it for: `no`, `1e3` and
`3.10` are text where text is wanted. A new field of the model is readable as soon as it is written there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import inspect

from vmf.errors import SpecError
from vmf.spec import nodes, refusals
from vmf.spec.faults import Faults, Place, listed, meant, shown
from vmf.spec.given import KINDS, Given
from vmf.spec.nodes import Scalar, Sequence
from vmf.spec.scalars import SCALARS, UNITS, expression, measured
from vmf.spec.slips import unknown

type_info = cache(inspect.type_info)
"""What msgspec knows of a type; to ask costs more than to read a whole document."""


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
            if convert:
                return convert(given)
            if scalar := SCALARS.get(type(wanted)):
                return scalar(given, wanted)
            return _READERS[type(wanted)](self, given, wanted)
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


_LINES = "write KEY: VALUE lines below it"


def entries(given: Given, faults: Faults, hint: str = _LINES) -> Iterator[tuple[Scalar, Given]]:
    """The entries of a block, each key once; doubles and keys that are no text go to `faults`.

    Raises:
        SpecError: if it is no block, with the hint.
    """
    if not isinstance(given.node, nodes.Mapping):
        found = "empty" if isinstance(given.node, Scalar) and given.node.null else KINDS[type(given.node)]
        what = f"a block of keys is wanted, this is {found}"
        raise given.wrong(what, hint=hint, rule=refusals.WRONG_SHAPE)
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


def givable(wanted: inspect.StructType | inspect.TypedDictType) -> tuple[inspect.Field, ...]:
    """The fields that a spec can give; the others vmf makes itself, as they say: `extra={"made": True}`."""
    return tuple(field for field in wanted.fields if not _is_made(field.type))


def _is_made(wanted: inspect.Type) -> bool:
    return isinstance(wanted, inspect.Metadata) and "made" in (wanted.extra or {})


def _struct(reader: Reader, given: Given, wanted: inspect.StructType) -> Any:  # noqa: ANN401  # the struct's class
    values = _fields(reader, given, wanted)
    if any(field.required and field.name not in values for field in wanted.fields):
        return LOST
    return wanted.cls(**values)


def _fields(reader: Reader, given: Given, wanted: inspect.StructType | inspect.TypedDictType) -> dict[str, Any]:
    """The fields that can be read."""
    fields = {field.encode_name: field for field in givable(wanted)}
    missing = {key: field for key, field in fields.items() if field.required}
    values: dict[str, Any] = {}
    hint = _LINES if isinstance(given.node, nodes.Mapping) else _example(tuple(fields.values()))
    for key, below in entries(given, reader.faults, hint):
        missing.pop(key.text, None)
        if key.text not in fields:
            guess = meant(key.text, fields)
            missing.pop(guess, None)
            reader.faults.add(unknown(given, key, fields))
            reader.spoilt |= {given.keys[:2], (*given.keys, guess)[:2]}
            if len(reader.faults) >= FAULTS_MOST:
                break
            continue
        field = fields[key.text]
        if (value := reader.read(below, field.type)) is not LOST:
            values[field.name] = value
    for name, field in missing.items():
        hint = f"add `{name}:` {_description(field.type)}".strip()
        reader.lose(given, given.wrong(f"the key {name} is missing", hint=hint, rule=refusals.MISSING_KEY))
        reader.spoilt.add((*given.keys, name)[:2])
    return values


def _example(fields: Iterable[inspect.Field]) -> str:
    """How a block is written, by the keys that it has to have, or by its first one."""
    known = [field.encode_name for field in fields]
    keys = [field.encode_name for field in fields if field.required] or known[:1]
    return f"write it as {{{', '.join(f'{key}: …' for key in keys)}}}; {listed(known)}" if keys else _LINES


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
        found = "empty" if isinstance(given.node, Scalar) and given.node.null else KINDS[type(given.node)]
        what = f"a list is wanted, this is {found}"
        raise given.wrong(what, hint="write it as [a, b]; an empty one is []", rule=refusals.WRONG_SHAPE)
    _count(given, len(given.node.items), wanted.max_length)
    read = (reader.read(given.below(number, item), wanted.item_type) for number, item in enumerate(given.node.items))
    return tuple(value for value in read if value is not LOST)


def _count(given: Given, number: int, most: int | None) -> None:
    if most is not None and number > most:
        raise given.wrong(f"{number} of them", hint=f"give at most {most}", rule=refusals.OUT_OF_RANGE)


def _union(reader: Reader, given: Given, wanted: inspect.UnionType) -> Any:  # noqa: ANN401  # as `read`
    """Nothing, where nothing is given; an allowed word, where it is one; else what the type that is left says.

    A list without a word below its key is refused: it could be meant as empty, which is not the same as not given.
    """
    optional = any(isinstance(each, inspect.NoneType) for each in wanted.types)
    (inner,) = (each for each in wanted.types if not isinstance(each, inspect.NoneType | inspect.LiteralType))
    empty = isinstance(given.node, Scalar) and given.node.null
    if optional and empty and not isinstance(inner, inspect.VarTupleType):
        return None
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
        return expression(given)
    unit = UNITS.get(extra.get("unit", ""))
    if unit and isinstance(wanted.type, inspect.IntType):
        return measured(given, wanted.type, unit)
    if "single" in extra and isinstance(given.node, Scalar) and isinstance(wanted.type, inspect.VarTupleType):
        value = reader.read(given, wanted.type.item_type)
        return value if value is LOST else (value,)
    return reader.read(given, wanted.type)


_READERS: Mapping[type[inspect.Type], Callable[[Reader, Given, Any], Any]] = MappingProxyType({
    inspect.Metadata: _metadata,
    inspect.StructType: _struct,
    inspect.TypedDictType: _fields,
    inspect.DictType: _dict,
    inspect.VarTupleType: _tuple,
    inspect.UnionType: _union,
})  # fmt: skip
