from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crash.asking import Driver


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """Kills vmf on fake hosts."""
    with closing(Driver()) as driver:
        yield driver


@pytest.fixture(scope="session")
def real_driver(tiny: Path) -> Iterator[Driver]:
    """Kills vmf beside real guests and their daemon, which all lives share."""
    with closing(Driver("--real", str(tiny))) as driver:
        yield driver
