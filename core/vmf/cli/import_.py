"""`vmf import`: a spec of an HTCondor submit description, or of a machine's configuration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from vmf.cli.say import say
from vmf.errors import Fault, UsageError
from vmf.htcondor import Kind, import_file
from vmf.units import format_count

SAID_MOST = 50
"""So many things that are not carried over are listed; the spec has all of them."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf import`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a submit description, or a configuration file")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="the spec to write (default: standard output)"
    )
    parser.add_argument(
        "--kind", choices=tuple(Kind), type=Kind, help="what the file describes, where it does not tell"
    )


def act(options: argparse.Namespace) -> int:
    """Import a file, and list on standard error what has no field."""
    output: Path | None = options.output
    if output and output.exists():
        raise _exists(output)
    made = import_file(options.file, kind=options.kind, output=output)
    if output:
        _write(output, made.text)
    else:
        print(made.text, end="")
    _tell(made.lost, "could not be carried over")
    _tell(made.by_hand, "must be changed by hand")
    return 0


def _exists(output: Path) -> UsageError:
    return UsageError(f"{output} is already there", hint="name another file, or remove it")


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(output) from None
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}", hint="name a file in a folder that you can write to") from None


def _tell(lost: Sequence[Fault], what: str) -> None:
    if not lost:
        return
    say(f"vmf: {format_count(len(lost), 'thing')} {what}:")
    for each in lost[:SAID_MOST]:
        say(f"{each.where}:{each.line}: {each.what}")
    if len(lost) > SAID_MOST:
        say(f"and {len(lost) - SAID_MOST} more, which the spec lists")
