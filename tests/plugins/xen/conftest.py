from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from dom0_shell import Dom0Shell
from vmf.hookspecs import unreported
from vmf.model import Connection, File, Host, Networks, Transport
from vmf.spec.image import load_image
from vmf_libvirt.client import Client
from vmf_libvirt.connecting import connect
from vmf_libvirt.volumes import Volumes
from xenbed import build, running

IMAGES = Path("/var/lib/images")
"""The folder of a dom0 in which files are that machines use where they lie."""


@pytest.fixture(scope="session")
def xenbed():
    """The image of a dom0, built once for this checkout."""
    return build()


@pytest.fixture(scope="module")
def dom0(xenbed, tmp_path_factory):
    """A dom0 of the module's own, which answers."""
    with running(xenbed, tmp_path_factory.mktemp("dom0")) as dom0:
        yield dom0


@pytest.fixture(scope="module")
def dom0_host(dom0):
    """A dom0 whose machines may meet, as a host."""
    connection = Connection(transport=Transport.TCP, address="127.0.0.1", port=dom0.port)
    return Host(name="dom0", type="xen", connection=connection, networks=Networks(together=True))


@pytest.fixture(scope="module")
def bring(dom0_host, tmp_path_factory):
    """Puts a file into a dom0; what a spec calls it then."""
    client = Client(partial(connect, "xen", dom0_host.connection, tmp_path_factory.mktemp("bring")))

    def bring(name, source):
        Volumes(client=client, pool="images", path=IMAGES).put(name, source, unreported)
        return File(path=IMAGES / name, on_host=True)

    yield bring
    client.close()


@pytest.fixture(scope="module")
def dom0_image(tiny, bring):
    """The tiny guest, whose kernel and initial RAM disk are in a dom0: they need not travel for each machine."""
    image = load_image(str(tiny), beside=tiny, images=tiny)
    return replace(image, kernel=bring("vmlinuz", image.kernel.path), initrd=bring("initrd", image.initrd.path))


@pytest.fixture
def shell(dom0, dom0_image, tmp_path):
    """A user whose host `dom0` lets machines meet."""
    shell = Dom0Shell.at(tmp_path, dom0_image)
    shell.reach(dom0, networks={"together": True})
    yield shell
    if live := [str(each.id) for each in shell.records() if not each.ended]:
        shell.vmf("rm", "--force", *live)
