from __future__ import annotations

import re

import pytest

from htcondor.desk import Desk
from vmf.htcondor import import_file

KVM = "universe = vm\nexecutable = x\nvm_type = kvm\nvm_memory = 256\n"
DISK = "vm_disk = disk.img:vda:w\ntransfer_input_files = disk.img\n"
XEN = "universe = vm\nexecutable = x\nvm_type = xen\nvm_memory = 256\nvm_disk = disk.img:xvda:w\n"
XEN += "transfer_input_files = disk.img\n"
VMWARE = "universe = vm\nexecutable = x\nvm_type = vmware\nvm_memory = 256\n"


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("vm_memory = 2G", "memory: 2GiB"),
        ("vm_memory = 1024K", "memory: 1MiB"),
        ("vm_memory = 1.5", "memory: 2MiB"),
        ("vm_memory =\nrequest_memory = 512", "memory: 512MiB"),
        ("vm_vcpus = 3", "cpus: 3"),
        ("request_cpus = 4", "cpus: 4"),
        ("request_disk = 10485760", "disk_space: 10GiB"),
        ("vm_vnc = true", "vnc: true"),
        ("vm_no_output_vm = 1", "disks: none"),
        ("vm_networking = true", "type: default"),
        ("vm_networking = true\nvm_networking_type = NAT", "type: nat"),
        ("vm_networking = true\nvm_networking_type = dhcp", "type: default"),
        ("vm_networking = true\nvm_macaddr = 52:54:00:12:34:56", 'mac: "52:54:00:12:34:56"'),
        ("vm_checkpoint = true", "on_eviction: true"),
        ("vm_checkpoint = true\nvm_networking = true", "lose_connections: true"),
        ("initialdir = out", "folder: out/x.results"),
        ("log = x.log", "event_log: x.log"),
        ("initialdir = out\nlog = my.events", "event_log: out/my.events.log"),
        ("request_cpus = 2 * 4", "cpus: 8"),
        ("vm_memory = 2048 * 2", "memory: 4GiB"),
        ("priority = 7", "priority: 7"),
        ("prio = 2000000", "priority: 1000"),
        ("max_retries = 3", "retries: 3"),
        ("allowed_execute_duration = 7200", "time_limit: 2h"),
        ("allowed_job_duration = 90", "time_limit: 90s"),
        ('requirements = (Memory > 1) && Arch == "X86_64"', """requirements: '(Memory > 1) && Arch == "X86_64"'"""),
        ("rank = Memory", "rank: Memory"),
        ('+Project = "genome"', """Project: '"genome"'"""),
        ("MY.Deep = 1 + 2", 'Deep: "1 + 2"'),
        ("executable = /usr/bin/my job", "name: my-job"),
        ("executable = 42", "name: job-42"),
    ],
)
def test_a_command_has_its_field(desk: Desk, command: str, wanted: str) -> None:
    assert wanted in lines(desk.make(f"{KVM}{DISK}{command}\nqueue").text)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("vm_disk = a.img:vda:w\ntransfer_input_files = /data/a.img", "- file: /data/a.img"),
        ("vm_disk = a.img:vda:w\ntransfer_input_files = a.img\ninitialdir = in", "- file: in/a.img"),
        ("vm_disk = /shared/a.img:vda:r", "- file: {on_host: /shared/a.img}"),
        ("vm_disk = /shared/a.img:vda:r", "access: read"),
        ("vm_disk = /shared/a.img:vda:w", "access: in-place"),
        ("vm_disk = a:vda:r\ntransfer_input_files = a", "format: raw"),
        ("vm_disk = a.img:vda:r:qcow2\ntransfer_input_files = a.img", "format: qcow2"),
        ("vm_disk = a.img:/dev/sda:r\ntransfer_input_files = a.img", "device: sda"),
        ("kvm_disk = a.img:hda:rw\nkvm_transfer_files = a.img", "disks: changed"),
        ("vm_disk = a.img:vda:w, b.iso:hdc:r\ntransfer_input_files = a.img, b.iso", "iso: b.iso"),
        ("vm_disk = a.img:vda:w, b.iso:hdd:r\ntransfer_input_files = a.img, b.iso", "device: hdd"),
        ("vm_disk = a.img:vdb:w\ntransfer_input_files = a.img", "device: vdb"),
        ("vm_disk = a.img:xvda:w\ntransfer_input_files = a.img", "device: xvda"),
    ],
)
def test_a_disk_travels_or_is_on_the_host(desk: Desk, command: str, wanted: str) -> None:
    assert wanted in lines(desk.make(f"{KVM}{command}\nqueue").text)


@pytest.mark.parametrize(
    "text",
    [
        f"{KVM}{DISK}",
        f"{KVM}vm_disk = a:vda:w, c.iso:hdc:r, b:vdb:r\n",
        f"{KVM}{DISK}vm_cdrom_files = a\nkvm_cdrom_device = hdc\n",
        f"{XEN}xen_kernel = included\n",
    ],
)
def test_a_device_that_the_place_gives_is_left_out(desk: Desk, text: str) -> None:
    assert "device" not in desk.make(f"{text}queue").text


def test_a_device_that_needs_an_ability_says_so(desk: Desk) -> None:
    assert "a host with the ability `device`" in desk.make(f"{KVM}vm_disk = a:hda:r, b:hdb:r\nqueue").text


def test_a_disk_that_travels_is_used_through_a_snapshot(desk: Desk) -> None:
    assert "access" not in desk.make(f"{KVM}{DISK}queue").text


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("xen_kernel = included", "kernel: included"),
        ("xen_kernel = vmx", "mode: hvm"),
        ("xen_kernel = /k\nxen_root = /dev/xvda1", "kernel: {on_host: /k}"),
        ("xen_kernel = k\nxen_root = r\nxen_transfer_files = k", "kernel: k"),
        ("xen_kernel = /k\nxen_root = r\nxen_initrd = /i", "initrd: {on_host: /i}"),
        ("xen_kernel = /k\nxen_root = r\nxen_kernel_params = 'a b'", "parameters: a b"),
        ("xen_kernel = any\nxen_root = /dev/xvda1", "root: /dev/xvda1"),
    ],
)
def test_what_a_xen_machine_boots(desk: Desk, command: str, wanted: str) -> None:
    text = desk.make(f"{XEN}{command}\nqueue").text
    assert wanted in lines(text)
    assert ("    kernel:" in text) is not (command.startswith(("xen_kernel = any", "xen_kernel = vmx")))


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("vmware_dir = vm\nvmware_should_transfer_files = true", "folder: vm"),
        ("vmware_dir = /vm\nvmware_should_transfer_files = false", "folder: {on_host: /vm}"),
        ("transfer_input_files = /vm/a.vmx, /vm/a.vmdk", "folder: /vm"),
        ("vmware_dir = /vm\nvmware_snapshot_disk = false", "snapshot: false"),
        ("vmware_dir = /vm\nvmware_snapshot_disk = N", "snapshot: false"),
        ("vmware_dir = /vm\nvmware_snapshot_disk = YES", "snapshot: true"),
        ("vmware_dir = /vm\nvmware_should_transfer_files = no", "folder: {on_host: /vm}"),
        ("vmware_dir = /vm\nvm_cdrom_files = /a\nvm_should_transfer_cdrom_files = NO", "files: [{on_host: /a}]"),
        ("vmware_dir = /vm\nvm_cdrom_files = a.iso", "iso: a.iso"),
        ("vmware_dir = /vm\nvm_cdrom_files = a, b", "files: [a, b]"),
        ("vmware_dir = /vm\nvm_cdrom_files = /a\nvm_should_transfer_cdrom_files = false", "files: [{on_host: /a}]"),
    ],
)
def test_a_folder_with_a_vmware_machine(desk: Desk, command: str, wanted: str) -> None:
    made = desk.make(f"{VMWARE}{command}\nqueue")
    assert wanted in lines(made.text)
    assert not made.lost


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{KVM}{DISK}vm_networking = yes\nqueue", "job.sub:7:17: vm_networking: 'yes' is no boolean"),
        (f"{KVM}{DISK}vm_memory = lots\nqueue", "job.sub:7:13: vm_memory: 'lots' is no size"),
        (f"{KVM}{DISK}vm_memory = 0\nqueue", "vm_memory: '0' is no size"),
        (f"{KVM}{DISK}vm_vcpus = abc\nqueue", "vm_vcpus: 'abc' is no number from 1 to 1024"),
        (f"{KVM}{DISK}vm_type = kvn\nqueue", "vm_type: 'kvn' is no hypervisor\n    vm_type = kvn\n"),
        ("universe = vm\nvm_memory = 1\nqueue", "vm_type is missing"),
        ("universe = vm\nvm_type = kvm\nqueue", "vm_memory is missing"),
        (f"{KVM}queue", "vm_disk is missing"),
        (f"{KVM}vm_disk = ::\nqueue", "'::' is no disk"),
        (f"{KVM}vm_disk = a:vda\nqueue", "'a:vda' is no disk"),
        (f"{KVM}vm_disk = a:vda:zzz\nqueue", "'zzz' is no permission"),
        (f"{KVM}vm_disk = a:v da:w\nqueue", "'v da' is no device"),
        (f"{KVM}vm_disk = a:vda:w:qcow\nqueue", "did you mean qcow2?"),
        (f"{KVM}{DISK}vm_networking = true\nvm_macaddr = zz\nqueue", "'zz' is no MAC address"),
        (f"{KVM}{DISK}vm_networking = true\nvm_networking_type = bogus\nqueue", "'bogus' is no type of network"),
        (f"{KVM}{DISK}requirements = a &&\nqueue", "is no expression"),
        (f"{KVM}{DISK}output = out.txt\nqueue", "output: a machine has no standard streams"),
        (f"{KVM}{DISK}environment = A\nqueue", "'A' is no variable"),
        (f'{KVM}{DISK}arguments = "it\'s"\nqueue', "a single quote that is never closed"),
        (f"{KVM}{DISK}+Memory-x = 1\nqueue", "is no statement"),
        (f"{XEN}xen_kernel = /k\nqueue", "xen_root is missing"),
        (f"{XEN}xen_kernel = included\nxen_initrd = i\nqueue", "the kernel is in the disk"),
        (f"{VMWARE}queue", "vmware_dir is missing"),
        (f"{VMWARE}vmware_dir = a\nvmware_should_transfer_files = 0\nvmware_snapshot_disk = 0\nqueue", "neither"),
        (f"{VMWARE}vmware_dir = a\nvm_cdrom_files = a.iso, b\nqueue", "an ISO beside other files"),
        ("universe = vanilla\nexecutable = x\nqueue", "'vanilla' jobs are no machines"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(desk: Desk, text: str, told: str) -> None:
    assert told in desk.wrong(text)


def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    told = desk.wrong(f"{KVM}vm_disk = ::\nvm_networking = maybe\nvm_vcpus = x\nvm_memory = 0\nnonsense\nqueue 3")
    assert [line.split(":")[1] for line in told.splitlines() if line.startswith("job.sub")] == ["9", "8", "7", "5", "6"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("log_xml = true", "log_xml: An event log has one form"),
        ("notification = always", "notification: vmf writes no mail"),
        ("vm_netwroking = true", "vm_netwroking: nothing knows this name: did you mean vm_networking?"),
        ("transfer_input_files = disk.img, more.txt", "no guest could see 'more.txt'"),
        ("vm_networking_type = nat", "the job has no network"),
        ("kvm_cdrom_device = hdc", "there is no CD-ROM"),
        ("request_memory = 9", "request_memory: it means nothing beside what else the file says"),
        ("vmware_dir = /x", "vmware_dir: it means nothing"),
        ("xen_kernel = included", "xen_kernel: it means nothing"),
        ("vm_should_transfer_cdrom_files = true", "vm_should_transfer_cdrom_files: it means nothing"),
        ("should_transfer_files = YES", "should_transfer_files: HTCondor overwrote it"),
        ("+JobPrio = 3", "vmf itself sets this attribute"),
        ("vm_bogus_thing = 3", "vm_bogus_thing: nothing knows this name"),
        ("rank = $$(Mips)", "a macro in it is not spelt out"),
        ('+Deep = "$$(Mips)"', "takes its value from the host"),
        ('+Home = "$ENV(HOME)"', "$ENV(HOME) is not read"),
        ('+Where = "$(NOWHERE)"', "$(NOWHERE) is defined nowhere"),
        ("vm_disk = disk.img:vda:w, a.iso:hdc:r, b.iso:hdd:r", "'b.iso' would be a second CD-ROM"),
        ("request_gpus = 1", "Hosts offer memory, processors and disk space"),
    ],
)  # fmt: skip
def test_what_has_no_field_is_listed_and_commented(desk: Desk, command: str, told: str) -> None:
    made = desk.make(f"{KVM}{DISK}{command}\nqueue")
    assert [told in each.what for each in made.lost].count(True) == 1
    assert "# Not carried over:" in made.text


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("requirements = KeyboardIdle > 1", "KeyboardIdle of HTCondor's ads: undefined here"),
        ("rank = HOST_LoadAvg", "HOST_LoadAvg of HTCondor's ads: undefined here"),
    ],
)
def test_what_would_never_be_met_is_a_comment_to_change(desk: Desk, command: str, told: str) -> None:
    made = desk.make(f"{KVM}{DISK}{command}\nqueue")
    (change,) = made.by_hand
    assert told in change.what
    assert not made.lost
    assert "# Change by hand:\n" in made.text
    assert f"\n  # {command.replace(' =', ':', 1)}" in made.text.replace('"', "")


@pytest.mark.parametrize("kernel", ["", "xen_kernel = any\n"])
def test_a_kernel_of_the_host_is_told(desk: Desk, kernel: str) -> None:
    (lost,) = desk.make(f"{XEN}{kernel}queue").lost
    assert "is given its host's" in lost.what


def test_a_name_that_nothing_knows_is_not_answered_with_all_that_are(desk: Desk) -> None:
    (lost,) = desk.make(f"{KVM}{DISK}vm_bogus_thing_of_mine = 3\nqueue").lost
    assert lost.what == "vm_bogus_thing_of_mine: nothing knows this name"


def test_what_runs_lose_alike_is_told_once(desk: Desk) -> None:
    made = desk.make(f"{KVM}{DISK}request_memory = 1$(Process)\nqueue 300")
    assert [each.what.split(":")[0] for each in made.lost] == ["request_memory"]
    assert made.text.count("request_memory") == 1


def test_what_runs_lose_differently_is_counted(desk: Desk) -> None:
    made = desk.make(f"{KVM}{DISK}transfer_input_files = disk.img, $(Process).txt\nqueue 300")
    assert len(made.lost) == 3
    assert made.lost[-1].what.endswith("(and 297 more like it)")


def test_a_path_of_windows_is_told(desk: Desk) -> None:
    assert "# It was a path of Windows" in desk.make(f"{VMWARE}vmware_dir = C:\\condor-test\nqueue").text


def test_nothing_is_missing_that_was_too_long_to_be_read(desk: Desk) -> None:
    told = desk.wrong(f"universe = vm\nvm_type = kvm\nvm_memory = 1\nvm_disk = {'x' * 70_000}\nqueue")
    assert "the text has become too long" in told
    assert "missing" not in told


def test_nothing_that_is_listed_can_control_a_terminal(desk: Desk) -> None:
    made = desk.make(f"{KVM}{DISK}+Home = 1 + $ENV(\u202eEMOH)\nqueue")
    assert "\u202e" not in "".join(each.what for each in made.lost) + made.text


def test_a_name_that_only_others_name_is_no_loss(desk: Desk) -> None:
    made = desk.make(f"{KVM}{DISK}A = 1\nB = 2\nnotification = $(B)\n+C = $(A)\nqueue")
    assert [each.what.split(":")[0] for each in made.lost] == ["notification"]


def test_a_name_that_a_condition_asks_for_is_no_loss(desk: Desk) -> None:
    assert not desk.make(f"{KVM}{DISK}BIG = 1\nif defined BIG\nvm_vcpus = 2\nendif\nqueue").lost


def test_arguments_and_environment_wait_for_a_script(desk: Desk) -> None:
    command = "arguments = \"a 'b c' 'it''s' \"\"q\"\"\"\nenvironment = A=1;B=two words\n"
    text = desk.make(f"{KVM}{DISK}{command}queue").text
    assert """# arguments: [a, b c, "it's", '"q"']""" in text
    assert '# env: {A: "1", B: two words}' in text


def test_arguments_that_differ_are_kept_for_each_run(desk: Desk) -> None:
    text = desk.make(f"{KVM}{DISK}arguments = $(Process)\nenvironment = A=1\nqueue 2").text
    assert '  # - {arguments: ["0"]}\n  # - {arguments: ["1"]}\n' in text
    assert '  # env: {A: "1"}\n' in text


def test_the_consent_that_was_given_needs_no_explanation(desk: Desk) -> None:
    job = f"{KVM}{DISK}vm_networking = true\nvm_checkpoint = true\n"
    assert "# Consent:" in desk.make(f"{job}queue").text
    assert "# Consent:" not in desk.make(f"{job}when_to_transfer_output = ON_EXIT_OR_EVICT\nqueue").text


@pytest.mark.parametrize(
    ("queue", "wanted"),
    [
        ("queue", []),
        ("queue 3", ["queue:", "count: 3"]),
        ("+N = $(Process)\nqueue 2", ["queue:", '- {attributes.N: "0"}', '- {attributes.N: "1"}']),
        ("queue\nvm_vnc = true\nqueue", ["queue:", "- {}", "- {vnc: true}"]),
        ("queue\nexecutable = y\nqueue", ["queue:", "- {metadata.name: x}", '- {metadata.name: "y"}']),
    ],
)
def test_runs_have_what_they_do_not_share(desk: Desk, queue: str, wanted: list[str]) -> None:
    text = desk.make(f"{KVM}{DISK}{queue}").text
    assert lines(text[text.find("  queue:") :] if "  queue:" in text else "") == wanted


def test_a_comment_on_all_runs_is_written_once(desk: Desk) -> None:
    text = desk.make(f"{KVM}{DISK}executable = my job $(Process)\nqueue 3").text
    assert text.count("# The executable") == 2  # of the name itself, and of those of the queue


def test_a_run_of_many_words_is_a_block(desk: Desk) -> None:
    long = "a" * 100
    text = desk.make(f"{KVM}vm_disk = $(Process){long}:vdb:r\ninitialdir = r$(Process)\nqueue 2").text
    assert f"    - disks:\n        - file: r0/0{long}\n          format: raw\n" in text
    assert "      results.folder: r1/x-1.results\n" in text


@pytest.mark.parametrize(
    ("queue", "folders"),
    [
        ("queue", ["out/x.results"]),
        ("initialdir = .\nqueue", ["x.results"]),
        ("queue 2", ["out/x-0.results", "out/x-1.results"]),
        ("queue\nexecutable = y\nqueue", ["out/x.results", "out/y.results"]),
        ("queue 2\nexecutable = y\nqueue", ["out/x-0.results", "out/x-1.results", "out/y-2.results"]),
    ],
)
def test_results_have_a_new_folder_for_each_run(desk: Desk, queue: str, folders: list[str]) -> None:
    text = desk.make(f"{KVM}{DISK}initialdir = out\n{queue}").text
    assert re.findall(r"folder: (.*results)\b", text) == folders


def test_paths_lead_from_the_folder_of_the_spec(desk: Desk) -> None:
    path = desk.put(f"{KVM}{DISK}initialdir = run\nqueue", "in/job.sub")
    text = import_file(path, output=desk.folder / "out/job.yaml").text
    assert "- file: ../in/run/disk.img" in text
    assert "folder: ../in/run/x.results" in text


def test_a_spec_without_a_name_is_named_after_its_own_file(desk: Desk) -> None:
    path = desk.put(f"{KVM}{DISK}queue".replace("executable = x\n", ""), "job.sub")
    assert "  name: genome\n" in import_file(path, output=desk.folder / "genome.yaml").text


def test_more_runs_than_a_spec_can_hold_are_refused_with_what_helps(desk: Desk) -> None:
    told = desk.wrong(f"{KVM}{DISK}+N = $(Process)\ninitialdir = $(Process)\nqueue 10000")
    assert "the spec would be larger" in told
    assert "import it with fewer items, and name the runs in a file of rows then" in told
