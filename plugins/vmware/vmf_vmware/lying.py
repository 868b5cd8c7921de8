"""Disks that lie on a datastore: each has all of its data in the one file beside it that it is called after.

A job names files, and the host opens what their descriptors name. So these are read before the host is told of a disk.
"""

from __future__ import annotations

from typing import Final

from vmf.errors import HoldCode, JobFault
from vmf_vmware import descriptor, naming
from vmf_vmware.paths import DatastorePath
from vmf_vmware.site import Site

ONE_FLAT: Final = "make a flat disk of it on the host, by `vmkfstools -i OLD.vmdk NEW.vmdk`, and name that"


def check(site: Site, path: DatastorePath) -> None:
    """See that a disk, by its descriptor, is its own flat file and nothing else.

    Raises:
        JobFault: if it is not.
        HostFault: if the host cannot be asked that.
    """
    try:
        with site.session.store.open(path) as file:
            found = descriptor.read(file.read(descriptor.MOST + 1))
    except FileNotFoundError:
        raise JobFault(f"{path} is not there", code=HoldCode.IMAGE_MISSING, hint="check the job's paths") from None
    except descriptor.Unfit as error:
        raise _unfit(f"{path}: {error}") from error
    flat = path.folder / naming.flat(path.name.removesuffix(".vmdk"))
    if found.parent:
        raise _unfit(f"{path}: it is a change of another disk, {found.parent!r}")
    if found.flat != flat.name:
        raise _unfit(f"{path}: its data are not in {flat.name} alone")
    if (size := site.session.store.size(flat)) is None or size < found.size:
        raise _unfit(f"{path}: it has {found.size} bytes, and {flat.name} has {size or 0}")


def _unfit(what: str) -> JobFault:
    return JobFault(what, code=HoldCode.IMAGE_INVALID, hint=ONE_FLAT)
