"""Every knob of a machine's configuration that is about machines: the field of a host that it is, or why it is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from vmf.htcondor.config import ATTRIBUTES, Configuration
from vmf.htcondor.draft import Field, Lost, Saying, Value, spec
from vmf.htcondor.machine import TYPES
from vmf.htcondor.running import carried, plain_name
from vmf.htcondor.table import Row
from vmf.htcondor.words import Word
from vmf.spec.faults import shown, suggestion

NETWORKS = ("nat", "bridge", "user")
_BRIDGE = re.compile(r"bridge=([A-Za-z0-9._-]{1,15})")
_OWN_SCRIPT = "libvirt_simple_script.awk"
_UNSPELT = "it names what another file defines; write the value by hand"


def _type(config: Configuration) -> Saying:
    word = config.get("vm_type")
    if word and word.text.lower() not in TYPES:
        raise word.wrong(f"{shown(word.text)} is no hypervisor", suggestion(word.text, TYPES))
    kind = _kind(config)
    yield spec("type", kind, "" if word else f"The file names no VM_TYPE: choose one of {', '.join(TYPES)}.")
    if kind == "vmware":
        comment = "VMware is reached by its interface over the network; name the host, and see vmf-vmware for the rest."
        yield spec("connection.transport", "api", comment)
        yield spec("connection.address", "localhost")
    else:
        yield spec("connection.transport", "local", "For vmf on this very machine; from elsewhere, use ssh or tls.")


def _memory(config: Configuration) -> Saying:
    if word := config.get("vm_memory"):
        yield spec("memory", word.size("M"))


def _count(key: str, *names: str) -> Callable[[Configuration], Saying]:
    """A number; 0 is that of no limit, or whatever is found."""

    def say(config: Configuration) -> Saying:
        if word := config.get(*names):
            number = word.whole(0, 1_000_000)
            yield from [spec(key, number)] if number else []

    return say


def _networks(config: Configuration) -> Saying:
    allowed, types = config.get("vm_networking"), config.get("vm_networking_type")
    bridge, default = config.get("vm_networking_bridge_interface"), config.get("vm_networking_default_type")
    if allowed is None or not allowed.boolean:
        yield spec("networks.types", (), "HTCondor gave machines no network unless VM_NETWORKING was true.")
        return
    found = tuple(item.lower() for item in re.split(r"[\s,]+", types.text) if item) if types else ("nat",)
    for name in {*found, *([default.text.lower()] if default else [])} - {*NETWORKS}:
        raise (types or allowed).wrong(f"{shown(name)} is no type of network", suggestion(name, NETWORKS))
    script = None if bridge else config.get(*_BRIDGE_SCRIPTS)
    inside = _BRIDGE.search(script.text) if script else None
    name = bridge.text if bridge else inside[1] if inside else ""
    offered = tuple(each for each in found if each != "bridge" or name)
    comment = "" if offered == found else "Without the name of a bridge there is no type bridge, as in HTCondor."
    yield spec("networks.types", offered, comment)
    if default and default.text.lower() in offered:
        yield spec("networks.default", default.text.lower())
    if "bridge" in offered:
        yield spec("networks.bridge", name)


_BRIDGE_SCRIPTS = ("vm_bridge_script", "xen_bridge_script")


def _scripts(config: Configuration) -> Saying:
    kind = _kind(config)
    if kind == "vmware":
        return
    if word := config.get(*_BRIDGE_SCRIPTS):
        path, *rest = word.text.split()
        extra = (
            ""
            if not rest
            else f"It was {shown(word.text)}; of the words only a bridge's name has a field, `networks.bridge`."
        )
        yield _path(word, f"{kind}.bridge_script", path, extra)
    if word := config.get("libvirt_xml_script"):
        words = config.get("libvirt_xml_script_args")
        said = "It reads libvirt's XML and writes what it makes of it; HTCondor gave it the job's ad."
        yield spec(f"{kind}.xml_script", (word.text, *(words.text.split() if words else [])), said)


def unspelt(word: Word) -> Lost:
    """What there is to say of a knob whose text names what its file does not define."""
    own = PurePosixPath(word.text).name == _OWN_SCRIPT
    return Lost(word=word, why="HTCondor's own script writes what vmf describes by itself" if own else _UNSPELT)


def _kind(config: Configuration) -> str:
    word = config.get("vm_type")
    return word.text.lower() if word else TYPES[0]


def _path(word: Word, key: str, path: str, comment: str = "", *, made: Value | None = None) -> Lost | Field:
    if not path.startswith("/"):
        return Lost(word=word, why="it is no full path on the host")
    return spec(key, made or path, comment)


def _file(key: str, name: str) -> Callable[[Configuration], Saying]:
    def say(config: Configuration) -> Saying:
        if key.startswith(f"{_kind(config)}.") and (word := config.get(name)):
            yield _path(word, key, word.text)

    return say


def _boot(key: str, name: str) -> Callable[[Configuration], Saying]:
    def say(config: Configuration) -> Saying:
        if _kind(config) == "xen" and (word := config.get(name)):
            yield _path(word, key, word.text, made={"on_host": word.text})

    return say


def _soft_suspend(config: Configuration) -> Saying:
    if word := config.get("vm_soft_suspend"):
        yield spec("soft_suspend", word.boolean)


def _policy(key: str, *names: str) -> Callable[[Configuration], Saying]:
    def say(config: Configuration) -> Saying:
        if word := config.get(*names):
            yield from carried(key, word)

    return say


def _version(config: Configuration) -> Saying:
    if word := config.get("vm_version"):
        text = word.text.strip('"').replace("\\", "\\\\").replace('"', '\\"')
        yield spec(
            "attributes.VM_Version",
            f'"{text}"',
            "Only a word to match by; what a probe finds is QemuVersion and so on.",
        )


def _attributes(config: Configuration) -> Saying:
    listed = config.get(*ATTRIBUTES)
    for name in listed.text.replace(",", " ").split() if listed else ():
        if word := config.get(name.lower()):
            yield from carried(f"attributes.{name}", word)
        elif listed:
            yield Lost(word=listed, why=f"{shown(name)} is defined in another file")


def _guest_of(config: Configuration) -> Saying:
    if word := config.get("vmp_host_machine"):
        yield spec("guest_of", plain_name(word.text))


def _guests(config: Configuration) -> Saying:
    if word := config.get("vmp_vm_list"):
        yield spec("guests", tuple(plain_name(item) for item in re.split(r"[\s,]+", word.text) if item))


KNOBS: Final[tuple[Row[Configuration], ...]] = (
    Row(names=("vm_type",), becomes="type", sentence="One host for each hypervisor of a machine.", say=_type),
    Row(
        names=("vm_memory",), becomes="memory", sentence="With its unit; what the probe finds if missing.", say=_memory
    ),
    Row(
        names=("vm_max_number",),
        becomes="machines",
        sentence="No limit if missing or 0, as it was in truth.",
        say=_count("machines", "vm_max_number"),
    ),
    Row(
        names=("num_cpus",),
        becomes="cpus",
        sentence="What the probe finds if missing or 0.",
        say=_count("cpus", "num_cpus"),
    ),
    Row(names=("vm_networking",), becomes="networks.types", sentence="False: `[]`.", say=_networks),
    Row(
        names=("vm_networking_type",),
        becomes="networks.types",
        sentence="`bridge` is left out where no bridge is named, as it was there.",
        say=_networks,
    ),
    Row(names=("vm_networking_default_type",), becomes="networks.default", sentence="As it is.", say=_networks),
    Row(names=("vm_networking_bridge_interface",), becomes="networks.bridge", sentence="As it is.", say=_networks),
    Row(
        names=("vm_soft_suspend",),
        becomes="soft_suspend",
        sentence="The host's word; a job's wish is its `suspend`.",
        say=_soft_suspend,
    ),
    Row(
        names=("libvirt_xml_script", "libvirt_xml_script_args"),
        becomes="kvm.xml_script, xen.xml_script",
        sentence="It edits the XML that vmf made; there it made it of the job's ad. HTCondor's own is not needed.",
        say=_scripts,
    ),
    Row(names=("xen_bootloader",), becomes="xen.loader", sentence="A path.", say=_file("xen.loader", "xen_bootloader")),
    Row(
        names=("start",),
        becomes="start",
        sentence="As it is, see [ads](ads.md); who may use it is better said by `users`.",
        say=_policy("start", "start"),
    ),
    Row(
        names=("suspend_vm", "suspend"),
        becomes="suspend",
        sentence="The machines' own before the general one.",
        say=_policy("suspend", "suspend_vm", "suspend"),
    ),
    Row(
        names=("continue_vm", "continue"),
        becomes="continue",
        sentence="The machines' own before the general one.",
        say=_policy("continue", "continue_vm", "continue"),
    ),
    Row(
        names=("preempt_vm", "preempt"),
        becomes="vacate",
        sentence="The machines' own before the general one.",
        say=_policy("vacate", "preempt_vm", "preempt"),
    ),
    Row(
        names=ATTRIBUTES,
        becomes="attributes",
        sentence="Each that it lists, if the file defines it.",
        say=_attributes,
    ),
    Row(
        names=("want_suspend_vm", "want_suspend", "want_vacate_vm", "want_vacate", "kill_vm", "kill"),
        sentence="A job that has to leave is suspended, asked and then ended in an order that is vmf's own.",
    ),
    Row(
        names=("vm_status_interval", "vm_status_max_error", "vm_gahp_req_timeout", "vm_recheck_interval"),
        sentence="Nothing is polled: hypervisors report what happens, and what fails is asked again with deadlines.",
    ),
    Row(names=("vm_killing_timeout",), sentence="How long a guest may take to shut down is vmf's own part."),
    Row(names=("vm_hardware_vt",), sentence="A probe finds what the processor and the hypervisor can do."),
    Row(
        names=("vm_gahp_server", "vm_gahp_log", "max_vm_gahp_log", "vm_gahp_debug", "vm_gahp_send_all_classad"),
        sentence="There is no GAHP: a plugin speaks to the hypervisor within vmf. `-v` logs.",
    ),
    Row(
        names=("xen_allow_hardware_vt_suspend",),
        sentence="Whether a machine can be saved is an ability that the probe tries.",
    ),
    Row(names=("memory_usage_metric_vm",), sentence="What a machine uses is asked of the hypervisor."),
    Row(
        names=("periodic_checkpoint",),
        sentence="A job says it: `checkpoint.period`. HTCondor refused it for Xen and KVM.",
    ),
    Row(names=("append_req_vm",), sentence="What a site asks of jobs is a host's `start`, or a plugin's `review`."),
    Row(names=("vmu_testing",), sentence="Faults are injected by the project's own tests."),
    Row(
        names=(
            "use_script_to_create_config",
            "vm_max_memory",
            "vm_networking_mac_prefix",
            "vm_gahp_config",
            "xen_script",
        ),
        sentence="Had no effect in HTCondor either.",
    ),
    Row(
        names=_BRIDGE_SCRIPTS,
        becomes="kvm.bridge_script, xen.bridge_script",
        sentence="A path; `bridge=NAME` in it becomes `networks.bridge`. Without effect in today's HTCondor.",
        say=_scripts,
    ),
    Row(
        names=("vm_univ_nobody_user", "always_vm_univ_use_nobody"),
        sentence="Guests never run as the job's owner on the host, and never as root.",
        removed="10.1",
    ),
    Row(
        names=("vmware_local_settings_file",),
        becomes="vmware.vmx_file",
        sentence="Lines for every machine's .vmx file.",
        say=_file("vmware.vmx_file", "vmware_local_settings_file"),
        removed="10.1",
    ),
    Row(
        names=("vmware_perl", "vmware_script"),
        sentence="vmf speaks to VMware's own interface, without Perl.",
        removed="10.1",
    ),
    Row(
        names=("vmware_networking_type", "vmware_nat_networking_type", "vmware_bridge_networking_type"),
        sentence="The words of a .vmx file are those of its plugin; `networks` says what there is.",
        removed="10.1",
    ),
    Row(
        names=("vm_version",),
        becomes="attributes",
        sentence="`VM_Version`, a text to match by.",
        say=_version,
        removed="7.4",
    ),
    Row(
        names=("xen_default_kernel",),
        becomes="boot.kernel",
        sentence="A path on the host.",
        say=_boot("boot.kernel", "xen_default_kernel"),
        removed="7.4",
    ),
    Row(
        names=("xen_default_initrd",),
        becomes="boot.initrd",
        sentence="A path on the host.",
        say=_boot("boot.initrd", "xen_default_initrd"),
        removed="7.4",
    ),
    Row(
        names=(
            "xen_controller",
            "xen_vif_parameter",
            "xen_nat_vif_parameter",
            "xen_bridge_vif_parameter",
            "xen_image_io_type",
        ),
        sentence="Words of Xen's own configuration; libvirt has them now, and `xml_script` reaches all of them.",
        removed="7.1",
    ),
    Row(
        names=("vmp_host_machine",),
        becomes="guest_of",
        sentence="The host's name in vmf.",
        say=_guest_of,
        removed="10.0",
    ),
    Row(
        names=("vmp_vm_list",),
        becomes="guests",
        sentence="The guests' names in vmf.",
        say=_guests,
        removed="10.0",
    ),
)
"""In the order of the page: those of today, those without effect, those that are gone."""
