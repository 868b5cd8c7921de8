"""Commands that describe the machine: its disks, what it boots, its CD-ROM, its network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from vmf.htcondor.draft import Field, Lost, Saying, Value, spec
from vmf.htcondor.submit import Process
from vmf.htcondor.words import Word
from vmf.model import FORMATS, DiskFormat, NetworkType
from vmf.spec.faults import shown, suggestion

TRANSFERRED = ("transfer_input_files", "transferinputfiles", "xen_transfer_files", "kvm_transfer_files")
DISKS = ("vm_disk", "xen_disk", "kvm_disk")
CDROM_FILES = ("vm_cdrom_files", "vmware_cdrom_files")
TYPES = ("kvm", "xen", "vmware")
_NETWORKS = {"nat": NetworkType.NAT, "bridge": NetworkType.BRIDGE, "user": NetworkType.USER}
_DEVICE = re.compile(r"(?:/dev/)?(?P<name>[a-z]{1,8}[0-9]{0,3})")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_PREFIXES = {"kvm": "vd", "xen": "xvd"}
"""What the devices of disks are called by hypervisors whose disks have a command, a letter for each place after it."""
_LEAST_FIELDS, _MOST_FIELDS = 3, 4

BACK = "HTCondor brought the whole disks back that the guest may write; write `whole` for that, `changed` is smaller."
IN_PLACE = "HTCondor let the guest change this very file; `snapshot` would leave it as it is, and let many jobs use it."
CONSENT = (
    "Consent: a machine that goes on from a checkpoint may find its open connections lost and its address given away. "
    "HTCondor of today asks for it by when_to_transfer_output = ON_EXIT_OR_EVICT; remove the line to be asked here."
)
DEVICE = "A device that differs from what its place gives it needs a host with the ability `device`."
WINDOWS = "It was a path of Windows, which is none here: name the folder as this computer, or the host, does."
PERIOD = "Once HTCondor was to make checkpoints from time to time, too; `period: 1h` does."
DHCP = "It was dhcp: how the guest gets its address is between it and the network, so this is the host's default."


def types(process: Process) -> Saying:
    """The hypervisor, which every submit description has to name."""
    word = process.get("vm_type")
    if word is None:
        what = "vm_type is missing, so the job would match no machine"
        raise _first(process).wrong(what, f"write vm_type = {' | '.join(TYPES)}")
    if word.text.lower() not in TYPES:
        raise word.wrong(f"{shown(word.text)} is no hypervisor", suggestion(word.text, TYPES))
    yield spec("type", word.text.lower())


def memory(process: Process) -> Saying:
    """The memory, by either of the commands that give it."""
    word = process.get("vm_memory", "request_memory", "requestmemory")
    if word is None:
        raise _first(process).wrong("vm_memory is missing", "write vm_memory = MEBIBYTES")
    yield spec("memory", word.size("M"))


def processors(process: Process) -> Saying:
    """The processors, by either of the commands that give them."""
    if word := process.get("vm_vcpus", "request_cpus", "requestcpus"):
        yield spec("cpus", word.whole(1, 1024))


def disks(process: Process) -> Saying:
    """The disks of KVM and Xen; one with `iso` in its name is a CD-ROM, as it was there."""
    kind = _kind(process)
    if kind not in _PREFIXES:
        return
    word = process.get(*DISKS)
    if word is None:
        raise _first(process).wrong("vm_disk is missing", "write vm_disk = FILE:DEVICE:PERMISSION")
    parts = [_parts(word, item) for item in word.items]
    isos = [each for each in parts if "iso" in each[0].lower()]
    others = (each for each in parts if each not in isos)
    made = [_disk(process, word, each, _PREFIXES[kind] + chr(ord("a") + place)) for place, each in enumerate(others)]
    if made:
        comments = dict.fromkeys(comment for _, each in made for comment in each if comment)
        yield spec("disks", tuple(value for value, _ in made), " ".join(comments))
    if any("w" in each[2] and travels(process, each[0]) for each in parts) and not process.true("vm_no_output_vm"):
        yield spec("results.disks", "changed", BACK)
    for each in isos[:1]:
        odd = "" if each[0].lower().endswith(".iso") else "HTCondor made a CD-ROM of it, as its name holds `iso`."
        yield spec("cdrom.iso", file(process, each[0])[0], odd)
        yield from _cdrom_device(word, each[1])
    for each in isos[1:]:
        yield Lost(word=word, why=f"{shown(each[0])} would be a second CD-ROM, and a job has one")


def _parts(word: Word, item: str) -> tuple[str, str, str, str]:
    parts = [part.strip() for part in item.split(":")]
    if not _LEAST_FIELDS <= len(parts) <= _MOST_FIELDS or not all(parts):
        hint = "write FILE:DEVICE:PERMISSION or FILE:DEVICE:PERMISSION:FORMAT, such as disk.img:vda:w:raw"
        raise word.wrong(f"{shown(item)} is no disk", hint)
    if parts[2].lower() not in {"r", "w", "rw"}:
        raise word.wrong(f"{shown(parts[2])} is no permission of a disk", "write r, or w for a disk that is written")
    return parts[0], parts[1], parts[2].lower(), parts[3].lower() if len(parts) == _MOST_FIELDS else ""


def _disk(process: Process, word: Word, parts: tuple[str, str, str, str], usual: str) -> tuple[Value, tuple[str, ...]]:
    """A disk's value, and what changed its meaning; `usual` is the device that its place gives it."""
    name, device, permission, form = parts
    found, comment = file(process, name)
    value: dict[str, Value] = {"file": found}
    formats = [str(each) for each in DiskFormat]
    if form and form not in formats:
        raise word.wrong(f"{shown(form)} is no format of a disk", suggestion(form, formats))
    if form or PurePosixPath(name).suffix not in FORMATS:
        value["format"] = form or "raw"
    named = _device(word, device)
    if named != usual:
        value["device"] = named
    if "w" not in permission:
        value["access"] = "read"
    elif isinstance(found, Mapping):
        value["access"] = "in-place"
        comment = IN_PLACE
    return value, (comment, DEVICE if "device" in value else "")


def _device(word: Word, text: str) -> str:
    found = _DEVICE.fullmatch(text)
    if not found:
        raise word.wrong(f"{shown(text)} is no device of a guest", "write it as in vda, sda or hdc")
    return found["name"]


def _cdrom_device(word: Word, text: str) -> Iterator[Field]:
    """The device of the CD-ROM; a job has but one, so that the usual one need not be named."""
    if (device := _device(word, text)) != "hdc":
        yield spec("cdrom.device", device, DEVICE)


def travels(process: Process, name: str) -> bool:
    """Whether a file is among those to be transferred; there it is known by its name alone."""
    return _transferred(process, name) is not None


def _transferred(process: Process, name: str) -> str | None:
    return next((item for item in _listed(process) if name in (item, PurePosixPath(item).name)), None)


def _listed(process: Process) -> tuple[str, ...]:
    words = (process.get(each) for each in TRANSFERRED)
    return tuple(item for word in words if word for item in word.items)


def file(process: Process, name: str) -> tuple[Value, str]:
    """A file as the spec names it, and what changed its meaning."""
    listed = _transferred(process, name)
    if listed and "://" in listed:
        return PurePosixPath(listed).name, f"It was fetched from {listed}; fetch it beside this file first."
    if listed:
        return process.path(listed), ""
    if name.startswith("/"):
        return {"on_host": name}, ""
    return process.path(name), f"HTCondor would have held the job: {name} has no full path and was not transferred."


def inputs(process: Process) -> Saying:
    """What was transferred and is none of the machine's own files."""
    own = {PurePosixPath(name).name for name in _named(process)}
    for name in TRANSFERRED:
        if word := process.get(name):
            rest = [item for item in word.items if PurePosixPath(item).name not in own]
            if rest:
                listed = ", ".join(rest[:5])
                why = f"no guest could see {shown(listed)}; put on a CD-ROM what it is to read: `cdrom: {{files: […]}}`"
                yield Lost(word=word, why=why)


def _named(process: Process) -> Iterator[str]:
    for name in (*DISKS, "xen_kernel", "xen_initrd"):
        if word := process.words.get(name):
            yield from (item.split(":")[0].strip() for item in word.items)
    if vmx := _machine_file(process):
        yield from (item for item in _listed(process) if PurePosixPath(item).parent == PurePosixPath(vmx).parent)


def _machine_file(process: Process) -> str | None:
    return next((item for item in _listed(process) if item.lower().endswith(".vmx")), None)


def kernel(process: Process) -> Saying:
    """What a Xen machine boots."""
    if _kind(process) != "xen":
        return
    word = process.get("xen_kernel")
    special = word.text.lower() if word else "any"
    if special in {"included", "vmx"}:
        yield spec("xen.mode", "hvm") if special == "vmx" else spec("boot.kernel", "included")
        yield from _in_disk(process)
        return
    root, initrd, parameters = (process.get(name) for name in ("xen_root", "xen_initrd", "xen_kernel_params"))
    if word is None or special == "any":
        why = "a job that names no kernel is given its host's, which a spec of the host names: `boot: {kernel: …}`"
        yield Lost(word=word or _first(process), why=why)
    elif root is None:
        raise word.wrong("xen_root is missing, which a kernel of its own needs", "write xen_root = /dev/DEVICE")
    else:
        yield spec("boot.kernel", *file(process, word.text))
    if initrd:
        yield spec("boot.initrd", *file(process, initrd.text))
    if root:
        yield spec("boot.root", root.text)
    if parameters:
        yield spec("boot.parameters", parameters.text.strip("'\""))


def _in_disk(process: Process) -> Saying:
    """What a machine whose kernel is in its disk is not told from outside."""
    if initrd := process.get("xen_initrd"):
        raise initrd.wrong("the kernel is in the disk, and so is its initrd", "leave it out, or name the kernel")
    for each in (process.get("xen_root"), process.get("xen_kernel_params")):
        if each:
            yield Lost(word=each, why="the boot loader in the disk says it to its kernel; HTCondor ignored it, too")


def cdrom(process: Process) -> Saying:
    """A CD-ROM made of files, or of one ISO."""
    word = process.get(*CDROM_FILES)
    device = process.get("xen_cdrom_device", "kvm_cdrom_device")
    if word is None:
        if device:
            yield Lost(word=device, why="there is no CD-ROM that it could be the device of")
        return
    isos = [item for item in word.items if item.lower().endswith(".iso")]
    if isos and len(word.items) > 1:
        raise word.wrong("an ISO beside other files", "name one ISO, or files that are none")
    there = process.get("vm_should_transfer_cdrom_files")
    values = tuple(_cdrom_file(process, word, item, on_host=bool(there and not there.yes)) for item in word.items)
    yield spec("cdrom.iso", values[0]) if isos else spec("cdrom.files", values)
    if device:
        yield from _cdrom_device(device, device.text)


def _cdrom_file(process: Process, word: Word, item: str, *, on_host: bool) -> Value:
    if on_host and not item.startswith("/"):
        raise word.wrong(f"{shown(item)} is not transferred and has no full path", "give its full path on the host")
    return {"on_host": item} if on_host else process.path(item)


def network(process: Process) -> Saying:
    """The network and its card."""
    kind, mac = process.get("vm_networking_type"), process.get("vm_macaddr")
    if not process.true("vm_networking"):
        yield from (Lost(word=each, why="the job has no network") for each in (kind, mac) if each)
        return
    name = kind.text.strip("'\"").lower() if kind else ""
    if kind and name not in {*_NETWORKS, "dhcp"}:
        raise kind.wrong(f"{shown(kind.text)} is no type of network", suggestion(name, _NETWORKS))
    yield spec("network.type", str(_NETWORKS.get(name, NetworkType.DEFAULT)), DHCP if name == "dhcp" else "")
    if mac:
        if not _MAC.fullmatch(mac.text):
            raise mac.wrong(f"{shown(mac.text)} is no MAC address", "write it as in 52:54:00:12:34:56")
        yield spec("network.mac", mac.text)


def checkpoint(process: Process) -> Saying:
    """Checkpoints, with the consent that a network asks for."""
    if process.true("vm_checkpoint"):
        yield spec("checkpoint.on_eviction", value=True, comment=PERIOD)
        if process.true("vm_networking"):
            when = process.get("when_to_transfer_output")
            given = when is not None and when.text.upper() == "ON_EXIT_OR_EVICT"
            yield spec("checkpoint.lose_connections", value=True, comment="" if given else CONSENT)


def no_output(process: Process) -> Saying:
    """Nothing comes back of the disks."""
    if process.true("vm_no_output_vm"):
        yield spec("results.disks", "none")


def screen(process: Process) -> Saying:
    """A screen by VNC."""
    if process.true("vm_vnc"):
        yield spec("vnc", value=True)


def vmware(process: Process) -> Saying:
    """A folder with a VMware machine."""
    if _kind(process) != "vmware":
        return
    folder, transfer = process.get("vmware_dir"), process.get("vmware_should_transfer_files")
    snapshot = process.get("vmware_snapshot_disk")
    here = transfer is None or transfer.yes
    if not here and snapshot and not snapshot.yes:
        what = "the files are neither transferred nor kept as they are by a snapshot"
        raise snapshot.wrong(what, "set it, or vmware_should_transfer_files, to true")
    yield _folder(process, folder, here=here)
    if snapshot:
        yield spec("vmware.snapshot", snapshot.yes)


def _folder(process: Process, folder: Word | None, *, here: bool) -> Field:
    vmx = _machine_file(process)
    if folder is None and vmx is None:
        raise _first(process).wrong("vmware_dir is missing", "write vmware_dir = FOLDER, the one with the .vmx file")
    text = folder.text if folder else str(PurePosixPath(process.path(vmx or "")).parent)
    comment = WINDOWS if PureWindowsPath(text).drive else ""
    if here:
        return spec("vmware.folder", str(PurePosixPath(process.origin, text)), comment)
    return spec("vmware.folder", {"on_host": str(Path(process.folder, text).absolute())}, comment)


def _kind(process: Process) -> str:
    word = process.get("vm_type")
    return word.text.lower() if word else ""


def _first(process: Process) -> Word:
    """A word to say of what is missing: that of the job's kind, else any."""
    return process.get("vm_type", "universe") or process.queue
