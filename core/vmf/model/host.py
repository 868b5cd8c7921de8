"""The host, and what is known of it."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from vmf.model.bid import Pace, Work
from vmf.model.file import File
from vmf.model.parts import NetworkType
from vmf.model.setback import Setback
from vmf.model.terms import (
    ACCOUNT,
    ADDRESS,
    BRIDGE,
    NAME,
    TEXT,
    Attributes,
    Count,
    Duration,
    Expression,
    Labels,
    Line,
    Name,
    Port,
    Size,
)

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

Users: TypeAlias = Annotated[tuple[Line, ...], Meta(max_length=1000)]
"""Login names: who is not among them is left out, so that an empty list is for nobody."""


class Claim(Struct, frozen=True, kw_only=True):
    """What one machine, or all machines of a host together, take of the host."""

    memory: int = 0
    cpus: int = 0
    machines: int = 0
    macs: tuple[str, ...] = ()
    """The MAC addresses of network cards, in lower case."""

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return replace(
            self,
            memory=self.memory + other.memory,
            cpus=self.cpus + other.cpus,
            machines=self.machines + other.machines,
            macs=self.macs + other.macs,
        )


def taken_of(host: str, taken: Mapping[str, Claim]) -> Claim:
    """What is taken of a host, of what is taken of each: a MAC address is, of all, as they may share a network."""
    macs = tuple(mac for claim in taken.values() for mac in claim.macs)
    return replace(taken.get(host, Claim()), macs=macs)


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
    user: Annotated[
        Annotated[str, Meta(pattern=ACCOUNT)] | None,
        Meta(description="The user there, maybe one of a domain: ana@corp.example."),
    ] = None
    key: Annotated[Path | None, Meta(description="The file with the private key.")] = None
    certificate: Annotated[
        Path | None, Meta(description="The file with this computer's certificate, whose private key is `key`.")
    ] = None
    ca: Annotated[Path | None, Meta(description="The file with the certificates to trust.")] = None
    insecure: Annotated[
        bool, Meta(description="The consent to a transport that encrypts nothing, beyond this computer.")
    ] = False


def exposed(connection: Connection) -> bool:
    """Whether anybody on the way can read and change what goes over it; what a name leads to, nobody is asked."""
    if connection.transport is not Transport.TCP or not connection.address or connection.address == "localhost":
        return False
    number = numeric(connection.address)
    return number is None or not number.is_loopback


def numeric(address: str) -> "IPv4Address | IPv6Address | None":
    """An address of either kind that is written in numbers; None: it is a name."""
    from ipaddress import ip_address  # noqa: PLC0415  # slow to import, and most specs are of jobs

    try:
        return ip_address(address)
    except ValueError:
        return None


class Networks(Struct, frozen=True, kw_only=True):
    """The networks that machines can have."""

    types: Annotated[
        Annotated[tuple[NetworkType, ...], Meta(max_length=5)] | None,
        Meta(
            description="Those that are offered, none if it is empty; the plugin's word if not given.",
            extra={"needs": "network-{}"},
        ),
    ] = None
    default: Annotated[
        NetworkType | None, Meta(description="Which of them is meant by default; the first if not given.")
    ] = None
    bridge: Annotated[Annotated[str, Meta(pattern=BRIDGE)] | None, Meta(description="The bridge's name.")] = None
    users: Annotated[
        Mapping[NetworkType, Users],
        Meta(
            description="Who may use a type, such as {bridge: [ana]}, nobody if that is empty; everybody if not named."
        ),
    ] = {}
    outside: Annotated[
        bool,
        Meta(
            description="Whether type user reaches what is beyond this computer, its local network included; "
            "it never reaches this computer itself.",
            extra={"needs": {True: "network-outside"}},
        ),
    ] = False
    together: Annotated[
        bool, Meta(description="Whether machines of types nat and bridge on this host reach each other.")
    ] = False


class Folder(Struct, frozen=True, kw_only=True):
    """A folder of the host that machines can share."""

    path: Annotated[Path, Meta(description="Its full path on the host.")]
    write: Annotated[bool, Meta(description="Whether a guest may write in it, if its job asks for that.")] = False
    users: Annotated[
        Users | None, Meta(description="Who may use it, nobody if it is empty; everybody if not given.")
    ] = None


class Action(Struct, frozen=True, kw_only=True):
    """A program of this computer that steps of jobs and images may have run, by the action's name alone."""

    program: Annotated[Path, Meta(description="The program's full path.")]
    arguments: Annotated[
        tuple[Annotated[str, Meta(pattern=TEXT)], ...],
        Meta(description="Its first arguments; those of the step come after them.", max_length=100),
    ] = ()
    disks: Annotated[
        bool, Meta(description="Whether it works on the machine's disks: it is given copies of them, and they count.")
    ] = False
    time_limit: Annotated[Duration, Meta(description="How long it may take at the most; then it has failed.")] = 3600
    users: Annotated[
        Users | None, Meta(description="Who may use it, nobody if it is empty; everybody if not given.")
    ] = None


class ImageRoot(Struct, frozen=True, kw_only=True):
    """A folder of the host below which machines may use files."""

    path: Annotated[Path, Meta(description="Its full path on the host.")]
    users: Annotated[
        Users | None, Meta(description="Who may use it, nobody if it is empty; everybody if not given.")
    ] = None


class Limits(Struct, frozen=True, kw_only=True):
    """What a machine may take of its host at the most, beside its memory and processors."""

    disk_growth: Annotated[
        Size | None,
        Meta(
            description="How much a machine's results volume and overlays may take together.",
            extra={"needs": "disk-growth"},
        ),
    ] = None
    disk_rate: Annotated[
        Size | None,
        Meta(
            description="Bytes read and written in a second, of all its disks together.", extra={"needs": "disk-rate"}
        ),
    ] = None
    disk_operations: Annotated[
        Count | None,
        Meta(description="Reads and writes in a second, of all its disks together.", extra={"needs": "disk-rate"}),
    ] = None


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
    disk_space: Annotated[Size | None, Meta(description="Disk space for a machine; what is free, if not given.")] = None
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
        Users | None,
        Meta(description="The users who may use it, by login name, nobody if it is empty; everybody if not given."),
    ] = None
    images: Annotated[
        Annotated[tuple[ImageRoot, ...], Meta(max_length=100)] | None,
        Meta(
            description="The folders in which disks, kernels and ISOs of jobs lie, and all files that they name by "
            "`on_host`; none if it is empty, any if not given."
        ),
    ] = None
    folders: Annotated[
        Mapping[Name, Folder],
        Meta(
            description="The folders that machines can share, by the names that jobs use.",
            max_length=100,
            extra={"needs": "shares"},
        ),
    ] = {}
    actions: Annotated[
        Mapping[Name, Action],
        Meta(description="The programs that steps may have run here, by the names that they use.", max_length=100),
    ] = {}
    limits: Annotated[Limits, Meta(description="What each machine may take at the most.")] = Limits()
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

    @property
    def elsewhere(self) -> bool:
        """Whether it is another computer than this one, whose files have to travel there."""
        return self.connection.transport is not Transport.LOCAL


class Facts(Struct, frozen=True, kw_only=True):
    """What a probe found on a host; the host's ad is made of it."""

    identity: Annotated[str, Meta(description="What these facts hold for; when it changes, the host is probed again.")]
    memory: Annotated[int, Meta(description="Memory of the host in bytes.")]
    cpus: Annotated[int, Meta(description="Processors of the host.")]
    arch: Annotated[str, Meta(description="Processor architecture, such as x86_64.")]
    accelerator: Annotated[str, Meta(description="What runs the guests' instructions: kvm, tcg, …")]
    note: Annotated[str, Meta(description="Why this accelerator and no faster one; empty if it is the fastest.")] = ""
    version: Annotated[
        str, Meta(description="The hypervisor's version: what is kept of a machine goes on with no older one.")
    ] = ""
    vendor: Annotated[str, Meta(description="Who made the processors, as they say it, such as GenuineIntel.")] = ""
    versions: Annotated[Mapping[str, str], Meta(description="Versions of hypervisor, library and plugin.")] = {}
    missing: Annotated[
        Mapping[str, str],
        Meta(description="Abilities that the plugin has and this host has not, each with the reason."),
    ] = {}


class Offer(Struct, frozen=True, kw_only=True):
    """A host with what is known of it and what is taken of it: all that a match sees."""

    host: Host
    facts: Facts
    taken: Claim = Claim()
    capabilities: tuple[str, ...] = ()
    """What the host can, of what not all can."""
    free_disk: int | None = None
    """Bytes that are free where its machines lie; None: not known."""
    setbacks: Mapping[str, Setback] = {}
    """The abilities that it has failed at: not among `capabilities`, but they may be again."""
    paces: Mapping[Work, Pace] = {}
    """How fast it was seen to work; what it was never seen to do is not among it."""


def permits(users: Users | None, user: str) -> bool:
    """Whether what is for these users, or for everybody, is for this one."""
    return users is None or user in users


def granted(host: Host, user: str) -> Host:
    """The host as one user meets it: what it lends to others only is not there; for networks see `withheld`."""
    return replace(
        host,
        images=None if host.images is None else tuple(each for each in host.images if permits(each.users, user)),
        folders={name: each for name, each in host.folders.items() if permits(each.users, user)},
        actions={name: each for name, each in host.actions.items() if permits(each.users, user)},
    )


def withheld(host: Host, user: str) -> Mapping[str, str]:
    """The abilities that a host has for others only, each with the reason."""
    others = (type_ for type_, users in host.networks.users.items() if not permits(users, user))
    return {f"network-{type_}": f"it is not for user {user}" for type_ in others}
