from __future__ import annotations

import pytest

from guests.fake import GUESTS
from made_up import HOST, loaded
from vmf.model import Image
from vmf.testing.bench import Bench


@pytest.fixture
def bench(tmp_path):
    """A fake host, whose world is the folder `world`."""
    hypervisor = loaded().connect(HOST, tmp_path / "world")
    bench = Bench(hypervisor, image=Image(name="none"), guests=GUESTS, folder=tmp_path)
    yield bench
    bench.close()
