"""Machines that a libvirt was about to start when it was killed.

It notes such a machine before there is a QEMU for it. The next one finds the note, waits for that QEMU for ever, and
hangs whenever it is asked of the machine; so the note is removed before it starts. The machine is off then, as it is
defined.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from vmf_kvm.folder import PLAIN, beneath

NOTES = ("run", "libvirt", "qemu", "run")
"""Folders below the host's, one in the other, where a session's libvirt notes what runs."""
UNBORN = re.compile(rb"<domstatus [^>]*\bpid='0'")
HEAD = 4096
"""Bytes of a note that tell."""


def forget(host: Path) -> None:
    """Remove the notes of the daemon that keeps its things in this folder, and does not run."""
    with suppress(OSError), beneath(host, *NOTES) as notes, os.scandir(notes) as files:
        for name in [each.name for each in files if each.name.endswith(".xml")]:
            with os.fdopen(os.open(name, PLAIN, dir_fd=notes), "rb") as note:
                is_unborn = UNBORN.search(note.read(HEAD))
            if is_unborn:
                os.unlink(name, dir_fd=notes)
