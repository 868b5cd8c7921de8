"""Building it once: for the same sources and packages, it is what was built before."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from vmf.errors import SetupError
from xenbed import contents, dom0
from xenbed.emulator import SNAPSHOT
from xenbed.image import Image, make

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "build/xenbed"

CANDIDATE = re.compile(r"^(\S+):\n.*\n +Candidate: (?!\(none\))(\S+)", re.MULTILINE)
PACKAGES = (contents.KERNEL, contents.XEN, *contents.PACKAGES)


def build(folder=BUILT):
    """The image, built into a folder unless it is there already; others who want it wait meanwhile.

    Nobody sees half of it: it is made beside `folder` and renamed.

    Raises:
        SetupError: if packages cannot be had, or mmdebstrap cannot make a system as this user.
        Stuck: if dom0 does not boot.
    """
    wanted = key()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        if not (folder / "key").is_file() or (folder / "key").read_text() != wanted:
            replace(folder, wanted)
    return Image(folder=folder)


def key():
    """A text that changes with all that it is made of: our sources, the packages on offer, and QEMU.

    Raises:
        SetupError: if a package is not on offer.
    """
    sources = hashlib.sha256()
    own = (path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    for path in sorted(path for path in own if path.name != "__main__.py"):  # which only calls for it
        sources.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes() + b"\0")
    offered = dict(CANDIDATE.findall(said("apt-cache", "policy", *PACKAGES)))
    if missing := [name for name in PACKAGES if name not in offered]:
        raise SetupError(f"this system's package lists lack {', '.join(missing)}", hint="apt-get update renews them")
    versions = (f"{name} {version}" for name, version in offered.items())
    return "\n".join((sources.hexdigest(), *versions, said("qemu-system-x86_64", "--version")))


def said(*command):
    """What a program says in English."""
    english = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=english, check=True, capture_output=True, text=True).stdout


@contextmanager
def alone(folder):
    """Be the only one who builds it."""
    with folder.with_name(f".{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace(folder, wanted):
    """Build it anew."""
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    image = Image(folder=new)
    make(image)
    photograph(image)
    (new / "key").write_text(wanted)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def photograph(image):
    """Boot it, and make the snapshot."""
    work = image.folder / "work"
    booted = dom0.boot(image, work)
    try:
        booted.emulator.ask(f"savevm {SNAPSHOT}")
    finally:
        booted.kill()
    (work / "booted.qcow2").rename(image.ready)
    shutil.rmtree(work)
