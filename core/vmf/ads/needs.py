"""What a value needs of a host's hypervisor, as the fields of the model say themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias, TypeVar

from msgspec import NODEFAULT, Struct, inspect
from msgspec.structs import replace

from vmf.model import Job

At: TypeAlias = tuple[str | int, ...]
S = TypeVar("S", bound=Struct)


class Need(Struct, frozen=True, kw_only=True):
    """An ability that a host must have for a value to mean anything there."""

    ability: str
    at: At
    """The keys that lead to the field, as in the spec."""

    def __str__(self) -> str:
        return f"{self.field} needs the ability {self.ability}"

    @property
    def field(self) -> str:
        """The field as people write it: `spec.disks[0].bus`."""
        return "spec" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.at)


def has(ability: str) -> str:
    """The attribute of a host's ad for an ability: `HasLiveCheckpoint` for `live-checkpoint`."""
    return f"Has{camel(ability)}"


def camel(name: str) -> str:
    """A name as a part of an attribute's: `LiveCheckpoint` for `live-checkpoint`."""
    return "".join(word[:1].upper() + word[1:] for word in name.replace("_", "-").split("-"))


def without(value: S, at: At) -> S:
    """The value with the default in place of what a field says; as it is, if nothing is there any more."""
    key, *rest = at
    field = next((each for each in _fields(type(value)) if each.key == key), None)
    if field is None:
        return value
    found = getattr(value, field.name)
    if not rest:
        return replace(value, **{field.name: field.default})
    if isinstance(rest[0], int):
        number, *deeper = rest
        found = tuple(without(item, tuple(deeper)) if place == number else item for place, item in enumerate(found))
    elif isinstance(found, Struct):
        found = without(found, tuple(rest))
    return replace(value, **{field.name: found})


def needs(value: Struct, *, at: At = ()) -> tuple[Need, ...]:
    """Everything that a value needs, in the order of its fields; each ability once. `at` is where the value stands."""
    found: dict[str, Need] = {}
    for need in _walk(value, at):
        found.setdefault(need.ability, need)
    return tuple(found.values())


def block_needs(job: Job, type_: str) -> tuple[Need, ...]:
    """What a job's block of a hypervisor type needs of a host of that type; others do not read it."""
    asked = job.block_needs.get(type_, {})
    return tuple(Need(ability=ability, at=(type_, *keys)) for ability, keys in asked.items())


def abilities(struct: type[Struct]) -> Mapping[str, str]:
    """Every ability that some value of a struct needs, with the sentence of its field, or of one below."""
    own: dict[str, str] = {}
    beneath: dict[str, str] = {}
    for field in _fields(struct):
        for ability in field.abilities():
            own.setdefault(ability, field.sentence)
        for below in field.below:
            beneath = {**abilities(below), **beneath}
    return {**beneath, **own}


class _Field(Struct, frozen=True, kw_only=True):
    name: str
    key: str
    default: Any
    needs: str | Mapping[Any, str]
    sentence: str
    choices: tuple[str, ...]
    below: tuple[type[Struct], ...]
    """Structs that its value can hold."""

    def abilities(self) -> Iterator[str]:
        if not isinstance(self.needs, str):
            yield from self.needs.values()
        elif "{}" in self.needs:
            yield from (self.needs.format(choice) for choice in self.choices if choice != self.default)
        elif self.needs:
            yield self.needs

    def of(self, value: object) -> Iterator[str]:
        """What a value that is not the default needs."""
        if isinstance(self.needs, str):
            each = value if isinstance(value, tuple) and "{}" in self.needs else (value,)
            yield from (self.needs.format(item) for item in each if self.needs)
        elif isinstance(value, str | bool) and value in self.needs:
            yield self.needs[value]


def _walk(value: Struct, at: At) -> Iterator[Need]:
    for field in _fields(type(value)):
        found = getattr(value, field.name)
        if found == field.default:
            continue
        here = (*at, field.key)
        yield from (Need(ability=ability, at=here) for ability in field.of(found))
        if field.below:
            yield from _below(found, here)


def _below(found: object, at: At) -> Iterator[Need]:
    if isinstance(found, Struct):
        yield from _walk(found, at)
    elif isinstance(found, tuple):
        for number, item in enumerate(found):
            if isinstance(item, Struct):
                yield from _walk(item, (*at, number))


@cache
def _fields(struct: type[Struct]) -> tuple[_Field, ...]:
    """The fields of a struct that can need something."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    return tuple(field for field in map(_field, info.fields) if field.needs or field.below)


def _field(field: inspect.Field) -> _Field:
    extra: dict[str, Any] = {}
    sentence = ""
    wanted = field.type
    while isinstance(wanted, inspect.Metadata):
        extra |= wanted.extra or {}
        sentence = sentence or (wanted.extra_json_schema or {}).get("description", "")
        wanted = wanted.type
    parts = tuple(_parts(wanted))
    choices = (str(each.value) for part in parts if isinstance(part, inspect.EnumType) for each in part.cls)
    return _Field(
        name=field.name,
        key=field.encode_name,
        default=field.default if field.default_factory is NODEFAULT else field.default_factory(),
        needs=extra.get("needs", ""),
        sentence=sentence,
        choices=tuple(choices),
        below=tuple(part.cls for part in parts if isinstance(part, inspect.StructType)),
    )


def _parts(wanted: inspect.Type) -> Iterator[inspect.Type]:
    """The plain types of which values of a type are made, lists and choices taken apart."""
    match wanted:
        case inspect.Metadata(type=inner) | inspect.VarTupleType(item_type=inner):
            yield from _parts(inner)
        case inspect.UnionType(types=several):
            for each in several:
                yield from _parts(each)
        case _:
            yield wanted
