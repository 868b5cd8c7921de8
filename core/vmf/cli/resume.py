"""`vmf resume`: have guests that stand still go on."""

from __future__ import annotations

import argparse

from vmf.cli.ask import Asking, add_jobs, ask
from vmf.state import ResumeAsked, Resumed, ResumeFailed

ASKING = Asking(wish=ResumeAsked, participle="resumed", done=(Resumed,), failed=(ResumeFailed,))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf resume`."""
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Resume the guests; of one that is saved, once its host has room."""
    return ask(options, ASKING, lambda _: ResumeAsked())
