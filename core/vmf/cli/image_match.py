"""`vmf image match`: what each golden image is to a job."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from vmf.cli.grounds import grounds
from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format, add_specs
from vmf.cli.shelves import short
from vmf.errors import Exit
from vmf.run.grounds import Judged
from vmf.steps.golden import Criterion
from vmf.units import format_count


class Choice(Struct, frozen=True, kw_only=True):
    """What one golden image is to a job."""

    golden: str
    """Its id."""
    name: str
    left: tuple[str, ...] = ()
    """If it serves: the names of the steps that are still to do."""
    test: Criterion | None = None
    """The test that refused it; None: it serves."""
    why: str = ""
    step: str = ""
    """The digest of the step that refused it, if one did."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image match`."""
    add_specs(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Show the golden images, those that serve first, the best of them at the top."""
    session = Session(options)
    jobs, _ = session.read()
    shelf = grounds(session, fetch=False)
    found = {job.name: tuple(map(_told, shelf.choices(job)[1])) for job in jobs}
    if options.format == "json":
        print(msgspec.json.encode(found).decode())
    else:
        show("\n\n".join("\n".join(_lines(name, choices)) for name, choices in found.items()))
    return 0 if all(any(each.test is None for each in choices) for choices in found.values()) else Exit.NO_MATCH


def _told(choice: Judged) -> Choice:
    golden, refused = choice.golden, choice.refused
    if refused:
        return Choice(golden=golden.id, name=golden.name, test=refused.test, why=refused.why, step=refused.node)
    return Choice(golden=golden.id, name=golden.name, left=choice.left)


def _lines(name: str, choices: Sequence[Choice]) -> Iterator[str]:
    yield f"{name}: {format_count(len(choices), 'golden image')}"
    if choices:
        yield from table(("GOLDEN", "NAME", "TEST", "WHY"), [_row(number, each) for number, each in enumerate(choices)])


def _row(number: int, choice: Choice) -> tuple[str, str, str, str]:
    if choice.test:
        return short(choice.golden), choice.name, choice.test, choice.why
    todo = f"{'the best: ' if number == 0 else ''}left to do: {', '.join(choice.left) or 'nothing'}"
    return short(choice.golden), choice.name, "passed", todo
