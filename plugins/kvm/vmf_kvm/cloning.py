"""Imprinting a template, and having machines wake from what it left; `clones` says what both look like.

The memory is mapped, not read: it takes no time, however much there is, and machines share what they do not change.
What QEMU reads is what the devices were doing.

A machine's file `asleep` is there from before it is started until before its guest goes on, and `roused` from then on
until that surely has. So whoever comes after a caller that was killed knows whether the guest may have run: while there
is an `asleep` it has not, and all of it can be done again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files.access import open_file
from vmf.hookspecs import unreported
from vmf.model import ALIVE, Imprint, Machine, Wakes
from vmf_kvm import clones, faults, nics, platforms, restoring, usable
from vmf_kvm.folder import Folder
from vmf_kvm.pci import PORTED
from vmf_kvm.place import ASLEEP, DEVICES, GOLDEN, ROUSED, Place
from vmf_libvirt import domains
from vmf_libvirt.account import Account
from vmf_libvirt.client import Client
from vmf_libvirt.errors import LibvirtFault, blaming_job, unopened

SECONDS = 60
"""How long devices may take to be written or read: they take milliseconds."""
LOOK_SECONDS = 0.002
IGNORING = "x-ignore-shared"
"""The capability by which QEMU leaves out memory that is in a file; streams that are made without it look otherwise."""
STREAM = "vmf"
"""What QEMU calls the open file that it is handed."""
COMPLETED = "completed"
OVER = frozenset({COMPLETED, "failed", "cancelled"})
"""What QEMU says of a stream that it is not at any more."""
OTHER = "make another template, or let the job boot"


def imprint(client: Client, folder: Folder) -> Imprint:
    """End a template, and leave its memory, what its devices were doing, and its disks; or say what was left before.

    Raises:
        JobFault: if it is no template, or has ended otherwise.
        HostFault: if it cannot be done; its guest stands still then.
    """
    machine, power = folder.name, client.state(folder.name).power
    if not folder.has(GOLDEN) or (power not in ALIVE and not folder.has(DEVICES)):
        words = f"machine {machine} is {power}, or no template: nobody could wake from it"
        raise JobFault(words, code=HoldCode.REFUSED)
    if not folder.has(DEVICES):
        client.resume(machine)  # of one that stands still since it was written, QEMU writes nothing a second time
        client.suspend(machine)
        with folder.scratch() as stream:
            _tell(client, machine, "migrate", stream)
            stream.seek(0)
            folder.write(DEVICES, stream, unreported)
    client.force_off(machine)
    platform = platforms.made_on(client, client.description(machine), platforms.vendor())
    return Imprint(platform=platform, memory=GOLDEN, state=DEVICES)


def check(client: Client, account: Account, machine: Machine, wakes: Wakes) -> None:
    """See that a machine can wake here from such files.

    Raises:
        JobFault: if they are not there, or not what they should be.
        HostFault: if the host is not like the one that they come from.
    """
    platforms.check(client, wakes.platform, machine.accelerator, platforms.vendor())
    usable.lend(wakes.memory, account)
    usable.check_files((wakes.memory,), account, written=(wakes.memory,))
    if (size := Path(wakes.memory).stat().st_size) != machine.memory:
        words = f"{wakes.memory}: it has {size} bytes, and the machine's memory {machine.memory}"
        raise JobFault(words, code=HoldCode.IMAGE_INVALID, hint=OTHER)


def wake(client: Client, folder: Folder, machine: Machine, place: Place, log: Callable[[], bytes]) -> None:
    """Have the guest of a machine that is defined wake, and go on with what it is given now.

    `log` is what QEMU has said last.

    Raises:
        JobFault: if its memory is not such that this machine can wake from it.
        HostFault: if the host cannot do it.
    """
    definition, wakes = client.on(machine.name, domains.definition), machine.wakes
    if definition is None or wakes is None:
        raise HostFault(f"machine {machine.name} vanished before it was started")
    asleep = clones.asleep(definition, machine, wakes.memory, place)
    folder.touch(ASLEEP)
    with blaming_job(faults.memory(OTHER)), _quoting(log):
        client.begin(asleep.description)
        _load(client, machine.name, Path(wakes.state))
    if asleep.volume:
        client.plug(machine.name, asleep.volume)
    if machine.nic is not None:
        _ask(client, machine.name, "device_add", **nics.plugged(machine.nic, PORTED))
    folder.rename(ASLEEP, ROUSED)
    go_on(client, folder)


def go_on(client: Client, folder: Folder) -> None:
    """Let a guest go on that has all that it is given."""
    client.resume(folder.name)
    folder.discard(ROUSED)


def clear(client: Client, folder: Folder) -> None:
    """End a machine that was about to wake, for one who was killed; its guest has not run."""
    if folder.has(ASLEEP):
        restoring.clear(client, folder.name)


@contextmanager
def _quoting(log: Callable[[], bytes]) -> Iterator[None]:
    """Have what QEMU said be a part of what libvirt says when QEMU has ended: libvirt quotes it at a start only."""
    try:
        yield
    except LibvirtFault as fault:
        said = log().decode(errors="replace")
        raise LibvirtFault("\n".join((said, *fault.lines)), code=fault.code) from fault


def _load(client: Client, machine: str, state: Path) -> None:
    """Have QEMU read what the devices were doing; one that cannot ends."""
    try:
        file = open_file(state)
    except OSError as error:
        raise unopened(state, error) from error
    with file, restoring.bounded(client, machine, SECONDS, OTHER):
        _tell(client, machine, "migrate-incoming", file)


def _tell(client: Client, machine: str, command: str, stream: IO[bytes]) -> None:
    """Have QEMU write to an open file, or read from it, and wait until it has.

    Raises:
        HostFault: if it cannot.
    """
    _ignore_shared(client, machine, on=True)
    getfd = _command("getfd", fdname=STREAM)
    client.once(machine, partial(domains.hand, command=getfd, file=stream.fileno()))
    _ask(client, machine, command, uri=f"fd:{STREAM}")
    deadline = time.monotonic() + SECONDS
    while (status := _status(client, machine)) not in OVER:
        if time.monotonic() > deadline:
            raise HostFault(f"machine {machine}: {command} is still {status} after {SECONDS} s")
        time.sleep(LOOK_SECONDS)
    if status != COMPLETED:
        raise LibvirtFault(f"machine {machine}: {command} has {status}: load of migration failed")
    _ignore_shared(client, machine, on=False)


def _ignore_shared(client: Client, machine: str, *, on: bool) -> None:
    _ask(client, machine, "migrate-set-capabilities", capabilities=[{"capability": IGNORING, "state": on}])


def _status(client: Client, machine: str) -> str:
    return str(_ask(client, machine, "query-migrate").get("status", "setup"))


def _ask(client: Client, machine: str, command: str, **arguments: object) -> dict[str, Any]:
    """What QEMU answers.

    Raises:
        HostFault: if it refuses.
    """
    answer = json.loads(client.once(machine, partial(domains.query, command=_command(command, **arguments))))
    if "error" in answer:
        raise LibvirtFault(f"machine {machine}: {command}: {answer['error'].get('desc')}")
    found: dict[str, Any] = answer["return"]
    return found


def _command(command: str, **arguments: object) -> str:
    return json.dumps({"execute": command, "arguments": arguments})
