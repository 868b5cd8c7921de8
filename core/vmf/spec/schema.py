"""What specs may say, as JSON Schema: from the model's own types, as `vmf.spec.read` reads them.

A schema sees what YAML has made of a text before it became a field's value, so wherever the reader takes a text, the
schema takes numbers and truth values too. What needs a look at files, or at two fields, is the reader's alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import Struct, inspect

from vmf.model import API_VERSION, File, Host, Image, Job, Steps
from vmf.spec.documents import shape
from vmf.spec.files import OnHost
from vmf.spec.queue import RUNS_MOST
from vmf.spec.read import givable, type_info
from vmf.units import format_size

Schema: TypeAlias = dict[str, Any]
Settings: TypeAlias = Mapping[str, type[Struct]]
"""Hypervisor type to the struct that reads the block of that name."""

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that every editor knows."""

_DIGITS = r"^(0|-?[1-9][0-9]{0,18})$"
_DOTTED = r"^[^.]+(\.[^.]+)*$"


def schema(kind: type[Struct], settings: Settings | None = None) -> Schema:
    """The schema of a kind's documents, in the version of today.

    Args:
        kind: one of `vmf.spec.documents.KINDS`.
        settings: the blocks of hypervisor types; without them, a key of `spec` that is unknown may be such a block.
    """
    name = kind.__name__
    document = _block(shape(kind, types=settings or {}).blocks)
    parts = document["properties"]
    parts["apiVersion"] = {"const": API_VERSION, "description": "The version of the words below."}
    parts["kind"] = {"const": name, "description": f"What is described: {_sentence(kind)}"}
    parts["metadata"]["description"] = "The name, and whatever else it can be found by."
    parts["spec"]["description"] = "What it is to be."
    if settings is None and kind not in {Image, Steps}:
        parts["spec"]["additionalProperties"] = {
            "type": "object",
            "description": "The block named after a hypervisor type, in the words of that type's plugin.",
        }
    if kind in _FINISH:
        _FINISH[kind](document, settings)
    address = f"urn:{API_VERSION.replace('/', ':')}:{name.lower()}"
    return {"$schema": DRAFT, "$id": address, "title": f"{API_VERSION} {name}", **document}


def written(made: Schema) -> str:
    """The text of a schema's file."""
    return f"{json.dumps(made, indent=2)}\n"


def _finish_job(document: Schema, settings: Settings | None) -> None:
    """A queue, whose runs may give what the document itself then need not."""
    metadata, spec = (document["properties"][part] for part in ("metadata", "spec"))
    spec["properties"]["queue"] = _queue()
    if settings:
        spec["properties"]["type"]["examples"] = sorted(settings)
    some = {"type": ["array", "object"]}
    document["if"] = {"properties": {"spec": {"required": ["queue"], "properties": {"queue": some}}}}
    document["else"] = {
        "required": ["metadata"],
        "properties": {"metadata": _taken(metadata, "required"), "spec": _taken(spec, "required")},
    }
    document["required"].remove("metadata")


def _finish_host(document: Schema, settings: Settings | None) -> None:
    """A type that is known, and of all blocks only the one that is named after it."""
    if settings is None:
        return
    spec = document["properties"]["spec"]
    fields = spec["properties"]
    fields["type"] = {"enum": sorted(settings), "description": fields["type"]["description"]}
    needed = frozenset(spec["required"]) & settings.keys()
    spec["required"] = [name for name in spec["required"] if name not in needed]
    spec["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {
                "required": sorted(needed & {name}),
                "properties": dict.fromkeys(sorted(settings.keys() - {name}), False),
            },
        }
        for name in sorted(settings)
    ]


def _queue() -> Schema:
    run: Schema = {"type": "object", "propertyNames": {"pattern": _DOTTED}}
    lists = {"minProperties": 1, "additionalProperties": {"type": "array", "minItems": 1}}
    count = {"type": ["integer", "string"], "minimum": 1, "maximum": RUNS_MOST, "pattern": "^[1-9][0-9]{0,8}$"}
    return {
        "description": "Several runs of the job, each with values of its own: a list of runs, the product of lists of "
        "values, the rows of a file, or a number of equal runs. Keys lead to fields, such as results.folder.",
        "anyOf": [
            {"type": "array", "items": run, "minItems": 1, "maxItems": RUNS_MOST},
            _way("product", {**run, **lists}),
            _way("file", _text(minLength=1)),
            _way("count", count),
            {"type": "null"},
        ],
    }


def _way(name: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}


def _taken(block: Schema, key: str) -> Schema:
    return {key: block.pop(key)}


def _sentence(kind: type[Struct]) -> str:
    text = (kind.__doc__ or "").split("\n")[0]
    return text[:1].lower() + text[1:]


def _schema(wanted: inspect.Type) -> Schema:
    custom = _CUSTOM.get(getattr(wanted, "cls", object))
    return custom() if custom else _WRITERS[type(wanted)](wanted)


def _block(wanted: inspect.StructType | inspect.TypedDictType) -> Schema:
    return {
        "type": "object",
        "properties": {field.encode_name: _field(field) for field in givable(wanted)},
        "required": [field.encode_name for field in wanted.fields if field.required],
        "additionalProperties": False,
    }


def _field(field: inspect.Field) -> Schema:
    """A field with its default, if that is a word or a number."""
    written, default = _schema(field.type), field.default
    if not isinstance(default, str | int) or default == "":
        return written
    unit = _UNITS.get(_extra(field.type).get("unit", ""))
    return {**written, "default": unit.show(default) if unit and isinstance(default, int) else default}


def _metadata(wanted: inspect.Metadata) -> Schema:
    extra = _extra(wanted)
    return {**_meant(wanted.type, extra), **(wanted.extra_json_schema or {})}


def _meant(wanted: inspect.Type, extra: Mapping[str, Any]) -> Schema:
    if "language" in extra:
        return _text(minLength=1)
    if extra.get("unit") in _UNITS:
        unit = _UNITS[extra["unit"]]
        return {"type": "string", "pattern": unit.pattern, "examples": [unit.example]}
    written = _schema(wanted)
    if "single" in extra and isinstance(wanted, inspect.VarTupleType):
        return {"anyOf": [_schema(wanted.item_type), written]}
    return written


def _extra(wanted: inspect.Type) -> Mapping[str, Any]:
    return (wanted.extra if isinstance(wanted, inspect.Metadata) else None) or {}


def _table(wanted: inspect.DictType) -> Schema:
    keys = {key: value for key, value in _schema(wanted.key_type).items() if key != "type"}
    return {
        "type": "object",
        "propertyNames": keys,
        "additionalProperties": _schema(wanted.value_type),
        **_given(maxProperties=wanted.max_length),
    }


def _list(wanted: inspect.VarTupleType) -> Schema:
    return {"type": "array", "items": _schema(wanted.item_type), **_given(maxItems=wanted.max_length)}


def _union(wanted: inspect.UnionType) -> Schema:
    """A field that may be left empty, unless it is a list; or allowed words beside what another type says."""
    told = [each for each in wanted.types if not isinstance(each, inspect.NoneType)]
    if isinstance(told[0], inspect.VarTupleType):
        return _schema(told[0])
    return {"anyOf": [_schema(each) for each in wanted.types]}


def _nothing(_: inspect.NoneType) -> Schema:
    return {"type": "null"}


def _string(wanted: inspect.StrType) -> Schema:
    return _text(pattern=wanted.pattern)


def _text(**words: str | int | None) -> Schema:
    """A text; numbers and truth values are texts whose patterns cannot be checked."""
    return {"type": ["string", "number", "boolean"], **_given(**words)}


def _integer(wanted: inspect.IntType) -> Schema:
    """A number, or its digits in quotes, whose range cannot be checked."""
    return {"type": ["integer", "string"], **_given(minimum=wanted.ge, maximum=wanted.le), "pattern": _DIGITS}


def _given(**words: str | float | None) -> Schema:
    return {word: value for word, value in words.items() if value is not None}


def _boolean(_: inspect.BoolType) -> Schema:
    return {"type": ["boolean", "string"], "pattern": "^(true|false)$"}


def _enum(wanted: inspect.EnumType) -> Schema:
    return {"enum": [each.value for each in wanted.cls]}


def _literal(wanted: inspect.LiteralType) -> Schema:
    return {"enum": [*dict.fromkeys((*wanted.values, *map(str, wanted.values)))]}


class _Unit(Struct, frozen=True, kw_only=True):
    """How a quantity is written: what `vmf.units` parses, but for the nothing that no field takes."""

    pattern: str
    example: str
    show: Callable[[int], str]


_UNITS: Mapping[str, _Unit] = MappingProxyType({
    "size": _Unit(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?\s*(KiB|MiB|GiB|TiB|kB|MB|GB|TB)$",
        example="2GiB",
        show=format_size,
    ),
    "duration": _Unit(pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?\s*[smhd]$", example="10m", show="{}s".format),
})  # fmt: skip

_CUSTOM: Mapping[type, Callable[[], Schema]] = MappingProxyType({
    File: lambda: {"anyOf": [_text(minLength=1), _schema(type_info(OnHost))]},
    Path: lambda: _text(minLength=1),
    Image: lambda: _text(minLength=1),
})  # fmt: skip
"""How the types are written that mean more than their text; see `vmf.spec.files`."""

_WRITERS: Mapping[type[inspect.Type], Callable[[Any], Schema]] = MappingProxyType({
    inspect.Metadata: _metadata,
    inspect.StructType: _block,
    inspect.TypedDictType: _block,
    inspect.DictType: _table,
    inspect.VarTupleType: _list,
    inspect.UnionType: _union,
    inspect.NoneType: _nothing,
    inspect.StrType: _string,
    inspect.IntType: _integer,
    inspect.BoolType: _boolean,
    inspect.EnumType: _enum,
    inspect.LiteralType: _literal,
})  # fmt: skip

_FINISH: Mapping[type[Struct], Callable[[Schema, Settings | None], None]] = MappingProxyType({
    Job: _finish_job,
    Host: _finish_host,
})  # fmt: skip
"""What documents of a kind have beside the fields of the model."""
