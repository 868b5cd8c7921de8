"""The host, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from vmf.model.image import File
from vmf.model.parts import NetworkType
from vmf.model.terms import ADDRESS, BRIDGE, NAME, Attributes, Count, Expression, Labels, Line, Name, Port, Size


class Claim(Struct, frozen=True, kw_only=True):
    """What one machine, or all machines of a host together, take of the host."""

    memory: int = 0
    cpus: int = 0
    machines: int = 0

    def __add__(self, other: Claim) -> Claim:
        """Both together."""
        return Claim(
            memory=self.memory + other.memory,
            cpus=self.cpus + other.cpus,
            machines=self.machines + other.machines,
        )


class Transport(StrEnum):
    """How a hypervisor is reached."""

    LOCAL = "local"
    SSH = "ssh"
    TLS = "tls"
    TCP = "tcp"
    API = "api"


class Connection(Struct, frozen=True, kw_only=True):
    """How the host's hypervisor is reached, as fields: vmf makes the address of them."""

    transport: Annotated[
        Transport,
        Meta(
            description="local, ssh, tls, tcp, or api: the hypervisor's own.",
            extra={"needs": "transport-{}"},
        ),
    ] = Transport.LOCAL
    address: Annotated[
        Annotated[str, Meta(pattern=ADDRESS)] | None, Meta(description="The host's name or IP address.")
    ] = None
    port: Annotated[Port | None, Meta(description="The port; the transport's usual one if not given.")] = None
    user: Annotated[Name | None, Meta(description="The user there.")] = None
    key: Annotated[Path | None, Meta(description="The file with the private key.")] = None
    ca: Annotated[Path | None, Meta(description="The file with the certificates to trust.")] = None
    insecure: Annotated[
        bool, Meta(description="The consent to a transport that encrypts nothing, beyond this computer.")
    ] = False


class Networks(Struct, frozen=True, kw_only=True):
    """The networks that machines can have."""

    types: Annotated[
        tuple[NetworkType, ...],
        Meta(description="Those that are offered.", max_length=5, extra={"needs": "network-{}"}),
    ] = ()
    default: Annotated[
        NetworkType | None, Meta(description="Which of them is meant by default; the first if not given.")
    ] = None
    bridge: Annotated[Annotated[str, Meta(pattern=BRIDGE)] | None, Meta(description="The bridge's name.")] = None


class HostBoot(Struct, frozen=True, kw_only=True):
    """What jobs boot that name no kernel."""

    kernel: Annotated[File | None, Meta(description="The default kernel.")] = None
    initrd: Annotated[File | None, Meta(description="The default initial RAM disk.")] = None


class Host(Struct, frozen=True, kw_only=True):
    """One hypervisor connection that machines run on, with its policy."""

    name: Annotated[str, Meta(description="The host's name.", pattern=NAME)]
    labels: Annotated[Labels, Meta(description="Words to find the host by, name to text.")] = {}
    type: Annotated[str, Meta(description="The hypervisor's type: the plugin that drives it.")]
    connection: Annotated[
        Connection, Meta(description="How the hypervisor is reached; the one of this computer if not given.")
    ] = Connection()
    memory: Annotated[
        Size | None, Meta(description="Memory for all machines together; what the probe finds if not given.")
    ] = None
    cpus: Annotated[
        Count | None, Meta(description="Processors for all machines together; what the probe finds if not given.")
    ] = None
    machines: Annotated[Count | None, Meta(description="The most machines at once; no limit if not given.")] = None
    disk_space: Annotated[Size | None, Meta(description="Disk space for a machine; not matched if not given.")] = None
    networks: Annotated[
        Networks, Meta(description="The networks that machines can have; the plugin's word if not given.")
    ] = Networks()
    boot: Annotated[
        HostBoot | None,
        Meta(description="What jobs boot that name no kernel.", extra={"needs": "default-kernel"}),
    ] = None
    soft_suspend: Annotated[
        bool | None,
        Meta(
            description="Whether suspended machines keep their memory; the host's word wins over the job's wish.",
            extra={"needs": {True: "soft-suspend", False: "hard-suspend"}},
        ),
    ] = None
    start: Annotated[Expression | None, Meta(description="What the host asks of a job, as a ClassAd expression.")] = (
        None
    )
    suspend: Annotated[
        Expression | None,
        Meta(description="When a machine is suspended, as a ClassAd expression.", extra={"needs": "policy"}),
    ] = None
    continue_: Annotated[
        Expression | None,
        Meta(description="When a suspended machine goes on, as a ClassAd expression.", extra={"needs": "policy"}),
    ] = field(default=None, name="continue")
    vacate: Annotated[
        Expression | None,
        Meta(description="When a job has to leave, as a ClassAd expression.", extra={"needs": "policy"}),
    ] = None
    users: Annotated[
        tuple[Line, ...],
        Meta(description="The users who may use it, by login name; everybody if not given.", max_length=1000),
    ] = ()
    attributes: Annotated[
        Attributes, Meta(description="More attributes of the host's ad, name to ClassAd expression.")
    ] = {}
    guest_of: Annotated[
        Name | None, Meta(description="The host that it is itself a guest of.", extra={"needs": "guest-of"})
    ] = None
    guests: Annotated[
        tuple[Name, ...],
        Meta(description="The hosts that it trusts as its guests.", max_length=1000, extra={"needs": "guest-of"}),
    ] = ()
    settings: Annotated[
        Mapping[str, Mapping[str, Any]],
        Meta(description="The block named after the type, in the words of that type's plugin."),
    ] = {}


class Facts(Struct, frozen=True, kw_only=True):
    """What a probe found on a host; the host's ad is made of it."""

    identity: Annotated[str, Meta(description="What these facts hold for; when it changes, the host is probed again.")]
    memory: Annotated[int, Meta(description="Memory of the host in bytes.")]
    cpus: Annotated[int, Meta(description="Processors of the host.")]
    arch: Annotated[str, Meta(description="Processor architecture, such as x86_64.")]
    accelerator: Annotated[str, Meta(description="What runs the guests' instructions: kvm, tcg, …")]
    note: Annotated[str, Meta(description="Why this accelerator and no faster one; empty if it is the fastest.")] = ""
    versions: Annotated[Mapping[str, str], Meta(description="Versions of hypervisor, library and plugin.")] = {}


class Offer(Struct, frozen=True, kw_only=True):
    """A host with what is known of it and what is taken of it: all that a match sees."""

    host: Host
    facts: Facts
    taken: Claim = Claim()
    capabilities: tuple[str, ...] = ()
    """What the host's hypervisor plugin declares that it can."""
