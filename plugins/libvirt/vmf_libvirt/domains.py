"""What is asked of one machine of libvirt's: functions on a domain, for `Client.on`.

All but `agent`, `take`, `restore`, `put_away`, `hand` and `plug` come to the same whether they are done once or twice.
An error of libvirt's that is not spoken of here is the caller's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import libvirt
import libvirt_qemu
from msgspec import Struct

from vmf.model import MachineFacts
from vmf_libvirt.described import has_generation, leaves_firmware, with_firmware, with_generation
from vmf_libvirt.errors import Code
from vmf_libvirt.mark import NAMESPACE
from vmf_libvirt.standing import RESUME, STOP, Standing, Stood

NANOSECONDS = 1_000_000_000
KIBIBYTE = 1024
PERIOD = 100_000
"""Microseconds, of which a quota of as many is one processor."""
ENDS = "^(SHUTDOWN|GUEST_PANICKED)$"
"""QEMU's events of a guest that ends."""
COMMAND = "qemu-argv"
"""libvirt's word for the command line that it would start a machine with."""
AGENT_SECONDS = 20
"""How long the agent in a guest may take to answer, unless something else is said."""
LULL_MILLISECONDS = 300
"""How long a guest that runs on while it is taken should stand still at the end, as far as its last pages allow."""
LULL_MOST_MILLISECONDS = 2_000_000
"""The longest that QEMU can be told: it writes all that is left while the guest stands still."""

_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
_TAKE = (
    libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
)

Domain = libvirt.virDomain
Hear: TypeAlias = Callable[[str, str, str], None]
"""Is told of a machine, by libvirt's name for it, an event of QEMU's, and its details in JSON."""


class Progress(Struct, frozen=True, kw_only=True):
    """How far the memory is that is written just now, in bytes; all are 0 if none is."""

    done: int = 0
    total: int = 0
    written: int = 0
    """More than there is, if the guest changes what was written already."""


@contextlib.contextmanager
def despite(*codes: Code) -> Iterator[None]:
    """Let an error of libvirt's with one of these codes pass."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in codes:
            raise


def state(domain: Domain) -> tuple[int, int]:
    """State and reason in libvirt's numbers."""
    state, reason = map(int, domain.state())
    return state, reason


def standing(domain: Domain) -> tuple[int, int, bool]:
    """The same, and whether there is a guest all the same: one that has ended may be kept as it was then."""
    return *state(domain), bool(domain.isActive())


def busy(domain: Domain) -> bool:
    """Whether it is in the middle of something, such as of having its memory written."""
    told: Any = (libvirt.VIR_DOMAIN_JOB_NONE,)
    with despite(Code.OPERATION_INVALID):  # it does not run
        told = domain.jobInfo()
    return bool(told[0] != libvirt.VIR_DOMAIN_JOB_NONE)


def disk_errors(domain: Domain) -> Mapping[str, int]:
    """The disks that have stopped it, by name; libvirt's numbers."""
    errors: Any = ()
    with despite(Code.OPERATION_INVALID):  # it has ended meanwhile
        errors = domain.diskErrors()
    return dict(errors)


def facts(domain: Domain) -> MachineFacts | None:
    """What is known of it; None if it does not run."""
    if not domain.isActive():
        return None
    memory, _, nanoseconds = map(int, domain.info()[2:])
    return MachineFacts(cpu_seconds=nanoseconds / NANOSECONDS, memory=memory * KIBIBYTE)


def start(domain: Domain, *, paused: bool = False) -> None:
    """Start it, unless it runs; its guest may stand still then."""
    try:
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)
    except libvirt.libvirtError:
        if not domain.isActive():
            raise


@contextlib.contextmanager
def _unless_off(domain: Domain) -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError:
        if domain.isActive():
            raise


def cap(domain: Domain, *, memory: int) -> None:
    """Bound what it takes beside its guest, `memory` in bytes, where there are cgroups and it runs."""
    time = {"emulator_period": PERIOD, "emulator_quota": PERIOD}
    with despite(Code.OPERATION_INVALID):
        domain.setSchedulerParametersFlags(time, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    with despite(Code.OPERATION_INVALID):
        domain.setMemoryParameters({"hard_limit": memory // KIBIBYTE}, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def ask_off(domain: Domain) -> None:
    """Press its power button, if it runs; a paused guest has nobody who would hear it."""
    if state(domain)[0] != libvirt.VIR_DOMAIN_PAUSED:
        with _unless_off(domain), despite(Code.OPERATION_INVALID):
            domain.shutdown()


def suspend(domain: Domain) -> None:
    """Have its guest stand still, if it runs."""
    with _unless_off(domain):
        domain.suspend()


def save(domain: Domain, file: str) -> None:
    """Put its guest's memory into a file and end it, if it runs."""
    with _unless_off(domain):
        domain.saveFlags(file, None, libvirt.VIR_DOMAIN_SAVE_RUNNING)


def put_away(domain: Domain, file: str) -> None:
    """The same, in the way that all of libvirt's drivers have; it has to run."""
    domain.save(file)


def resume(domain: Domain) -> None:
    """Have its guest go on, if it stands still in its memory."""
    with _unless_off(domain), despite(Code.OPERATION_INVALID):  # it runs
        domain.resume()


def restore(domain: Domain, file: str) -> None:
    """Have it read its guest's memory from a file, as it is defined and not as the file says; the guest stands still.

    Whoever is in doubt whether that was done asks its state: a libvirt that was killed meanwhile ends it again.
    """
    link, settled = _link(domain), _settled(domain)
    if has_generation(settled):
        settled = with_generation(settled, link.saveImageGetXMLDesc(file))
    link.restoreFlags(file, settled, libvirt.VIR_DOMAIN_SAVE_PAUSED)


def definition(domain: Domain) -> str:
    """The XML that it is defined by, whatever it runs as."""
    return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)


def _settled(domain: Domain) -> str:
    """What it is defined by, with the firmware that libvirt chooses for a new start, but not where memory is read."""
    found = definition(domain)
    if not leaves_firmware(found):
        return found
    return with_firmware(found, _link(domain).domainXMLToNative(COMMAND, found))


def redefine(domain: Domain, definition: str) -> None:
    """Define it anew, by what `definition` gave, changed."""
    _link(domain).defineXML(definition)


def update(domain: Domain, device: str) -> None:
    """Change a device of it while it runs, and in its definition, to what this XML says now."""
    domain.updateDeviceFlags(device, libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def take(domain: Domain, snapshot: str, measure: Callable[[], int | None]) -> Stood:
    """Take a snapshot of what runs, into files that are there; how its guest stood still for that.

    `measure` says how many bytes are on the guest's console, in no time: it is called on the thread of the events.
    """
    if not domain.isActive() or state(domain)[0] != libvirt.VIR_DOMAIN_RUNNING:
        domain.snapshotCreateXML(snapshot, _TAKE)
        return Stood(said=measure())
    link, standing = _link(domain), Standing(measure)
    regex = libvirt_qemu.VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX
    number = libvirt_qemu.qemuMonitorEventRegister(link, domain, f"^({STOP}|{RESUME})$", standing.tell, None, regex)
    try:
        domain.migrateSetMaxDowntime(LULL_MILLISECONDS)
        domain.snapshotCreateXML(snapshot, _TAKE)
        return standing.result()
    finally:
        with contextlib.suppress(libvirt.libvirtError):
            libvirt_qemu.qemuMonitorEventDeregister(link, number)


def listen(link: libvirt.virConnect, hear: Hear) -> Callable[[], object]:
    """Be told by QEMU how guests end; what takes that back."""
    regex = libvirt_qemu.VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX

    def heard(_link: object, domain: Domain, event: str, *rest: Any) -> None:  # noqa: ANN401  # libvirt has no types
        hear(domain.name(), event, rest[2] or "")

    everyone: Any = None  # libvirt's type says that it has to be one domain
    number = libvirt_qemu.qemuMonitorEventRegister(link, everyone, ENDS, heard, None, regex)
    return lambda: libvirt_qemu.qemuMonitorEventDeregister(link, number)


def progress(domain: Domain) -> Progress:
    """How far `take` is with the memory."""
    found: Any = domain.jobStats()
    total = found.get("memory_total", 0)
    written = found.get("memory_processed", 0)
    return Progress(done=total - found.get("memory_remaining", 0), total=total, written=written)


def hurry(domain: Domain) -> None:
    """Have `take` come to its end: the guest stands still until all its memory is written, and then goes on.

    It is QEMU that stops the guest, so libvirt has it go on even if it was killed meanwhile.
    """
    with _unless_off(domain):
        domain.migrateSetMaxDowntime(LULL_MOST_MILLISECONDS)


def abort(domain: Domain) -> None:
    """Break off what it is in the middle of, such as `take`."""
    with _unless_off(domain), despite(Code.OPERATION_INVALID):  # it is in the middle of nothing
        domain.abortJob()


def commit(domain: Domain, disk: str, *, base: str, top: str) -> None:
    """Begin to merge layers of a disk into `base`, from `top` on, on which another one lies."""
    domain.blockCommit(disk, base, top)


def merging(domain: Domain, disk: str) -> bool:
    """Whether layers of a disk are being merged."""
    return bool(domain.blockJobInfo(disk))


def cancel(domain: Domain, disk: str) -> None:
    """Break off what is merged of a disk; it goes on as before."""
    with despite(Code.INVALID_ARG):  # it has ended
        domain.blockJobAbort(disk)


def query(domain: Domain, command: str) -> str:
    """What its QEMU answers to a command of its machine monitor, both in JSON."""
    return str(libvirt_qemu.qemuMonitorCommand(domain, command, 0))


def hand(domain: Domain, command: str, file: int) -> None:
    """Have its QEMU do what a command of its machine monitor says, in JSON, with a file that is open here."""
    libvirt_qemu.qemuMonitorCommandWithFiles(domain, command, [file], 0)


def plug(domain: Domain, device: str) -> None:
    """Give it a device while it runs, as its definition has it already."""
    domain.attachDeviceFlags(device, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def monitor(domain: Domain, command: str) -> str:
    """What its QEMU's human monitor answers; empty if none runs."""
    try:
        return str(libvirt_qemu.qemuMonitorCommand(domain, command, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP))
    except libvirt.libvirtError:
        if domain.isActive():
            raise
        return ""


def _link(domain: Domain) -> libvirt.virConnect:
    link: libvirt.virConnect = domain.connect()  # type: ignore[no-untyped-call]  # libvirt's own has no types
    return link


def agent(domain: Domain, command: str, seconds: int = AGENT_SECONDS) -> str:
    """What the agent in its guest answers within so many seconds."""
    return str(libvirt_qemu.qemuAgentCommand(domain, command, seconds, 0))


def force_off(domain: Domain) -> None:
    """End it, if it runs."""
    with _unless_off(domain):
        domain.destroy()


def undefine(domain: Domain) -> None:
    """Remove its definition, and all that libvirt keeps with it."""
    try:
        domain.undefineFlags(_UNDEFINE)
    except libvirt.libvirtError as error:
        if error.get_error_code() != Code.INVALID_ARG:
            raise
        domain.undefine()  # this driver knows not all of these things, and so keeps none of them


def marked(domain: Domain) -> bool:
    """Whether it carries vmf's mark."""
    try:
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError as error:
        if error.get_error_code() in {Code.NO_DOMAIN_METADATA, Code.NO_DOMAIN}:
            return False
        raise
    return True
