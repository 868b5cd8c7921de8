"""What a fake guest finds on its CD, read by the hypervisor on its behalf: the guest itself has no ISO reader."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from itertools import count, takewhile
from pathlib import Path

from msgspec import Struct
from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException, PyCdlibInvalidInput

from vmf.errors import HoldCode, JobFault
from vmf.files.identity import IDENTITY
from vmf.model import Machine

REQUEST = b"vmf_request="
TEMPLATE = "echo vmf: ready\nhang"
"""What a guest does that waits for a disc."""
AGENT = "hang"
"""What one does that has an agent, and no disc."""


class Disc(Struct, frozen=True, kw_only=True):
    """The guest contract's files, as `vmf.testing.guest` wants them."""

    run: str = "echo no CD\nsilent"
    """A guest without a CD knows nothing of the contract: it shuts down, unless it has an agent, which stays."""
    results: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    arguments: tuple[str, ...] = ()
    magic: str = ""
    """The magic of the results volume, in hexadecimal."""
    end: str = ""
    volume: str = ""
    """The results volume's file."""
    reboots: bool = False
    discs: tuple[str, ...] = ()
    """What the file `word` of each further disc says."""
    identity: Mapping[str, str] = {}
    """Who the guest is, if it woke."""


def read(files: Path, machine: Machine) -> Disc:
    """Read the machine's CD, if it has one; `files` is the folder that a name without a slash is in.

    Raises:
        JobFault: if it is no ISO, or one that keeps no guest contract.
    """
    disc, *others = (drive.file for drive in machine.cdroms) if machine.cdroms else (None,)
    if disc is None:
        return Disc(run=TEMPLATE) if machine.template else Disc(run=AGENT) if machine.agent else Disc()
    with _opened(files / disc) as iso:
        script, environment = _script(iso)
        env, arguments = _environment(environment)
        return Disc(
            run=script,
            env=env,
            arguments=arguments,
            results=tuple(_file(iso, "results").decode().splitlines()),
            identity=dict(line.split("=", 1) for line in _optional(iso, IDENTITY).decode().splitlines()),
            magic=_file(iso, "magic").hex(),
            end=_file(iso, "vmf-end").decode(),
            volume=str(files / machine.results.file) if machine.results else "",
            reboots=machine.reboots,
            discs=tuple(
                word(files / each).decode(errors="replace").rstrip()
                for each in others
                if each and not _is_request(files / each)
            ),
        )


def _script(iso: PyCdlib) -> tuple[str, str]:
    """What the guest does, in the fake's own words, and its environment; steps come before a job's script."""
    steps = tuple(takewhile(bool, (_step(iso, f"steps/{number}") for number in count(1))))
    if not steps:
        return _text(iso, "run"), _text(iso, "env")
    return "\n".join((*steps, _text(iso, "job/run"))), _text(iso, "job/env")


def _step(iso: PyCdlib, folder: str) -> str:
    """A step in the fake's own words; empty if there is none."""
    about = dict(word.split("=", 1) for word in shlex.split(_text(iso, f"{folder}/about")))
    if not about:
        return ""
    _, words = _environment(_text(iso, f"{folder}/env"))
    does = _text(iso, f"{folder}/script") or " ".join(words)
    return f"begins {about['name']} {about['anyway']}\n{does}\nends"


def _text(iso: PyCdlib, name: str) -> str:
    """A file's text; empty if there is none."""
    with suppress(PyCdlibInvalidInput):
        return _file(iso, name).decode(errors="replace")
    return ""


def insert(folder: Path, drive: int, name: str) -> None:
    """Have a guest find a file of its machine, whose folder this is, as the disc in a drive; empty: it finds none.

    Raises:
        JobFault: if it is no ISO, and asks the guest for nothing.
    """
    inserted, request = folder / "files" / name, folder / f"request{drive}"
    request.unlink(missing_ok=True)
    if name and _is_request(inserted):
        request.symlink_to(inserted)
        name = ""
    (folder / f"drive{drive}").write_bytes(word(inserted) if name else b"")


def _is_request(path: Path) -> bool:
    """Whether a disc asks the guest for something, which it can read by itself."""
    with path.open("rb") as file:
        return file.read(len(REQUEST)) == REQUEST


def word(path: Path) -> bytes:
    """What the file `word` of an ISO says, if it is there: all that a guest reads of a disc that comes later.

    Raises:
        JobFault: if it is no ISO.
    """
    with _opened(path) as iso:
        return _optional(iso, "word")


@contextmanager
def _opened(path: Path) -> Iterator[PyCdlib]:
    iso = PyCdlib()
    try:
        iso.open(str(path))
        with closing(iso):
            yield iso
    except (OSError, PyCdlibException) as error:
        raise JobFault(f"the CD {path.name} cannot be read: {error}", code=HoldCode.MACHINE_INVALID) from error


def _file(iso: PyCdlib, name: str) -> bytes:
    data = io.BytesIO()
    iso.get_file_from_iso_fp(data, rr_path=f"/{name}")
    return data.getvalue()


def _optional(iso: PyCdlib, name: str) -> bytes:
    """What is in a file of an ISO; nothing if it is not there."""
    with suppress(PyCdlibInvalidInput):
        return _file(iso, name)
    return b""


def _environment(lines: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """What a shell would make of `env`: `export NAME='value'`, any number of them, then `set -- 'one' 'two'`."""
    words = shlex.split(lines)
    end = words.index("set") if "set" in words else len(words)
    return dict(word.split("=", 1) for word in words[1:end:2]), tuple(words[end + 2 :])
