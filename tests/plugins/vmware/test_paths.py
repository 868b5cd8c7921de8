from __future__ import annotations

import pytest

from vmf.errors import HoldCode, JobFault
from vmf_vmware.paths import DatastorePath, parse


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[store1] win/win.vmdk", "[store1] win/win.vmdk"),
        ("[store1]win.vmdk", "[store1] win.vmdk"),
        ("/vmfs/volumes/store 1/a b/c.iso", "[store 1] a b/c.iso"),
        ("[store1] ", "[store1] "),
    ],
)
def test_a_path_is_read_as_either_of_vmwares_programs_writes_it(text, written):
    assert str(parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "win.vmdk",
        "/etc/passwd",
        "/vmfs/volumes/store1",
        "[store1] ../secret/x.vmdk",
        "[store1] a/../../x",
        "[store1] /etc/passwd",
        "[store1] a//b",
        "[store1] a/./b",
        "[store1] a] [store2] b",
        '[store1] a"\nscsi0.present = "TRUE',
        "[store1] a\0b",
        "[store1] a'b",
        "[..] a",
        "[a/b] c",
        "/vmfs/volumes/../x/y",
        "/vmfs/volumes/store1/../../x",
    ],
)
def test_what_could_lead_elsewhere_is_no_path(text):
    with pytest.raises(JobFault) as caught:
        parse(text)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_a_name_goes_below_a_folder_and_no_further():
    folder = DatastorePath("store1", "vmf-ab-job")
    assert str(folder / "disk0.vmdk") == "[store1] vmf-ab-job/disk0.vmdk"
    assert (folder / "disk0.vmdk").folder == folder
    assert (folder / "disk0.vmdk").name == "disk0.vmdk"
    with pytest.raises(JobFault):
        folder / "../other/disk0.vmdk"
