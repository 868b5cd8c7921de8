"""Documents as anybody may write them, made by hypothesis from the types that are read; and what an editor sees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from vmf.model import File, Image
from vmf.spec.documents import Shape
from vmf.spec.faults import Place, Source
from vmf.spec.nodes import Mapping, Node, Scalar, Sequence
from vmf.spec.read import givable

PLACE = Place(source=Source(where=""))

NULLS = ("", "~", "null", "Null", "NULL")
WORDS = {
    **dict.fromkeys(NULLS),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NUMBERS = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)


def seen(node: Node) -> Any:
    """What an editor sees: the values of YAML 1.2's core schema."""
    if isinstance(node, Mapping):
        return {key.text: seen(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [seen(item) for item in node.items]
    return _plain(node.text) if node.plain else node.text


def _plain(text: str) -> Any:
    made = next((number(text) for pattern, number in NUMBERS if pattern.fullmatch(text)), text)
    return WORDS.get(text, made)


def plain(text: str) -> Scalar:
    """A text without quotes."""
    return Scalar(text=text, plain=True, place=PLACE)


def quoted(text: str) -> Scalar:
    """A text in quotes."""
    return Scalar(text=text, plain=False, place=PLACE)


def listed(items) -> Sequence:
    """A list."""
    return Sequence(items=tuple(items), place=PLACE)


def block(entries) -> Mapping:
    """A block of keys."""
    return Mapping(entries=tuple((plain(key), value) for key, value in entries.items()), place=PLACE)


def specs(kind: type, wanted: Shape) -> st.SearchStrategy[Node]:
    """Documents of a kind that can be read."""
    about, spec = (values(field.type) for field in wanted.blocks.fields[2:])
    head = {"apiVersion": st.just(quoted("vmf/v1")), "kind": st.just(plain(kind.__name__))}
    return st.fixed_dictionaries({**head, "metadata": about, "spec": spec}).map(block)


def values(wanted: inspect.Type) -> st.SearchStrategy[Node]:
    """What a spec can give for a type."""
    custom = CUSTOM.get(getattr(wanted, "cls", None))
    return MAKERS[type(wanted)](wanted) if custom is None else custom


def either_way(texts) -> st.SearchStrategy[Node]:
    """Texts, in quotes and without."""
    return st.one_of(texts.map(plain), texts.map(quoted))


def fields(wanted):
    given = givable(wanted)
    needed = {field.encode_name: values(field.type) for field in given if field.required}
    others = {field.encode_name: values(field.type) for field in given if not field.required}
    return st.fixed_dictionaries(needed, optional=others).map(block)


def metadata(wanted):
    extra = wanted.extra or {}
    if "language" in extra:
        return either_way(st.sampled_from(["1", "true", "TARGET.Memory >= 1024", '"text"', "1.5"]))
    if "unit" in extra:
        return either_way(st.integers(1, 2**20).map(UNITS[extra["unit"]].format))
    if "single" in extra:
        return st.one_of(values(wanted.type), values(wanted.type.item_type))
    return values(wanted.type)


def texts(wanted):
    """Texts of a pattern, those among them that YAML takes for something else; but for what it takes for nothing."""
    pattern = wanted.pattern or r"^[^\x00]{0,9}$"
    made = st.from_regex(pattern.replace(r"(?!\n)$", "$"), fullmatch=True).filter(lambda text: text[-1:] != "\n")
    without_quotes = st.one_of(made, st.sampled_from(ODD).filter(re.compile(pattern).search))
    return st.one_of(made.map(quoted), without_quotes.filter(lambda text: text not in NULLS).map(plain))


def tables(wanted):
    keys = values(wanted.key_type).map(lambda node: node.text)
    return st.dictionaries(keys, values(wanted.value_type), max_size=2).map(block)


def unions(wanted):
    """Each of the types; of a list that may be left out, nothing is none."""
    several = [each for each in wanted.types if not isinstance(each, inspect.NoneType)]
    return st.one_of(map(values, several if isinstance(several[0], inspect.VarTupleType) else wanted.types))


def integers(wanted):
    least, most = 0 if wanted.ge is None else wanted.ge, 99 if wanted.le is None else wanted.le
    return either_way(st.integers(least, most).map(str))


ODD = ("true", "no", "1.5", "1e3", "0x1F", "010", "2001-01-01", "- a", "52:54:00:12:34:56", "a: b")
UNITS = {"size": "{}MiB", "duration": "{} s"}
CUSTOM = {
    File: st.one_of(
        either_way(st.just("disk.raw")),
        either_way(st.just("/there/disk.raw")).map(lambda path: block({"on_host": path})),
    ),
    Path: either_way(st.sampled_from(["out", "1", "/a/b"])),
    Image: either_way(st.sampled_from(["tiny", "12"])),
}
MAKERS = {
    inspect.Metadata: metadata,
    inspect.StructType: fields,
    inspect.TypedDictType: fields,
    inspect.DictType: tables,
    inspect.VarTupleType: lambda wanted: st.lists(values(wanted.item_type), max_size=2).map(listed),
    inspect.UnionType: unions,
    inspect.NoneType: lambda _: st.sampled_from(["", "~", "null"]).map(plain),
    inspect.StrType: texts,
    inspect.IntType: integers,
    inspect.BoolType: lambda _: either_way(st.sampled_from(["true", "false"])),
    inspect.EnumType: lambda wanted: either_way(st.sampled_from([each.value for each in wanted.cls])),
    inspect.LiteralType: lambda wanted: either_way(st.sampled_from([str(each) for each in wanted.values])),
}
