"""Commands of vmf that are forked from one process, which has imported all that they need: that is most of their time.

They are processes of their own all the same, with the folder and the environment that they are given. How Python starts
is tried where it starts: a command is not forked whose environment differs in more than what vmf itself reads.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

OWN = frozenset({"VMF_HOME", "VMF_WAREHOUSE", "XDG_CONFIG_HOME", "PYTHONPATH", "COLUMNS", "PYTEST_CURRENT_TEST"})
"""The variables in which a command's environment may differ from that of the tests."""
MESSAGE_MOST = 2**17
"""Bytes of what is asked for."""
LAZY = ("cli", "run", "spec", "lint", "classad", "warehouse", "files", "disks", "steps", "control", "testing.fake")
"""Of vmf: what commands import only once they need it. What takes numpy is not among it, which starts threads."""
SPEC = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: j}
spec: {image: box.raw, memory: 256MiB, run: exit 0}
"""


class Forker:
    """Whom to ask for commands. The process that they are forked from is begun with the first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._channel, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def close(self) -> None:
        """End the process, and with it the commands that still run."""
        self._theirs.close()
        self._channel.close()
        if self._process:
            self._process.wait()

    def can(self, environment: Mapping[str, str]) -> bool:
        """Whether a command that has this environment can be forked."""
        return {name for name, _ in environment.items() ^ os.environ.items()} <= OWN

    def run(
        self, words: Sequence[str], *, folder: Path, environment: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Have vmf run these words, and wait for its end.

        Raises:
            subprocess.TimeoutExpired: if it takes longer; it is killed then.
        """
        asked = json.dumps({"words": words, "folder": str(folder), "environment": dict(environment)}).encode()
        with ExitStack() as stack:
            reads, writes = zip(*(os.pipe() for _ in range(3)), strict=True)
            for each in reads:
                stack.callback(os.close, each)
            try:
                socket.send_fds(self._begun(), [asked], writes)
            finally:
                for each in writes:
                    os.close(each)
            out, err, status = _read(reads, words, seconds)
        return subprocess.CompletedProcess(words, int(status.split()[1]), _text(out), _text(err))

    def _begun(self) -> socket.socket:
        if self._process is None:
            number = self._theirs.fileno()
            words = ("env", "--default-signal=HUP,INT,TERM", sys.executable, "-P", __file__, str(number))
            nothing = subprocess.DEVNULL
            self._process = subprocess.Popen(words, pass_fds=(number,), stdin=nothing, stdout=nothing)
        return self._channel


def _read(reads: Sequence[int], words: Sequence[str], seconds: float) -> tuple[bytes, ...]:
    """All that comes out of some pipes until each is closed; the last one begins with the number of the process."""
    deadline = time.monotonic() + seconds
    pieces: dict[int, list[bytes]] = {each: [] for each in reads}
    waiting = set(reads)
    while waiting:
        ready, _, _ = select.select(waiting, [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(int(b"".join(pieces[reads[-1]]).split()[0]), signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(words), seconds)
        for each in ready:
            piece = os.read(each, 2**16)
            pieces[each].append(piece)
            if not piece:
                waiting.remove(each)
    return tuple(b"".join(pieces[each]) for each in reads)


def _text(told: bytes) -> str:
    return told.decode().replace("\r\n", "\n").replace("\r", "\n")


def _serve(channel: socket.socket) -> None:
    """Fork a command for each message, and tell its number and its exit code; until nobody asks any more."""
    running: dict[int, tuple[int, int]] = {}
    while True:
        for each in select.select([channel.fileno(), *running], [], [])[0]:
            if each in running:
                os.close(each)
                _settle(*running.pop(each))
                continue
            asked, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_MOST, 3)
            if not asked:
                for process, _ in running.values():
                    os.kill(process, signal.SIGKILL)
                return
            *streams, status = descriptors
            if not (process := os.fork()):
                _become(streams, **json.loads(asked))
            for stream in streams:
                os.close(stream)
            os.write(status, f"{process}\n".encode())
            running[os.pidfd_open(process)] = (process, status)


def _settle(process: int, status: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.write(status, str(code).encode())
    os.close(status)


def _become(streams: Sequence[int], *, words: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
    """Be the command; it never returns."""
    from vmf.cli import program  # noqa: PLC0415  # whoever only asks needs none of it

    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
    os.closerange(3, 2**12)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(":"))
    sys.argv = ["vmf", *words]
    program()


def _warm_up() -> None:
    """Do once what every command would do again: import, and find out what the types of values say."""
    import msgspec  # noqa: PLC0415  # as above

    from vmf.cli import main  # noqa: PLC0415
    from vmf.plugins import Plugins  # noqa: PLC0415
    from vmf.store import Record  # noqa: PLC0415

    for name in _modules():
        importlib.import_module(name)
    Plugins.load()
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        (Path(folder) / "j.yaml").write_text(SPEC)
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            main(["lint", f"{folder}/j.yaml"])
    msgspec.json.Decoder(Record)
    gc.collect()
    gc.freeze()


def _modules() -> Iterator[str]:
    for lazy in LAZY:
        module = importlib.import_module(f"vmf.{lazy}")
        for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"vmf.{lazy}."):
            yield found.name


if __name__ == "__main__":
    _warm_up()
    _serve(socket.socket(fileno=int(sys.argv[1])))
