"""Fields of jobs and images that contradict each other: pure checks of values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from vmf.model import PREFIXES, Access, Image, Job, NetworkType, ResultDisks
from vmf.result import STEP_LOGS, disk_file
from vmf.rules import Check, Objection
from vmf.spec import contradiction_rules as rules
from vmf.spec.faults import PATH_SHOWN, printable, shown
from vmf.spec.given import named
from vmf.spec.refusals import RESERVED
from vmf.steps.graph import of_image

_BUSES = {prefix: {bus for bus, each in PREFIXES.items() if each == prefix} for prefix in PREFIXES.values()}
_HALT = re.compile(
    r"(?:^|[;&|({`]|\b(?:then|do|else)\b)[ \t]{0,200}"  # where a command begins
    r"(?:(?:exec|sudo|nohup|systemctl)(?:[ \t]{1,9}-\w{1,20}){0,3}[ \t]{1,9}){0,3}"
    r"/?(?:[\w.-]{1,64}/){0,8}(?:halt\b(?![ \t]{1,9}-p)(?![ \t]{0,9}[=(])|shutdown[ \t]{1,9}-H\b)",
    re.MULTILINE,
)
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credentials?)(?:[_-]|$)"
)
_ELSEWHERE = re.compile(r"(?i)[_-](?:file|path|dir|url)$")
"""The name of something that tells where the secret is."""
_SECRET_TEXT = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b")
_GIVEN = re.compile(r"(?<!\w)([A-Za-z_][\w-]{0,60})[ \t]{0,4}[=:][ \t]{0,4}[\"']?[^\s\"'$/<({=]")
"""A name that is given a value, which is neither a variable nor a path."""

_UNNAMEABLE = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff\\ufffe\\uffff]")
"""What XML cannot hold, and what breaks lines."""
_STRING_MOST = 2**17
"""Bytes of an argument, or of a variable with its name, and the zero after it: Linux's MAX_ARG_STRLEN."""
_STRINGS_MOST = 2**21 - 2**17
"""Bytes of all of them and of the pointers to them: a quarter of the usual stack, less what a guest has of its own."""
_POINTER = 8


def _bootless(job: Job) -> Iterator[Objection]:
    bundle = job.bundle
    begins = job.image and (job.image.download or job.image.blank)
    if not (
        bundle.kernel or bundle.disks or begins or job.settings or job.boot.kernel or (job.cdrom and job.cdrom.iso)
    ):
        what = "the job has nothing to boot from"
        yield Objection(at=(), what=what, hint="add `image:` or `disks:`", given=("image", "disks", "boot", "cdrom"))


def _bootless_image(image: Image) -> Iterator[Objection]:
    if not (image.kernel or image.disks or image.base or image.download or image.blank):
        what = "the image has nothing to boot from"
        given = ("kernel", "disks", "from", "download", "blank")
        yield Objection(at=(), what=what, hint="add `kernel:`, `disks:` or `from:`", given=given)


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
            what = f"{device} is already the device of {named(('spec', *first[device][:-1]))}"
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
        yield Objection(
            at=("network", "mac"), what=what, hint="write one that begins with 52:54:00, such as 52:54:00:12:34:56"
        )


def _no_network(job: Job) -> Iterator[Objection]:
    for field in ("mac", "model", "forwards"):
        if not _networked(job) and getattr(job.network, field):
            what = "the job has no network"
            yield Objection(
                at=("network", field), what=what, hint="leave it out, or give another `network.type` than none"
            )


def _forwards(job: Job) -> Iterator[Objection]:
    taken = set()
    for number, each in enumerate(job.network.forwards):
        at = ("network", "forwards", number)
        if job.network.type is NetworkType.BRIDGE:
            what = "a machine on a bridge is reached by its own address"
            yield Objection(at=at, what=what, hint="leave the forwards out, or use network type user")
        elif each.host_port and job.network.type is NetworkType.NAT:
            what = "on a nat network the machine is called at its own address, by no port of the host"
            yield Objection(at=(*at, "host_port"), what=what, hint="leave it out, or use network type user")
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


def _in_place_kept(job: Job) -> Iterator[Objection]:
    for number, disk in enumerate(job.disks):
        if job.checkpoint and disk.access is Access.IN_PLACE:
            what = "a checkpoint cannot hold what the guest writes here"
            yield Objection(at=("disks", number, "access"), what=what, hint="use snapshot, or leave `checkpoint:` out")


def _unnameable(job: Job) -> Iterator[Objection]:
    images = job.image.disks if job.image else ()
    own = ((("disks", number, "file"), disk) for number, disk in enumerate(job.disks))
    for at, disk in (*((("image",), disk) for disk in images), *own):
        if _UNNAMEABLE.search(str(disk.file.path)):
            what = f"{shown(disk.file.path, width=PATH_SHOWN)} has a control character"
            yield Objection(at=at, what=what, hint="rename it, or name a link to it")


def _no_script(job: Job) -> Iterator[Objection]:
    given = {"arguments": job.arguments, "env": job.env, "secrets": job.secrets, "steps": job.steps}
    for field, value in given.items():
        if value and job.run is None:
            what = "no script reads it"
            yield Objection(at=(field,), what=what, hint="add `run:`, or leave it out", given=("run",))
    if job.results.files and job.run is None:
        what = "without a script nothing hands files over"
        hint = "add `run:`, or leave them out; what comes back of the disks is `results.disks`"
        yield Objection(at=("results", "files"), what=what, hint=hint, given=("run",))


def _taken_results(job: Job) -> Iterator[Objection]:
    """Files that would take the names of what else comes back; see `docs/results.md`."""
    disks = () if job.result_disks is ResultDisks.NONE else map(disk_file, job.overlaid)
    taken = dict.fromkeys(disks, "the name of a disk that comes back")
    if job.steps or of_image(job.image):
        taken[STEP_LOGS] = "in the folder of the steps' logs"
    for number, name in enumerate(job.results.files):
        if whose := taken.get(next(iter(PurePosixPath(name).parts), "")):
            what = f"{shown(name)} is {whose}"
            yield Objection(at=("results", "files", number), what=what, hint="give the file another name")


def _event_log(job: Job) -> Iterator[Objection]:
    if job.event_log and job.event_log.suffix not in rules.LOGS:
        what = f"{shown(job.event_log.name)} is no name of a log"
        yield Objection(at=("event_log",), what=what, hint=f"let it end with {' or '.join(rules.LOGS)}")


def _overlapping(job: Job) -> Iterator[Objection]:
    """Files that others bring along; each is handed over as often as it is asked for, and can be taken once."""
    files = [PurePosixPath(name) for name in job.results.files]
    first = {path: number for number, path in reversed(tuple(enumerate(files)))}
    for number, path in enumerate(files):
        above = next((first[each] for each in path.parents if each in first), first[path])
        if above != number:
            name, other = (shown(job.results.files[each]) for each in (number, above))
            what = f"{name} comes back with item {above + 1} of the list already, {other}"
            yield Objection(at=("results", "files", number), what=what, hint="leave one of the two out")


def _too_long(job: Job) -> Iterator[Objection]:
    hint = "put it into a file, and name that in `cdrom.files:`"
    texts: dict[tuple[str | int, ...], str] = {("arguments", number): text for number, text in enumerate(job.arguments)}
    texts |= {("env", name): f"{name}={text}" for name, text in job.env.items()}
    sizes = {at: len(text.encode(errors="replace")) + 1 for at, text in texts.items()}
    for at, size in sizes.items():
        if size > _STRING_MOST:
            what = f"it has {size} bytes, and a guest gives its script at most {_STRING_MOST}"
            yield Objection(at=at, what=what, hint=hint)
    total = sum(sizes.values()) + _POINTER * len(sizes)
    if total > _STRINGS_MOST:
        what = f"all together have {total} bytes, and a guest gives its script at most {_STRINGS_MOST}"
        yield Objection(at=max(sizes, key=lambda at: sizes[at])[:1], what=what, hint=hint)


def _variable_twice(job: Job) -> Iterator[Objection]:
    for name in job.secrets.keys() & job.env.keys():
        yield Objection(at=("env", name), what="it is among the secrets, too", hint="keep one of them")


def _ssh_metadata(job: Job) -> Iterator[Objection]:
    if job.ssh and job.cloud_init and job.cloud_init.meta_data:
        what = "it leaves no place for the key that vmf makes for `ssh`"
        hint = "leave it out; or leave out `ssh:`, and give the user a key of your own in `user_data:`"
        yield Objection(at=("cloud_init", "meta_data"), what=what, hint=hint)


def _ssh(job: Job) -> Iterator[Objection]:
    if job.ssh and not _networked(job):
        what = "the job has no network"
        yield Objection(at=("ssh",), what=what, hint="add `network: {type: user}`", given=("network",))
    elif job.ssh and job.run is None and job.seed is None:
        what, hint = "nothing brings its key into the guest", "add `run:`, or `cloud_init: {}`, as the guest can read"
        yield Objection(at=("ssh",), what=what, hint=hint, given=("run", "cloud_init"))


def _halt(job: Job) -> Iterator[Objection]:
    if job.run and (found := _HALT.search(job.run)):
        word = printable(found[0].strip(" \t;&|({`")[:40])
        what = f"`{word}` leaves the power on in some guests, and the job never ends"
        yield Objection(at=("run",), what=what, hint="leave the end to the guest contract, or use poweroff")


def _secrets(job: Job) -> Iterator[Objection]:
    hint = "put it into a file that only you can read, and name that in `secrets:`"
    for name, value in job.env.items():
        if value and (_is_secret(name) or _SECRET_TEXT.search(value)):
            yield Objection(at=("env", name), what="this looks like a secret, in plain sight", hint=hint)
    for at, text in _texts(job):
        if _SECRET_TEXT.search(text) or any(_is_secret(found[1]) for found in _GIVEN.finditer(text)):
            yield Objection(at=at, what="there seems to be a secret in it, in plain sight", hint=hint)


def _texts(job: Job) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where secrets are written by mistake, beside variables."""
    yield ("run",), job.run or ""
    yield ("boot", "parameters"), job.boot.parameters
    yield from ((("arguments", number), text) for number, text in enumerate(job.arguments))
    yield from ((("attributes", name), f"{name}={text}") for name, text in job.attributes.items())


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _ELSEWHERE.search(name)


def _idle_blocks(job: Job) -> Iterator[Objection]:
    for name in job.settings:
        if job.types and name not in job.types:
            what = f"the job runs on {' or '.join(job.types)} only"
            yield Objection(at=(name,), what=what, hint=f"add {name} to `type:`, or remove the block")


def _networked(job: Job) -> bool:
    return job.network.type is not NetworkType.NONE


JOB_CHECKS: tuple[Check[Any], ...] = (
    Check(rule=rules.NOTHING_TO_BOOT, kind=Job, judge=_bootless),
    Check(rule=rules.NOTHING_TO_BOOT, kind=Image, judge=_bootless_image),
    Check(rule=rules.INITRD, kind=Job, judge=_initrd),
    Check(rule=rules.INITRD, kind=Image, judge=_initrd_image),
    Check(rule=rules.UNUSED_BOOT, kind=Job, judge=_unused_boot),
    Check(rule=rules.CONSENT, kind=Job, judge=_consent),
    Check(rule=rules.IDLE_CONSENT, kind=Job, judge=_idle_consent),
    Check(rule=rules.DEVICE_TWICE, kind=Job, judge=_devices),
    Check(rule=rules.DEVICE_BUS, kind=Job, judge=_device_bus),
    Check(rule=rules.CDROM, kind=Job, judge=_cdrom),
    Check(rule=rules.MAC, kind=Job, judge=_mac),
    Check(rule=rules.NO_NETWORK, kind=Job, judge=_no_network),
    Check(rule=rules.FORWARDS, kind=Job, judge=_forwards),
    Check(rule=rules.EMPTY_CHECKPOINT, kind=Job, judge=_empty_checkpoint),
    Check(rule=rules.SHARED_IN_PLACE, kind=Job, judge=_shared_in_place),
    Check(rule=rules.IN_PLACE_TWICE, kind=Job, judge=_in_place_twice),
    Check(rule=rules.IN_PLACE_KEPT, kind=Job, judge=_in_place_kept),
    Check(rule=rules.UNNAMEABLE, kind=Job, judge=_unnameable),
    Check(rule=rules.NO_SCRIPT, kind=Job, judge=_no_script),
    Check(rule=RESERVED, kind=Job, judge=_taken_results),
    Check(rule=rules.RESULT_TWICE, kind=Job, judge=_overlapping),
    Check(rule=rules.EVENT_LOG, kind=Job, judge=_event_log),
    Check(rule=rules.TOO_LONG, kind=Job, judge=_too_long),
    Check(rule=rules.VARIABLE_TWICE, kind=Job, judge=_variable_twice),
    Check(rule=rules.SSH_METADATA, kind=Job, judge=_ssh_metadata),
    Check(rule=rules.SSH, kind=Job, judge=_ssh),
    Check(rule=rules.HALT, kind=Job, judge=_halt),
    Check(rule=rules.SECRET, kind=Job, judge=_secrets),
    Check(rule=rules.IDLE_BLOCK, kind=Job, judge=_idle_blocks),
)
