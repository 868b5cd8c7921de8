from __future__ import annotations

import pytest

import vcsim
from vmf.model import MEBIBYTE, Connection, Host, Transport
from vmf.spec import JobWords, load_jobs
from vmf_vmware import descriptor
from vmf_vmware.machines import OFF
from vmf_vmware.session import opened
from vmf_vmware.settings import TYPE, VmwareJob

HEAD = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  memory: 1GiB\n"


@pytest.fixture(autouse=True)
def machine(tmp_path):
    """A folder as VMware keeps it, in the folder of this test."""
    folder = tmp_path / "win"
    folder.mkdir()
    for name in ("win.vmx", "win.vmdk", "win-flat.vmdk"):
        (folder / name).touch()
    return folder


@pytest.fixture
def read(tmp_path):
    """Reads a job whose spec has these lines, in the folder of this test."""

    def read(*lines):
        (tmp_path / "j.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in lines))
        words = JobWords(images=tmp_path, settings={"vmware": VmwareJob})
        (job,) = load_jobs([tmp_path / "j.yaml"], words, remark=pytest.fail)
        return job

    return read


@pytest.fixture(scope="session")
def vsphere_program():
    """A vSphere API for tests, built."""
    return vcsim.build()


@pytest.fixture(scope="module")
def vsphere(vsphere_program, tmp_path_factory):
    """A vCenter with one ESXi host, for the tests of a module."""
    with vcsim.running(vsphere_program, tmp_path_factory.mktemp("vsphere")) as vsphere:
        yield vsphere


@pytest.fixture(scope="module")
def vsphere_host(vsphere):
    """Makes a host that leads there, of what is otherwise with its connection, and of its block."""

    def host(block=None, **connection):
        usual = {"transport": Transport.API, "address": vsphere.address, "port": vsphere.port, "ca": vsphere.ca}
        words = {"networks": {"nat": "nat", "bridge": "bridge"}} if block is None else block
        made = Connection(**usual | {"user": vsphere.user} | connection)
        return Host(name="lab", type=TYPE, connection=made, settings={TYPE: words})

    return host


@pytest.fixture
def password(vsphere, monkeypatch):
    """The password, where vmf looks for it."""
    monkeypatch.setenv("VMF_VMWARE_PASSWORD", vsphere.password)


@pytest.fixture
def session(request, vsphere, vsphere_host):
    """A session with it; nothing goes wrong any more at its end."""
    request.getfixturevalue("password")
    session = opened(vsphere_host(), "abcd")
    yield session
    vsphere.faults_clear()
    session.close()


@pytest.fixture
def destroy():
    """Removes a machine of a session's user with its files, whatever it is doing."""

    def off_and_gone(session, name):
        session.machines.set_power(name, OFF)
        session.run(session.machines.find(name), "Destroy_Task")

    def destroy(session, name):  # a task that was broken off may end meanwhile
        session.again(lambda: off_and_gone(session, name))

    return destroy


@pytest.fixture
def disk_there():
    """Puts a disk of a mebibyte on a datastore; its descriptor."""

    def disk_there(store, folder):
        store.write(folder / "disk-flat.vmdk", bytes(MEBIBYTE))
        store.write(folder / "disk.vmdk", descriptor.flat("disk", MEBIBYTE))
        return folder / "disk.vmdk"

    return disk_there


@pytest.fixture
def own_session(vsphere_program, tmp_path, vsphere_host, monkeypatch):
    """A vCenter that a test may kill, and a session with it."""
    own = vcsim.Vcsim(vsphere_program, tmp_path)
    monkeypatch.setenv("VMF_VMWARE_PASSWORD", own.password)
    session = opened(vsphere_host(port=own.port, ca=own.ca), "abcd")
    yield own, session
    session.close()
    if own._process.poll() is None:
        own.kill()
