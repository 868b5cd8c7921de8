"""A file is read once for its checksum, for as long as it stays as it is."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from pathlib import Path

import pytest

from vmf.errors import JobFault
from vmf.files import sparse
from vmf.model import File, Home, Slice
from vmf.run import checksums
from vmf.run.checksums import Checksums
from vmf.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(Home(root=tmp_path))
    yield store
    store.close()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"one")
    return path


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files of this very moment count as settled."""
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", -1.0)


@pytest.fixture
def read(monkeypatch):
    """Counts what is read for a sum."""
    found, work = [], sparse.sha256

    def counted(file, *rest, **more):
        found.append(file.name)
        return work(file, *rest, **more)

    monkeypatch.setattr(sparse, "sha256", counted)
    return found


def ask(store, path, part=None, *, check=lambda: None, asked=None):
    with path.open("rb") as file:
        return (asked or Checksums(store)).of(file, File(path=path, part=part), check=check)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once_also_by_the_next_engine(store, path, read):
    assert [ask(store, path) for _ in range(3)] == [sha256(b"one")] * 3
    assert len(read) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"two"),
        lambda path: path.write_bytes(b"longer"),
        lambda path: path.with_name("other").replace(path),
    ],
)
def test_a_file_that_has_changed_is_read_again(store, path, read, change):
    path.with_name("other").write_bytes(b"two")
    found = path.stat()
    os.utime(path.with_name("other"), ns=(found.st_atime_ns, found.st_mtime_ns))
    ask(store, path)
    change(path)
    assert ask(store, path) == sha256(path.read_bytes())
    assert len(read) == 2


def test_times_that_were_put_back_hide_no_change(store, path):
    found = path.stat()
    ask(store, path)
    path.write_bytes(b"two")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert ask(store, path) == sha256(b"two")


def test_a_file_that_has_just_changed_is_not_trusted_to_be_done(store, path, read, monkeypatch):
    """It could change again within one tick of the file system's clock."""
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", 1000.0)
    ask(store, path)
    ask(store, path)
    assert len(read) == 2


def test_a_file_that_changes_while_it_is_read_is_read_once_more(store, path, read):
    changes = [b"longer"]
    assert ask(store, path, check=lambda: changes and path.write_bytes(changes.pop())) == sha256(b"longer")
    assert len(read) == 2


def test_of_a_file_that_never_stays_as_it_is_no_sum_is_told(store, path, read):
    def change():
        path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(JobFault, match=f"{path} changed while it was read"):
        ask(store, path, check=change)
    assert len(read) == 2
    assert ask(store, path) == sha256(path.read_bytes())


def test_parts_of_a_file_have_sums_of_their_own(store, path):
    parts = [None, Slice(offset=0, size=1), Slice(offset=1, size=2)]
    for _ in range(2):
        assert [ask(store, path, part) for part in parts] == [sha256(each) for each in (b"one", b"o", b"ne")]


def test_a_name_that_is_no_text_is_a_name(store, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n"))
    path.write_bytes(b"one")
    assert ask(store, path) == ask(store, path) == sha256(b"one")


def test_what_has_no_times_is_read_each_time(store):
    asked = Checksums(store)
    for content in (b"one", b"two"):
        source = File(path=Path("/far/away"), on_host=True)
        assert asked.of(io.BytesIO(content), source, check=lambda: None) == sha256(content)


def test_two_that_want_one_sum_read_the_file_once(store, path, read):
    asked, reading, going_on, found = Checksums(store), threading.Event(), threading.Event(), []

    def first():
        reading.set()
        going_on.wait(30)

    def second():
        going_on.set()

    thread = threading.Thread(target=lambda: found.append(ask(store, path, check=first, asked=asked)))
    thread.start()
    assert reading.wait(30)
    assert ask(store, path, check=second, asked=asked) == sha256(b"one")
    thread.join(30)
    assert found == [sha256(b"one")]
    assert len(read) == 1


def test_reading_that_is_broken_off_lets_the_next_one_in(store, path):
    asked = Checksums(store)
    with pytest.raises(ZeroDivisionError):
        ask(store, path, check=lambda: 1 / 0, asked=asked)
    assert ask(store, path, asked=asked) == sha256(b"one")
