from __future__ import annotations

import libvirt
import pytest

from vmf.errors import HoldCode, JobFault
from vmf_libvirt.errors import Code, LibvirtFault, Sentence, blaming_job

SENTENCES = (
    Sentence(words="not in qcow2 format", code=HoldCode.IMAGE_INVALID, hint="convert it"),
    Sentence(words="Permission denied", code=HoldCode.IMAGE_UNREADABLE, file="/images/a b.raw"),
)
STARTING = "internal error: process exited while connecting to monitor: {}\nand more"


def raised(message, code=libvirt.VIR_ERR_INTERNAL_ERROR, sentences=SENTENCES):
    """What comes out of the making of a machine that libvirt answers so."""
    with pytest.raises((JobFault, LibvirtFault)) as caught, blaming_job(sentences):
        raise LibvirtFault(message, code=code)
    return caught.value


def test_codes_are_libvirts():
    assert {code: getattr(libvirt, f"VIR_ERR_{code.name}") for code in Code} == {code: code for code in Code}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("disk0: Image is not in qcow2 format", HoldCode.IMAGE_INVALID),
        ("Could not open '/images/a b.raw': Permission denied", HoldCode.IMAGE_UNREADABLE),
        ("error reading initrd /images/a b.raw: Permission denied", HoldCode.IMAGE_UNREADABLE),
    ],
)
def test_a_sentence_blames_the_job_whatever_the_code(words, code):
    found = raised(STARTING.format(words))
    assert isinstance(found, JobFault)
    assert found.code is code
    assert words in found.brief
    assert "more" not in found.brief


@pytest.mark.parametrize("file", ["/var/log/x.log", "/images/a b.raw.new", "/images/a b.raw/x", "/old/images/a b.raw"])
def test_a_sentence_of_a_file_says_nothing_of_another_one(file):
    assert isinstance(raised(f"cannot open '{file}': Permission denied"), LibvirtFault)


def test_the_hint_of_a_sentence_is_passed_on():
    assert raised("Image is not in qcow2 format").hint == "convert it"


def test_a_description_that_cannot_be_is_the_jobs_fault():
    found = raised("XML error: no such bus", libvirt.VIR_ERR_XML_ERROR)
    assert isinstance(found, JobFault)
    assert found.code is HoldCode.MACHINE_INVALID
    assert "no such bus" in found.brief


def test_anything_else_is_the_hosts_fault():
    found = raised("first line\ncannot set up guest memory", libvirt.VIR_ERR_NO_MEMORY)
    assert isinstance(found, LibvirtFault)
    assert (found.brief, found.code) == ("cannot set up guest memory", libvirt.VIR_ERR_NO_MEMORY)
    assert raised("").brief == "unknown error"
