"""Steps on a guest's disc: one folder for each, in the order in which they are done, and what does them.

`docs/guest.md` describes the disc, and what comes back of it, to whoever builds a guest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from types import MappingProxyType

from vmf.files.cdrom import encoded, environment, quoted
from vmf.files.gathering import collect
from vmf.files.source import Content, Read
from vmf.model import Step, Then
from vmf.published import MARK
from vmf.result import STEPS


def contents(steps: Sequence[Step], read: Read) -> dict[str, Content]:
    """What steps put on a disc, by paths there.

    Args:
        steps: in the order in which they are done; none is a host's.
        read: opens a file of the host.

    Raises:
        JobFault: if a file cannot be given to a guest, or a text has a character that UTF-8 does not know.
    """
    found: dict[str, Content] = {"run": _shipped("runner.sh")}
    for number, step in enumerate(steps, 1):
        found |= {f"steps/{number}/{name}": content for name, content in _folder(step, read)}
    return found


def before(disc: Mapping[str, bytes], steps: Sequence[Step], read: Read) -> dict[str, Content]:
    """A job's disc, see `cdrom.contents`, with steps, if there are any, before its script; all else as for `contents`.

    The job's environment is its script's: what a step does is not to depend on whose job it is done for.
    """
    script = {"job/run": disc["run"], "job/env": disc["env"]} if disc["run"] else {}
    if not steps:
        return {**disc}
    own = {"env": b"", "results": STEPS.encode() + b"\n" + disc["results"]}
    return {**disc, **own, **script, **contents(steps, read)}


def _folder(step: Step, read: Read) -> Iterator[tuple[str, Content]]:
    limit, anyway = step.time_limit or "", "yes" if step.on_error.then is Then.CONTINUE else ""
    about = {"name": step.name, "retry": step.on_error.retry, "limit": limit, "anyway": anyway}
    yield "about", b"".join(b"%s=%s\n" % (name.encode(), quoted(str(value).encode())) for name, value in about.items())
    if step.on_error.run is not None:
        yield "error", encoded(step.on_error.run, f"on_error.run of step {step.name}")
    if step.publish:
        yield "publish", b"".join(published(name, text) for name, text in step.publish.items())
    words, script = _ACTIONS[_kind(step)](step)
    if script:
        yield "script", script
    yield "env", environment(step.env, words, where=f"step {step.name}")
    for number, path in enumerate(step.files, 1):
        for name, content in collect(step.files[path], read).items():
            yield f"put/{number}{name.removeprefix(step.files[path].path.name)}", content


def published(name: str, text: str) -> bytes:
    """The line on the console by which a guest publishes an attribute."""
    return MARK + encoded(f"{name} = {' '.join(text.split(chr(10)))}\n", name)


def _kind(step: Step) -> str:
    return next(name for name in _ACTIONS if getattr(step, name))


_ACTIONS: Mapping[str, Callable[[Step], tuple[Sequence[str], bytes]]] = MappingProxyType({
    "command": lambda step: (step.command, b""),
    "run": lambda step: (step.arguments, encoded(step.run or "", f"step {step.name}")),
    "files": lambda step: (tuple(step.files), _shipped("put.sh")),
    "packages": lambda step: (step.packages, _shipped("packages.sh")),
})  # fmt: skip
"""By the field that says what a step does: the words of the command, and the script that they are the arguments of."""


def _shipped(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()
