from __future__ import annotations

import time

import pytest


@pytest.fixture(scope="session", autouse=True)
def greenwich():
    """The reference takes the local zone from the process; a world stands in UTC unless it says otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
