"""Made-up hypervisors and files for specs that are judged."""

from __future__ import annotations

import struct
from pathlib import Path

from msgspec import Struct

from vmf.hookspecs import API, OPTIONAL, HypervisorType, hookimpl
from vmf.plugins import HYPERVISORS, Plugins
from vmf.testing import fake


class ToyHost(Struct, frozen=True, kw_only=True):
    """What specs say of a host of type toy."""

    bridge_script: str = ""


class ToyJob(Struct, frozen=True, kw_only=True):
    """What specs say of a job on toy."""

    colour: str = ""


_ABLE = (
    "network-user", "network-nat", "network-bridge", "transport-ssh", "transport-tcp", "guest-of", "vnc", "checkpoint",
)  # fmt: skip
TOY = HypervisorType(
    type="toy",
    api=API,
    version="1",
    settings=ToyHost,
    job_settings=ToyJob,
    capabilities=dict.fromkeys(_ABLE, "It can."),
)
WORDS = HypervisorType(type="words", api=API, version="1")
_VERBS = {
    name: staticmethod(verb)
    for name, verb in vars(fake).items()
    if hasattr(verb, "vmf_impl") and (name not in OPTIONAL or not set(OPTIONAL[name]).isdisjoint(_ABLE))
}


def toys() -> Plugins:
    """The plugins of two types: `toy` drives hosts, `words` only lends its words."""
    plugins = Plugins()
    for each, verbs in ((TOY, _VERBS), (WORDS, {})):
        own = {**verbs, "hypervisor": staticmethod(hookimpl(lambda each=each: each))}
        plugins.add(HYPERVISORS, each.type, lambda each=each, own=own: type(each.type, (), own))
    assert [each.error for each in plugins.listed if each.error] == []
    return plugins


def furnish(folder: Path) -> None:
    """Write the files that specs of this folder may name."""
    kernel = bytearray(1024)
    kernel[0x1FE:0x200], kernel[0x202:0x206] = b"\x55\xaa", b"HdrS"
    files = {
        "box.raw": bytes(512),
        "data.raw": bytes(512),
        "odd.raw": bytes(511),
        "future.qcow2": struct.pack(">4sI", b"QFI\xfb", 9),
        "lure.vmdk": b'# Disk DescriptorFile\nRW 1 FLAT "/etc/shadow" 0\n',
        "torn.ova": b"box.ovf",
        "vmlinuz": kernel,
        "initrd": b"x",
        "a/x": b"x",
        "b/x": b"x",
        "disc.iso": bytes(32769) + b"CD001",
        "seed": b"#cloud-config\n",
        "token": b"t",
        "shown": b"t",
        "zero": b"\0",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "linked").mkdir()
    (folder / "linked/nowhere").symlink_to("none")
    for name in ("token", "zero"):
        (folder / name).chmod(0o600)
    (folder / "shown").chmod(0o644)
