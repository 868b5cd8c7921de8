from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmf.warehouse import tiny as tiny_guest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The tiny guest's bundle: the folder that VMF_TEST_TINY names, or one built for this session."""
    named = os.environ.get("VMF_TEST_TINY")
    if named:
        return Path(named)
    folder = tmp_path_factory.mktemp("images") / "tiny"
    tiny_guest.build(folder, report=print)
    return folder
