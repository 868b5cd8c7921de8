"""The pair of keys by which `vmf ssh` gets into a job's guest: made for the job, gone with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vmf.errors import SetupError
from vmf.files import programs

PRIVATE = "id_ed25519"
PUBLIC = f"{PRIVATE}.pub"


def make(folder: Path) -> str:
    """The public key of the pair in a folder, in a line; both are made, unless they are there.

    The public key is written last and at once, so that a pair is whole if it is there.

    Raises:
        SetupError: if this computer has no ssh-keygen, or that fails.
        OSError: if the folder cannot be written.
    """
    public = folder / PUBLIC
    if not public.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(folder)
    return public.read_text().strip()


def _make(folder: Path) -> None:
    new = folder / "new"
    for left in (new, new.with_suffix(".pub")):
        left.unlink(missing_ok=True)
    words = (programs.need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "vmf", "-f", str(new))
    try:
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise SetupError(f"ssh-keygen failed: {said}", hint=f"check the space and the rights of {folder}") from error
    new.replace(folder / PRIVATE)
    new.with_suffix(".pub").replace(folder / PUBLIC)
