"""Every field that the model declares, with the keys that lead to it in a spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import NODEFAULT, Struct, inspect

from vmf.model import File, Image

Path = tuple[str | int, ...]
NAMED = {File, Image}
"""What a spec names by a text, wherever it is a part of something else."""
MADE = {"block_needs", "block_files"}
"""What no spec says: reading makes it of other fields; what else vmf makes says so itself."""


class Declared(Struct, frozen=True, kw_only=True):
    """A field of a struct, or of one that its values hold."""

    at: Path
    """Its keys; 0 stands for any item of a list."""
    owner: type[Struct]
    name: str
    sentence: str
    extra: dict[str, Any]
    type: inspect.Type
    default: Any

    @property
    def spelt(self) -> str:
        """As the pages spell it: `spec.disks[].bus`."""
        return "spec" + "".join("[]" if key == 0 else f".{key}" for key in self.at)


def declared(struct: type[Struct], at: Path = ()) -> Iterator[Declared]:
    """The fields of a struct in their order, each before those below it."""
    for field in (each for each in inspect.type_info(struct).fields if each.name not in MADE):
        wanted, sentence, extra = field.type, "", {}
        while isinstance(wanted, inspect.Metadata):
            sentence = sentence or (wanted.extra_json_schema or {}).get("description", "")
            extra |= wanted.extra or {}
            wanted = wanted.type
        if "made" in extra:
            continue
        here = (*at, field.encode_name)
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        yield Declared(
            at=here, owner=struct, name=field.name, sentence=sentence, extra=extra, type=wanted, default=default
        )
        for below, part in (*parts(wanted), *named(wanted)):
            if isinstance(part, inspect.StructType) and part.cls not in NAMED:
                yield from declared(part.cls, (*here, *below))


def named(wanted: inspect.Type) -> Iterator[tuple[Path, inspect.Type]]:
    """The types of what a block of names holds."""
    if isinstance(wanted, inspect.DictType):
        yield from ((("NAME", *below), part) for below, part in parts(wanted.value_type))


def parts(wanted: inspect.Type) -> Iterator[tuple[Path, inspect.Type]]:
    """The types of which values of a type are made; 0 leads to those in a list."""
    match wanted:
        case inspect.Metadata(type=inner):
            yield from parts(inner)
        case inspect.VarTupleType(item_type=inner):
            yield from (((0, *below), part) for below, part in parts(inner))
        case inspect.UnionType(types=several):
            for each in several:
                yield from parts(each)
        case _:
            yield (), wanted
