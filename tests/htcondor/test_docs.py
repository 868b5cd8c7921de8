"""The page for those who move in; run as a program, this file prints `docs/from-htcondor.md`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import pytest

from htcondor.vmgahp import COMPLAINTS
from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf.htcondor import import_file
from vmf.htcondor.commands import COMMANDS
from vmf.htcondor.knobs import KNOBS
from vmf.lint.judge import all_rules
from vmf.plugins import Plugins
from vmf_kvm.faults import sentences
from vmf_libvirt.errors import LibvirtFault, blaming_job

EXAMPLE = """\
universe = vm
executable = genome
vm_type = kvm
vm_memory = 2048
vm_disk = disk.img:vda:w
transfer_input_files = disk.img
vm_networking = true
+Seed = $(Process)
queue 2
"""

PAGE = """\
# From HTCondor

```console
$ vmf import job.sub -o job.yaml
$ vmf import condor_config.local -o ~/.config/vmf/hosts/desk.yaml
```

`vmf import` reads a submit description of the VM universe, of whatever age, or the configuration of a machine, and
writes a spec. Comments in it say what changed its meaning; what has no field is listed in its first lines, and on
standard error; so is what stays a comment until it is changed by hand, as expressions about attributes that only
HTCondor's ads have. What is wrong with the file is told in one go, with the place, and nothing is written. A file that
is there is never overwritten. `--kind job` or `--kind host` says what a file describes that does not tell.

Read are macros with their defaults and some of their functions, `queue` with all its ways to name items (`matching`
looks only below the file's folder), `include`, and `if`. Nothing is run and no environment is read: `include command`
and `queue … from PROGRAM |` are refused, and `$ENV()` is named.

```text
{example}```

becomes

```yaml
{spec}```

Put the spec where the submit description is, or name it with `-o`: paths in it are relative to its folder.

## What is different in spirit
- **Originals are not written.** A disk that was transferred is used through a snapshot, and what the guest changed
  comes back. A disk on a shared file system was written in place: the import says so with `access: in-place`.
- **Every file says whether it travels.** There is no list of files to transfer beside the disks.
- **What is not understood is refused.** `condor_submit` takes a misspelt command for a macro, and `vm_vcpus = x` for 1.
- **A guest can say how it went.** Its exit code, its files and its console come back, see [guests](guest.md).
- **Each hypervisor of a machine is a host** with its own spec; a job may name several types.
- **A job that is at fault is held, a host that is at fault is set aside** for what it failed at only.

## Commands of a submit description
Fields are below `spec` unless they begin with `metadata`.

{commands}

## Commands that are gone from HTCondor
{removed_commands}

## Knobs of a machine
{knobs}

## Knobs that are gone from HTCondor
{removed_knobs}

## Errors
What the VM GAHP complains of, and what becomes of the same here: rules are [lint's](lint.md), codes of held jobs and
outcomes are on [the page on ends](outcomes.md). What does not hold the job there takes the machine from all VM jobs.

{errors}

The attributes of machines and jobs are on [the page on ads](ads.md).
"""


def named(name, *, upper):
    text = name.upper() if upper else name
    return f"`{text}`"


def rows(table, *, removed, upper=False):
    lines = ["| there | here | |", "|---|---|---|"]
    for row in table:
        if bool(row.removed) == removed:
            names = ", ".join(named(name, upper=upper) for name in row.names)
            until = f" (until {row.removed})" if removed else ""
            fields = ", ".join(f"`{field}`" for field in row.becomes.split(", ") if field) or "none"
            lines.append(f"| {names}{until} | {fields} | {row.sentence.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def here(complaint):
    """What tells of it, found before a run and met in one."""
    met = {None: "", HostFault: "a fault of the host", HostLost: "a host that is lost"}
    becomes = complaint.becomes
    told = f"held, `{becomes}`" if isinstance(becomes, HoldCode) else met.get(becomes, f"`{becomes}`")
    return ", ".join(filter(None, (*complaint.rules, told))) or "none"


def complaints():
    lines = ["| there | held there | here | |", "|---|---|---|---|"]
    for each in COMPLAINTS:
        names = ", ".join(f"`VMGAHP_{name}`" for name in each.names)
        lines.append(f"| {names} | {'yes' if each.held else 'no'} | {here(each)} | {each.sentence} |")
    return "\n".join(lines)


def page() -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "job.sub")
        file.write_text(EXAMPLE)
        spec = import_file(file).text
    return PAGE.format(
        example=EXAMPLE,
        spec=spec,
        commands=rows(COMMANDS, removed=False),
        removed_commands=rows(COMMANDS, removed=True),
        knobs=rows(KNOBS, removed=False, upper=True),
        removed_knobs=rows(KNOBS, removed=True, upper=True),
        errors=complaints(),
    )


def test_the_page_is_written_from_the_tables():
    assert (Path(__file__).parents[2] / "docs/from-htcondor.md").read_text() == page()


def words(text):
    return frozenset(text.split())


VM_COMMANDS = words(
    """
    executable arguments vm_type vm_memory vm_vcpus vm_disk vm_networking vm_networking_type vm_macaddr vm_checkpoint
    vm_no_output_vm vm_vnc xen_kernel xen_root xen_initrd xen_kernel_params input output error transfer_input_files
    should_transfer_files when_to_transfer_output vmware_dir vmware_should_transfer_files vmware_snapshot_disk
    vm_cdrom_files vm_should_transfer_cdrom_files kvm_disk xen_disk kvm_transfer_files xen_transfer_files
    kvm_cdrom_device xen_cdrom_device
"""
)
"""Every command of the VM universe, of any version."""

VM_KNOBS = words(
    """
    vm_type vm_memory vm_max_number vm_networking vm_networking_type vm_networking_default_type
    vm_networking_bridge_interface vm_status_interval vm_status_max_error vm_gahp_req_timeout vm_recheck_interval
    vm_soft_suspend vm_killing_timeout vm_hardware_vt vm_gahp_server vm_gahp_log max_vm_gahp_log vm_gahp_debug
    vm_gahp_send_all_classad libvirt_xml_script libvirt_xml_script_args xen_bootloader xen_allow_hardware_vt_suspend
    memory_usage_metric_vm want_suspend_vm want_vacate_vm suspend_vm continue_vm preempt_vm kill_vm periodic_checkpoint
    append_req_vm vmu_testing use_script_to_create_config vm_max_memory vm_networking_mac_prefix vm_gahp_config
    xen_script xen_bridge_script vm_univ_nobody_user always_vm_univ_use_nobody vmware_perl vmware_script
    vmware_networking_type vmware_nat_networking_type vmware_bridge_networking_type vmware_local_settings_file
    vm_version xen_default_kernel xen_default_initrd xen_controller xen_vif_parameter xen_nat_vif_parameter
    xen_bridge_vif_parameter xen_image_io_type vmp_host_machine vmp_vm_list
"""
)


VMGAHP_ERRORS = {
    *(f"ERR_JOBCLASSAD_{name}" for name in words("""
        NO_VM_MEMORY_PARAM XEN_NO_KERNEL_PARAM MISMATCHED_HARDWARE_VT XEN_KERNEL_NOT_FOUND XEN_INITRD_NOT_FOUND
        XEN_NO_ROOT_DEVICE_PARAM XEN_NO_DISK_PARAM XEN_INVALID_DISK_PARAM XEN_MISMATCHED_CHECKPOINT KVM_NO_DISK_PARAM
        KVM_INVALID_DISK_PARAM KVM_MISMATCHED_CHECKPOINT TOO_MUCH_MEMORY_REQUEST MISMATCHED_NETWORKING
        MISMATCHED_NETWORKING_TYPE NO_VMWARE_VMX_PARAM VMWARE_VMX_NOT_FOUND
    """)),
    *(f"ERR_{name}" for name in words("""
        BAD_IMAGE NO_JOBCLASSAD_INFO NO_SUPPORTED_VM_TYPE INTERNAL CRITICAL VM_NOT_FOUND VM_INVALID_OPERATION
        VM_CANNOT_CREATE_CKPT_FILES VM_NO_SUPPORT_CHECKPOINT VM_NO_SUPPORT_SUSPEND VM_INVALID_SUSPEND_FILE
        CANNOT_CREATE_ISO_FILE CANNOT_READ_CDROM_FILE CANNOT_CREATE_ARG_FILE VM_NOT_ENOUGH_MEMORY
        XEN_INVALID_GUEST_KERNEL XEN_VBD_CONNECT_ERROR XEN_CONFIG_FILE_ERROR XEN_NO_CDROM_DEVICE KVM_NO_CDROM_DEVICE
        VMWARE_VMX_ERROR
    """)),
    *(f"REQ_{name}" for name in words("""
        COMMAND_PENDING COMMAND_TIMED_OUT COMMAND_NOT_SUPPORTED COMMAND_ERROR VMTYPE_NOT_SUPPORTED
    """)),
}  # fmt: skip
"""Every error of the VM GAHP, of any version."""


@pytest.mark.parametrize(("table", "names"), [(COMMANDS, VM_COMMANDS), (KNOBS, VM_KNOBS)], ids=["commands", "knobs"])
def test_everything_of_the_vm_universe_has_exactly_one_row(table, names):
    known = [name for row in table for name in row.names]
    assert names <= set(known)
    assert len(known) == len(set(known))


def test_every_error_of_the_vm_universe_has_exactly_one_row():
    known = [name for row in COMPLAINTS for name in row.names]
    assert set(known) == VMGAHP_ERRORS
    assert len(known) == len(set(known))


@pytest.mark.parametrize("row", COMPLAINTS, ids=lambda row: row.names[0])
def test_what_becomes_of_an_error_is_what_there_is(row):
    """A rule that there is, and what QEMU says leads to the end that the table promises."""
    assert set(row.rules) <= all_rules(Plugins.load()).keys()
    assert row.sentence.endswith(".")
    if row.said:
        with pytest.raises((JobFault, HostFault)) as caught, blaming_job(sentences(["/images/big.raw"])):
            raise LibvirtFault(row.said)
        assert getattr(caught.value, "code", None) == (row.becomes if isinstance(row.becomes, HoldCode) else 0)


@pytest.mark.parametrize("row", [*COMMANDS, *KNOBS], ids=lambda row: row.names[0])
def test_a_row_says_all_it_has_to(row):
    assert row.sentence.endswith(".")
    assert "|" not in row.becomes
    assert not row.becomes or row.say
    assert not re.search(r"[A-Z]", "".join(row.names))


if __name__ == "__main__":
    sys.stdout.write(page())
