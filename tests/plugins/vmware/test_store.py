from __future__ import annotations

import errno
import io
import os
import ssl
import threading

import pytest

from vmf.errors import HostFault, HostLost
from vmf.hookspecs import unreported
from vmf.model import MEBIBYTE
from vmf_vmware.faults import Dropped, VimFault
from vmf_vmware.paths import DatastorePath

SIZE = 1_500_000


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def at(request, session, vsphere):
    """Makes paths in a folder that is this test's alone; `.there` of the fixture is that folder on this computer."""
    folder = "test-" + "".join(char if char.isalnum() else "-" for char in request.node.name)

    def at(*names):
        return session.store.at(folder, *names)

    at.there = vsphere.datastore / folder
    return at


@pytest.fixture
def store(session):
    return session.store


def put(store, path, source, report):
    with source.open("rb") as file:
        store.store(path, file, report)


def test_a_file_is_brought_with_its_progress(store, at, source):
    told = []
    put(store, at("a b+c%.bin"), source, lambda done, of: told.append((done, of)))
    assert (at.there / "a b+c%.bin").read_bytes() == source.read_bytes()
    assert told[0] == (0, SIZE)
    assert told[-1] == (SIZE, SIZE)
    assert told == sorted(told)
    assert len(told) > 4


def test_it_takes_the_place_of_what_was_there(store, at, source):
    store.write(at("a"), b"x" * (SIZE + 7))
    put(store, at("a"), source, unreported)
    assert (at.there / "a").read_bytes() == source.read_bytes()
    assert store.size(at("a")) == SIZE


def test_an_empty_file_is_a_file(store, at):
    store.write(at("empty"), b"")
    assert store.size(at("empty")) == 0
    assert store.open(at("empty")).read() == b""
    assert store.read(at("empty"), 0, 10) == b""


@pytest.mark.parametrize("cut", [0, 700_000])
def test_what_is_interrupted_is_begun_anew(vsphere, store, at, source, cut):
    vsphere.fault("PUT", mode="drop", cut=cut, count=2)
    put(store, at("a"), source, unreported)
    assert (at.there / "a").read_bytes() == source.read_bytes()


def test_what_never_arrives_is_given_up_and_leaves_nothing(vsphere, store, at, source):
    vsphere.fault("PUT", mode="drop", cut=700_000, count=0)
    with pytest.raises(HostFault, match="a does not arrive") as caught:
        put(store, at("a"), source, unreported)
    assert not isinstance(caught.value, HostLost)
    vsphere.faults_clear()
    assert store.list(at()) == {}


def test_what_has_arrived_shorter_is_begun_anew(session, store, at, source, monkeypatch):
    sizes = iter([SIZE - 1])
    right, told = session.store._files.size, []
    monkeypatch.setattr(session.store._files, "size", lambda path: next(sizes, None) or right(path))
    put(store, at("a"), source, lambda done, _of: told.append(done))
    assert told.count(0) == 2
    assert (at.there / "a").read_bytes() == source.read_bytes()


def test_what_breaks_it_off_leaves_nothing(store, at, source):
    class Enough(Exception):
        pass

    def report(done, _of):
        if done > 500_000:
            raise Enough

    with pytest.raises(Enough):
        put(store, at("a"), source, report)
    assert store.list(at()) == {}


def test_a_session_that_has_expired_does_not_keep_a_file_from_coming(vsphere, store, at, source):
    store.make(at())
    vsphere.expire_sessions()
    with source.open("rb") as file:
        store._files.send(at("a"), file, unreported)
    vsphere.expire_sessions()
    assert store.size(at("a")) == SIZE
    vsphere.expire_sessions()
    assert store.read(at("a"), SIZE - 3, 10) == source.read_bytes()[-3:]
    vsphere.expire_sessions()
    assert store.open(at("a")).read() == source.read_bytes()


def test_what_the_host_says_to_a_file_is_told(vsphere, store, at):
    vsphere.fault("PUT", mode="http", status=507, count=0)
    with pytest.raises(HostFault, match=r"a: the host answers 507"):
        store.write(at("a"), b"short")


def test_what_has_no_room_is_not_even_begun(store, at):
    class Endless(io.BytesIO):
        def seek(self, *_):
            return 2**60

    with pytest.raises(HostFault, match=r"the datastore store1 is full: 1048576 TiB of a do not fit: .* are free"):
        store.store(at("a"), Endless(), unreported)


def test_a_file_is_read_from_anywhere(store, at, source):
    put(store, at("a"), source, unreported)
    content = source.read_bytes()
    with store.open(at("a")) as file:
        assert file.seek(-10, os.SEEK_END) == SIZE - 10
        assert file.read() == content[-10:]
        assert file.read() == b""
        file.seek(1000)
        assert file.read(1000) == content[1000:2000]
        file.seek(SIZE + 5)
        assert file.read(1) == b""
    assert store.read(at("a"), SIZE - 5, 100) == content[-5:]
    assert store.read(at("a"), SIZE, 100) == b""
    assert store.read(at("a"), 7, 5) == content[7:12]


class Cut:
    """A stream that breaks after so many bytes: it ends, or raises."""

    def __init__(self, stream, count, error):
        self._stream, self._left, self._error = stream, count, error

    def read(self, size):
        if self._error and not self._left:
            raise self._error
        piece = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        return piece

    def close(self):
        self._stream.close()


@pytest.mark.parametrize("error", [None, ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "EOF occurred")])
@pytest.mark.parametrize("cut", [0, 1, 300_000])
def test_a_stream_goes_on_where_it_was_when_its_connection_broke(store, at, source, monkeypatch, cut, error):
    put(store, at("a"), source, unreported)
    rest, starts = store._files.rest, []

    def breaking(path, start):
        starts.append(start)
        stream = rest(path, start)
        return Cut(stream, cut, error) if len(starts) == 1 else stream

    monkeypatch.setattr(store._files, "rest", breaking)
    with store.open(at("a")) as file:
        file.seek(1_000_000)
        assert file.read() == source.read_bytes()[1_000_000:]
    assert starts == [1_000_000, 1_000_000 + cut]


def test_a_connection_that_breaks_before_the_answer_is_made_again(vsphere, store, at, source):
    put(store, at("a"), source, unreported)
    vsphere.fault("GET", mode="drop")
    assert store.open(at("a")).read() == source.read_bytes()


def test_a_stream_that_does_not_go_on_is_lost(vsphere, store, at, source):
    put(store, at("a"), source, unreported)
    vsphere.fault("GET", mode="drop", cut=0, count=0)
    with store.open(at("a")) as file, pytest.raises(HostLost):
        file.read()


def test_a_server_that_knows_no_ranges_is_read_over(session, store, at, source, monkeypatch):
    put(store, at("a"), source, unreported)
    ask = session.store._files._ask
    plain = lambda connection, method, path, _headers, body: ask(connection, method, path, {}, body)  # noqa: E731
    monkeypatch.setattr(session.store._files, "_ask", plain)
    content = source.read_bytes()
    assert store.read(at("a"), 600_000, 5) == content[600_000:600_005]
    assert store.read(at("a"), SIZE + 1, 5) == b""
    with store.open(at("a")) as file:
        file.seek(SIZE - 9)
        assert file.read() == content[-9:]


def test_a_file_that_is_not_there_is_said_so(store, at):
    assert store.size(at("gone")) is None
    for gone in (at("gone"), DatastorePath("gone", "a")):
        for ask in (store.open, lambda path: store.read(path, 0, 1)):
            with pytest.raises(FileNotFoundError, match="No such file") as caught:
                ask(gone)
            assert caught.value.errno == errno.ENOENT


def test_folders_are_listed_with_their_files_sizes(store, at):
    assert store.list(at()) == {}
    store.write(at("a"), b"12")
    store.write(at("sub", "b"), b"123")
    assert store.list(at()) == {"a": 2}
    assert store.list(at("sub")) == {"b": 3}
    assert at().name in store.folders("test-test-folders")
    assert store.folders("nobody-has-this") == frozenset()


def test_to_make_and_to_remove_twice_is_as_once(store, at):
    store.make(at("a", "b"))
    store.make(at("a", "b"))
    store.write(at("a", "b", "c"), b"x")
    store.remove(at())
    store.remove(at())
    assert not at.there.exists()


def test_the_host_copies_a_disk_by_itself(store, at, disk_there):
    store.copy_disk(disk_there(store, at()), at("copy.vmdk"))
    assert store.list(at())["copy-flat.vmdk"] == MEBIBYTE


def test_what_is_not_there_cannot_be_copied(store, at):
    store.make(at())
    with pytest.raises(VimFault) as caught:
        store.copy_disk(at("gone.vmdk"), at("a.vmdk"))
    assert caught.value.is_("FileNotFound")


def test_a_full_datastore_is_the_hosts_fault(vsphere, store, at, disk_there):
    vsphere.fault("CopyVirtualDisk_Task", "NoDiskSpace")
    with pytest.raises(HostFault, match="NoDiskSpace"):
        store.copy_disk(disk_there(store, at()), at("copy.vmdk"))


def test_its_room_is_told(store):
    capacity, free = store.free()
    assert 0 < free <= capacity


def test_many_come_at_once(store, at, source):
    threads = [threading.Thread(target=put, args=(store, at(str(each)), source, unreported)) for each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.list(at()) == {str(each): SIZE for each in range(6)}


def test_a_disk_of_this_computer_that_fails_is_not_the_connections_fault(store, at):
    class Failing(io.BytesIO):
        name = "/dev/broken"

        def read(self, *_):
            raise OSError(5, "Input/output error")

    with pytest.raises(HostFault, match="/dev/broken: Input/output error") as caught:
        store.store(at("a"), Failing(b"12"), unreported)
    assert not isinstance(caught.value, Dropped)
