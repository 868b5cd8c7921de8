from __future__ import annotations

import pytest


@pytest.fixture
def folder(tmp_path):
    """An empty folder in a folder of its own, where anything else that appears has escaped."""
    inside = tmp_path / "around" / "results"
    inside.mkdir(parents=True)
    yield inside
    assert list(inside.parent.iterdir()) == [inside]
