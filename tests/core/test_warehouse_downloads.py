"""Disks are fetched once, whatever the network does."""

from __future__ import annotations

import hashlib
import socket
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault, SetupError
from vmf.files import sparse
from vmf.model import Download
from vmf.warehouse.downloads import Downloads

DISK = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(DISK).hexdigest()
HALF = len(DISK) // 2


def sum_of(stream, file):
    return sparse.sha256(stream, file.part, check=lambda *_: None)


class Server(ThreadingHTTPServer):
    """Serves the disk, with a fault for each of its first answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.disk = DISK
        self.ranges = True
        self.released = threading.Event()
        self.sending = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Whoever asked has heard enough."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range", "all"))
        fault = self.server.faults.pop(0) if self.server.faults else "none"
        getattr(self, fault)()

    def none(self, *, most: int = 2**30) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if self.server.ranges else 0
        size = len(self.server.disk)
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        self.wfile.write(self.server.disk[start : start + most])

    def cut(self) -> None:
        self.none(most=HALF)

    def elsewhere(self) -> None:
        """Another part than was asked for."""
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {HALF + 1000}-{HALF + 1999}/{len(DISK)}")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(DISK[HALF + 1000 : HALF + 2000])

    def silent(self) -> None:
        self.none(most=HALF)
        self.wfile.flush()
        self.server.released.wait(30)

    def held(self) -> None:
        self.server.sending.set()
        self.server.released.wait(30)
        self.none()

    def refuses(self, code: int = 404) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def closed(self) -> None:
        self.refuses(403)

    def busy(self) -> None:
        self.refuses(503)

    def leads(self, to: str = "/other.qcow2") -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def leads_away(self) -> None:
        self.leads("ftp://127.0.0.1/disk.qcow2")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def download(server):
    return Download(url=f"http://127.0.0.1:{server.server_port}/a/disk.qcow2", sha256=SHA256)


@pytest.fixture
def images(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    return images


@pytest.fixture
def downloads(images):
    return Downloads(images, silent=30.0, pause=0.0)


def fetched(downloads, download):
    path = downloads.fetch(download, sum_of=sum_of)
    assert path.read_bytes() == DISK
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    return path


def test_a_disk_is_fetched_once_and_then_had_without_a_network(downloads, download, server, images):
    path = fetched(downloads, download)
    assert path.name == f"{SHA256}.qcow2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    server.faults = ["refuses"]
    assert fetched(Downloads(images), download) == path
    assert server.asked == ["all"]


def test_how_far_it_is_is_told(downloads, download):
    told = []
    downloads.fetch(download, sum_of=sum_of, report=lambda done, total: told.append((done, total)))
    assert (len(DISK), len(DISK)) in told


@pytest.mark.parametrize(
    "faults", [["cut"], ["busy", "busy"], ["leads"], ["cut", "busy", "busy", "cut"], ["cut", "elsewhere"]]
)
def test_what_breaks_is_taken_up_where_it_broke(downloads, download, server, faults):
    server.faults = list(faults)
    fetched(downloads, download)
    if faults[0] == "cut":
        assert server.asked[1] == f"bytes={HALF}-"


def test_what_falls_silent_is_taken_up_where_it_did(images, download, server):
    server.faults = ["silent"]
    fetched(Downloads(images, silent=2.0, pause=0.0), download)
    assert server.asked[1] == f"bytes={HALF}-"


def test_a_server_without_ranges_is_asked_for_all_of_it_again(downloads, download, server):
    server.faults, server.ranges = ["cut"], False
    fetched(downloads, download)


def test_what_a_killed_process_left_is_gone_on_with(downloads, download, server, images):
    (images / ".downloads").mkdir()
    part = images / ".downloads" / f"{SHA256}.part"
    part.write_bytes(DISK[:1000])
    fetched(downloads, download)
    assert server.asked == ["bytes=1000-"]


@pytest.mark.parametrize("left", [b"x" * 1000, DISK + b"more", b"x" * len(DISK)])
def test_what_was_left_of_another_file_is_not_used(downloads, download, images, left):
    (images / ".downloads").mkdir()
    (images / ".downloads" / f"{SHA256}.part").write_bytes(left)
    fetched(downloads, download)


def test_a_disk_that_has_come_whole_is_only_put_in_its_place(downloads, download, images):
    (images / ".downloads").mkdir()
    (images / ".downloads" / f"{SHA256}.part").write_bytes(DISK)
    fetched(downloads, download)


def test_a_disk_that_was_damaged_is_fetched_anew(downloads, download, server):
    path = fetched(downloads, download)
    path.write_bytes(b"x" * len(DISK))
    fetched(downloads, download)
    assert server.asked == ["all", "all"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("refuses", HoldCode.IMAGE_MISSING),
        ("closed", HoldCode.IMAGE_UNREADABLE),
        ("leads_away", HoldCode.IMAGE_INVALID),
    ],
)
def test_what_is_not_there_or_not_given_is_the_specs_fault(downloads, download, server, images, fault, code):
    server.faults = [fault]
    with pytest.raises(JobFault) as found:
        downloads.fetch(download, sum_of=sum_of)
    assert found.value.code is code
    assert list((images / ".downloads").iterdir()) == []


def test_another_file_is_not_kept(downloads, download, server, images):
    server.disk = DISK[:-1] + b"x"
    with pytest.raises(JobFault, match=f"should be {SHA256}"):
        downloads.fetch(download, sum_of=sum_of)
    assert list((images / ".downloads").iterdir()) == []


def test_a_file_without_end_is_broken_off(images, download):
    with pytest.raises(JobFault, match="more than the 1000 bytes"):
        Downloads(images, most=1000).fetch(download, sum_of=sum_of)


def test_without_a_server_it_is_told_what_to_do_and_what_has_come_stays(downloads, download, server, images):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/disk.qcow2"
        with pytest.raises(SetupError, match=r"(?s)cannot be fetched.*try again later"):
            downloads.fetch(replace(download, url=nobody), sum_of=sum_of)
    server.faults = ["cut", *["busy"] * 9]
    with pytest.raises(SetupError, match="503"):
        downloads.fetch(download, sum_of=sum_of)
    assert (images / ".downloads" / f"{SHA256}.part").stat().st_size == HALF
    server.faults = []
    fetched(downloads, download)


def test_of_two_one_fetches_and_both_have_it(images, download, server):
    server.faults = ["held"]
    waits = threading.Event()
    paths: list[Path] = []

    def fetch(report):
        paths.append(Downloads(images).fetch(download, sum_of=sum_of, report=report))

    threads = [threading.Thread(target=fetch, args=(lambda *_: None,))]
    threads[0].start()
    assert server.sending.wait(30)
    threads.append(threading.Thread(target=fetch, args=(lambda *_: waits.set(),)))
    threads[1].start()
    assert waits.wait(30)
    server.released.set()
    for thread in threads:
        thread.join(30)
    assert [path.read_bytes() == DISK for path in paths] == [True, True]
    assert server.asked == ["all"]


def test_whoever_waits_can_be_told_to_stop(images, download):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Downloads(images).fetch(download, sum_of=sum_of, report=stop)
    fetched(Downloads(images), download)
