"""Fields that contradict each other: pure checks of values, refused wherever a spec is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from vmf.model import Access, Bus, Host, Image, Job, NetworkType, Transport
from vmf.rules import Check, Objection, Rule, Severity

NOTHING_TO_BOOT = Rule(
    id="VMF201",
    title="nothing to boot from",
    why="A machine starts from a kernel or from a disk, and there is neither.",
    mend="Name an `image:`, `disks:` or a `boot.kernel:`, or the machine in the block of its hypervisor.",
)
INITRD = Rule(
    id="VMF202",
    title="an initial RAM disk without a kernel of its own",
    why="It is loaded with a kernel's file; a kernel in the image brings its own along.",
    mend="Name the kernel's file as well, or leave the initrd out.",
)
UNUSED_BOOT = Rule(
    id="VMF203",
    title="words for a kernel that is in the image",
    why="The boot loader in the image says what its kernel is told; root and parameters would be ignored.",
    mend="Leave them out, or name the kernel's file.",
)
CONSENT = Rule(
    id="VMF204",
    title="checkpoints of a machine with a network, without consent",
    why="A restored machine goes on with connections that its peers have long given up, and with an address whose "
    "lease may have expired and may be somebody else's by then: open connections are lost, and the guest has to ask "
    "for its address anew.",
    mend="Write `lose_connections: true` below `checkpoint:` if the job can live with that, or do without one of them.",
)
IDLE_CONSENT = Rule(
    id="VMF205",
    title="a consent to what the job does not do",
    why="Without a network there are no connections to lose.",
    mend="Leave `lose_connections` out.",
    severity=Severity.WARNING,
)
DEVICE_TWICE = Rule(
    id="VMF206",
    title="a device that is given twice",
    why="Two disks, or a disk and a CD-ROM, cannot have the same name in the guest.",
    mend="Give each a device of its own.",
)
DEVICE_BUS = Rule(
    id="VMF207",
    title="a device whose name belongs to another bus",
    why="The guest names disks after their bus: vd… for virtio, sd… for SATA and SCSI, hd… for IDE, xvd… for Xen.",
    mend="Change the device or the bus, or leave one of them out.",
)
CDROM = Rule(
    id="VMF208",
    title="a CD-ROM of nothing, or of both files and an ISO",
    why="It is made of files, or it is an ISO as it is.",
    mend="Give exactly one of `files:` and `iso:`.",
)
MAC = Rule(
    id="VMF209",
    title="a MAC address that no network card can have",
    why="The lowest bit of the first byte marks groups of receivers; a card with such an address, or with none but "
    "zeros, is never reached.",
    mend="Write an address whose first byte is even, such as 52:54:00:12:34:56.",
)
NO_NETWORK = Rule(
    id="VMF210",
    title="words for a network that the job does not have",
    why="Without a network they would be ignored.",
    mend="Give `network.type` another value than none, or leave them out.",
)
FORWARDS = Rule(
    id="VMF211",
    title="port forwards that cannot be",
    why="A bridge puts the machine onto the network itself, so nothing is forwarded; and a port of the host leads to "
    "one port only.",
    mend="Use network type user or nat, and give each forward a port of its own.",
)
EMPTY_CHECKPOINT = Rule(
    id="VMF212",
    title="a checkpoint that is never taken",
    why="Neither an eviction nor a period asks for one.",
    mend="Add `on_eviction: true` or `period:`, or remove the block.",
)
SHARED_IN_PLACE = Rule(
    id="VMF213",
    title="a disk that neither travels nor is a snapshot",
    why="The original on the host is changed by the guest, and no two jobs can use it at once.",
    mend="Use `access: snapshot`, or let the file travel, unless this is what you want.",
    severity=Severity.WARNING,
)
IN_PLACE_TWICE = Rule(
    id="VMF214",
    title="one file for two disks, one of which is written in place",
    why="Each would see the other's writes as damage.",
    mend="Give each disk a file of its own, or use snapshots.",
)
NO_SCRIPT = Rule(
    id="VMF215",
    title="words for a script that the job does not have",
    why="They reach the guest with the script; without one nothing reads them.",
    mend="Add `run:`, or leave them out.",
)
VARIABLE_TWICE = Rule(
    id="VMF216",
    title="a variable that is both plain and secret",
    why="Only one of the two values could reach the script.",
    mend="Keep one of them.",
)
HALT = Rule(
    id="VMF217",
    title="a script that halts",
    why="`halt` stops the processor and leaves the power on in some guests: the machine never ends, nor does the job.",
    mend="Leave the shutdown to the guest contract, or use `poweroff`.",
    severity=Severity.WARNING,
)
SECRET = Rule(
    id="VMF218",
    title="a secret in plain sight",
    why="Specs are copied, committed and shown.",
    mend="Put it into a file that only you can read, and name that in `secrets:`.",
    severity=Severity.WARNING,
)
IDLE_BLOCK = Rule(
    id="VMF219",
    title="the block of a hypervisor that the job does not run on",
    why="The job's `type` leaves it out, so nothing ever reads the block.",
    mend="Add the type, or remove the block.",
    severity=Severity.WARNING,
)
MAC_TWICE = Rule(
    id="VMF220",
    title="two jobs of one file with the same MAC address",
    why="Two machines with one address on one network are both cut off.",
    mend="Give each an address of its own, or leave it to vmf.",
)
CONNECTION = Rule(
    id="VMF251",
    title="a connection whose fields do not go together",
    why="An address means something only where the hypervisor is elsewhere, and there it is needed; keys belong to ssh "
    "and tls, certificates to tls and a hypervisor's own interface.",
    mend="Give the fields of the transport, and no others.",
)
INSECURE = Rule(
    id="VMF252",
    title="a connection that anybody on the way can read and change",
    why="Transport tcp neither encrypts nor proves who is who.",
    mend="Use ssh or tls; if the way is safe, write `insecure: true`.",
)
NETWORKS = Rule(
    id="VMF253",
    title="networks that do not go together",
    why="The default has to be one of those that are offered, and a bridge needs its name.",
    mend="Add the type to `types:`, or name the bridge.",
)
OWN_GUEST = Rule(
    id="VMF254",
    title="a host that is a guest of itself",
    why="It would wait for itself.",
    mend="Name the other host.",
)

_BUSES = {"vd": {Bus.VIRTIO}, "sd": {Bus.SATA, Bus.SCSI}, "hd": {Bus.IDE}, "xvd": {Bus.XEN}}
_HALT = re.compile(r"^\s*(?:(?:exec|sudo|nohup)\s+)*(?:/\S*/)?halt\b(?!\s+-p)(?!\s*=)", re.MULTILINE)
_SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:pass(?:word|wd|phrase)?|secret|token|api_?key|private_?key|credentials?)(?:_|$)"
)
_SECRET_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b")
_KEYED = frozenset({Transport.SSH, Transport.TLS})
_TRUSTING = frozenset({Transport.TLS, Transport.API})


def _bootless(job: Job) -> Iterator[Objection]:
    bundle = job.bundle
    if not (bundle.kernel or bundle.disks or job.settings or job.boot.kernel or (job.cdrom and job.cdrom.iso)):
        what = "the job has nothing to boot from"
        yield Objection(at=(), what=what, hint="add `image:` or `disks:`", given=("image", "disks", "boot", "cdrom"))


def _bootless_image(image: Image) -> Iterator[Objection]:
    if not image.kernel and not image.disks:
        what = "the image has nothing to boot from"
        yield Objection(at=(), what=what, hint="add `kernel:` or `disks:`", given=("kernel", "disks"))


def _initrd(job: Job) -> Iterator[Objection]:
    if job.boot.initrd and job.bundle.kernel is None:
        included = job.boot.kernel == "included"
        what = "the kernel is in the image, and so is its initrd" if included else "an initrd needs a kernel"
        hint = "leave the initrd out, or name the kernel's file" if included else "add `kernel:`"
        yield Objection(at=("boot", "initrd"), what=what, hint=hint, given=("image",))


def _initrd_image(image: Image) -> Iterator[Objection]:
    if image.initrd and not image.kernel:
        yield Objection(at=("initrd",), what="an initrd needs a kernel", hint="add `kernel:`", given=("kernel",))


def _unused_boot(job: Job) -> Iterator[Objection]:
    for field in ("root", "parameters"):
        if job.boot.kernel == "included" and getattr(job.boot, field):
            what = "the kernel is in the image, whose boot loader tells it this"
            yield Objection(at=("boot", field), what=what, hint="leave it out, or name the kernel's file")


def _consent(job: Job) -> Iterator[Objection]:
    if job.checkpoint and _networked(job) and not job.checkpoint.lose_connections:
        what = "with a network, open connections and leases may be lost when the machine goes on elsewhere"
        yield Objection(
            at=("checkpoint",), what=what, hint="add `lose_connections: true` if the job can live with that"
        )


def _idle_consent(job: Job) -> Iterator[Objection]:
    if job.checkpoint and job.checkpoint.lose_connections and not _networked(job):
        what = "the job has no network, so there are no connections to lose"
        yield Objection(at=("checkpoint", "lose_connections"), what=what, hint="leave it out")


def _devices(job: Job) -> Iterator[Objection]:
    given: list[tuple[tuple[str | int, ...], str | None]] = []
    given.extend((("disks", number, "device"), disk.device) for number, disk in enumerate(job.disks))
    given.append((("cdrom", "device"), job.cdrom.device if job.cdrom else None))
    first: dict[str, tuple[str | int, ...]] = {}
    for at, device in given:
        if device and device in first:
            what = f"{device} is already the device of {'.'.join(map(str, first[device][:-1]))}"
            yield Objection(at=at, what=what, hint="give each a device of its own")
        elif device:
            first[device] = at


def _device_bus(job: Job) -> Iterator[Objection]:
    for number, disk in enumerate(job.disks):
        kind = re.match("x?[a-z]d", disk.device or "")
        buses = _BUSES.get(kind[0]) if kind else None
        if disk.bus and buses and disk.bus not in buses:
            what = f"{disk.device} is no name of a disk on {disk.bus}"
            yield Objection(at=("disks", number, "device"), what=what, hint=f"leave out `bus`, or use {min(buses)}")


def _cdrom(job: Job) -> Iterator[Objection]:
    if job.cdrom and bool(job.cdrom.files) == bool(job.cdrom.iso):
        what = "both files and an ISO" if job.cdrom.iso else "neither files nor an ISO"
        yield Objection(at=("cdrom",), what=what, hint="give exactly one of `files:` and `iso:`")


def _mac(job: Job) -> Iterator[Objection]:
    if job.network.mac and (int(job.network.mac[:2], 16) & 1 or not job.network.mac.strip("0:")):
        what = f"{job.network.mac} is no address of a single card"
        yield Objection(at=("network", "mac"), what=what, hint="make its first byte even, such as 52")


def _no_network(job: Job) -> Iterator[Objection]:
    for field in ("mac", "model", "forwards"):
        if not _networked(job) and getattr(job.network, field):
            what = "the job has no network"
            yield Objection(at=("network", field), what=what, hint="leave it out, or give `network.type`")


def _forwards(job: Job) -> Iterator[Objection]:
    taken = set()
    for number, each in enumerate(job.network.forwards):
        at = ("network", "forwards", number)
        if job.network.type is NetworkType.BRIDGE:
            what = "a machine on a bridge is reached by its own address"
            yield Objection(at=at, what=what, hint="leave the forwards out, or use network type user")
        elif each.host_port and (each.protocol, each.host_port) in taken:
            what = f"port {each.host_port} of the host is already forwarded"
            yield Objection(at=(*at, "host_port"), what=what, hint="choose another one, or leave it to vmf")
        taken.add((each.protocol, each.host_port))


def _empty_checkpoint(job: Job) -> Iterator[Objection]:
    if job.checkpoint and not (job.checkpoint.on_eviction or job.checkpoint.period):
        yield Objection(
            at=("checkpoint",), what="nothing asks for one", hint="add `on_eviction: true` or `period: 10m`"
        )


def _shared_in_place(job: Job) -> Iterator[Objection]:
    for number, disk in enumerate(job.disks):
        if disk.access is Access.IN_PLACE and disk.file.on_host:
            what = "the guest changes the original on the host"
            yield Objection(
                at=("disks", number, "access"), what=what, hint="use snapshot, unless this is what you want"
            )


def _in_place_twice(job: Job) -> Iterator[Objection]:
    disks = job.bundle.disks
    before = len(disks) - len(job.disks)
    for number, disk in enumerate(job.disks):
        others = [each for place, each in enumerate(disks) if place != before + number and each.file == disk.file]
        if others and Access.IN_PLACE in {disk.access, *(each.access for each in others)}:
            what = "another disk of the job is the same file"
            yield Objection(at=("disks", number, "file"), what=what, hint="give each disk a file of its own")


def _no_script(job: Job) -> Iterator[Objection]:
    given = {"arguments": job.arguments, "env": job.env, "secrets": job.secrets}
    for field, value in given.items():
        if value and job.run is None:
            what = "no script reads it"
            yield Objection(at=(field,), what=what, hint="add `run:`, or leave it out", given=("run",))
    if job.results.files and job.run is None:
        what = "without a script nothing hands files over"
        hint = "add `run:`; changed disks come back in any case"
        yield Objection(at=("results", "files"), what=what, hint=hint, given=("run",))


def _variable_twice(job: Job) -> Iterator[Objection]:
    for name in job.secrets.keys() & job.env.keys():
        yield Objection(at=("env", name), what="it is among the secrets, too", hint="keep one of them")


def _halt(job: Job) -> Iterator[Objection]:
    if job.run and (found := _HALT.search(job.run)):
        what = f"`{found[0].strip()[:40]}` leaves the power on in some guests, and the job never ends"
        yield Objection(at=("run",), what=what, hint="leave the end to the guest contract, or use poweroff")


def _secrets(job: Job) -> Iterator[Objection]:
    for name, value in job.env.items():
        if value and (_SECRET_NAME.search(name) or _SECRET_TEXT.search(value)):
            what = "this looks like a secret, in plain sight"
            yield Objection(
                at=("env", name), what=what, hint=f"put it into a file and write `secrets: {{{name}: FILE}}`"
            )
    if job.run and _SECRET_TEXT.search(job.run):
        yield Objection(at=("run",), what="the script holds a key, in plain sight", hint="hand it over by `secrets:`")


def _idle_blocks(job: Job) -> Iterator[Objection]:
    for name in job.settings:
        if job.types and name not in job.types:
            what = f"the job runs on {' or '.join(job.types)} only"
            yield Objection(at=(name,), what=what, hint=f"add {name} to `type:`, or remove the block")


def _connection(host: Host) -> Iterator[Objection]:
    given = host.connection
    local = given.transport is Transport.LOCAL
    if not local and not given.address:
        what = f"transport {given.transport} needs an address"
        yield Objection(at=("connection",), what=what, hint="add `address:`")
    for field, meant in (
        ("address", not local),
        ("port", not local),
        ("user", not local),
        ("key", given.transport in _KEYED),
        ("ca", given.transport in _TRUSTING),
        ("insecure", given.transport is Transport.TCP),
    ):
        if getattr(given, field) and not meant:
            what = f"it means nothing with transport {given.transport}"
            yield Objection(at=("connection", field), what=what, hint="leave it out, or change `transport:`")


def _insecure(host: Host) -> Iterator[Objection]:
    given = host.connection
    if given.transport is Transport.TCP and given.address and not given.insecure and not _loopback(given.address):
        what = "tcp neither encrypts nor proves who is who"
        yield Objection(at=("connection", "transport"), what=what, hint="use ssh or tls, or write `insecure: true`")


def _networks(host: Host) -> Iterator[Objection]:
    given = host.networks
    for number, each in enumerate(given.types):
        if each in {NetworkType.NONE, NetworkType.DEFAULT}:
            what = f"{each} is no kind of network"
            yield Objection(at=("networks", "types", number), what=what, hint="write nat, bridge or user")
    if given.default and given.default not in given.types:
        what = f"{given.default} is not among the types"
        yield Objection(at=("networks", "default"), what=what, hint="add it to `types:`")
    if (NetworkType.BRIDGE in given.types) != bool(given.bridge):
        what = "there is no type bridge" if given.bridge else "the bridge has no name"
        hint = "add bridge to `types:`" if given.bridge else "add `bridge: br0`"
        yield Objection(at=("networks", "bridge" if given.bridge else "types"), what=what, hint=hint)


def _own_guest(host: Host) -> Iterator[Objection]:
    if host.guest_of == host.name:
        yield Objection(at=("guest_of",), what="a host is no guest of itself", hint="name the other host")
    for number, name in enumerate(host.guests):
        if name == host.name:
            yield Objection(at=("guests", number), what="a host is no guest of itself", hint="name the other host")


def _networked(job: Job) -> bool:
    return job.network.type is not NetworkType.NONE


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


CONTRADICTIONS: tuple[Check[Any], ...] = (
    Check(rule=NOTHING_TO_BOOT, kind=Job, judge=_bootless),
    Check(rule=NOTHING_TO_BOOT, kind=Image, judge=_bootless_image),
    Check(rule=INITRD, kind=Job, judge=_initrd),
    Check(rule=INITRD, kind=Image, judge=_initrd_image),
    Check(rule=UNUSED_BOOT, kind=Job, judge=_unused_boot),
    Check(rule=CONSENT, kind=Job, judge=_consent),
    Check(rule=IDLE_CONSENT, kind=Job, judge=_idle_consent),
    Check(rule=DEVICE_TWICE, kind=Job, judge=_devices),
    Check(rule=DEVICE_BUS, kind=Job, judge=_device_bus),
    Check(rule=CDROM, kind=Job, judge=_cdrom),
    Check(rule=MAC, kind=Job, judge=_mac),
    Check(rule=NO_NETWORK, kind=Job, judge=_no_network),
    Check(rule=FORWARDS, kind=Job, judge=_forwards),
    Check(rule=EMPTY_CHECKPOINT, kind=Job, judge=_empty_checkpoint),
    Check(rule=SHARED_IN_PLACE, kind=Job, judge=_shared_in_place),
    Check(rule=IN_PLACE_TWICE, kind=Job, judge=_in_place_twice),
    Check(rule=NO_SCRIPT, kind=Job, judge=_no_script),
    Check(rule=VARIABLE_TWICE, kind=Job, judge=_variable_twice),
    Check(rule=HALT, kind=Job, judge=_halt),
    Check(rule=SECRET, kind=Job, judge=_secrets),
    Check(rule=IDLE_BLOCK, kind=Job, judge=_idle_blocks),
    Check(rule=CONNECTION, kind=Host, judge=_connection),
    Check(rule=INSECURE, kind=Host, judge=_insecure),
    Check(rule=NETWORKS, kind=Host, judge=_networks),
    Check(rule=OWN_GUEST, kind=Host, judge=_own_guest),
)
ERRORS = tuple(check for check in CONTRADICTIONS if check.rule.severity is Severity.ERROR)
"""Those that nobody can run with."""
