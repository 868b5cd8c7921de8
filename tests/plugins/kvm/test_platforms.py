from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HostFault, JobFault
from vmf.model import Platform
from vmf_kvm import platforms

INTEL = "GenuineIntel"
LIVE = (Path(__file__).with_name("golden") / "live.xml").read_text()
"""A machine with a named processor, under emulation."""
CAPABILITIES = """\
<capabilities><guest><arch name='x86_64'>
  <machine canonical='pc-q35-7.2'>q35</machine><machine>pc-q35-7.1</machine>
</arch></guest></capabilities>
"""
EMULATED = Platform(type="kvm", accelerator="tcg", version="7.2.22", machine="pc-q35-7.2", cpu="Nehalem")
PROVED = replace(EMULATED, accelerator="kvm", vendor=INTEL)


@pytest.fixture
def client():
    return SimpleNamespace(versions=lambda: {"qemu": 7002022}, capabilities=lambda: CAPABILITIES)


def test_what_a_machine_runs_on_is_told_in_the_exact_words(client):
    assert platforms.made_on(client, LIVE, INTEL) == EMULATED


def test_who_made_the_processor_matters_where_guests_meet_it(client):
    assert platforms.made_on(client, LIVE.replace("type='qemu'", "type='kvm'", 1), INTEL) == PROVED


def test_a_processor_that_no_other_host_has_cannot_be_kept(client):
    own = LIVE.replace("<model fallback='forbid'>Nehalem</model>", "")
    with pytest.raises(JobFault, match="its processor is its host's"):
        platforms.made_on(client, own, INTEL)


@pytest.mark.parametrize(
    "kept",
    [EMULATED, PROVED, replace(PROVED, version="7.2.3"), replace(EMULATED, version="6.10", machine="pc-q35-7.1")],
)
def test_memory_that_was_made_on_the_like_fits(client, kept):
    platforms.check(client, kept, kept.accelerator, INTEL)


@pytest.mark.parametrize(
    ("kept", "accelerator", "words"),
    [
        (replace(EMULATED, type="xen"), "tcg", "type xen"),
        (EMULATED, "kvm", "made by tcg"),
        (PROVED, "tcg", "made by kvm"),
        (replace(PROVED, vendor="AuthenticAMD"), "kvm", "AuthenticAMD"),
        (replace(EMULATED, version="7.10.0"), "tcg", r"QEMU 7\.10\.0, this is 7\.2\.22"),
        (replace(EMULATED, machine="pc-q35-8.0"), "tcg", "pc-q35-8"),
    ],
)
def test_memory_that_does_not_fit_is_for_another_host(client, kept, accelerator, words):
    with pytest.raises(HostFault, match=words) as caught:
        platforms.check(client, kept, accelerator, INTEL)
    assert caught.value.hint


def test_the_first_processor_speaks_for_all(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nvendor_id\t: One\n\nprocessor\t: 1\nvendor_id\t: Other\n")
    assert platforms.said("vendor_id", tmp_path / "cpuinfo") == "One"
    assert platforms.said("model name", tmp_path / "cpuinfo") == ""
