"""Words in, exit code out: the table of commands, and what becomes of an error."""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from keyword import iskeyword
from pathlib import Path
from types import MappingProxyType
from typing import Never, NoReturn

from vmf import __version__
from vmf.cli.say import say
from vmf.errors import Exit, VmfError

COMMANDS = MappingProxyType({
    "init": "write a commented first job",
    "run": "run jobs and bring their results back",
    "plan": "show what would be done, and why, making nothing",
    "lint": "find what is wrong with specs before anybody runs them",
    "match": "show which hosts a job fits, why not the others, and what to change",
    "estimate": "show what each host asks for a job, and what that is made of",
    "schema": "print the JSON Schema of specs",
    "migrate": "rewrite specs of older versions, keeping their comments",
    "ps": "list jobs",
    "show": "tell the whole story of a job",
    "logs": "print what a guest wrote to its console",
    "console": "type on the console of a guest",
    "cp": "copy files into a guest, or out of it",
    "configure": "have steps done on a machine that runs",
    "media": "change the disc in a drive of a guest",
    "query": "print the ad of a job's machine, or what expressions are worth there",
    "facts": "print what the hypervisor knows of a machine that runs",
    "ssh": "log in to a guest, or run a command there",
    "wait": "wait for jobs to end; carry on those whose engine is gone",
    "suspend": "have guests stand still where they are",
    "resume": "have guests that stand still go on",
    "checkpoint": "keep memory and disks of guests, and look after what is kept",
    "vacate": "have jobs leave their hosts, to go on elsewhere",
    "hold": "end the machines of jobs, which wait for their owner then",
    "release": "let jobs that are held be run again",
    "rm": "stop and remove jobs",
    "result": "make whole disks of results",
    "host": "list hosts and their ads",
    "import": "turn HTCondor's submit files and machine configurations into specs",
    "classad": "try expressions and ads of the ClassAd language",
    "doctor": "check what this machine needs and say what to install",
    "plugin": "list plugins, write a new one, and try what one promises",
    "image": "look after the warehouse: build, list, verify and remove images",
})  # fmt: skip


class Parser(argparse.ArgumentParser):
    """Usage errors carry vmf's exit code, so that they are never taken for a guest's."""

    usage_exit: int = Exit.USAGE

    def error(self, message: str) -> Never:
        """Say what is wrong and end."""
        self.print_usage(sys.stderr)
        self.exit(self.usage_exit, f"vmf: {message}\n")


GARBAGE = 100_000
"""Objects between two collections: at Python's own 700, importing our modules is collected over and over, in vain."""


def program() -> NoReturn:
    """Be the process `vmf`.

    It ends at once: to take the interpreter apart first would take 25 ms, a tenth of all that vmf adds to a short job.
    """
    gc.set_threshold(GARBAGE)
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115  # for as long as the process lives
    sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file may have any name
    try:
        code = main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BrokenPipeError:
        _end_unread()
    except KeyboardInterrupt:
        say("vmf: interrupted")
        code = Exit.STOPPED
    except Exception as error:  # noqa: BLE001  # Python's own 1 would be taken for the guest's
        say(f"vmf: vmf failed ({type(error).__name__}: {error}); please report this")
        code = Exit.INTERNAL
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _end_unread() -> NoReturn:
    """End as any program does whose reader has seen enough, such as `head`: without a word, by the signal for that."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.raise_signal(signal.SIGPIPE)
    os._exit(128 + signal.SIGPIPE)  # somebody has blocked it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code.

    Raises:
        BrokenPipeError: if nobody reads the output any more.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    options = _parser(words).parse_args(words)
    _log(logging.DEBUG if options.verbose else logging.ERROR)
    try:
        code = _act(options)
        sys.stdout.flush()  # while it can be told that there is no space
    except VmfError as error:
        say(f"vmf: {error}")
        return error.exit
    except BrokenPipeError:
        raise
    except OSError as error:
        where = error.filename or "no file is named; it is the output, or the current folder is gone"
        say(f"vmf: {error.strerror or error}: {where}")
        return Exit.SETUP
    return code


def _act(options: argparse.Namespace) -> int:
    from vmf.cli.places import home  # noqa: PLC0415  # `vmf --help` needs none of it

    code = int(options.act(options))
    where = home(os.environ)
    if where.store.exists():
        from vmf.cli.orphaned import mention_orphans  # noqa: PLC0415  # nor does what has no store

        mention_orphans(where)
    return code


def _log(level: int) -> None:
    """Log to standard error from this level on, whatever a job's own log wants."""
    to_stderr = logging.StreamHandler()
    to_stderr.setLevel(level)
    to_stderr.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is no news of its own
    logging.basicConfig(level=level, handlers=[to_stderr], force=True)


def _parser(words: Sequence[str]) -> Parser:
    """The parser; only the command that is asked for is imported and, if it comes first, made: both take time."""
    parser = Parser(
        prog="vmf",
        allow_abbrev=False,
        description="Run virtual machines as batch jobs on any hypervisor.",
        epilog="Exit codes from 70 up are vmf's own, see docs/outcomes.md; any other is the guest's.",
    )
    parser.add_argument("--version", action="version", version=f"vmf {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, prog=parser.prog)
    asked = next((word for word in words if word in COMMANDS), None)
    possible = COMMANDS if asked is None or words[0] != asked else {asked: COMMANDS[asked]}
    for name, sentence in possible.items():
        command = commands.add_parser(
            name, allow_abbrev=False, help=sentence, description=sentence[0].upper() + sentence[1:] + "."
        )
        command.add_argument("-v", "--verbose", action="store_true", help="log to standard error")
        if name == asked:
            module = importlib.import_module(f"vmf.cli.{name}{'_' if iskeyword(name) else ''}")
            module.arguments(command)
            parser.usage_exit = command.usage_exit = getattr(module, "USAGE_EXIT", Exit.USAGE)
            command.set_defaults(act=module.act)
    return parser
