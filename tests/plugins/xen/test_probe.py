from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HostFault, HostLost
from vmf.model import Boot, File, Host, Networks
from vmf_libvirt.errors import Code, LibvirtFault
from vmf_xen.abilities import ABILITIES
from vmf_xen.probe import probe

GIB = 2**30
DEBIAN = "/usr/lib/xen-4.17/bin/pygrub"
MACHINES = ("xenpv", "xenpvh", "xenfv")
HOST = Host(name="x", type="xen", networks=Networks(together=True, bridge="xenbr0"))


class Link:
    """A daemon that lacks some drivers."""

    def __init__(self, lacking):
        self._lacking = lacking

    def listAllNetworks(self):  # noqa: N802  # libvirt's word
        return self._list("networks")

    def listAllStoragePools(self):  # noqa: N802  # likewise
        return self._list("storage")

    def _list(self, what):
        if what in self._lacking:
            raise LibvirtFault("this function is not supported by the connection driver", code=Code.NO_SUPPORT)
        return []


class Remote:
    """A host with these files."""

    def __init__(self, *files, machines=MACHINES, lacking=(), xen=4_017_005):
        self.files = set(files)
        self.looks = []
        guests = "".join(f"<guest><arch name='x86_64'><machine>{name}</machine></arch></guest>" for name in machines)
        self.client = SimpleNamespace(
            versions=lambda: {"xen": xen, "libvirt": 9_000_000},
            computer=lambda: (8 * GIB, 4, "x86_64"),
            capabilities=lambda: f"<c><host><cpu><vendor>AMD</vendor></cpu></host>{guests}</c>",
            call=lambda ask: ask(Link(lacking)),
        )

    def read(self, path):
        self.looks.append(str(path))
        if str(path) not in self.files:
            raise FileNotFoundError(path)
        return io.BytesIO()


def on_host(name):
    return File(path=Path(name), on_host=True)


def look(remote, host=HOST):
    return probe(remote, host, None)


def test_a_host_with_all_that_xen_can_use_lacks_nothing():
    facts = look(Remote(DEBIAN))
    assert facts.missing == {}
    assert (facts.memory, facts.cpus, facts.arch) == (8 * GIB, 4, "x86_64")
    assert (facts.accelerator, facts.version, facts.vendor) == ("xen", "4.17.5", "AMD")
    assert facts.versions == {"xen": "4.17.5", "libvirt": "9.0.0"}


@pytest.mark.parametrize(
    ("xen", "file"),
    [
        (4_017_005, DEBIAN),
        (4_020_000, "/usr/lib/xen-4.20/bin/pygrub"),
        (4_018_000, "/usr/libexec/xen/bin/pygrub"),
        (4_018_000, "/usr/lib/xen/bin/pygrub"),
    ],
)
def test_xens_own_loader_is_found_where_distributions_have_it(xen, file):
    assert look(Remote(file, xen=xen)).missing == {}


def test_without_a_loader_only_kernels_in_images_are_off():
    assert look(Remote()).missing.keys() == {"kernel-included"}
    assert "no boot loader pygrub" in look(Remote()).missing["kernel-included"]


def test_a_loader_that_the_spec_names_is_the_only_one_that_counts():
    host = replace(HOST, settings={"xen": {"loader": "/opt/pvgrub"}})
    assert look(Remote("/opt/pvgrub"), host).missing == {}
    assert "/opt/pvgrub" in look(Remote(DEBIAN), host).missing["kernel-included"]


def test_what_is_there_takes_one_look():
    remote = Remote(DEBIAN)
    look(remote)
    assert remote.looks == [DEBIAN]


@pytest.mark.parametrize("there", [{"/boot/k"}, {"/boot/i"}, set()])
def test_without_the_hosts_kernel_only_jobs_that_name_none_are_off(there):
    host = replace(HOST, boot=Boot(kernel=on_host("/boot/k"), initrd=on_host("/boot/i")))
    missing = look(Remote(DEBIAN, *there), host).missing
    assert missing.keys() == {"default-kernel"}
    assert "is not on the host" in missing["default-kernel"]
    assert look(Remote(DEBIAN, "/boot/k", "/boot/i"), host).missing == {}


def test_a_kernel_of_this_computer_is_not_looked_for_there():
    host = replace(HOST, boot=Boot(kernel=File(path=Path("/home/ada/k"))))
    assert look(Remote(DEBIAN), host).missing == {}


def test_where_the_processor_does_not_help_only_pv_is_left():
    assert look(Remote(DEBIAN, machines=("xenpv",))).missing.keys() == {"mode-hvm", "mode-pvh"}


NETWORKS = {
    "nothing said": (HOST, (), set()),
    "apart": (replace(HOST, networks=Networks(bridge="b")), (), {"network-nat", "network-bridge"}),
    "no bridge": (replace(HOST, networks=Networks(together=True)), (), {"network-bridge"}),
    "no driver": (HOST, ("networks",), {"network-nat"}),
    "a script": (
        replace(HOST, networks=Networks(bridge="b"), settings={"xen": {"bridge_script": "/etc/vif"}}),
        (),
        {"network-nat"},
    ),
    "one of Xen's own": (replace(HOST, settings={"xen": {"bridge_script": "vif-mine"}}), (), set()),
    "a script that is not there": (replace(HOST, settings={"xen": {"bridge_script": "/none"}}), (), {"network-bridge"}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_that_cannot_be_had_are_told(name):
    host, lacking, missing = NETWORKS[name]
    assert look(Remote(DEBIAN, "/etc/vif", lacking=lacking), host).missing.keys() == missing
    assert missing <= ABILITIES.keys()


def test_a_daemon_that_keeps_no_files_is_of_no_use():
    with pytest.raises(HostFault, match="no driver for storage") as caught:
        look(Remote(DEBIAN, lacking=("storage",)))
    assert "libvirt-daemon-driver-storage" in caught.value.hint


def test_what_is_known_holds_until_something_changes():
    known = look(Remote(DEBIAN))
    assert probe(Remote(DEBIAN), HOST, known) is known
    without = probe(Remote(), HOST, known)
    assert without.missing.keys() == {"kernel-included"}
    assert probe(Remote(DEBIAN), HOST, without).missing == {}
    assert probe(Remote(DEBIAN, xen=4_017_006), HOST, known).version == "4.17.6"


def test_a_host_that_is_lost_meanwhile_lacks_nothing_for_that():
    remote = Remote(DEBIAN)

    def read(_path):
        raise HostLost("libvirt went away meanwhile")

    remote.read = read
    with pytest.raises(HostLost):
        look(remote)


def test_a_folder_is_no_boot_loader():
    def read(path):
        raise IsADirectoryError(path)

    remote = Remote()
    remote.read = read
    assert "kernel-included" in look(remote).missing
