"""Files that are served at sockets, as those of warehouses elsewhere are, by threads of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from vmf.blocks.speaking import Session


class Content(Struct, frozen=True):
    """A file that is all there."""

    content: bytes

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.content)

    def has(self, _offset: int, _size: int) -> bool:
        """True."""
        return True

    def have(self, _offset: int, _size: int) -> None:
        """They are there."""

    def pour(self, link: socket.socket, offset: int, size: int) -> None:
        """Send these bytes."""
        link.sendall(self.content[offset : offset + size])


@contextmanager
def serving(path: Path, workers: Executor) -> Iterator[Path]:
    """The path of the socket, beside the file, at which it is served until the end of the block."""
    place, export = path.with_name(f"{path.name}.nbd"), Content(path.read_bytes())

    def accept() -> None:
        with suppress(OSError):  # it is closed
            while True:
                threading.Thread(target=attend, args=(listener.accept()[0],), daemon=True).start()

    def attend(link: socket.socket) -> None:
        with link:
            Session(link, export, workers).serve()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        place.chmod(0o666)
        listener.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield place
        listener.shutdown(socket.SHUT_RDWR)
        place.unlink()
