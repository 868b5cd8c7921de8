from __future__ import annotations

import libvirt
import pytest

from vmf.errors import HoldCode, HostFault, JobFault
from vmf_libvirt.errors import Code, Sentence, fault

SENTENCES = (
    Sentence(words="not in qcow2 format", code=HoldCode.IMAGE_INVALID, hint="convert it"),
    Sentence(words="Permission denied", code=HoldCode.IMAGE_UNREADABLE),
)
STARTING = "internal error: process exited while connecting to monitor: {}\nand more"


def test_codes_are_libvirts():
    assert {code: getattr(libvirt, f"VIR_ERR_{code.name}") for code in Code} == {code: code for code in Code}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("disk0: Image is not in qcow2 format", HoldCode.IMAGE_INVALID),
        ("disk0: Permission denied", HoldCode.IMAGE_UNREADABLE),
    ],
)
def test_a_sentence_blames_the_job_whatever_the_code(words, code):
    found = fault(libvirt.VIR_ERR_INTERNAL_ERROR, STARTING.format(words), SENTENCES)
    assert isinstance(found, JobFault)
    assert found.code is code
    assert words in found.brief
    assert "more" not in found.brief


def test_the_hint_of_a_sentence_is_passed_on():
    found = fault(libvirt.VIR_ERR_INTERNAL_ERROR, "Image is not in qcow2 format", SENTENCES)
    assert found.hint == "convert it"


def test_a_description_that_cannot_be_is_the_jobs_fault():
    found = fault(libvirt.VIR_ERR_XML_ERROR, "XML error: no such bus")
    assert isinstance(found, JobFault)
    assert found.code is HoldCode.MACHINE_INVALID
    assert "no such bus" in found.brief


def test_anything_else_is_the_hosts_fault():
    found = fault(libvirt.VIR_ERR_NO_MEMORY, "first line\ncannot set up guest memory")
    assert type(found) is HostFault
    assert found.brief == "cannot set up guest memory"
    assert isinstance(fault(libvirt.VIR_ERR_NO_MEMORY, ""), HostFault)
