"""Whose fault it is what vSphere answers instead of doing as asked, and what passes by itself: one table. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf_vmware.data import Data, Ref, Value

STALE = "ManagedObjectNotFound"
UNAUTHENTICATED = "NotAuthenticated"
_ACCESSIBLE = "the host's own user, and the one whom vmf logs in as, have to be able to use it"
_READ_ONLY = "this licence forbids writes: a free ESXi's API only reads; give the host a licence, or go by its vCenter"


class Verdict(Struct, frozen=True, kw_only=True):
    """What a fault means."""

    passes: bool = False
    """Whether it may pass by itself, or by looking again what there is."""
    code: HoldCode | None = None
    """What holds the job if it meets the making of its machine; None: it is the host's fault then, too."""
    what: str = ""
    """A sentence in place of vSphere's, in which fields of the fault are filled in."""
    hint: str = ""


FAULTS: Mapping[str, Verdict] = MappingProxyType({
    UNAUTHENTICATED: Verdict(what="it does not keep vmf logged in", hint="see the host's own log"),
    "InvalidLogin": Verdict(
        what="it knows no such user with this password",
        hint="check the credentials: docs/vmware.md says where they come from",
    ),
    "NoPermission": Verdict(
        what="the user lacks the privilege {privilegeId} on {object}", hint="have a role with it given to the user"
    ),
    STALE: Verdict(passes=True),
    "TaskInProgress": Verdict(passes=True),
    "ConcurrentAccess": Verdict(passes=True),
    "InvalidPowerState": Verdict(passes=True),
    "InsufficientResourcesFault": Verdict(hint="give the host's spec less `memory` or `cpus`, or the pool more"),
    "NoDiskSpace": Verdict(what="the datastore {datastore} is full", hint="make room on it"),
    "HostNotConnected": Verdict(hint="vCenter does not reach the ESXi host: see its state there"),
    "RestrictedVersion": Verdict(what=_READ_ONLY),
    "RestrictedByAdministrator": Verdict(hint="ask who runs the host"),
    "NotEnoughLicenses": Verdict(what=_READ_ONLY),
    "LicenseRestricted": Verdict(what=_READ_ONLY),
    "LicenseExpired": Verdict(what="the host's licence has expired", hint="give the host a licence"),
    "FileNotFound": Verdict(code=HoldCode.IMAGE_MISSING, what="{file} is not there", hint="check the job's paths"),
    "InvalidDatastorePath": Verdict(
        code=HoldCode.IMAGE_MISSING, what="{datastorePath} is no path of a datastore", hint="check the job's paths"
    ),
    "InvalidDatastore": Verdict(
        code=HoldCode.IMAGE_MISSING, what="there is no datastore {name}", hint="check the job's paths"
    ),
    "FileLocked": Verdict(
        code=HoldCode.DISK_IN_USE, what="{file} is used by somebody else", hint="wait for their end, or use a copy"
    ),
    "CannotAccessFile": Verdict(
        code=HoldCode.IMAGE_UNREADABLE, what="{file} cannot be used", hint=_ACCESSIBLE
    ),
    "InvalidDiskFormat": Verdict(code=HoldCode.IMAGE_INVALID, hint="bring a disk of VMware's, or state its format"),
    "UnsupportedDatastore": Verdict(code=HoldCode.IMAGE_INVALID),
    "DuplicateName": Verdict(
        code=HoldCode.MACHINE_INVALID,
        what="somebody else's machine is called {name} already",
        hint="rename that one, or name another folder in the host's spec",
    ),
    "InvalidVmConfig": Verdict(code=HoldCode.MACHINE_INVALID, hint="see {property} in vSphere's documentation"),
    "VmConfigFault": Verdict(code=HoldCode.MACHINE_INVALID),
    "InvalidArgument": Verdict(code=HoldCode.MACHINE_INVALID, what="vSphere does not take {invalidProperty} like that"),
    "MissingController": Verdict(code=HoldCode.MACHINE_INVALID),
})  # fmt: skip
"""By the name of a fault in the API. A fault that is not here means what the more general one means that it is a kind
of; one that is of no such kind is the host's."""
_USUAL = Verdict()
_FIELD = re.compile(r"\{(\w+)\}")


class VimFault(HostFault):
    """What vSphere answered instead of doing as asked.

    `names` are the fault's own name in the API and those of what it is a kind of, the most special first.
    """

    def __init__(self, names: tuple[str, ...], message: str = "", details: Data | None = None) -> None:
        self.names = names
        self.details = details or Data(names[0], {})
        self.verdict = next((FAULTS[name] for name in names if name in FAULTS), _USUAL)
        said = message.strip() or _words(names[0])
        self.said = f"vSphere says: {said} ({names[0]})"
        """In vSphere's own words."""
        super().__init__(
            _filled(self.verdict.what, self.details) or self.said, hint=_filled(self.verdict.hint, self.details)
        )

    @property
    def name(self) -> str:
        """The fault's own name in the API."""
        return self.names[0]

    def is_(self, name: str) -> bool:
        """Whether it is a fault of this name, or a kind of it."""
        return name in self.names


class Dropped(HostLost):
    """The connection broke: what was asked may have been done, or not."""


@contextmanager
def blaming_job() -> Iterator[None]:
    """Around the making of a machine of what a job gave.

    Raises:
        JobFault: for a fault that the table blames on the job; any other passes.
    """
    try:
        yield
    except VimFault as fault:
        if fault.verdict.code is None:
            raise
        raise JobFault(fault.brief, code=fault.verdict.code, hint=fault.hint) from fault


def _filled(sentence: str, details: Data) -> str:
    """The sentence with the fault's fields in it; empty if one is not set."""
    if any(details.get(name) in {None, ""} for name in _FIELD.findall(sentence)):
        return ""
    return _FIELD.sub(lambda found: _shown(details[found[1]]), sentence)


def _shown(value: Value) -> str:
    return f"{value.kind} {value.id}" if isinstance(value, Ref) else str(value)


def _words(name: str) -> str:
    """`NoDiskSpace` as `no disk space`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().removesuffix(" fault")
