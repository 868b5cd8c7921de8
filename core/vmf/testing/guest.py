"""A fake guest: a process of its own that reads a script line by line and keeps the guest contract.

Started by `vmf.testing.fake` as `python -I -S guest.py FOLDER LOCK`, so it sees the standard library only and outlives
whoever started it. It runs nothing: it knows these lines, and echoes every other one to its console.

    echo TEXT         write a line to the console
    args              write the script's arguments to the console, a line each
    env NAME          write the value of a variable to the console
    write NAME TEXT   make a file; it comes back if the job asked for it
    sleep SECONDS     stay busy
    hang              stay until asked to power off
    deaf              from now on, ignore being asked
    fill              fill the first disk: the machine stays paused until it is forced
    hear              wait for a line to be typed on the console, and say it
    discs N           say the file `word` of the disc in drive N, again and again, until asked to power off
    call              call nobody, and say that nobody answered: there are no networks but those of type user
    serve             tell of its network card and answer calls, as `serves` of the contract suite's guests
    tell              tell what the machine is made of, write to it, and stay, as `tells` of the contract suite's guests
    exit N            hand over the results with this exit code, and power off
    cut               hand over results that lack their end, and power off
    silent            power off without a word
    crash             crash
    reboot            begin anew with nothing made, if the machine may reboot; else power off without a word

The end of the script is `exit 0`. While it sleeps, hangs, hears or says discs, it answers requests. It
lives for five minutes at most; then it is killed.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shlex
import signal
import socket
import string
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote

LIFETIME = 300
LINE_MOST = 100
LOOK_SECONDS = 0.02
MAGIC_SIZE = 512
REQUEST_HEAD = 16 * 1024
DRIVERS = {"virtio": "virtio_net", "rtl8139": "8139cp"}
"""What Linux calls the driver of a card, where that is not the card's own name."""


class Off(Exception):  # it is how a guest's life ends, not an error
    """The guest powers off."""

    def __init__(self, ending: str, detail: str = "") -> None:
        super().__init__(ending)
        self.ending = ending
        self.detail = detail


class Again(Exception):  # it is how a guest's life begins anew, not an error
    """The guest reboots."""


class Guest:
    """A running guest: its folder, what its CD holds, the ports that lead to it, and the files that it has made."""

    def __init__(self, folder: Path, disc: dict[str, Any], ports: list[socket.socket]) -> None:
        self._folder = folder
        self._disc = disc
        self._made: dict[str, bytes] = {}
        self._heeds = {signal.SIGTERM}
        self._heard = 0
        self._answered = ""
        self._calls = [each for each in ports if each.type == socket.SOCK_STREAM]

    def run(self) -> NoReturn:
        """Follow the script to its end.

        Raises:
            Off: it says how the guest ended.
            Again: if the guest is to begin anew.
        """
        words = {
            "echo": self.echo, "args": self.args, "env": self.env,
            "write": self.write, "sleep": self.sleep, "hang": self.hang, "deaf": self.deaf,
            "fill": self.fill, "hear": self.hear, "discs": self.discs, "tell": self.tell,
            "serve": self.serve, "call": self.call,
            "exit": self.exit, "cut": self.cut, "silent": self.silent, "crash": self.crash,
            "reboot": self.reboot,
        }  # fmt: skip
        for line in self._disc["run"].splitlines():
            word, _, rest = line.strip().partition(" ")
            if word in words:
                words[word](rest)
            else:
                self.echo(line)
        self.exit("0")

    def echo(self, text: str) -> None:
        """Write a line to the console."""
        with (self._folder / "console.log").open("a") as console:
            console.write(f"{text}\n")

    def args(self, _: str) -> None:
        """Write the arguments to the console."""
        for each in self._disc["arguments"]:
            self.echo(each)

    def env(self, name: str) -> None:
        """Write a variable to the console."""
        self.echo(self._disc["env"].get(name, ""))

    def write(self, rest: str) -> None:
        """Make a file."""
        name, _, text = rest.partition(" ")
        self._made[name] = f"{text}\n".encode()

    def sleep(self, seconds: str) -> None:
        """Stay busy, or until asked to power off."""
        end = time.monotonic() + float(seconds)
        while True:
            self._answer()
            if self._heeds & signal.sigpending():
                raise Off("shutdown", "asked to power off")
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, LOOK_SECONDS))

    def hang(self, _: str) -> None:
        """Stay until asked to power off."""
        self.sleep(str(LIFETIME))

    def deaf(self, _: str) -> None:
        """Ignore being asked."""
        self._heeds = set()
        self.echo("deaf")

    def fill(self, _: str) -> None:
        """Fill the first disk, and hang: a machine whose disk takes nothing more hears nobody."""
        (self._folder / "full").touch()
        self._heeds = set()
        self.hang("")

    def hear(self, _: str) -> None:
        """Wait for a line to be typed on the console, and say it."""
        while True:
            typed = _read(self._folder / "keys")[self._heard :].replace(b"\r", b"\n")
            line, end = typed.partition(b"\n")[:2]
            if end:
                self._heard += len(line) + 1
                self.echo(f"heard {line.decode(errors='replace')}")
                return
            self.sleep(str(LOOK_SECONDS))

    def discs(self, drive: str) -> NoReturn:
        """Say what is on each disc that is put into a drive."""
        while True:
            if word := _read(self._folder / f"drive{drive}").decode(errors="replace"):
                self.echo(word)
            self.sleep(str(LOOK_SECONDS))

    def serve(self, _: str) -> NoReturn:
        """Tell of the network card, and answer whoever calls a forwarded port."""
        nic = json.loads((self._folder / "machine.json").read_text())["nic"]
        self.echo(f"card {nic['mac']} {DRIVERS.get(nic['model'], nic['model'])}")
        while True:
            for listener in self._calls:
                with suppress(BlockingIOError), listener.accept()[0] as call:
                    call.sendall(b"served\n")
            self.sleep(str(LOOK_SECONDS))

    def call(self, _: str) -> None:
        """Say what becomes of a call on a network that reaches nobody, and stay."""
        self.echo("silent")
        self.hang("")

    def tell(self, _: str) -> None:
        """Tell what the machine is made of, write to it, and stay."""
        machine = json.loads((self._folder / "machine.json").read_text())
        ahead = time.localtime().tm_gmtoff if machine["clock"] == "local" else 0
        self.echo(f"clock {int(time.time()) + ahead}")
        self.echo(f"firmware {machine['firmware'] or 'bios'}")
        for disc in self._disc["discs"]:
            self.echo(f"disc {disc}")
        for number, disk in enumerate(machine["disks"]):
            self._try_disk(number, disk)
        for share in machine["shares"]:
            self._try_share(share)
        self.hang("")

    def _try_disk(self, number: int, disk: dict[str, Any]) -> None:
        files = self._folder / "files"
        file = files / disk["file"]
        with file.open("rb") as content:
            word = content.readline(LINE_MOST).decode(errors="replace").rstrip("\n")
        self.echo(f"disk {disk['device'] or 'vd' + string.ascii_lowercase[number]} {file.stat().st_size} {word}")
        if disk["access"] == "read":
            self.echo(f"kept {word}")
            return
        with (files / f"disk{number}" if disk["access"] == "snapshot" else file).open("r+b") as content:
            content.write(b"contract-changed\n")
        self.echo(f"wrote {word}")

    def _try_share(self, share: dict[str, Any]) -> None:
        folder, name = Path(share["folder"]), share["name"]
        self.echo(f"share {name} {_read(folder / 'word').decode(errors='replace').rstrip()}")
        if share["write"]:
            (folder / "made").touch()
        self.echo(f"{'wrote' if share['write'] else 'kept'} {name}")

    def exit(self, code: str) -> NoReturn:
        """Hand over the results, and power off."""
        self._speak(code, end=(("vmf-end", self._disc["end"].encode()),))
        raise Off("shutdown")

    def cut(self, _: str) -> NoReturn:
        """Hand over results without their end, and power off."""
        self._speak("0", end=())
        raise Off("shutdown")

    def silent(self, _: str) -> NoReturn:
        """Power off without a word."""
        raise Off("shutdown")

    def crash(self, _: str) -> NoReturn:
        """Crash."""
        raise Off("crashed", "the guest's script says so")

    def reboot(self, _: str) -> NoReturn:
        """Reboot, if the machine may."""
        raise Again if self._disc["reboots"] else Off("shutdown", "a reboot ends this machine")

    def _answer(self) -> None:
        """Do what a disc asks for, if it is a new one, and say so on the results volume."""
        for drive in self._folder.glob("request[0-9]*"):
            disc = _read(drive)
            asked = dict(word.split("=", 1) for word in shlex.split(disc[:REQUEST_HEAD].decode()))
            nonce = asked.get("vmf_request", self._answered)
            if nonce == self._answered:
                continue
            self._answered = nonce
            files = self._taken(asked["to"], disc[REQUEST_HEAD:]) if asked["to"] else self._offered(asked["out"])
            words = b"" if asked["to"] or files else f"ls: {asked['out']}: No such file or directory\n".encode()
            answer = b"%d %s\n%s" % (bool(words), nonce.encode(), words)
            tar = _tar((("answer", answer), *files, ("vmf-end", f"{nonce}\n".encode())))
            with Path(self._disc["volume"]).open("r+b") as disk:
                disk.write(bytes(MAGIC_SIZE))  # first, so that it is not read before it is whole
                disk.write(tar[MAGIC_SIZE : os.fstat(disk.fileno()).st_size])
                disk.flush()
                os.pwrite(disk.fileno(), tar[:MAGIC_SIZE], 0)

    def _taken(self, to: str, payload: bytes) -> tuple[()]:
        """Keep the files of a request as they are kept that an agent copies in."""
        inside = self._folder / "inside"
        inside.mkdir(exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(payload)) as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    (inside / quote(f"{to.rstrip('/')}/{member.name}", safe="")).write_bytes(content.read())
        return ()

    def _offered(self, out: str) -> tuple[tuple[str, bytes], ...]:
        """A file that was copied in, or all of a folder, under `at`."""
        above = f"{out.rpartition('/')[0]}/"
        kept = {unquote(each.name): each for each in self._folder.glob("inside/*")}
        inside = sorted(path for path in kept if path == out or path.startswith(f"{out}/"))
        return tuple((f"at/{path.removeprefix(above)}", kept[path].read_bytes()) for path in inside)

    def _speak(self, code: str, *, end: tuple[tuple[str, bytes], ...]) -> None:
        """Overwrite the results volume with a tar, if it is the one that the CD names; what does not fit is lost."""
        if not self._disc["volume"]:
            return
        files = [(name, self._made[name]) for name in self._disc["results"] if name in self._made]
        tar = _tar((("exit-code", f"{code}\n".encode()), *files, *end))
        with Path(self._disc["volume"]).open("r+b") as disk:
            if not self._answered and disk.read(MAGIC_SIZE).hex() != self._disc["magic"]:
                self.echo("no disk begins with the magic of the CD")
                return
            disk.seek(0)
            disk.write(tar[: os.fstat(disk.fileno()).st_size])


def _read(path: Path) -> bytes:
    """What is in a file, which may not be there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _tar(files: tuple[tuple[str, bytes], ...]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _forwarded(folder: Path) -> list[socket.socket]:
    """Open the ports that lead to the guest; the file `forwards` says which they are."""
    nic = json.loads((folder / "machine.json").read_text())["nic"]
    ports = []
    for forward in nic["forwards"] if nic else ():
        stream = forward["protocol"] == "tcp"
        port = socket.socket(type=(socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) | socket.SOCK_NONBLOCK)
        port.bind(("127.0.0.1", forward["host_port"] or 0))
        if stream:
            port.listen()
        ports.append(port)
    new = folder / "forwards.new"
    new.write_text(json.dumps([each.getsockname()[1] for each in ports]))
    new.replace(folder / "forwards")
    return ports


def _live(folder: Path) -> None:
    signal.alarm(LIFETIME)
    disc = json.loads((folder / "disc.json").read_text())
    ports = _forwarded(folder)
    try:
        while True:
            with suppress(Again):
                Guest(folder, disc, ports).run()
    except Off as off:
        new = folder / "ending.new"
        new.write_text(json.dumps({"ending": off.ending, "detail": off.detail}))
        new.replace(folder / "ending")


def main() -> None:
    """Start the guest and return.

    The guest holds the lock `alive` for as long as it lives. The world's lock, passed in, is held until the guest is
    under way, even if whoever took it is killed meanwhile.
    """
    folder, lock = Path(sys.argv[1]), int(sys.argv[2])
    alive = os.open(folder / "alive", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    (folder / "started").touch()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # being asked waits until the guest listens
    if pid := os.fork():
        new = folder / "pid.new"
        new.write_text(str(pid))
        new.replace(folder / "pid")
    else:
        os.close(lock)
        _live(folder)
    os._exit(0)


if __name__ == "__main__":
    main()
