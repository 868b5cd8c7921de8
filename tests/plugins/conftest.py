from __future__ import annotations

import pytest

from libvirtbed import running


@pytest.fixture(scope="session")
def bed(tmp_path_factory):
    """Another computer's libvirt, for this session."""
    with running(tmp_path_factory.mktemp("far")) as bed:
        yield bed


@pytest.fixture(scope="session")
def remote_host(bed):
    """Makes a host that leads there, of a transport and of what is otherwise with it."""
    return bed.host
