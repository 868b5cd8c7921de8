"""The one process that all processes of vmf are forked from: it has imported them, and no thread and no database."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

from crash.fakes import FakePlace
from crash.lives import LIVES
from crash.reals import REAL, RealPlace, real_home
from crash.rounds import Rounds
from vmf.cli import main
from vmf.plugins import Plugins
from vmf.plugins.registry import HYPERVISORS
from vmf.testing import fake

LAZY = ("vmf.classad.matching", "vmf.cli.rm", "vmf.cli.run", "vmf.cli.wait")
"""What a process of vmf imports only when it is needed."""


@contextmanager
def driver(tiny: Path | None) -> Iterator[Rounds]:
    """Rounds on fake hosts; or with real guests, if there is an image of the tiny one."""
    plugins = Plugins.load() if tiny else Plugins()
    plugins.add(HYPERVISORS, "fake", lambda: fake)
    Plugins.load = classmethod(lambda _: plugins)  # type: ignore[assignment,method-assign]
    _warm_up()
    if tiny is None:
        yield Rounds(FakePlace, tuple(LIVES))
        return
    with real_home(tiny) as home:
        yield Rounds(partial(RealPlace, home=home), REAL)


def _warm_up() -> None:
    """Do once what every process of vmf would do again, such as finding out what the types of values say."""
    for module in LAZY:
        importlib.import_module(module)
    place = FakePlace(LIVES["plain"])
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        main(["lint", str(place.work / "j.yaml"), "--hosts", str(place.root / "vmf/hosts")])
    place.close()
    gc.collect()
    gc.freeze()
