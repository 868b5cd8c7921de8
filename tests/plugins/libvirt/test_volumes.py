"""Files of a host that libvirt alone reaches: its storage pools are a real daemon's."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from libvirtbed import FOLDER
from vmf.errors import HostFault, JobFault, Refused
from vmf.files import sparse
from vmf.hookspecs import unreported
from vmf.model import MEBIBYTE, Transport
from vmf_libvirt import volumes
from vmf_libvirt.client import Client
from vmf_libvirt.connecting import connect
from vmf_libvirt.streams import Reading
from vmf_libvirt.volumes import Volumes, pools

PREFIX = "vmf-test-"


@pytest.fixture(scope="module")
def client(bed, tmp_path_factory):
    host = bed.host(Transport.TCP)
    client = Client(partial(connect, "qemu", host.connection, tmp_path_factory.mktemp("host")))
    yield client
    client.close()


@pytest.fixture
def files(client):
    name = secrets.token_hex(4)
    files = Volumes(client=client, pool=PREFIX + name, path=Path(FOLDER) / name)
    yield files
    files.remove()


def content(files, name):
    with files.open(name) as file:
        return file.read()


def holed(path, size, *, at, data):
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(at)
        file.write(data)
    return path


def test_a_file_comes_as_it_is_and_its_holes_take_nothing(files, tmp_path):
    source = holed(tmp_path / "disk", 64 * MEBIBYTE, at=40 * MEBIBYTE, data=b"word")
    told = []
    files.put("disk", source, lambda *done: told.append(done))
    assert content(files, "disk") == source.read_bytes()
    assert files.taken()["disk"] < MEBIBYTE
    assert told[-1] == (64 * MEBIBYTE, 64 * MEBIBYTE)
    assert all(done <= total for done, total in told)


def test_a_file_that_comes_again_takes_the_place_of_the_first(files, tmp_path):
    for data in (b"a longer one", b"short"):
        (tmp_path / "file").write_bytes(data)
        files.put("file", tmp_path / "file", unreported)
        assert content(files, "file") == data


def test_an_empty_file_comes_too(files, tmp_path):
    (tmp_path / "file").touch()
    files.put("file", tmp_path / "file", unreported)
    assert content(files, "file") == b""


def test_what_is_broken_off_leaves_nothing(files, tmp_path):
    (tmp_path / "file").write_bytes(secrets.token_bytes(MEBIBYTE))

    def break_off(done, _):
        if done:
            raise Refused("enough")

    with pytest.raises(Refused):
        files.put("file", tmp_path / "file", break_off)
    assert not files.has("file")
    files.put("file", tmp_path / "file", unreported)
    assert files.has("file")


def test_a_source_that_is_not_there_is_the_jobs_fault(files, tmp_path):
    with pytest.raises(JobFault, match="none: No such file"):
        files.put("file", tmp_path / "none", unreported)


def test_what_the_host_garbles_is_told_and_does_not_stay(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"right")
    monkeypatch.setattr(Reading, "_fill", lambda self, view, _stream: _garbled(self, view))
    with pytest.raises(HostFault, match="is not what was sent there"):
        files.put("file", tmp_path / "file", unreported)
    monkeypatch.undo()
    assert not files.has("file")


def _garbled(reading, view):
    view[:5] = b"wrong"
    reading._at = reading._size
    return 5


def test_the_beginning_is_written_over_and_the_rest_stays(files):
    files.write("file", b"0123456789" * 100_000)
    files.overwrite("file", b"abc")
    assert content(files, "file") == b"abc" + (b"0123456789" * 100_000)[3:]


def test_a_file_is_read_from_wherever_one_likes(files):
    data = secrets.token_bytes(3 * MEBIBYTE)
    files.write("file", data)
    with files.open("file") as file:
        assert file.seek(0, os.SEEK_END) == len(data)
        assert file.read(1) == b""
        for at in (MEBIBYTE + 7, 5, 2 * MEBIBYTE):
            file.seek(at)
            assert file.read(1000) == data[at : at + 1000]


def test_reading_goes_on_over_a_new_connection(bed, files):
    data = secrets.token_bytes(8 * MEBIBYTE)
    files.write("file", data)
    with files.open("file") as file:
        start = file.read(MEBIBYTE)
        bed.kill()
        bed.start()
        assert start + file.read() == data


def test_a_file_that_is_not_there_is_not_read(files):
    files.make()
    with pytest.raises(FileNotFoundError):
        files.open("none")


def test_what_somebody_else_has_written_there_is_found(client, files):
    files.write("file", b"word")
    other = Volumes(client=client, pool=f"{files.pool}-again", path=files.path)
    assert sorted(files.taken()) == ["file"]
    files.discard("file")
    files.discard("file")
    assert not files.has("file")
    assert other.taken() == {}


def test_a_folder_goes_with_all_that_is_in_it(client, files):
    files.write("file", b"word")
    assert files.pool in pools(client, PREFIX)
    files.remove()
    files.remove()
    assert files.pool not in pools(client, PREFIX)
    with pytest.raises(FileNotFoundError):
        volumes.read(client, "vmf-read-", files.path / "file")


def test_a_file_of_the_hosts_own_is_read_and_nothing_stays(client):
    before = pools(client, "")
    with volumes.read(client, "vmf-read-", Path("/etc/os-release")) as file:
        assert b"ID=" in file.read()
    assert pools(client, "") == before


def test_many_read_from_one_folder_at_once(client):
    def read(_):
        with volumes.read(client, "vmf-read-", Path("/etc/os-release")) as file:
            found = file.read()
        with pytest.raises(FileNotFoundError):
            volumes.read(client, "vmf-read-", Path("/etc/none"))
        return found

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(read, range(16))) == {Path("/etc/os-release").read_bytes()}
    assert not pools(client, "vmf-read-")


def test_a_file_is_read_from_a_folder_that_is_somebody_elses_pool(bed, client, files):
    files.write("first", b"first")
    (bed.root / str(files.path).lstrip("/") / "second").write_bytes(b"second")
    with volumes.read(client, "vmf-read-", files.path / "second") as file:
        assert file.read() == b"second"
    with pytest.raises(FileNotFoundError):
        volumes.read(client, "vmf-read-", files.path / "none")
    assert files.has("first")


@pytest.mark.parametrize("path", ["/etc/none", "/none/none", "/etc/os-release/none"])
def test_a_file_that_the_host_has_not_is_told_as_such(client, path):
    with pytest.raises(FileNotFoundError):
        volumes.read(client, "vmf-read-", Path(path))


@pytest.mark.parametrize("path", ["/etc", "/etc/", "/var/lib"])
def test_a_folder_of_the_host_is_no_file(client, path):
    before = pools(client, "")
    with pytest.raises(IsADirectoryError):
        volumes.read(client, "vmf-read-", Path(path))
    assert pools(client, "") == before


def test_a_stream_of_the_host_is_copied_with_its_holes(files, tmp_path):
    source = holed(tmp_path / "disk", 8 * MEBIBYTE, at=0, data=b"word")
    files.put("disk", source, unreported)
    with files.open("disk") as stream, (tmp_path / "copy").open("w+b") as target:
        sparse.copy(stream, target, unreported)
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert (tmp_path / "copy").stat().st_blocks * 512 < MEBIBYTE
    assert isinstance(stream, io.BufferedReader)


def test_the_time_on_the_host_is_told_and_nothing_stays_for_it(files):
    before, found, after = datetime.now(tz=UTC), files.now(), datetime.now(tz=UTC)
    assert before - timedelta(seconds=1) <= found <= after  # a file's time may be that of the last tick
    assert files.taken() == {}
