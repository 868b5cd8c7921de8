"""Images that are already on a host are looked at through its plugin: what is wrong with a file is told as such."""

from __future__ import annotations

import os

import pytest

from vmf.disks import images
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Disk, DiskFormat, File, Host
from vmf.plugins import HYPERVISORS, Plugins
from vmf.testing import fake


@pytest.fixture
def host(tmp_path):
    plugins = Plugins()
    plugins.add(HYPERVISORS, "fake", lambda: fake)
    folder = tmp_path / "fake"
    folder.mkdir()
    connection = plugins.connect(Host(name="h", type="fake"), folder)
    yield connection
    connection.close()


@pytest.fixture
def fault(host, tmp_path):
    def fault(name):
        disk = Disk(file=File(path=tmp_path / name, on_host=True), format=DiskFormat.RAW)
        with pytest.raises(JobFault) as caught:
            images.inspect(disk, on_host=host.read)
        return caught.value

    return fault


def test_a_file_that_is_not_on_the_host_is_missing(fault, tmp_path):
    (tmp_path / "dangling").symlink_to("nothing")
    for name in ("nothing", "dangling", "half\ud800"):
        assert fault(name).code is HoldCode.IMAGE_MISSING


def test_what_is_no_file_there_is_not_opened(fault, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "pipe of the host: it is a named pipe" in fault("pipe").brief
    assert "it is a folder" in fault("fake").brief
    assert fault("pipe").code is HoldCode.IMAGE_INVALID


def test_a_link_there_is_followed(host, tmp_path):
    (tmp_path / "disk").write_bytes(bytes(512))
    (tmp_path / "link").symlink_to("disk")
    images.inspect(Disk(file=File(path=tmp_path / "link", on_host=True), format=DiskFormat.RAW), on_host=host.read)


def test_a_plugin_that_fails_is_the_hosts_fault(host, tmp_path, monkeypatch):
    monkeypatch.setattr(fake, "open_disk", lambda _: 1 / 0)
    with pytest.raises(HostFault, match="ZeroDivisionError"):
        host.read(tmp_path)
