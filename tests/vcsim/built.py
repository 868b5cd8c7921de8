"""Building it once: for the same sources, compiler and library, it is what was built before."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from vmf.errors import SetupError
from vmf.files import programs

SOURCES = Path(__file__).parent / "go"
BUILT = Path(__file__).parents[2] / "build"
LIBRARY = Path("/usr/share/gocode")
"""Where Debian keeps the sources of Go's libraries."""
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
    made_of = hashlib.sha256(said(go, "version"))
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


def compile_into(program, go):
    """Build it.

    Raises:
        SetupError: with what the compiler says.
    """
    new = program.with_name(".vcsim.new")
    command = (go, "build", "-o", new, ".")
    done = subprocess.run(
        command, cwd=SOURCES, env={**os.environ, **ENVIRONMENT}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SetupError(f"vcsim cannot be built: {done.stderr}", hint=f"install {PACKAGES['go']}")
    new.rename(program)
