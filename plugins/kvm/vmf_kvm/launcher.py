"""Runs a libvirt daemon as an unprivileged user, reaps every guest that it leaves, at once, and bounds their consoles.

A program, not a module. Arguments: the user's id, group, groups (with commas), the folder of the machines' folders, and
the daemon's command; the daemon's folders are in the environment. All imports happen before root is given up: Python
itself may lie in a folder that the user cannot enter.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PUNCH_HOLE = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
SWEEP_SECONDS = 5
NICE = 5
"""How far guests, and the daemon with them, stand back for what else runs on this computer."""
CONSOLE_KEPT = 2**20
"""Bytes that stay of a console's start, and of its end: more than vmf keeps of either."""
LIBC = ctypes.CDLL(None)
QEMU_CONF = b"""\
# There is no virtlogd beside a daemon of one's own.
stdio_handler = "file"
# With it, libvirt asks QEMU for each of a CPU's 400 properties, one by one, at each start: 0.16 s of 0.22 s. Without
# it, libvirt asks for the same in two questions. A libvirt that has dropped this older way takes no notice.
capability_filters = ["cpu-unavailable-features"]
"""


def main(uid: str, gid: str, groups: str, machines: str, *command: str) -> None:
    """Detach, give up root, start the daemon, and stay until the last of its guests is gone."""
    if os.fork():
        return  # who started this one waits for it, and must not have to wait for the daemon
    os.setsid()
    if os.geteuid() == 0:
        os.setgroups([int(group) for group in groups.split(",")])
        os.setgid(int(gid))
        os.setuid(int(uid))
    os.umask(0o077)
    os.nice(NICE)
    conf = Path(os.environ["XDG_CONFIG_HOME"], "libvirt")
    prepare(conf, Path(os.environ["XDG_RUNTIME_DIR"], "console"))
    # Guests outlive their daemon. Whoever inherits them has to reap them at once: libvirt takes a zombie for alive.
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps, with no delay
    os.posix_spawn(command[0], command, os.environ, setsigdef=[signal.SIGCHLD])
    threading.Thread(target=bound_consoles, args=(conf / "qemu", Path(machines)), daemon=True).start()
    try:
        os.waitpid(-1, 0)  # as no zombies are kept, this returns when the last child is gone
    except ChildProcessError:
        return


def prepare(conf: Path, consoles: Path) -> None:
    """Make the folders that the daemon does not make; as its user, so that links in them lead root nowhere."""
    for folder in (conf, consoles):
        folder.mkdir(parents=True, exist_ok=True)
    (conf / "qemu.conf").write_bytes(QEMU_CONF)


def bound_consoles(definitions: Path, machines: Path) -> None:
    """Give back the space of what is neither the start nor the end of a console; never returns.

    QEMU's log of a console has no bound. Holes leave its length, and so every reader's offset, as they are.
    """
    while True:
        for definition in definitions.glob("*.xml"):  # the user may not list the machines' folders
            with contextlib.suppress(OSError):  # not started yet, or gone
                bound(machines / definition.stem / "console.log")
        time.sleep(SWEEP_SECONDS)


def bound(console: Path) -> None:
    """Punch a hole into the middle of a file, if it is a long one and its file system can."""
    file = os.open(console, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        middle = os.fstat(file).st_size - 2 * CONSOLE_KEPT
        if middle > 0:
            LIBC.fallocate(file, PUNCH_HOLE, ctypes.c_int64(CONSOLE_KEPT), ctypes.c_int64(middle))
    finally:
        os.close(file)


main(*sys.argv[1:])
