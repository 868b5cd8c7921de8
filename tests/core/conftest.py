from __future__ import annotations

import pytest

from farm import Farm


@pytest.fixture
def folder(tmp_path):
    """An empty folder in a folder of its own, where anything else that appears has escaped."""
    inside = tmp_path / "around" / "results"
    inside.mkdir(parents=True)
    yield inside
    assert list(inside.parent.iterdir()) == [inside]


@pytest.fixture
def make(tmp_path):
    farms = []

    def make(*others: object) -> Farm:
        farms.append(Farm(tmp_path, *others))
        return farms[-1]

    yield make
    for farm in farms:
        farm.close()
