"""Runs a libvirt daemon as an unprivileged user and reaps every guest that it leaves, at once. A program, not a module.

Arguments: the user's id, group, groups (with commas), and the daemon's command; the daemon's folders are in the
environment. All imports happen before root is given up: Python itself may lie in a folder that the user cannot enter.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
QEMU_CONF = b"""\
# There is no virtlogd beside a daemon of one's own.
stdio_handler = "file"
# With it, libvirt asks QEMU for each of a CPU's 400 properties, one by one, at each start: 0.16 s of 0.22 s. Without
# it, libvirt asks for the same in two questions. A libvirt that has dropped this older way takes no notice.
capability_filters = ["cpu-unavailable-features"]
"""


def main(uid: str, gid: str, groups: str, *command: str) -> None:
    """Detach, give up root, start the daemon, and stay until the last of its guests is gone."""
    if os.fork():
        return  # who started this one waits for it, and must not have to wait for the daemon
    os.setsid()
    if os.geteuid() == 0:
        os.setgroups([int(group) for group in groups.split(",")])
        os.setgid(int(gid))
        os.setuid(int(uid))
    os.umask(0o077)
    prepare(Path(os.environ["XDG_CONFIG_HOME"], "libvirt"), Path(os.environ["XDG_RUNTIME_DIR"], "console"))
    # Guests outlive their daemon. Whoever inherits them has to reap them at once: libvirt takes a zombie for alive.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps, with no delay
    os.posix_spawn(command[0], command, os.environ, setsigdef=[signal.SIGCHLD])
    try:
        os.waitpid(-1, 0)  # as no zombies are kept, this returns when the last child is gone
    except ChildProcessError:
        return


def prepare(conf: Path, consoles: Path) -> None:
    """Make the folders that the daemon does not make; as its user, so that links in them lead root nowhere."""
    for folder in (conf, consoles):
        folder.mkdir(parents=True, exist_ok=True)
    (conf / "qemu.conf").write_bytes(QEMU_CONF)


main(*sys.argv[1:])
