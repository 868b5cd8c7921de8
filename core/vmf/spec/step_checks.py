"""Steps of jobs and images that contradict each other: pure checks of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec.structs import replace

from vmf.model import Image, Job, Step
from vmf.rules import Check, Objection, Rule
from vmf.spec import contradiction_rules as rules
from vmf.spec.faults import shown
from vmf.steps import graph

_List: TypeAlias = tuple[tuple[str, ...], Sequence[Step], Sequence[Step]]
"""The keys that lead to steps, they, and those of what their spec builds on."""
_Judge: TypeAlias = Callable[[Sequence[Step], Sequence[Step]], Iterator[Objection]]
_ACTIONS = ("command", "run", "files", "packages", "on_host")
_READ_BY: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "arguments": ("run", "on_host"),
    "env": ("command", "run", "on_host"),
})  # fmt: skip
"""The actions that read a field."""


def _lists(value: Job | Image) -> Iterator[_List]:
    if isinstance(value, Image):
        yield ("steps",), value.steps, value.earlier
        return
    yield ("steps",), value.steps, graph.of_image(value.image)
    if value.at_end:
        yield ("finally", "steps"), value.at_end.steps, ()


def _judged(judge: _Judge) -> Callable[[Any], Iterator[Objection]]:
    """What a judge of lists has against those of a job or an image."""

    def objections(value: Job | Image) -> Iterator[Objection]:
        for keys, steps, earlier in _lists(value):
            for found in judge(steps, earlier):
                yield replace(found, at=(*keys, *found.at), given=("image", "from"))

    return objections


def _actions(steps: Sequence[Step], _earlier: Sequence[Step]) -> Iterator[Objection]:
    for number, step in enumerate(steps):
        found = _given(step)
        if len(found) != 1:
            what = f"{step.name} does {' and '.join(found) or 'nothing'}"
            yield Objection(at=(number,), what=what, hint=f"give exactly one of {', '.join(_ACTIONS)}")


def _words(steps: Sequence[Step], _earlier: Sequence[Step]) -> Iterator[Objection]:
    for number, step in enumerate(steps):
        found = _given(step)
        for field, readers in _READ_BY.items():
            if getattr(step, field) and found and not set(found) & set(readers):
                what = f"{found[0]} reads no {field}"
                yield Objection(
                    at=(number, field), what=what, hint=f"leave it out; it goes with {' or '.join(readers)}"
                )


def _given(step: Step) -> list[str]:
    return [name for name in _ACTIONS if getattr(step, name) not in (None, (), {})]


def _unknowable(kept: Job | Image) -> Iterator[Objection]:
    """Steps of what is kept as an image that no other one is ever the same as; see `vmf.run.sums`."""
    if isinstance(kept, Job) and not kept.keep_image:
        return
    for number, step in enumerate(kept.steps):
        for path, file in step.files.items():
            if file.on_host:
                what = f"what {step.name} puts in is known to its host only, so no image that has it done is ever found"
                hint = "name a file of this computer"
                yield Objection(at=("steps", number, "files", path), what=what, hint=hint)


def _literals(steps: Sequence[Step], _earlier: Sequence[Step]) -> Iterator[Objection]:
    from vmf.classad import parse  # noqa: PLC0415  # slow to import, and few steps publish
    from vmf.classad.tree import is_literal  # noqa: PLC0415

    for number, step in enumerate(steps):
        for name, text in step.publish.items():
            if not is_literal(parse(text)):
                hint = "write a number, a text in double quotes, true, false, or a list of those"
                yield Objection(at=(number, "publish", name), what=f"{shown(text)} is no literal", hint=hint)


def _circles(steps: Sequence[Step], _earlier: Sequence[Step]) -> Iterator[Objection]:
    yield from graph.circles(steps)


def _start(image: Image) -> Iterator[Objection]:
    given = [
        name for name, value in (("from", image.base), ("download", image.download), ("blank", image.blank)) if value
    ]
    for name in given[1:]:
        what = f"the image already begins with what `{given[0]}` says"
        yield Objection(at=(name,), what=what, hint=f"leave out one of {' and '.join(given)}")


def _unseen(job: Job) -> Iterator[Objection]:
    if job.keep_image and not (job.steps or graph.of_image(job.image)):
        hint = "add `steps:`, or leave it out"
        yield Objection(at=("keep_image",), what="there is nothing to keep", hint=hint, given=("steps", "image"))


_OF_LISTS: tuple[tuple[Rule, _Judge], ...] = (
    (rules.STEP_ACTION, _actions),
    (rules.STEP_NAME, graph.names_taken),
    (rules.STEP_UNKNOWN, graph.unknown),
    (rules.STEP_CIRCLE, _circles),
    (rules.STEP_WORDS, _words),
    (rules.STEP_LITERAL, _literals),
)

STEP_CHECKS: tuple[Check[Any], ...] = (
    *(Check(rule=rule, kind=kind, judge=_judged(judge)) for rule, judge in _OF_LISTS for kind in (Job, Image)),
    Check(rule=rules.STEP_UNKNOWABLE, kind=Job, judge=_unknowable),
    Check(rule=rules.STEP_UNKNOWABLE, kind=Image, judge=_unknowable),
    Check(rule=rules.IMAGE_START, kind=Image, judge=_start),
    Check(rule=rules.STEPS_UNSEEN, kind=Job, judge=_unseen),
)
