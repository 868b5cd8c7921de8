"""Serves files to machines of this computer: what has come of them, and the rest as it is asked for.

A program: `python -m vmf.blocks.server FOLDER SHA256...`. It detaches, serves each file that nobody else serves, and
ends when nobody needs any of them: no machine is connected, and nobody holds them. Whoever started it may be killed
meanwhile. If it is killed itself, its parent begins anew; what its clients had asked for they ask again.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from vmf.blocks.cache import Cache, Wrong
from vmf.blocks.places import Origin, Place
from vmf.blocks.speaking import Session
from vmf.blocks.sums import BLOCK
from vmf.blocks.web import Denied, Unreached, Web

WORKERS = 8
"""Parts that are fetched at once."""
CLIENTS_MOST = 256
"""Of one file."""
IDLE_SECONDS = 5.0
"""How long nobody needs a file before it is not served any more."""
LOOK_SECONDS = 0.5
LOOKS_SECONDS = 1.0
"""How long others may hold a file's lock who note where it comes from, or would remove it."""
PATIENCE_SECONDS = 300.0
"""How long a guest waits for a part that cannot be had before it is told so."""
PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
REST_SECONDS = 0.2
"""What is not asked for yet is fetched when nothing has been asked for this long."""
FILLED = 4 * BLOCK
"""Bytes of that at once."""
WRONGS_MOST = 3
"""How often a server may say that it has no such part, or send another one, before it is believed."""

log = logging.getLogger(__name__)


class Offer:
    """One file that is served here."""

    def __init__(self, place: Place, origin: Origin, workers: Executor) -> None:
        """Begin to listen.

        Raises:
            OSError, ValueError: if it cannot be served.
        """
        self._place = place
        self._origin = origin
        self._workers = workers
        self._web = Web(origin.address)
        self._cache = Cache(place.whole, place.sums(origin.size), self._fetched)
        self._asked = time.monotonic()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._clients = 0
        self._idle_since = time.monotonic()
        self.listening = listening(place.socket)
        self._filling = threading.Thread(target=self._fill, name="filling", daemon=True)
        self._filling.start()

    @property
    def size(self) -> int:
        """The file's bytes."""
        return self._cache.size

    def has(self, offset: int, size: int) -> bool:
        """Whether nobody would have to wait for these bytes."""
        return self._cache.has(offset, size)

    def have(self, offset: int, size: int) -> None:
        """Have these bytes there, fetched if need be; raises `OSError` if they cannot be had."""
        self._asked = time.monotonic()
        try:
            self._patiently(offset, size)
        finally:
            self._asked = time.monotonic()

    def pour(self, link: socket.socket, offset: int, size: int) -> None:
        """Send these bytes, which are there."""
        self._cache.pour(link, offset, size)

    def accept(self) -> None:
        """Take a client, and serve it in a thread of its own."""
        link, _ = self.listening.accept()
        link.settimeout(None)
        with self._lock:
            is_welcome = self._clients < CLIENTS_MOST
            self._clients += is_welcome
        if is_welcome:
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()
        else:
            link.close()

    def is_over(self, held: ExitStack) -> bool:
        """Whether nobody has needed it for some time; it is not served any more then, and `held` is closed."""
        if self._clients:
            self._idle_since = time.monotonic()
        if time.monotonic() - self._idle_since < IDLE_SECONDS:
            return False
        with self._place.unused() as is_unused:
            if is_unused and not self._clients:
                self._close()
                held.close()  # before anybody can come who would take it for served
                return True
        self._idle_since = time.monotonic()
        return False

    def _close(self) -> None:
        """Nobody can come any more: whoever wants to waits for the lock that is held now."""
        self._closing.set()
        self._web.close()
        self._place.socket.unlink(missing_ok=True)
        self.listening.close()

    def _serve(self, link: socket.socket) -> None:
        try:
            with link:
                Session(link, self, self._workers).serve()
        finally:
            with self._lock:
                self._clients -= 1

    def _fetched(self, start: int, size: int) -> bytes:
        return self._web.part(self._origin.path, start, size)

    def _patiently(self, offset: int, size: int) -> None:
        began, wrongs, pause = time.monotonic(), 0, PAUSE_SECONDS
        while True:
            try:
                return self._cache.have(offset, size)
            except (Wrong, Denied) as fault:
                wrongs, told = wrongs + 1, str(fault)
            except Unreached as fault:
                told = str(fault)
            log.warning("%s", told)
            if wrongs >= WRONGS_MOST or time.monotonic() - began > PATIENCE_SECONDS or self._closing.wait(pause):
                raise OSError(errno.EIO, told, str(self._place.whole))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _fill(self) -> None:
        """Have the file whole one day, however often that cannot be for now."""
        pause = PAUSE_SECONDS
        while not (self._place.whole.exists() or self._closing.is_set()):
            try:
                self._bring_rest()
            except Wrong as fault:
                self._place.forget()
                log.warning("%s", fault)
                return
            except OSError as error:
                log.warning("%s is not whole: %s", self._place.whole, error)
                self._closing.wait(pause)
                pause = min(2 * pause, PATIENCE_SECONDS)

    def _bring_rest(self) -> None:
        """Bring all that nobody has asked for yet, as long as the file is served."""
        for at in range(0, self.size, FILLED):
            if not self._rested():
                return
            self._patiently(at, min(FILLED, self.size - at))
        self._cache.settle(self._place.sha256)

    def _rested(self) -> bool:
        """Wait until nothing has been asked for a moment; False: nothing is wanted any more."""
        while (left := self._asked + REST_SECONDS - time.monotonic()) > 0:
            if self._closing.wait(left):
                return False
        return not self._closing.is_set()


def listening(path: Path) -> socket.socket:
    """A socket with this name, in place of what a killed process has left, that all can reach who reach its folder."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(CLIENTS_MOST)
        listener.settimeout(0)
    except BaseException:
        listener.close()
        raise
    return listener


def serve(places: list[Place]) -> None:
    """Serve files until nobody needs them; those that another process serves are left to it."""
    with ThreadPoolExecutor(WORKERS) as workers, selectors.DefaultSelector() as selector:
        served = dict[Offer, ExitStack]()
        for place in places:
            with ExitStack() as held:
                if not held.enter_context(place.serving(LOOKS_SECONDS)):
                    continue
                try:
                    offer = Offer(place, place.origin(), workers)
                except (OSError, ValueError, msgspec.MsgspecError) as error:
                    log.warning("%s cannot be served: %s", place.whole, error)
                    continue
                selector.register(offer.listening, selectors.EVENT_READ, offer)
                served[offer] = held.pop_all()
        while served:
            for key, _ in selector.select(LOOK_SECONDS):
                with suppress(BlockingIOError):
                    key.data.accept()
            for offer, held in list(served.items()):
                descriptor = offer.listening.fileno()
                if offer.is_over(held):
                    selector.unregister(descriptor)
                    served.pop(offer)


def main(folder: str, *sums: str) -> None:
    """Detach, and have a process that serves; one that is killed is followed by the next."""
    if os.fork():
        return
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    while True:
        child = os.fork()
        if not child:
            logging.basicConfig(format="%(asctime)s %(message)s")
            serve([Place(folder=Path(folder), sha256=each) for each in sums])
            os._exit(0)
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            return
        signal.sigtimedwait([], PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
