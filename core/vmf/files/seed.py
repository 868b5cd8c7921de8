"""The NoCloud seed: a disc by which cloud-init learns what a machine is to be.

Source: cloud-init's documentation of the data source NoCloud.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from vmf.errors import HoldCode, JobFault
from vmf.files.source import Content, Read, find
from vmf.model import CloudInit

LABEL = "cidata"

_NOTHING = b"#cloud-config\n{}\n"
_FILES = {"user-data": "user_data", "meta-data": "meta_data", "network-config": "network_config"}
_NO_PROGRAMS: Mapping[str, bytes] = MappingProxyType({})
_LAST = b"vmf-last-line"
_NOT_IN_HOSTS = re.compile(r"[^A-Za-z0-9-]")


def contents(
    given: CloudInit,
    read: Read,
    *,
    name: str,
    token: str,
    key: str = "",
    programs: Mapping[str, bytes] = _NO_PROGRAMS,
) -> dict[str, Content]:
    """The files of the seed.

    Args:
        given: the user's own files; what is missing is made.
        read: opens files of the host.
        name: the job's, which the machine is called by.
        token: the job's own: by another one, cloud-init takes the machine for a new one.
        key: a public ssh key for the image's default user, if there is one.
        programs: shell scripts by name, of which `vmf-guest` is started once cloud-init is done; or none.

    Raises:
        JobFault: if a file cannot be read, or leaves no place for the key.
    """
    own = {disc: getattr(given, field) for disc, field in _FILES.items()}
    if key and own["meta-data"]:
        raise JobFault(
            "cloud_init.meta_data leaves no place for the key of `ssh`, which vmf's own metadata would hold",
            code=HoldCode.MACHINE_INVALID,
            hint="leave out `meta_data`; or leave out `ssh`, and give the user your own key in `user_data`",
        )
    made = {"user-data": _NOTHING, "meta-data": _metadata(name, token, key)}
    if programs:
        made["vendor-data"] = _starting(programs)
    return {**made, **{disc: find(file, read) for disc, file in own.items() if file}}


def host_name(name: str) -> str:
    """A job's name as a machine's."""
    return _NOT_IN_HOSTS.sub("-", name).strip("-") or "vmf"


def _metadata(name: str, token: str, key: str) -> bytes:
    """YAML, of which JSON is a part: no name can get out of its quotes."""
    found: dict[str, object] = {"instance-id": f"vmf-{token}", "local-hostname": host_name(name)}
    if key:
        found["public-keys"] = [key]
    return json.dumps(found, indent=2).encode() + b"\n"


def _starting(programs: Mapping[str, bytes]) -> bytes:
    """A script that brings programs along; as vendor data it leaves the user's own data alone."""
    brought = (b"cat >%s <<'%s'\n%s%s\n" % (name.encode(), _LAST, text, _LAST) for name, text in programs.items())
    return b"".join((_shipped("vendor.sh"), *brought, _shipped("vendor-start.sh")))


def _shipped(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()
