"""Files are served to machines by a process that outlives whoever started it, and whatever the network does."""

from __future__ import annotations

import errno
import io
import os
import random
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest
from msgspec.structs import replace

from block_servers import servers, serves, short_folder
from ranged import serving
from shell import kill, until
from vmf.blocks import server as serving_program
from vmf.blocks import sums
from vmf.blocks.places import Origin
from vmf.blocks.shelf import Blocks
from vmf.blocks.sums import BLOCK
from vmf.errors import SetupError
from vmf.files import nbd
from vmf.files.nbd import open_served, received

SIZE = 12 * BLOCK + 77
FILE = random.Random(1).randbytes(SIZE)  # noqa: S311  # the same in every process
LISTED, SHA256 = sums.listed(io.BytesIO(FILE), SIZE)


@pytest.fixture
def far(tmp_path):
    """A server that has the file."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far/image").write_bytes(FILE)
    with serving(tmp_path / "far") as far:
        yield far


@pytest.fixture
def folder():
    with short_folder() as folder:
        yield folder


@pytest.fixture
def blocks(folder):
    blocks = Blocks(folder)
    blocks.make()
    return blocks


@pytest.fixture
def place(blocks, far):
    place = blocks.place(SHA256)
    place.keep(Origin(address=far.address, path="image", size=SIZE, sha256="0" * 64), LISTED)
    with blocks.hold([place]):
        yield place


def read(place, at, size):
    with open_served(place.socket) as file:
        file.seek(at)
        return file.read(size)


def test_a_file_is_read_before_it_has_come_and_is_whole_one_day(blocks, place, far):
    far.rate = 2**20
    blocks.serve([place])
    assert read(place, 10 * BLOCK, 100) == FILE[10 * BLOCK :][:100]
    assert far.sent < SIZE
    assert not place.whole.exists()
    far.rate = 0
    until(place.whole.exists, "the rest has come")
    assert place.whole.read_bytes() == FILE
    until(lambda: far.sent >= SIZE, "the last part is counted")
    assert far.sent == SIZE
    assert read(place, 0, SIZE) == FILE


def test_a_killed_server_is_followed_by_the_next_one_and_nothing_is_fetched_twice(blocks, place, far, folder):
    far.rate = 2**20
    blocks.serve([place])
    read(place, 0, 5 * BLOCK)
    first = serves(folder)
    kill(first)
    until(lambda: first not in servers(folder) and place.is_served(), "another one serves")
    far.rate = 0
    assert blocks.complete(place).read_bytes() == FILE
    assert far.sent < SIZE + serving_program.WORKERS * BLOCK


def test_where_all_of_it_was_killed_whoever_needs_the_file_begins_anew(blocks, place, folder):
    blocks.serve([place])
    for pid in sorted(servers(folder)):
        kill(pid)
    assert not place.is_served()
    blocks.serve([place])
    assert read(place, 5, 5) == FILE[5:10]


def test_what_has_come_stays_if_only_its_address_changes(place):
    part = place.whole.with_name(f"{SHA256}.part")
    part.write_bytes(b"x")
    moved = replace(place.noted, path="moved")
    assert place.keep(moved, LISTED)
    assert (place.noted, part.exists()) == (moved, True)
    other = replace(moved, sha256="1" * 64)
    assert place.keep(other, LISTED)
    assert (place.noted, part.exists()) == (other, False)


@pytest.mark.parametrize("left", [False, True], ids=["nothing", "a socket that a killed one has left"])
def test_who_is_about_to_serve_a_file_does_not_serve_it_yet(place, left):
    if left:
        serving_program.listening(place.socket).close()
    with place.serving(0):
        assert not place.is_served()


def test_who_is_too_busy_to_take_another_client_serves_the_file(place):
    with serving_program.listening(place.socket) as busy, ExitStack() as clients:
        busy.listen(0)
        refused = 0
        while not refused:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0)
            refused = client.connect_ex(str(place.socket))
        assert place.is_served()


def test_what_is_served_stays_what_it_is(blocks, place):
    blocks.serve([place])
    noted = place.noted
    assert place.keep(replace(noted, path="moved"), LISTED)
    assert not place.keep(replace(noted, sha256="1" * 64), LISTED)
    assert place.noted == noted


def test_two_processes_that_want_a_file_have_one_server(place, far, folder):
    words = "import sys; from pathlib import Path; from vmf.blocks.shelf import Blocks\nb = Blocks(Path(sys.argv[1]))"
    program = f"{words}\np = b.place('{SHA256}')\nwith b.hold([p]): print(b.complete(p).stat().st_size)"
    several = [
        subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [each.communicate(timeout=60)[0] for each in several] == [f"{SIZE}\n"] * 3
    assert place.whole.read_bytes() == FILE
    until(lambda: far.sent >= SIZE, "the last part is counted")
    assert far.sent == SIZE


def test_a_file_is_served_for_as_long_as_somebody_holds_it_or_reads_it(blocks, far, folder):
    place = blocks.place(SHA256)
    place.keep(Origin(address=far.address, path="image", size=SIZE, sha256="0" * 64), LISTED)
    with ExitStack() as stack:
        with blocks.hold([place]):
            blocks.serve([place])
            reader = stack.enter_context(open_served(place.socket))
        assert place.remove() == 0
        reader.seek(BLOCK)
        assert reader.read(4) == FILE[BLOCK : BLOCK + 4]
    until(lambda: not servers(folder), "nobody serves it any more")
    assert not place.socket.exists()
    assert place.remove() > 0
    assert [*blocks.every()] == []


@pytest.mark.parametrize("fault", ["lie", "404", "all"])
def test_a_server_that_gives_no_such_file_for_once_is_asked_again(blocks, place, far, fault):
    far.faults = [fault]
    blocks.serve([place])
    assert read(place, 0, 10) == FILE[:10]


def test_what_a_server_has_of_another_file_is_never_read(blocks, place, far):
    (far.folder / "image").write_bytes(bytes(SIZE))
    blocks.serve([place])
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        read(place, 0, 10)
    assert not place.whole.exists()
    with pytest.raises(SetupError, match="cannot be had"):
        blocks.complete(place)


def test_sums_that_are_not_those_of_the_file_lead_to_no_file(blocks, far):
    place = blocks.place("5" * 64)
    place.keep(Origin(address=far.address, path="image", size=SIZE, sha256="0" * 64), LISTED)
    with blocks.hold([place]), pytest.raises(SetupError, match="what came is not the file that it should be"):
        blocks.complete(place)
    assert not place.whole.exists()


def test_a_file_becomes_whole_though_its_server_had_no_such_file_for_long(blocks, place, far, folder):
    moved = (far.folder / "image").rename(far.folder / "moved")
    blocks.serve([place])
    until(lambda: b"is not whole" in (folder / "server.log").read_bytes(), "nobody believes in it any more")
    moved.rename(far.folder / "image")
    until(place.whole.exists, "the rest has come")


def test_a_server_that_is_away_for_a_moment_is_waited_for(blocks, place, far):
    far.is_down = True
    blocks.serve([place])
    with open_served(place.socket) as file:
        file.raw._link.sendall(nbd.ASKED.pack(nbd.REQUEST, 0, nbd.READ, 9, BLOCK, 3))
        until(lambda: len(far.asked) > 1, "it was asked in vain, more than once")
        far.is_down = False
        magic, error, handle = nbd.ANSWERED.unpack(received(file.raw._link, nbd.ANSWERED.size))
        assert (magic, error, handle) == (nbd.REPLY, 0, 9)
        assert received(file.raw._link, 3) == FILE[BLOCK : BLOCK + 3]


def test_a_folder_whose_path_is_too_long_for_sockets_is_refused(tmp_path):
    with pytest.raises(SetupError, match="characters too long for the sockets in it"):
        Blocks(tmp_path / ("x" * 60)).make()


def test_what_nobody_can_serve_is_told(blocks):
    place = blocks.place("6" * 64)
    with pytest.MonkeyPatch.context() as patch, blocks.hold([place]):
        patch.setattr("vmf.blocks.shelf.START_SECONDS", 0.5)
        with pytest.raises(SetupError, match="is not served after"):
            blocks.serve([place])


class Client:
    """Speaks the protocol by hand."""

    def __init__(self, place):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(str(place.socket))
        received(self.link, nbd.WELCOME.size)

    def option(self, number, words=b""):
        self.link.sendall(nbd.CHOICE.pack(nbd.OPTION, number, len(words)) + words)

    def reply(self):
        _, option, kind, size = nbd.CHOSEN.unpack(received(self.link, nbd.CHOSEN.size))
        return option, kind, received(self.link, size)

    def ask(self, kind, at=0, size=0):
        self.link.sendall(nbd.ASKED.pack(nbd.REQUEST, 0, kind, 7, at, size))
        return nbd.ANSWERED.unpack(received(self.link, nbd.ANSWERED.size))[1]


@pytest.fixture
def client(blocks, place):
    blocks.serve([place])
    client = Client(place)
    client.link.settimeout(30)
    client.link.sendall(struct.pack(">I", nbd.FIXED_NEWSTYLE))
    yield client
    client.link.close()


def test_options_that_are_not_known_are_declined(client):
    client.option(8)
    assert client.reply() == (8, nbd.UNSUPPORTED, b"")
    client.option(nbd.GO, struct.pack(">IH", 0, 0))
    assert client.reply() == (nbd.GO, nbd.INFO, struct.pack(">HQH", 0, SIZE, nbd.READ_ONLY))
    assert client.reply() == (nbd.GO, nbd.ACK, b"")
    client.ask(nbd.READ, 0, 4)
    assert received(client.link, 4) == FILE[:4]


def test_nothing_is_written_and_nothing_is_read_beyond_the_end(client):
    client.option(nbd.EXPORT_NAME)
    assert received(client.link, 134) == struct.pack(">QH", SIZE, nbd.READ_ONLY) + bytes(124)
    assert client.ask(nbd.READ, SIZE - 1, 2) == errno.EINVAL
    assert client.ask(nbd.READ, 2**63, 2) == errno.EINVAL
    assert client.ask(4, 0, 512) == errno.EPERM
    assert client.ask(1, 0, 4) == errno.EPERM
    assert client.link.recv(1) == b""


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", nbd.CHOICE.pack(nbd.OPTION, 7, 2**31)])
def test_who_speaks_otherwise_is_left(client, words):
    client.link.sendall(words)
    with suppress(ConnectionResetError):
        assert client.link.recv(1) == b""


def test_who_is_served_by_no_such_server_is_told(folder):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "s"))
        other.listen()
        with pytest.raises(TimeoutError, match="timed out"):
            nbd.Served(folder / "s", silent=0.1)
