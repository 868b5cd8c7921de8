from __future__ import annotations

import pytest

from vmf.errors import HoldCode, HostFault, JobFault
from vmf_vmware.data import Ref, data
from vmf_vmware.faults import FAULTS, VimFault, blaming_job


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (
            VimFault(("FileNotFound",), details=data("FileNotFound", file="[s] a.vmdk")),
            "image-missing",
            "[s] a.vmdk is",
        ),
        (VimFault(("InvalidDatastorePath",)), "image-missing", "invalid datastore path"),
        (VimFault(("FileLocked",), details=data("FileLocked", file="[s] a")), "disk-in-use", "[s] a is used"),
        (
            VimFault(("CannotAccessVmDisk", "CannotAccessVmDevice", "CannotAccessFile")),
            "image-unreadable",
            "cannot access",
        ),
        (VimFault(("DuplicateName",), details=data("DuplicateName", name="vmf-x")), "machine-invalid", "called vmf-x"),
        (VimFault(("InvalidDeviceSpec", "InvalidVmConfig", "VmConfigFault")), "machine-invalid", "invalid device spec"),
    ],
)
def test_what_a_job_gave_holds_it_where_its_machine_is_made(fault, code, told):
    with pytest.raises(JobFault) as caught, blaming_job():
        raise fault
    assert caught.value.code is HoldCode(code)
    assert told in caught.value.brief


@pytest.mark.parametrize(
    ("names", "details", "told"),
    [
        (("InsufficientMemoryResourcesFault", "InsufficientResourcesFault"), {}, "insufficient memory resources"),
        (("NoDiskSpace",), {"datastore": "store1"}, "the datastore store1 is full"),
        (("HostNotConnected",), {}, "host not connected"),
        (
            ("NoPermission", "SecurityError"),
            {"object": Ref("Folder", "group-v3"), "privilegeId": "VirtualMachine.Inventory.Create"},
            "the user lacks the privilege VirtualMachine.Inventory.Create on Folder group-v3",
        ),
        (("RestrictedVersion", "SecurityError"), {}, "licence forbids writes"),
        (("LicenseRestricted", "NotEnoughLicenses"), {}, "licence forbids writes"),
        (("SomethingNew",), {}, "something new"),
    ],
)
def test_anything_else_is_the_hosts_even_there(names, details, told):
    with pytest.raises(HostFault) as caught, blaming_job():
        raise VimFault(names, details=data(names[0], **details))
    assert told in caught.value.brief


def test_the_hosts_own_words_are_told_where_vmf_has_none():
    fault = VimFault(("Timedout",), "The operation timed out.\n")
    assert fault.brief == "vSphere says: The operation timed out. (Timedout)"


def test_a_fault_means_what_the_most_special_row_says():
    assert VimFault(("InvalidPowerState", "InvalidState")).verdict.passes
    assert not VimFault(("InvalidState",)).verdict.passes


def test_a_sentence_whose_fields_are_not_set_is_not_told():
    assert "{" not in VimFault(("NoPermission",)).brief
    assert "{" not in VimFault(("InvalidVmConfig",)).hint


@pytest.mark.parametrize("name", FAULTS)
def test_every_row_is_a_fault_of_the_api(name):
    """A name that VMware does not use would never be met."""
    from pyVmomi import VmomiSupport  # noqa: PLC0415  # it takes its time

    assert issubclass(VmomiSupport.GetWsdlType("urn:vim25", name), Exception)
