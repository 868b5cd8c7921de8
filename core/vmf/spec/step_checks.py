"""Steps of jobs and images that contradict each other: pure checks of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec.structs import replace

from vmf.model import Image, Job, Step, Steps
from vmf.rules import Check, Objection, Rule
from vmf.spec import contradiction_rules as rules
from vmf.spec.faults import shown
from vmf.steps import graph
from vmf.steps.phases import boot

_List: TypeAlias = tuple[tuple[str, ...], Sequence[Step], Sequence[Step]]
"""The keys that lead to steps, they, and those of what their spec builds on."""
_Judge: TypeAlias = Callable[[Sequence[Step], Sequence[Step]], Iterator[Objection]]
_ACTIONS = ("command", "run", "files", "packages", "on_host")
_READ_BY: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "arguments": ("run", "on_host"),
    "env": ("command", "run", "on_host"),
})  # fmt: skip
"""The actions that read a field."""


def _lists(value: Job | Image | Steps) -> Iterator[_List]:
    if not isinstance(value, Job):
        yield ("steps",), value.steps, value.earlier if isinstance(value, Image) else ()
        return
    yield ("steps",), value.steps, graph.of_image(value.image)
    if value.at_end:
        yield ("finally", "steps"), value.at_end.steps, ()


def _judged(judge: _Judge) -> Callable[[Any], Iterator[Objection]]:
    """What a judge of lists has against those of a document."""

    def objections(value: Job | Image | Steps) -> Iterator[Objection]:
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


def _scripts(steps: Sequence[Step], _earlier: Sequence[Step]) -> Iterator[Objection]:
    for number, step in enumerate(steps):
        if step.on_host and step.on_error.run is not None:
            what = "a host runs no script"
            yield Objection(at=(number, "on_error", "run"), what=what, hint="leave it out, or let the action do it")


def _boots(value: Job | Image) -> Iterator[Objection]:
    """The first step of a spec's own for which its machine would have to boot again."""
    script = isinstance(value, Job) and value.run is not None and not value.keep_image
    own = _alone(value.steps)
    if late := boot(own, script=script).late:
        what = f"{late.name} would be done in another life of the machine"
        hint = "make an image of what comes before it, and begin with that"
        yield Objection(at=("steps", own.index(late)), what=what, hint=hint, given=("run", "keep_image"))


def _last(job: Job) -> Iterator[Objection]:
    """The steps of a job's end that would never be done."""
    waiting = set[str]()
    for step in graph.ordered(own := _alone(job.at_end.steps if job.at_end else ())):
        at = ("finally", "steps", own.index(step))
        if step.on_host or waiting.intersection(step.after):
            waiting.add(step.name)
        if step.on_host:
            continue
        if step.name in waiting:
            what = f"{step.name} waits for a step of the host, which comes later"
            yield Objection(at=at, what=what, hint="change `after`")
        elif not (job.contract or job.agent):
            hint = "give the job `run:`, steps or `agent: true`, or leave it out"
            yield Objection(
                at=at, what="its guest listens to nobody", hint=hint, given=("run", "steps", "image", "agent")
            )


def _alone(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of one list without what they wait for elsewhere; none, if other rules object to their order."""
    names = {step.name for step in steps}
    own = tuple(replace(step, after=tuple(name for name in step.after if name in names)) for step in steps)
    return () if any(graph.circles(own)) or len(names) < len(own) else own


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
    (rules.STEP_HOST, _scripts),
)

STEP_CHECKS: tuple[Check[Any], ...] = (
    *(Check(rule=rule, kind=kind, judge=_judged(judge)) for rule, judge in _OF_LISTS for kind in (Job, Image, Steps)),
    Check(rule=rules.STEP_BOOTS, kind=Job, judge=_boots),
    Check(rule=rules.STEP_BOOTS, kind=Image, judge=_boots),
    Check(rule=rules.FINALLY, kind=Job, judge=_last),
    Check(rule=rules.STEP_UNKNOWABLE, kind=Job, judge=_unknowable),
    Check(rule=rules.STEP_UNKNOWABLE, kind=Image, judge=_unknowable),
    Check(rule=rules.IMAGE_START, kind=Image, judge=_start),
    Check(rule=rules.STEPS_UNSEEN, kind=Job, judge=_unseen),
)
