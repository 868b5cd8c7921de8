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
    count             say `count 1`, `count 2` and so on, with a short pause after each, until asked to power off
    ticks             say what the clock shows, a time long gone until somebody sets it, until asked to power off
    keep              count, with each number on the first disk as well, until a line is typed on the console
    discs N           say the file `word` of the disc in drive N, again and again, until asked to power off
    call              call nobody, and say that nobody answered: there are no networks but those of type user
    serve             tell of its network card and answer calls, as `serves` of the contract suite's guests
    who               say who it is, and what its clock shows, as `identifies` of the contract suite's guests
    tell              tell what the machine is made of, write to it, and stay, as `tells` of the contract suite's guests
    exit N            hand over the results with this exit code, and power off
    cut               hand over results that lack their end, and power off
    silent            power off without a word
    crash             crash
    panic             panic
    halt              do nothing more, and hear nobody, with the machine on
    begins NAME       begin a step, up to the line `ends`; an `exit N` in it is the step's own
    reboot            begin anew with nothing made, if the machine may reboot; else that is its end

The end of the script is `exit 0`. While it sleeps, hangs, hears, counts, keeps or says discs, it answers requests, and
can be suspended: what asks for that is a file that it renames, so one who takes it back in time has changed nothing.
With its memory in a file its process ends, and another one goes on from there; for a snapshot it leaves its memory in a
file as well, and goes on itself. It lives for five minutes at most, and as long again after each of those; then it is
killed.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote

LIFETIME = 300
LINE_MOST = 100
LOOK_SECONDS = 0.02
MAGIC_SIZE = 512
REQUEST_HEAD = 16 * 1024
LONG_AGO = 10**9
NOISE = 600 * 1024
PIECE = 1024 * 1024
HUNDREDTHS = 150
"""Of a second, that each step takes, as the guest says."""
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


class Saved(Exception):  # it is how a guest's process ends, not an error
    """The guest is to leave its memory in a file, which nobody can undo any more."""


class Memory:
    """What a guest needs to go on where it stood, as plain data."""

    def __init__(self, **kept: Any) -> None:  # noqa: ANN401  # as they were kept
        self.step = 0
        self.left = 0.0
        """Seconds of a sleep that is not over."""
        self.made: dict[str, str] = {}
        self.deaf = False
        self.heard = 0
        self.said = 0
        """Bytes on its console when it left its last snapshot."""
        self.counted = 0
        self.answered = ""
        self.doing: list[str] = []
        """The name of a step, and a word if what follows is done whatever becomes of it."""
        self.done = 0
        """Steps."""
        self.code = "0"
        """The exit code of the step."""
        vars(self).update(kept)


class Guest:
    """A running guest: its folder, what its CD holds, the ports that lead to it, and what it remembers."""

    def __init__(self, folder: Path, disc: dict[str, Any], ports: list[socket.socket], memory: Memory) -> None:
        self._folder = folder
        self._disc = disc
        self._memory = memory
        self._calls = [each for each in ports if each.type == socket.SOCK_STREAM]

    def run(self) -> NoReturn:
        """Follow the script to its end, from the step on that it remembers.

        Raises:
            Off: it says how the guest ended.
            Again: if the guest is to begin anew.
            Saved: if it is to go on in another process.
        """
        for step, rest in self._steps()[self._memory.step :]:
            step(rest)
            self._memory.step += 1
            self._memory.left = 0.0
        self.exit("0")
        raise AssertionError("a step has no end")

    def _steps(self) -> list[tuple[Callable[[str], None], str]]:
        """What the script's lines say; a word that does something and then stays is a step for each."""
        words: dict[str, tuple[Callable[[str], None], ...]] = {
            "echo": (self.echo,), "args": (self.args,), "env": (self.env,),
            "write": (self.write,), "sleep": (self.sleep,), "hang": (self.hang,), "deaf": (self.deaf,),
            "fill": (self.fill, self.hang), "hear": (self.hear,), "discs": (self.discs,), "count": (self.count,),
            "keep": (self.keep,), "ticks": (self.ticks,), "who": (self.who,),
            "tell": (self.tell, self.hang), "serve": (self.card, self.serve), "call": (self.call, self.hang),
            "exit": (self.exit,), "cut": (self.cut,), "silent": (self.silent,), "crash": (self.crash,),
            "panic": (self.panic,), "halt": (self.halt,), "reboot": (self.reboot,),
            "begins": (self.begins,), "ends": (self.ends,),
        }  # fmt: skip
        steps: list[tuple[Callable[[str], None], str]] = []
        for line in self._disc["run"].splitlines():
            word, _, rest = line.strip().partition(" ")
            steps += [(step, rest) for step in words[word]] if word in words else [(self.echo, line)]
        return steps

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
        self._memory.made[name] = f"{text}\n"

    def sleep(self, seconds: str) -> None:
        """Stay busy, or until asked to power off."""
        memory = self._memory
        memory.left = memory.left or float(seconds)
        while True:
            if not memory.deaf and signal.SIGTERM in signal.sigpending():
                raise Off("shutdown", "asked to power off")
            self._stand_still()
            self._answer()
            if memory.left <= 0:
                memory.left = 0.0
                return
            began = time.monotonic()
            time.sleep(min(memory.left, LOOK_SECONDS))
            memory.left -= time.monotonic() - began

    def _stand_still(self) -> None:
        """Do what the world asks for, for as long as it does."""
        with suppress(FileNotFoundError):
            (self._folder / "paused.asked").rename(self._folder / "paused")
        while True:
            self._leave_snapshot()
            with suppress(FileNotFoundError):
                (self._folder / "memory.asked").rename(self._folder / "memory.new")
                raise Saved
            if not (self._folder / "paused").exists():
                return
            time.sleep(LOOK_SECONDS)

    def _leave_snapshot(self) -> None:
        """Leave what a machine needs to go on from here, if that is asked for: the request goes when all is there."""
        asked, files = self._folder / "snapshot.asked", self._folder / "files"
        if not asked.exists():
            return
        with held(self._folder):
            number = _read(asked).decode()
            if not number:  # it has been taken back
                return
            if self._disc["volume"]:
                _copy(Path(self._disc["volume"]), files / f"results-{number}")
            for place, disk in enumerate(self._machine()["disks"]):
                if disk["access"] == "snapshot":
                    (files / f"disk{place}-{number}").touch()
            self._memory.said = (self._folder / "console.log").stat().st_size
            _write(files / f"memory-{number}", vars(self._memory))
            asked.unlink()

    def hang(self, _: str) -> None:
        """Stay until asked to power off."""
        self.sleep(str(LIFETIME))

    def deaf(self, _: str) -> None:
        """Ignore being asked."""
        self._memory.deaf = True
        self.echo("deaf")

    def fill(self, _: str) -> None:
        """Fill the first disk: a machine whose disk takes nothing more hears nobody."""
        (self._folder / "full").touch()
        self._memory.deaf = True

    def hear(self, _: str) -> None:
        """Wait for a line to be typed on the console, and say it."""
        while (line := self._typed()) is None:
            self.sleep(str(LOOK_SECONDS))
        self.echo(f"heard {line}")

    def _typed(self) -> str | None:
        """The next line that was typed on the console."""
        typed = _read(self._folder / "keys")[self._memory.heard :].replace(b"\r", b"\n")
        line, end = typed.partition(b"\n")[:2]
        if not end:
            return None
        self._memory.heard += len(line) + 1
        return line.decode(errors="replace")

    def discs(self, drive: str) -> NoReturn:
        """Say what is on each disc that is put into a drive."""
        while True:
            if word := _read(self._folder / f"drive{drive}").decode(errors="replace"):
                self.echo(word)
            self.sleep(str(LOOK_SECONDS))

    def count(self, _: str) -> NoReturn:
        """Say one number after the other."""
        while True:
            self._memory.counted += 1
            self.echo(f"count {self._memory.counted}")
            self.sleep(str(LOOK_SECONDS))

    def ticks(self, _: str) -> NoReturn:
        """Say what the clock shows."""
        while True:
            self.echo(f"time {int(time.time()) if (self._folder / 'clock').exists() else LONG_AGO}")
            self.sleep(str(LOOK_SECONDS))

    def keep(self, _: str) -> None:
        """Say one number after the other, if the one before is on the first disk."""
        memory = self._memory
        if not memory.counted:
            self._overwrite(0, b"0\n" + os.urandom(NOISE))
        while self._typed() is None:
            layers = [content for each in chain(self._folder / "files", 0) if (content := _read(each))]
            had = layers[-1].partition(b"\n")[0].decode(errors="replace")
            kept = had == str(memory.counted)
            memory.counted += 1
            self._overwrite(0, b"%d\n" % memory.counted)
            self.echo(f"count {memory.counted}" if kept else f"lost {had}")
            self.sleep(str(LOOK_SECONDS))

    def _overwrite(self, disk: int, content: bytes) -> None:
        """Write over the beginning of a disk: into its overlay, if it has one."""
        files, drive = self._folder / "files", self._machine()["disks"][disk]
        with held(self._folder):
            file = chain(files, disk)[-1] if drive["access"] == "snapshot" else files / drive["file"]
            with file.open("r+b") as out:
                out.write(content)

    def _machine(self) -> Any:  # noqa: ANN401  # whatever JSON can say
        return json.loads((self._folder / "machine.json").read_text())

    def card(self, _: str) -> None:
        """Tell of the network card."""
        nic = self._machine()["nic"]
        self.echo(f"card {nic['mac']} {DRIVERS.get(nic['model'], nic['model'])}")

    def serve(self, _: str) -> NoReturn:
        """Answer whoever calls a forwarded port."""
        while True:
            for listener in self._calls:
                with suppress(BlockingIOError), listener.accept()[0] as call:
                    call.sendall(b"served\n")
            self.sleep(str(LOOK_SECONDS))

    def call(self, _: str) -> None:
        """Say what becomes of a call on a network that reaches nobody."""
        self.echo("silent")

    def who(self, _: str) -> None:
        """Say who it is: its random numbers come of nothing but what its disc says."""
        identity = self._disc["identity"]
        for word, name in (("host", "vmf_host"), ("machine", "vmf_machine")):
            self.echo(f"{word} {identity.get(name, '')}")
        self.echo(f"random {identity.get('vmf_seed', '')[:32]}")
        self.echo(f"clock {int(time.time())}")

    def tell(self, _: str) -> None:
        """Tell what the machine is made of, and write to it."""
        machine = self._machine()
        ahead = time.localtime().tm_gmtoff if machine["clock"] == "local" else 0
        self.echo(f"clock {int(time.time()) + ahead}")
        self.echo(f"firmware {machine['firmware'] or 'bios'}")
        for disc in self._disc["discs"]:
            self.echo(f"disc {disc}")
        for number, disk in enumerate(machine["disks"]):
            self._try_disk(number, disk)
        for share in machine["shares"]:
            self._try_share(share)

    def _try_disk(self, number: int, disk: dict[str, Any]) -> None:
        file = self._folder / "files" / disk["file"]
        with file.open("rb") as content:
            word = content.readline(LINE_MOST).decode(errors="replace").rstrip("\n")
        self.echo(f"disk {disk['device'] or 'vd' + string.ascii_lowercase[number]} {file.stat().st_size} {word}")
        if disk["access"] == "read":
            self.echo(f"kept {word}")
            return
        self._overwrite(number, b"contract-changed\n")
        self.echo(f"wrote {word}")

    def _try_share(self, share: dict[str, Any]) -> None:
        folder, name = Path(share["folder"]), share["name"]
        self.echo(f"share {name} {_read(folder / 'word').decode(errors='replace').rstrip()}")
        if share["write"]:
            (folder / "made").touch()
        self.echo(f"{'wrote' if share['write'] else 'kept'} {name}")

    def begins(self, rest: str) -> None:
        """Begin a step."""
        self._memory.doing, self._memory.code = rest.split(), "0"
        self.echo(f"vmf: step {self._memory.doing[0]}: begins")

    def ends(self, _: str) -> None:
        """End a step, and report it."""
        memory, (name, *anyway) = self._memory, self._memory.doing
        memory.done, memory.doing = memory.done + 1, []
        report = f"{memory.done} {memory.code} 1 {HUNDREDTHS}\n"
        memory.made["vmf-steps/report"] = memory.made.get("vmf-steps/report", "") + report
        memory.made[f"vmf-steps/{memory.done}.log"] = f"{name} ends with {memory.code}\n"
        self.echo(f"vmf: step {name}: {'could not be done' if memory.code != '0' else 'done'}")
        if memory.code != "0" and not anyway:
            self.exit(memory.code)

    def exit(self, code: str) -> None:
        """Hand over the results, and power off; in a step, end that."""
        if self._memory.doing:
            self._memory.code = code
            return
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

    def panic(self, _: str) -> NoReturn:
        """Panic."""
        raise Off("panicked", "the guest's script says so")

    def halt(self, _: str) -> None:
        """Do nothing more."""
        (self._folder / "halted").touch()
        self._memory.deaf = True
        self.hang("")

    def reboot(self, _: str) -> NoReturn:
        """Reboot, if the machine may."""
        raise Again if self._disc["reboots"] else Off("rebooted", "a reboot ends this machine")

    def _answer(self) -> None:
        """Do what a disc asks for, if it is a new one, and say so on the results volume."""
        for drive in self._folder.glob("request[0-9]*"):
            disc = _read(drive)
            asked = dict(word.split("=", 1) for word in shlex.split(disc[:REQUEST_HEAD].decode()))
            nonce = asked.get("vmf_request", self._memory.answered)
            if nonce == self._memory.answered:
                continue
            self._memory.answered = nonce
            if asked["to"]:
                self.take(asked["to"], disc[REQUEST_HEAD:])
            if asked["run"]:
                self.perform(f"{asked['to']}/{asked['run']}")
            files = (
                self._offered(f"{asked['to']}/{asked['out']}" if asked["to"] else asked["out"]) if asked["out"] else ()
            )
            words = b"" if files or not asked["out"] else f"ls: {asked['out']}: No such file or directory\n".encode()
            answer = b"%d %s\n%s" % (bool(words), nonce.encode(), words)
            tar = _tar((("answer", answer), *files, ("vmf-end", f"{nonce}\n".encode())))
            with Path(self._disc["volume"]).open("r+b") as disk:
                disk.write(bytes(MAGIC_SIZE))  # first, so that it is not read before it is whole
                disk.write(tar[MAGIC_SIZE : os.fstat(disk.fileno()).st_size])
                disk.flush()
                os.pwrite(disk.fileno(), tar[:MAGIC_SIZE], 0)

    def perform(self, folder: str) -> None:
        """Do the steps of a folder that was copied in: their scripts' lines are said, up to an `exit`."""
        kept = {unquote(each.name): each.read_text(errors="replace") for each in self._folder.glob("inside/*")}
        report, number = "", 0
        while about := kept.get(f"{folder}/steps/{(number := number + 1)}/about"):
            step = dict(word.split("=", 1) for word in shlex.split(about))
            self.echo(f"vmf: step {step['name']}: begins")
            lines = [line.partition(" ") for line in kept.get(f"{folder}/steps/{number}/script", "").splitlines()]
            said = [rest for word, _, rest in lines if word == "echo"]
            code = next((rest for word, _, rest in lines if word == "exit"), "0")
            for line in (*said, *kept.get(f"{folder}/steps/{number}/publish", "").splitlines()):
                self.echo(line)
            report += f"{number} {code} 1 {HUNDREDTHS}\n"
            self._keep(f"{folder}/vmf-steps/{number}.log", "".join(f"{line}\n" for line in said).encode())
            self.echo(f"vmf: step {step['name']}: {'could not be done' if code != '0' else 'done'}")
            if code != "0" and not step["anyway"]:
                break
        self._keep(f"{folder}/vmf-steps/report", report.encode())

    def _keep(self, path: str, content: bytes) -> None:
        """Keep a file as those are kept that an agent copies in."""
        (self._folder / "inside").mkdir(exist_ok=True)
        (self._folder / "inside" / quote(path, safe="")).write_bytes(content)

    def take(self, to: str, payload: bytes) -> None:
        """Keep the files of a tar as they are kept that an agent copies in."""
        with tarfile.open(fileobj=io.BytesIO(payload)) as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    self._keep(f"{to.rstrip('/')}/{member.name}", content.read())

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
        made = self._memory.made
        wanted = ((name, each) for name in self._disc["results"] for each in made if f"{each}/".startswith(f"{name}/"))
        files = [(each, made[each].encode()) for _, each in wanted]
        tar = _tar((("exit-code", f"{code}\n".encode()), *files, *end))
        with Path(self._disc["volume"]).open("r+b") as disk:
            if not self._memory.answered and disk.read(MAGIC_SIZE).hex() != self._disc["magic"]:
                self.echo("no disk begins with the magic of the CD")
                return
            disk.seek(0)
            disk.write(tar[: os.fstat(disk.fileno()).st_size])


def chain(files: Path, number: int) -> list[Path]:
    """The layers of a disk's overlay, each on the one before: `disk0`, and one for each snapshot, such as `disk0-3`."""
    above = files.glob(f"disk{number}-*")
    return [files / f"disk{number}", *sorted(above, key=lambda layer: int(layer.name.partition("-")[2]))]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have the overlays of a machine's disks for oneself."""
    with (folder / "disks").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(source: Path, target: Path) -> None:
    """Copy a file; zeros become holes."""
    with source.open("rb") as reading, target.open("wb") as writing:
        while piece := reading.read(PIECE):
            if piece.count(0) < len(piece):
                writing.write(piece)
            else:
                writing.seek(len(piece), os.SEEK_CUR)
        writing.truncate()


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
    """Open the ports that lead to the guest; the file `forwards` says which they are, and goes on saying so."""
    nic = json.loads((folder / "machine.json").read_text())["nic"]
    forwards = nic["forwards"] if nic else ()
    numbers = json.loads(_read(folder / "forwards") or "null") or [each["host_port"] or 0 for each in forwards]
    ports = []
    for forward, number in zip(forwards, numbers, strict=True):
        stream = forward["protocol"] == "tcp"
        port = socket.socket(type=(socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) | socket.SOCK_NONBLOCK)
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, stream)  # calls that were answered are no hindrance
        port.bind(("127.0.0.1", number))
        if stream:
            port.listen()
        ports.append(port)
    _write(folder / "forwards", [each.getsockname()[1] for each in ports])
    return ports


def _write(path: Path, content: Any) -> None:  # noqa: ANN401  # whatever JSON can say
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(content))
    new.replace(path)


def _live(folder: Path, ports: list[socket.socket], memory: Memory) -> None:
    signal.alarm(LIFETIME)
    disc = json.loads((folder / "disc.json").read_text())
    try:
        while True:
            with suppress(Again):
                Guest(folder, disc, ports, memory).run()
            memory = Memory()
    except Saved:
        _write(folder / "memory", vars(memory))
    except Off as off:
        _write(folder / "ending", {"ending": off.ending, "detail": off.detail})


def main() -> None:
    """Start the guest, or have one go on that has left its memory, and return.

    The guest holds the lock `alive` for as long as it lives. The world's lock, passed in, is held until the guest is
    under way, even if whoever took it is killed meanwhile.
    """
    folder, lock = Path(sys.argv[1]), int(sys.argv[2])
    memory = Memory(**json.loads(_read(folder / "memory") or "{}"))
    ports = _forwarded(folder)
    alive = os.open(folder / "alive", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    (folder / "started").touch()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # being asked waits until the guest listens
    if pid := os.fork():
        _write(folder / "pid", pid)
    else:
        (folder / "memory").unlink(missing_ok=True)
        os.close(lock)
        _live(folder, ports, memory)
    os._exit(0)


if __name__ == "__main__":
    main()
