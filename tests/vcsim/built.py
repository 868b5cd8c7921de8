"""Building it once: for the same sources, compiler and library, it is what was built before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from vmf.errors import SetupError
from vmf.files import programs

SOURCES = Path(__file__).parent / "go"
BUILT = Path(__file__).parents[2] / "build"
LIBRARY = Path("/usr/share/gocode")
"""Where Debian keeps the sources of Go's libraries."""
COLLECTOR = LIBRARY / "src/github.com/vmware/govmomi/simulator/property_collector.go"
SLOW, QUICK = "250 * time.Millisecond", "10 * time.Millisecond"
"""How often the library looks for news for those who wait, and how often it is to: a test waits for some."""
PACKAGES = {"go": "golang-go and golang-github-vmware-govmomi-dev (Debian, Ubuntu)"}
ENVIRONMENT = {"GO111MODULE": "off", "GOPATH": str(LIBRARY), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}


def build(folder=BUILT):
    """The program, built into a folder unless it is there already; others who want it wait meanwhile.

    Raises:
        SetupError: if the compiler or the library is not installed, or what they say of our sources.
    """
    go = programs.need("go", packages=PACKAGES)
    program = folder / f"vcsim-{key(go)}"
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        if not program.exists():
            compile_into(program, go)
    return program


def key(go):
    """A text that changes with all that it is made of."""
    made_of = hashlib.sha256(said(go, "version") + QUICK.encode())
    made_of.update(said("dpkg-query", "-W", "-f=${Version}", "golang-github-vmware-govmomi-dev"))
    for path in sorted(SOURCES.glob("*.go")):
        made_of.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return made_of.hexdigest()[:16]


def said(*command):
    """What a program says.

    Raises:
        SetupError: if it fails.
    """
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise SetupError(
            f"{command[0]} fails: {done.stderr.decode(errors='replace')}", hint=f"install {PACKAGES['go']}"
        )
    return done.stdout


@contextmanager
def alone(folder):
    """Be the only one who builds it."""
    with (folder / ".vcsim.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def overlay(folder):
    """A file that has Go read what is changed of the library."""
    quick, path = folder / COLLECTOR.name, folder / "overlay.json"
    quick.write_text(COLLECTOR.read_text().replace(SLOW, QUICK))
    path.write_text(json.dumps({"Replace": {str(COLLECTOR): str(quick)}}))
    return path


def compile_into(program, go):
    """Build it.

    Raises:
        SetupError: with what the compiler says.
    """
    new = program.with_name(".vcsim.new")
    with TemporaryDirectory() as changed:
        command = (go, "build", "-overlay", overlay(Path(changed)), "-o", new, ".")
        done = subprocess.run(
            command, cwd=SOURCES, env={**os.environ, **ENVIRONMENT}, check=False, capture_output=True, text=True
        )
    if done.returncode:
        raise SetupError(f"vcsim cannot be built: {done.stderr}", hint=f"install {PACKAGES['go']}")
    new.rename(program)
