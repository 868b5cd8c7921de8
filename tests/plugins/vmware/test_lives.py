"""Jobs on vSphere: of what their machines are made, and what becomes of them."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import tarfile
from pathlib import Path

import pytest

import vcsim
from qemu import qemu_img
from shell import DEADLINE
from vmf_vmware import vmx
from vsphere_shell import VsphereShell

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

HELLO = Path(__file__).parents[3] / "specs/hello-vmware.yaml"
COUNTS = """\
for n in $(seq 40); do
  echo "count $n"
  echo $n | dd of=/dev/sda conv=notrunc,fsync 2>/dev/null
  sleep 0.2
done
head -n 1 /dev/sda >out.txt
exit 3
"""
"""Counts on its console and on its first disk for a while."""
VMX = """\
.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "13"
displayName = "somebody's own"
memSize = "4096"
numvcpus = "8"
guestOS = "other-64"
scsi0.present = "TRUE"
scsi0.virtualDev = "lsilogic"
scsi0:0.present = "TRUE"
scsi0:0.deviceType = "scsi-hardDisk"
scsi0:0.fileName = "own.vmdk"
ide1:0.present = "TRUE"
ide1:0.deviceType = "cdrom-image"
ide1:0.fileName = "own.iso"
ide0:0.present = "TRUE"
ide0:0.deviceType = "cdrom-image"
ide0:0.fileName = "/vmfs/volumes/store1/secret.iso"
serial0.present = "FALSE"
ethernet0.present = "TRUE"
ethernet0.networkName = "somebody's own"
sched.cpu.shares = "high"
"""


DESCRIPTOR = """\
# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="vmfs"
RW 2048 VMFS "{name}-flat.vmdk"
ddb.adapterType = "lsilogic"
ddb.virtualHWVersion = "13"
"""


@pytest.fixture
def own(tmp_path):
    """A machine as VMware keeps it, with one disk and one disc."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own.vmx").write_text(VMX.replace('ide0:0.present = "TRUE"', 'ide0:0.present = "FALSE"'))
    (folder / "own.vmdk").write_text(DESCRIPTOR.format(name="own"))
    (folder / "own-flat.vmdk").write_bytes(b"own disk\n".ljust(2**20, b"\0"))
    (folder / "own.iso").write_bytes(b"own disc\n".ljust(2**20, b"\0"))
    return folder


@pytest.fixture
def shell(vsphere, tiny, tmp_path):
    """A user whose host is the module's vSphere."""
    shell = VsphereShell.at(tmp_path, tiny)
    shell.reach(vsphere)
    yield shell
    if live := [str(each.id) for each in shell.records() if not each.ended]:
        shell.vmf("rm", "--force", *live)


def ran(shell, *words, code=0):
    done = shell.vmf("run", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def booted(shell):
    """How a machine of its own starts the tiny guest."""
    tiny = shell.home / "images/tiny"
    return {
        "kernel": str(tiny / "vmlinuz"),
        "initrd": str(tiny / "initrd.img"),
        "parameters": "console=ttyS0 quiet panic=-1",
    }


def counted(shell, name="j"):
    """What a guest has counted, with nothing left out."""
    console = (shell.folder / f"{name}.results/console.log").read_text()
    said = [int(each) for each in re.findall("count ([0-9]+)", console)]
    assert said == list(range(1, 41))
    assert (shell.folder / f"{name}.results/out.txt").read_text() == "40\n"


def test_nothing_is_wrong_with_the_specs_that_vmf_brings(shell):
    """Their image is there, so all of their machine is judged; what specs/debian needs is made first."""
    done = shell.vmf("lint", *map(str, sorted(HELLO.parent.glob("*.yaml"))))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no findings" in done.stdout + done.stderr, done.stdout + done.stderr


def test_the_hello_job_brings_its_greeting(shell):
    done = ran(shell, "--console", str(HELLO))
    greeting = (shell.folder / "hello-vmware.results/greeting.txt").read_text()
    assert re.fullmatch(r"Hello, world, from Linux [0-9]\S* with 1 cpu\n", greeting)
    assert greeting.strip() in done.stdout
    assert greeting.strip() in (shell.folder / "hello-vmware.results/console.log").read_text()
    told = shell.result("hello-vmware")
    assert {key: told[key] for key in ("job", "outcome", "exit_code", "source", "host", "files", "refused")} == {
        "job": "hello-vmware", "outcome": "completed", "exit_code": 0, "source": "guest",
        "host": "lab", "files": ["greeting.txt"], "refused": [],
    }  # fmt: skip
    assert shell.left() == []


def test_whoever_adopts_a_job_brings_it_to_its_end(shell):
    shell.write(COUNTS)
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "count 2")
        engine.kill()
    done = shell.vmf("wait", "j")
    assert done.returncode == 3, done.stdout + done.stderr
    counted(shell)
    assert shell.left() == []


def test_a_suspended_job_takes_nothing_and_goes_on(shell):
    shell.write(COUNTS)
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "count 2")
        assert shell.vmf("suspend", "j").returncode == 0
        assert [*shell.place("j").glob("*.vmss")]
        assert shell.vmf("resume", "j").returncode == 0
        out, err = engine.communicate(timeout=DEADLINE)
    assert engine.returncode == 3, out + err
    counted(shell)
    assert shell.left() == []


@pytest.mark.parametrize("brought", [False, True])
def test_a_job_goes_on_upon_another_host_where_it_stood(shell, vsphere_program, tmp_path, own, brought):
    """Of an image, and of a machine as VMware keeps it, whose own disk goes along."""
    folder = tmp_path / "other"
    folder.mkdir()
    words = {"image": None, "boot": booted(shell), "vmware": {"folder": str(own)}} if brought else {}
    with vcsim.running(vsphere_program, folder) as other:
        shell.reach(other, "other")
        shell.write(COUNTS, checkpoint={"on_eviction": True}, **words)
        with shell.start("run", "j.yaml") as engine:
            shell.says("j", "count 5")
            first = shell.records("j")[0].handle.host
            vacated = shell.vmf("vacate", "j")
            assert vacated.returncode == 0, vacated.stderr
            shell.reaches("j", "running")
            second = shell.records("j")[0].handle.host
            out, err = engine.communicate(timeout=DEADLINE)
        assert engine.returncode == 3, out + err
        assert {first, second} == {"lab", "other"}
        counted(shell)
        assert len(shell.result()["gaps"]) == 1
        assert shell.left() == []


def test_a_job_whose_machine_dies_has_crashed(shell, vsphere):
    shell.write("echo vmf-ready; while :; do sleep 1; done")
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "vmf-ready")
        (pid,) = vsphere.qemus()
        os.kill(pid, signal.SIGKILL)
        out, err = engine.communicate(timeout=DEADLINE)
    assert shell.result()["outcome"] == "crashed", out + err
    assert shell.left() == []


def test_a_script_is_not_run_twice(shell):
    shell.write("echo once; reboot -f")
    done = shell.vmf("run", "j.yaml")
    assert done.returncode != 0
    assert (shell.folder / "j.results/console.log").read_text().count("once") == 1
    assert shell.left() == []


@pytest.mark.parametrize(
    "words",
    [
        {"disks": [{"file": {"on_host": "/vmfs/volumes/store1/gone/a-flat.vmdk"}, "format": "raw"}]},
        {"disks": [{"file": {"on_host": "/vmfs/volumes/gone/a-flat.vmdk"}, "format": "raw"}]},
        {"cdrom": {"iso": {"on_host": "/vmfs/volumes/store1/gone.iso"}}},
    ],
)
def test_a_file_that_is_not_on_the_host_is_said_not_to_be_there(shell, words):
    shell.write("true", **words)
    done = shell.vmf("run", "j.yaml")
    assert "of the host: there is no such file" in done.stdout + done.stderr
    assert "check the path on the host" in done.stdout + done.stderr


def test_what_a_job_gives_is_on_its_discs_and_disks(shell, vsphere):
    """Disks of every format, one that lies on the datastore and stays as it is, and files on a disc."""
    for number, form in enumerate(("raw", "qcow2", "vmdk")):
        raw = shell.folder / "raw"
        raw.write_bytes(f"{form}\n".encode().ljust(2**20, b"\0"))
        qemu_img("convert", "-f", "raw", "-O", form, raw, shell.folder / f"d{number}.{form}")
    lies = vsphere.datastore / "data"
    lies.mkdir(exist_ok=True)
    content = b"lies there\n".ljust(2**20, b"\0")
    (lies / "data-flat.vmdk").write_bytes(content)
    (lies / "data.vmdk").write_text(DESCRIPTOR.format(name="data"))
    (shell.folder / "word").write_text("on a disc\n")
    there = {"file": {"on_host": "/vmfs/volumes/store1/data/data-flat.vmdk"}, "format": "raw"}
    shell.write(
        READS,
        disks=[*({"file": f"d{number}.{form}"} for number, form in enumerate(("raw", "qcow2", "vmdk"))), there],
        cdrom={"files": ["word"]},
        results={"files": ["out.txt"], "disks": "changed"},
    )
    ran(shell, "j.yaml")
    assert (shell.folder / "j.results/out.txt").read_text() == "raw\nqcow2\nvmdk\nlies there\non a disc\n"
    assert (lies / "data-flat.vmdk").read_bytes() == content
    changed = shell.folder / "j.results/disk4.qcow2"
    qemu_img("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", lies / "data-flat.vmdk", changed)
    qemu_img("convert", "-O", "raw", changed, shell.folder / "made")
    assert (shell.folder / "made").read_bytes() == b"changed\nre\n".ljust(2**20, b"\0")
    assert shell.left() == []


READS = """\
mkdir disc
for each in b c d e; do head -n 1 /dev/sd$each; echo changed >/dev/sd$each; done >out.txt
sync
for each in /dev/sr?; do mount -r -t iso9660 $each disc && { cat disc/word >>out.txt; umount disc; }; done
exit 0
"""


OWN = "{ head -n 1 /dev/sda; head -c 8 /dev/sr?; grep MemTotal /proc/meminfo; nproc; } >out.txt; echo x >/dev/sda"


@pytest.mark.parametrize("travels", [True, False])
def test_a_machine_as_vmware_keeps_it_does_the_job(shell, vsphere, own, travels):
    """The memory and the processors are the job's; the folder stays as it is, wherever it is."""
    if not travels:
        own = Path(shutil.copytree(own, vsphere.datastore / "own"))
    before = {each.name: each.read_bytes() for each in own.iterdir()}
    folder = str(own) if travels else {"on_host": "/vmfs/volumes/store1/own"}
    shell.write(OWN, image=None, boot=booted(shell), cpus=2, vmware={"folder": folder, "vmx": {"guestinfo.a": "b"}})
    ran(shell, "j.yaml")
    said = (shell.folder / "j.results/out.txt").read_text()
    assert "own disk" in said
    assert "own disc" in said
    assert said.splitlines()[-1] == "2"
    assert int(re.search(r"MemTotal: +([0-9]+)", said)[1]) < 256 * 1024
    assert {each.name: each.read_bytes() for each in own.iterdir()} == before
    assert shell.left() == []


@pytest.mark.parametrize("name", ["own-flat.vmdk", "own.vmdk", "own.vmx", "own.iso"])
def test_a_link_in_the_folder_leads_nobody_out_of_it(shell, own, tmp_path, name):
    (own / name).rename(tmp_path / "secret")
    (own / name).symlink_to(tmp_path / "secret")
    shell.write(OWN, image=None, boot=booted(shell), vmware={"folder": str(own)})
    done = shell.vmf("run", "j.yaml")
    assert f"{own / name}: it is a symbolic link" in done.stdout + done.stderr
    assert "put the file itself there" in done.stdout + done.stderr
    assert not (shell.folder / "j.results/out.txt").exists()
    assert shell.left() == []


OVF = """\
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
  <References><File ovf:href="box.vmdk" ovf:id="file"/></References>
  <DiskSection><Info>Disks</Info><Disk ovf:diskId="disk" ovf:fileRef="file" ovf:capacity="1"
    ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <VirtualSystem ovf:id="box"><Info>A machine</Info>
    <VirtualHardwareSection><Info>Its hardware</Info>
      <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/disk</rasd:HostResource>
        <rasd:InstanceID>8</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"""


def test_an_appliance_does_the_job(shell):
    (shell.folder / "raw").write_bytes(b"appliance\n".ljust(2**20, b"\0"))
    options = ("-o", "subformat=streamOptimized")
    qemu_img("convert", "-f", "raw", "-O", "vmdk", *options, shell.folder / "raw", shell.folder / "box.vmdk")
    with tarfile.open(shell.folder / "box.ova", "w") as archive:
        member = tarfile.TarInfo("box.ovf")
        member.size = len(OVF)
        archive.addfile(member, io.BytesIO(OVF.encode()))
        archive.add(shell.folder / "box.vmdk", "box.vmdk")
    shell.write("head -n 1 /dev/sda >out.txt", image="box.ova", boot=booted(shell))
    ran(shell, "j.yaml")
    assert (shell.folder / "j.results/out.txt").read_text() == "appliance\n"
    assert shell.left() == []


def test_a_template_does_the_job(shell, vsphere, own):
    (own / "own.vmx").rename(own / "own.vmtx")
    there = Path(shutil.copytree(own, vsphere.datastore / "template"))
    folder = {"on_host": "/vmfs/volumes/store1/template"}
    shell.write("head -n 1 /dev/sda >out.txt", image=None, boot=booted(shell), vmware={"folder": folder})
    ran(shell, "j.yaml")
    assert (shell.folder / "j.results/out.txt").read_text() == "own disk\n"
    assert (there / "own-flat.vmdk").read_bytes() == (own / "own-flat.vmdk").read_bytes()
    assert shell.left() == []


def test_a_machine_has_the_card_and_the_lines_that_its_job_and_its_site_name(shell, vsphere):
    """As the host itself has written them down; nobody meets another one but where the host's owner lets them."""
    (shell.folder / "site.vmx").write_text('guestinfo.site = "here"\nguestinfo.whose = "the site"\n')
    lines = {"guestinfo.whose": "the job", "guestinfo.job": 'a "word"'}
    network = {"type": "bridge", "mac": "02:00:00:00:00:07", "model": "e1000"}
    shell.write("echo vmf-ready; while :; do sleep 1; done", network=network, vmware={"vmx": lines})
    shell.reach(vsphere, block={"vmx_file": str(shell.folder / "site.vmx")})
    refused = ran(shell, "j.yaml", code=72)
    assert "together: true" in refused.stdout + refused.stderr
    shell.vmf("rm", "j")
    shell.reach(vsphere, block={"vmx_file": str(shell.folder / "site.vmx")}, networks={"together": True})
    with shell.start("run", "j.yaml"):
        shell.says("j", "vmf-ready")
        (written,) = shell.place("j").glob("*.vmx")
        said = vmx.read(written.read_bytes())
        shell.vmf("rm", "--force", "j")
    assert {key: said[key] for key in ("ethernet0.address", "ethernet0.virtualdev", "ethernet0.networkname")} == {
        "ethernet0.address": "02:00:00:00:00:07",
        "ethernet0.virtualdev": "e1000",
        "ethernet0.networkname": "bridge",
    }
    assert said["guestinfo.site"] == "here"
    assert said["guestinfo.whose"] == "the site"
    assert said["guestinfo.job"] == 'a "word"'
    assert shell.left() == []


def test_a_machine_that_leads_out_of_its_folder_holds_its_job(shell, own):
    (own / "own.vmx").write_text(VMX)
    shell.write("exit 0", vmware={"folder": str(own)})
    done = ran(shell, "j.yaml", code=76)
    assert "secret.iso" in done.stdout + done.stderr
    shell.vmf("rm", "j")
    assert shell.left() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"vmware": {"vmx": {"serial1.fileName": "/vmfs/volumes/a"}}}, "serial1.fileName"),
        ({"vmware": {"vmx": {"memSize": "1"}}}, "memSize"),
        ({"disks": [{"file": {"on_host": "/vmfs/volumes/store1/none/none-flat.vmdk"}, "format": "raw"}]}, "none"),
        ({"disks": [{"file": {"on_host": "/vmfs/volumes/store1/../x-flat.vmdk"}, "format": "raw"}]}, "straight"),
    ],
)
def test_what_a_job_may_not_have_holds_it_with_the_reason(shell, words, told):
    shell.write("exit 0", **words)
    done = ran(shell, "j.yaml", code=76)
    assert told in done.stdout + done.stderr
    shell.vmf("rm", "j")
    assert shell.left() == []
