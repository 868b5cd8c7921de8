from __future__ import annotations

import pytest

from vmf.errors import VmfError
from vmf_vmware import vmx

TEXT = b"""\
.encoding = "UTF-8"
# a word of somebody's

memSize = "512"
displayName = "it |22is|22 |7C so"
scsi0:0.fileName = "a b.vmdk"
numvcpus=2
guestinfo.empty = ""
memsize = "1024"
"""


def test_what_vmware_writes_is_read():
    assert vmx.read(TEXT) == {
        ".encoding": "UTF-8",
        "memsize": "1024",
        "displayname": 'it "is" | so',
        "scsi0:0.filename": "a b.vmdk",
        "numvcpus": "2",
        "guestinfo.empty": "",
    }


@pytest.mark.parametrize("value", ["plain", 'a "word"', "a|b", "two\nlines", "", "ä€", 'x = "y"\nmemsize = "1"'])
def test_whatever_is_written_is_read_again_as_one_line(value):
    written = vmx.write({"guestinfo.a": value, "b": "c"})
    assert vmx.read(written) == {"guestinfo.a": value, "b": "c"}
    assert written.count(b"\n") == 2


@pytest.mark.parametrize("key", ["", "a b", 'a"', "a=b", "a\nb", "1a"])
def test_no_key_leads_to_another_line(key):
    with pytest.raises(VmfError):
        vmx.write({key: "x"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"memsize 512\n", "line 1"),
        (b'a = "1"\nb = "x" y\n', "line 2"),
        (b"\x7fELF\x02\x01", "line 1"),
        (b'a = "1"\n' * 2**18, "more than"),
    ],
)
def test_what_is_none_is_told(text, why):
    with pytest.raises(vmx.Unreadable, match=why):
        vmx.read(text)
