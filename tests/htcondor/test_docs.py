"""The page for those who move in; run as a program, this file prints `docs/from-htcondor.md`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import pytest

from vmf.htcondor import import_file
from vmf.htcondor.commands import COMMANDS
from vmf.htcondor.knobs import KNOBS

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


@pytest.mark.parametrize(("table", "names"), [(COMMANDS, VM_COMMANDS), (KNOBS, VM_KNOBS)], ids=["commands", "knobs"])
def test_everything_of_the_vm_universe_has_exactly_one_row(table, names):
    known = [name for row in table for name in row.names]
    assert names <= set(known)
    assert len(known) == len(set(known))


@pytest.mark.parametrize("row", [*COMMANDS, *KNOBS], ids=lambda row: row.names[0])
def test_a_row_says_all_it_has_to(row):
    assert row.sentence.endswith(".")
    assert "|" not in row.becomes
    assert not row.becomes or row.say
    assert not re.search(r"[A-Z]", "".join(row.names))


if __name__ == "__main__":
    sys.stdout.write(page())
