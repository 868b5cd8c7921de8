"""`vmf query`: the ad of a job's machine, or what expressions are worth there; now, or with each change."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from vmf import classad
from vmf.classad import UNDEFINED, Node
from vmf.cli.ads import in_a_line, machine_ad
from vmf.cli.guest import add_job
from vmf.cli.history import flat
from vmf.cli.printed import show
from vmf.cli.session import Session, add_format
from vmf.run import world
from vmf.store import Record

WATCH_SECONDS = 0.2


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf query`."""
    add_job(parser)
    parser.add_argument(
        "attributes",
        metavar="ATTR",
        nargs="*",
        default=(),  # which has it be optional in what argparse says, too
        help="an attribute, or any expression; all attributes if none is given",
    )
    parser.add_argument("-w", "--watch", action="store_true", help="go on with each change until the job has ended")
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Print what is known of the job; of a name, of the latest job."""
    asked = {text: classad.parse(text) for text in options.attributes}
    session = Session(options)
    record = session.store.find(options.job)
    if not options.watch:
        _show(_answer(record, asked), options.format)
        return 0
    with suppress(KeyboardInterrupt):
        for change in _changes(session, record, asked):
            _show(change, options.format)
            sys.stdout.flush()
    return 0


def _answer(record: Record, asked: Mapping[str, Node]) -> dict[str, Node]:
    """What each expression is worth now, by its text; the whole ad, as it is written, if there are none."""
    ad, now = machine_ad(record), world()
    if not asked:
        return dict(ad)
    return {text: classad.as_tree(classad.evaluate(node, ad, world=now)) for text, node in asked.items()}


def _changes(session: Session, record: Record, asked: Mapping[str, Node]) -> Iterator[dict[str, Node]]:
    """Each value as it is now, then each one that changes, by itself; what is there no more is undefined."""
    told: dict[str, str] = {}
    now: Record | None = record
    while now is not None:
        answer = _answer(now, asked)
        texts = {name: classad.unparse(node) for name, node in answer.items()}
        answer |= dict.fromkeys(told.keys() - texts.keys(), UNDEFINED)
        yield from ({name: node} for name, node in answer.items() if told.get(name) != texts.get(name))
        told = texts
        if now.ended:
            return
        time.sleep(WATCH_SECONDS)
        now = session.store.get(record.id)


def _show(values: Mapping[str, Node], form: str) -> None:
    if form == "json":
        print(in_a_line(values))
    else:
        show("\n".join(f"{flat(name)} = {classad.unparse(node)}" for name, node in values.items()))
