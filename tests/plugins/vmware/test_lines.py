from __future__ import annotations

import pytest

from vmf.errors import HostFault, JobFault
from vmf.model import Machine
from vmf_vmware.lines import lines
from vmf_vmware.settings import VmwareHost

SITE = """\
# of the site
guestinfo.site = "here"
GuestInfo.Word = "the site's"
scsi1.virtualDev = "lsilogic"
"""


def machine(**given):
    return Machine(name="m", memory=2**28, cpus=1, accelerator="vmware", settings={"vmx": given})


@pytest.fixture
def site(tmp_path):
    """A host whose file of lines has this text."""

    def site(text=SITE):
        (tmp_path / "site.vmx").write_text(text)
        return VmwareHost(vmx_file=tmp_path / "site.vmx")

    return site


def test_the_site_has_the_last_word(site):
    given = {"guestinfo.word": "the job's", "guestinfo.own": "mine"}
    assert lines(machine(**given), site()) == {
        "guestinfo.word": "the site's",
        "guestinfo.own": "mine",
        "guestinfo.site": "here",
        "scsi1.virtualdev": "lsilogic",
    }
    assert lines(machine(**given), VmwareHost()) == given


@pytest.mark.parametrize("key", ["memSize", "ethernet0.address", "scsi0:0.fileName", "sched.cpu.shares", "vmf.owner"])
def test_a_job_gives_no_line_that_is_not_for_jobs(key):
    with pytest.raises(JobFault) as caught:
        lines(machine(**{key: "x"}), VmwareHost())
    assert key in caught.value.brief
    assert caught.value.hint


@pytest.mark.parametrize("text", ['memSize = "1"', 'vmf.owner = "x"', "no line"])
def test_a_file_of_the_site_that_cannot_be_is_the_hosts_fault(site, text):
    with pytest.raises(HostFault, match=r"site\.vmx"):
        lines(machine(), site(text))


def test_a_file_of_the_site_that_is_not_there_is_the_hosts_fault(tmp_path):
    with pytest.raises(HostFault, match="No such file"):
        lines(machine(), VmwareHost(vmx_file=tmp_path / "gone"))
