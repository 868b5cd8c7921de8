"""A web server of a folder, with parts of files, tags and faults: also a program, `python ranged.py FOLDER [RATE]`."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

PIECE = 2**14
LOOK_SECONDS = 0.05


class Ranged(ThreadingHTTPServer):
    """Serves a folder; `faults` are played one by one, for each answer of a part of a file."""

    daemon_threads = True

    def __init__(self, folder: Path, rate: float = 0.0) -> None:
        """`rate`: bytes a second of all answers together; 0: as fast as can be."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.rate = rate
        self.faults: list[str] = []
        self.asked: list[tuple[str, str]] = []
        """Path and range of every question."""
        self.authorizations: set[str] = set()
        self.sent = 0
        """Bytes of parts of files."""
        self.is_down = False
        self.stuck = ""
        """Of files that are called so, all but the beginning waits until this is empty."""
        self._lock = threading.Lock()
        self._due = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def parts(self, name: str) -> list[str]:
        """The ranges that were asked for of files that are called so."""
        return [part for path, part in self.asked if path.endswith(name) and part]

    def count(self, size: int) -> None:
        """So many bytes more have been sent."""
        with self._lock:
            self.sent += size

    def wait(self, size: int) -> float:
        """How long so many bytes have to wait for those before them: there is one line for all."""
        with self._lock:
            now = time.monotonic()
            self._due = max(self._due, now) + size / self.rate
            return self._due - now

    def handle_error(self, *_: object) -> None:
        """Whoever asked has heard enough."""


class Handler(BaseHTTPRequestHandler):
    server: Ranged
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, part = unquote(self.path), self.headers.get("Range", "")
        self.server.asked.append((path, part))
        self.server.authorizations.add(self.headers.get("Authorization", ""))
        fault = self.server.faults.pop(0) if part and self.server.faults else ""
        while self.server.stuck and path.endswith(self.server.stuck) and not part.startswith("bytes=0-"):
            time.sleep(LOOK_SECONDS)
        if self.server.is_down:
            return self.fail(503)
        if fault.isdecimal():
            return self.fail(int(fault))
        try:
            file = (self.server.folder / path.lstrip("/")).open("rb")
        except OSError:
            return self.fail(404)
        with file:
            return self.answer(file, part, fault)

    def answer(self, file: BinaryIO, part: str, fault: str) -> None:
        stat = os.fstat(file.fileno())
        tag, size = f'"{stat.st_mtime_ns}-{stat.st_size}"', stat.st_size
        if self.headers.get("If-None-Match") == tag:
            return self.fail(304)
        if not part or fault == "all":
            return self.send(200, file.read(), tag)
        start, end = map(int, part.removeprefix("bytes=").split("-"))
        file.seek(start)
        found = file.read(end + 1 - start)
        if fault == "lie":
            found = bytes(len(found))
        elif fault == "elsewhere":
            start += 1
        headers = f"bytes {start}-{start + len(found) - 1}/{size}"
        self.send(206, found, tag, headers, cut=fault == "cut")
        self.server.count(len(found))
        return None

    def fail(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, status: int, content: bytes, tag: str, part: str = "", *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", tag)
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        content = content[: len(content) // 2] if cut else content
        for at in range(0, len(content), PIECE):
            piece = content[at : at + PIECE]
            if self.server.rate:
                time.sleep(self.server.wait(len(piece)))
            self.wfile.write(piece)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def serving(folder: Path, rate: float = 0.0) -> Iterator[Ranged]:
    with Ranged(folder, rate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with Ranged(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else 0.0) as program:
        sys.stdout.write(f"{program.address}\n")
        sys.stdout.flush()
        program.serve_forever()
