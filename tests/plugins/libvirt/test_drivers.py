from __future__ import annotations

from types import SimpleNamespace

import pytest

from vmf.errors import HostLost
from vmf_libvirt.drivers import Driver, lacking
from vmf_libvirt.errors import Code, LibvirtFault


def client(error=None):
    """One whose daemon answers whatever is listed so."""

    def listed(*_):
        if error:
            raise error
        return []

    link = SimpleNamespace(listAllNetworks=listed, listAllNWFilters=listed, listAllStoragePools=listed)
    return SimpleNamespace(call=lambda ask: ask(link))


@pytest.mark.parametrize("driver", Driver)
def test_a_driver_that_is_there_is_not_lacking(driver):
    assert lacking(client(), driver) == ""


@pytest.mark.parametrize("driver", Driver)
def test_one_that_is_not_is_named(driver):
    error = LibvirtFault("this function is not supported by the connection driver", code=Code.NO_SUPPORT)
    assert lacking(client(error), driver) == f"libvirt has no driver for {driver} there"


@pytest.mark.parametrize("error", [LibvirtFault("out of memory"), HostLost("libvirt went away")])
def test_anything_else_says_nothing_of_drivers(error):
    with pytest.raises(type(error)):
        lacking(client(error), Driver.NETWORKS)
