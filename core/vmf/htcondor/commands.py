"""Every command of a submit description that a machine's job can have: the field that it is here, or why it is none."""

from __future__ import annotations

from typing import Final

from vmf.htcondor import machine, running
from vmf.htcondor.submit import Process
from vmf.htcondor.table import Row

COMMANDS: Final[tuple[Row[Process], ...]] = (
    Row(
        names=("universe",),
        sentence="`vm` is what every job is here; those of other universes are not imported.",
        say=running.universe,
    ),
    Row(
        names=("executable",),
        becomes="metadata.name",
        sentence="It was only a label; characters that a name cannot have become dashes.",
        say=running.name,
    ),
    Row(
        names=("vm_type",),
        becomes="type",
        sentence="`kvm`, `xen` or `vmware`; here also a list, or nothing: any that fits.",
        say=machine.types,
    ),
    Row(
        names=("vm_memory",),
        becomes="memory",
        sentence="With its unit. `request_memory` stands in for it.",
        say=machine.memory,
    ),
    Row(
        names=("vm_vcpus",),
        becomes="cpus",
        sentence="Matched here. What is no number was silently 1, and is refused.",
        say=machine.processors,
    ),
    Row(
        names=("vm_disk",),
        becomes="disks, cdrom",
        sentence="`file:device:permission:format`. Transferred: a path, and `access: snapshot` or `read`. Not: "
        "`{on_host: PATH}`, and `access: in-place` if it is written. With `iso` in its name: `cdrom.iso`. A device "
        "that a disk has by its place (vda, vdb and so on; for Xen xvda) is left out; hosts need the ability `device` "
        "for others.",
        say=machine.disks,
    ),
    Row(
        names=("vm_networking",),
        becomes="network",
        sentence="No block is no network.",
        say=machine.network,
    ),
    Row(
        names=("vm_networking_type",),
        becomes="network.type",
        sentence="`nat`, `bridge` or `user`; `dhcp` and nothing are the host's default.",
        say=machine.network,
    ),
    Row(
        names=("vm_macaddr",),
        becomes="network.mac",
        sentence="Checked; means nothing without a network.",
        say=machine.network,
    ),
    Row(
        names=("vm_checkpoint",),
        becomes="checkpoint.on_eviction",
        sentence="With a network it needs `checkpoint.lose_connections: true`, which the import writes with a comment "
        "on what it means. `checkpoint.period` is new.",
        say=machine.checkpoint,
    ),
    Row(
        names=("vm_no_output_vm",),
        becomes="results.disks",
        sentence="`none`.",
        say=machine.no_output,
    ),
    Row(
        names=("vm_vnc",),
        becomes="vnc",
        sentence="HTCondor never documented it.",
        say=machine.screen,
    ),
    Row(
        names=("xen_kernel",),
        becomes="boot.kernel, xen.mode",
        sentence="`included`, or a kernel's file; `vmx` is `xen: {mode: hvm}`; `any` (until 7.4), or none, is "
        "the host's default kernel.",
        say=machine.kernel,
    ),
    Row(
        names=("xen_root",),
        becomes="boot.root",
        sentence="Means something only with a kernel's file.",
        say=machine.kernel,
    ),
    Row(
        names=("xen_initrd",),
        becomes="boot.initrd",
        sentence="Means something only with a kernel's file.",
        say=machine.kernel,
    ),
    Row(
        names=("xen_kernel_params",),
        becomes="boot.parameters",
        sentence="Means something only with a kernel's file.",
        say=machine.kernel,
    ),
    Row(
        names=("transfer_input_files", "transferinputfiles"),
        becomes="disks, boot, vmware",
        sentence="A file that is listed travels, one that is not is on the host: each field says so itself. A guest "
        "saw no other file; `cdrom.files` shows it any.",
        say=machine.inputs,
    ),
    Row(
        names=("when_to_transfer_output",),
        becomes="checkpoint.lose_connections",
        sentence="`ON_EXIT_OR_EVICT` was the consent to checkpoints with a network; else HTCondor chose it itself.",
        say=machine.checkpoint,
    ),
    Row(
        names=("should_transfer_files",),
        sentence="HTCondor overwrote it with `YES`; here each file says whether it travels.",
    ),
    Row(
        names=("input", "output", "error"),
        sentence="A machine has no standard streams. Its console comes back as `console.log`, a script's files by"
        " `results.files`; input goes on a CD-ROM.",
        say=running.streams,
    ),
    Row(
        names=("vmware_dir",),
        becomes="vmware.folder",
        sentence="Until 7.5 required; without it, the folder of the transferred .vmx file.",
        say=machine.vmware,
        removed="10.0",
    ),
    Row(
        names=("vmware_should_transfer_files",),
        becomes="vmware.folder",
        sentence="False: `{on_host: PATH}`.",
        say=machine.vmware,
        removed="10.0",
    ),
    Row(
        names=("vmware_snapshot_disk",),
        becomes="vmware.snapshot",
        sentence="Refused if it and the transfer are both false, as it was there.",
        say=machine.vmware,
        removed="10.0",
    ),
    Row(
        names=machine.CDROM_FILES,
        becomes="cdrom.files, cdrom.iso",
        sentence="An ISO alone is `iso`.",
        say=machine.cdrom,
        removed="7.6",
    ),
    Row(
        names=("vm_should_transfer_cdrom_files",),
        becomes="cdrom",
        sentence="False: `{on_host: PATH}`.",
        say=machine.cdrom,
        removed="7.6",
    ),
    Row(
        names=("xen_cdrom_device", "kvm_cdrom_device"),
        becomes="cdrom.device",
        sentence="`hdc`, the usual one, is left out: a job has one CD-ROM. Hosts need the ability `device` for others.",
        say=machine.cdrom,
        removed="7.6",
    ),
    Row(
        names=("xen_disk", "kvm_disk"),
        becomes="disks, cdrom",
        sentence="As `vm_disk`.",
        say=machine.disks,
        removed="7.6",
    ),
    Row(
        names=("xen_transfer_files", "kvm_transfer_files"),
        becomes="disks, boot",
        sentence="As `transfer_input_files`.",
        say=machine.inputs,
        removed="7.6",
    ),
    Row(
        names=("arguments", "args"),
        becomes="arguments",
        sentence="HTCondor no longer hands them to a machine (until 7.6 they were in `condor.arg` on the CD-ROM). Here "
        "they are a script's; without one the import leaves them as a comment.",
        say=running.arguments,
    ),
    Row(
        names=("environment", "env"),
        becomes="env",
        sentence="Never reached a machine. Here it is a script's; without one the import leaves it as a comment.",
        say=running.environment,
    ),
    Row(
        names=("requirements",),
        becomes="requirements",
        sentence="As it is: hosts have HTCondor's names for what they know, see [ads](ads.md).",
        say=running.expression("requirements", "requirements"),
    ),
    Row(
        names=("rank", "preferences"),
        becomes="rank",
        sentence="As it is.",
        say=running.expression("rank", "rank", "preferences"),
    ),
    Row(
        names=("+*", "my.*"),
        becomes="attributes",
        sentence="As they are; those that vmf itself sets are listed.",
        say=running.attributes,
    ),
    Row(
        names=("request_memory", "requestmemory"),
        becomes="memory",
        sentence="Where `vm_memory` is missing; what a machine is given and what it is matched by are one here.",
        say=machine.memory,
    ),
    Row(
        names=("request_cpus", "requestcpus"),
        becomes="cpus",
        sentence="Where `vm_vcpus` is missing.",
        say=machine.processors,
    ),
    Row(
        names=("request_disk", "requestdisk"),
        becomes="disk_space",
        sentence="With its unit.",
        say=running.space,
    ),
    Row(
        names=("initialdir", "initial_dir", "iwd", "job_iwd"),
        becomes="results.folder",
        sentence="Results go to a folder of their own in it. Paths of files that were relative to it have it before "
        "them.",
        say=running.folder,
    ),
    Row(
        names=("priority", "prio"),
        becomes="priority",
        sentence="From -1000 to 1000.",
        say=running.priority,
    ),
    Row(
        names=("max_retries",),
        becomes="retries",
        sentence="As it is.",
        say=running.retries,
    ),
    Row(
        names=("allowed_execute_duration", "allowed_job_duration"),
        becomes="time_limit",
        sentence="With its unit. There the job was held, here it is stopped.",
        say=running.time_limit,
    ),
    Row(
        names=("log", "userlog"),
        becomes="event_log",
        sentence="A line of JSON for each event, not HTCondor's own lines; its name ends with `.log` or `.jsonl`.",
        say=running.event_log,
    ),
    Row(
        names=("log_xml", "dagman_log"),
        sentence="An event log has one form, JSON, and is named by `event_log`.",
    ),
    Row(
        names=("notification", "notify_user", "email_attributes"),
        sentence="vmf writes no mail; `vmf wait` ends when the job does.",
    ),
    Row(
        names=("periodic_*", "on_exit_*", "retry_until", "success_exit_code", "leave_in_queue"),
        sentence="Whose fault decides here what becomes of a job; `retries` and `time_limit` set the bounds.",
    ),
    Row(
        names=("hold", "deferral_*", "cron_*", "noop_job*", "next_job_start_delay", "max_idle", "max_materialize"),
        sentence="A job is run when it is given to vmf; whatever gives it decides when.",
    ),
    Row(
        names=("job_lease_duration", "keep_claim_idle", "job_max_vacate_time", "want_graceful_removal", "*kill_sig*"),
        sentence="How a machine that is left alone is found again and ended is vmf's own part.",
    ),
    Row(
        names=("accounting_group", "accounting_group_user", "nice_user", "concurrency_limits*"),
        sentence="No pool is shared out here; `labels`, and a host's `users` and `start`, sort jobs and let them in.",
    ),
    Row(
        names=("job_batch_name", "batch_name", "description"),
        sentence="Words to find a job by are `metadata.labels`.",
    ),
    Row(
        names=("transfer_output_files", "transfer_output_remaps", "output_destination", "transfer_output"),
        sentence="What comes back are changed disks (`results.disks`) and a script's files (`results.files`).",
    ),
    Row(
        names=("transfer_*", "stream_*", "encrypt_*", "dont_encrypt_*", "preserve_relative_paths", "copy_to_spool"),
        sentence="Files travel as vmf sees fit; each says only whether it does.",
    ),
    Row(
        names=("getenv", "load_profile", "run_as_owner", "x509userproxy", "use_*", "image_size", "coresize"),
        sentence="It is about a process beside the guest's, and there is none.",
    ),
    Row(
        names=("request_*", "require_gpus", "gpus_*"),
        sentence="Hosts offer memory, processors and disk space; others can be `attributes` and `requirements`.",
    ),
    Row(
        names=("append_requirements", "append_rank", "match_list_*", "rank_*", "skip_filechecks", "submit_event_*"),
        sentence="It changes how HTCondor reads the rest, and that is read as it stands.",
    ),
)
"""In the order of the page: the VM universe's own, those that are gone, and what of the others a machine's job has."""
