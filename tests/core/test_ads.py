"""The ads; run as a program, this file prints `docs/ads.md`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf import classad
from vmf.ads import clauses, has, host_ad, job_ad, reserved
from vmf.ads.clauses import IMPLIED
from vmf.ads.machine import MACHINE
from vmf.ads.needs import _fields
from vmf.ads.tables import ENDED, HOST, JOB, KEPT
from vmf.errors import HoldCode
from vmf.model import (
    Checkpoint,
    Claim,
    Facts,
    File,
    Finally,
    Host,
    Image,
    Job,
    Network,
    NetworkType,
    Offer,
    Outcome,
    Platform,
    Step,
)
from vmf.result import verdict

MIB = 2**20
VM_JOB = Job(name="j", image=Image(name="i", kernel=File(path=Path("/k"))), memory=256 * MIB + 1, cpus=2)
FACTS = Facts(
    identity="",
    memory=4096 * MIB + 5,
    cpus=4,
    arch="x86_64",
    accelerator="tcg",
    versions={"vmf-kvm": "0.1", "qemu": "7"},
)
OFFER = Offer(host=Host(name="h", type="kvm"), facts=FACTS, taken=Claim(memory=1024 * MIB, cpus=1, machines=1))

PAGE = """\
# What expressions see

A job's `requirements` and `rank`, and a host's `start`, are expressions of the [ClassAd language](classad.md). In a
job's, `MY` is the job's ad and `TARGET` the host's; in a host's it is the other way round. A name without either is
looked up in its own ad first, then in the other one. Names' case does not count. Memory is in MiB and disk in KiB.

`vmf host ls -l` shows the ads of the hosts, `vmf match -l` that of the job, and `vmf classad eval` tries an expression.

## A job's ad
{job}

`Requirements` is all that the job asks of a host, and `Rank` what its spec says. `spec.attributes` adds more. When an
attempt has ended, there are also

{ended}

A job that goes on from a [checkpoint](checkpoints.md) also has

{kept}

What a job's guests have [published](looking-in.md#what-a-guest-publishes) is there under its own names, from the next
time on that the job is placed: its `requirements` and `rank`, what hosts ask, and `vmf match` of a job that lives see
it. What the steps of the [golden image](images.md) that it begins upon have published is there from the first time on.
A guest cannot publish a name that is on this page, or one of the job's `spec.attributes`, or one that means something
by itself in every expression (`MY`, `TARGET`, `CurrentTime`, …): what is there stays what it is.

`vmf query` adds to all of these what is known of the job's machine:

{machine}

## A host's ad
{host}

Each version that a probe found is an attribute, such as `QemuVersion` or `VmfKvmVersion`; so is each ability that the
host's hypervisor plugin declares: `HasLiveCheckpoint = true` for `live-checkpoint`. `spec.attributes` adds more.

## What a job implies
A job asks these beside its own `requirements`, where it has the attribute that the clause is about, and unless its
`requirements` speak of the host's attribute themselves:

{implied}

A field that not every host can honour needs an ability, and asks for it whatever `requirements` speak of, because a
host without it would ignore the field: `vnc: true` asks `TARGET.HasVnc =?= true`. What is not given needs nothing.

| field | its values need of a host |
|---|---|
{needed}

Room is no expression: a host gives a machine its memory, processors and slot only while it has them, whatever anybody's
words say.
"""


def table(rows) -> str:
    return "\n".join(
        ["| attribute | meaning |", "|---|---|", *(f"| `{each.name}` | {each.meaning} |" for each in rows)]
    )


def page() -> str:
    lines = ["| clause | unless `requirements` speak of |", "|---|---|"]
    for each in IMPLIED:
        text = each.expression.replace("|", "\\|")
        lines.append(f"| `{text}` | {', '.join(f'`{name}`' for name in each.about)} |")
    return PAGE.format(
        job=table(JOB),
        ended=table(ENDED),
        kept=table(KEPT),
        machine=table(MACHINE),
        host=table(HOST),
        implied="\n".join(lines),
        needed="\n".join(needed()),
    )


def needed(struct=Job, at="spec"):
    """The abilities that fields need, a row for each field."""
    for field in _fields(struct):
        key = f"{at}.{field.key}"
        if names := ", ".join(f"`{has(ability)}`" for ability in field.abilities()):
            yield f"| `{key}` | {names} |"
        for below in field.below if field.key != "image" else ():  # an image is named, not written into the spec
            yield from needed(below, f"{key}[]" if isinstance(field.default, tuple) else key)


def test_the_page_is_written_from_the_tables():
    assert (Path(__file__).parents[2] / "docs/ads.md").read_text() == page()


def test_what_a_job_wants_is_rounded_up_and_what_a_host_has_is_rounded_down():
    assert job_ad(VM_JOB)["RequestMemory"] == 257
    assert job_ad(replace(VM_JOB, disk_space=2**30 + 1))["RequestDisk"] == 2**20 + 1
    ad = host_ad(OFFER)
    assert (ad["Memory"], ad["VM_Memory"], ad["Cpus"], ad["VM_Cpus"], ad["VM_Running"]) == (4096, 3072, 4, 3, 1)


def test_a_hosts_policy_versions_and_abilities_are_attributes():
    host = Host(name="h", type="kvm", memory=1024 * MIB, machines=1, attributes={"Rack": "3 + 4"})
    ad = host_ad(replace(OFFER, host=host, capabilities=("live-checkpoint",)))
    assert (ad["Memory"], ad["TotalMemory"], ad["VM_Memory"], ad["VM_AvailNum"]) == (1024, 4096, 0, 0)
    assert (ad["QemuVersion"], ad["VmfKvmVersion"], ad["HasLiveCheckpoint"]) == ("7", "0.1", True)
    assert classad.evaluate(classad.parse("Rack"), ad) == 7


def test_what_a_job_does_not_say_is_not_in_its_ad():
    assert "JobVMType" not in job_ad(VM_JOB)
    assert "RequestDisk" not in job_ad(VM_JOB)
    assert "Rank" not in job_ad(VM_JOB)
    assert "HoldReason" not in job_ad(VM_JOB)


def test_a_held_jobs_ad_says_why():
    held = verdict(Outcome.JOB_FAULT, reason="no such disk", code=HoldCode.IMAGE_MISSING)
    ad = job_ad(VM_JOB, verdict=held)
    assert (ad["JobOutcome"], ad["HoldReason"], ad["HoldReasonCode"]) == ("job-fault", "no such disk", "image-missing")
    assert "HoldReason" not in job_ad(VM_JOB, verdict=verdict(Outcome.COMPLETED))


@pytest.mark.parametrize(
    ("requirements", "names"),
    [
        (None, ["machines", "memory", "cpus"]),
        ("TARGET.Memory > 1", ["machines", "cpus", "requirements"]),
        ("memory > 1 && HasVM", ["cpus", "requirements", "requirements"]),
        ("MY.Memory > 1", ["machines", "memory", "cpus", "requirements"]),
        ("((a && b) && (c || d && e))", ["machines", "memory", "cpus", *["requirements"] * 3]),
    ],
)
def test_a_clause_is_implied_unless_its_attribute_is_spoken_of(requirements, names):
    job = replace(VM_JOB, requirements=requirements)
    assert [each.name for each in clauses(job, job_ad(job))] == names


@pytest.mark.parametrize(
    ("wishes", "names"),
    [
        ({"types": ("kvm",)}, ["type"]),
        ({"types": ("kvm", "xen")}, ["types"]),
        ({"image": None, "settings": {"xen": {}}}, ["type"]),
        ({"image": None, "settings": {"xen": {}, "vmware": {}}}, ["types"]),
        ({"settings": {"xen": {}}}, []),
        ({"disk_space": MIB}, ["disk"]),
        ({"network": Network()}, ["network"]),
        ({"network": Network(type=NetworkType.NAT)}, ["network", "network type"]),
        ({"network": Network(mac="52:54:00:00:00:01")}, ["network", "MAC address", "static-mac"]),
        ({"checkpoint": Checkpoint(on_eviction=True)}, ["checkpoint"]),
        ({"run": "x", "at_end": Finally(steps=(Step(name="a", run="x"),))}, ["finally"]),
        ({"agent": True, "at_end": Finally(steps=(Step(name="a", run="x"),))}, ["finally by agent", "guest-agent"]),
        ({"agent": True, "at_end": Finally(steps=(Step(name="a", on_host="x"),))}, ["actions", "guest-agent"]),
    ],
)
def test_a_field_that_asks_something_of_the_host_implies_its_clauses(wishes, names):
    job = replace(VM_JOB, **wishes)
    implied = [each.name for each in clauses(job, job_ad(job)) if each.implied]
    assert [name for name in implied if name not in {"machines", "memory", "cpus"}] == names


def test_an_ability_that_a_field_needs_is_asked_for_whatever_the_owner_says():
    """A host without it would ignore the field."""
    job = replace(VM_JOB, vnc=True, requirements="TARGET.HasVnc =!= true || true")
    (clause,) = (each for each in clauses(job, job_ad(job)) if each.name == "vnc")
    assert classad.unparse(clause.expression) == "TARGET.HasVnc is true"
    assert str(clause.need) == "spec.vnc needs the ability vnc"
    assert "TARGET.HasVnc is true" in classad.unparse(job_ad(job)["Requirements"])


def test_a_job_that_goes_on_from_a_checkpoint_asks_for_what_that_was_taken_on():
    """Whatever its owner's words are: its memory means nothing elsewhere."""
    kept = Platform(type="kvm", accelerator="tcg", version="7.2.0", machine="q35", cpu="qemu64")
    job = replace(VM_JOB, requirements="TARGET.VM_Type != MY.Nothing || true")
    names = [each.name for each in clauses(job, job_ad(job, kept=kept)) if each.implied]
    assert [each for each in names if each.startswith("checkpoint")] == [
        "checkpoint type", "checkpoint accelerator", "checkpoint version"
    ]  # fmt: skip
    vendor = job_ad(job, kept=replace(kept, vendor="GenuineIntel"))
    assert "TARGET.VM_Cpu_Vendor == MY.JobVMCheckpointVendor" in classad.unparse(vendor["Requirements"])


def test_every_attribute_of_vmfs_own_is_reserved():
    assert {each.lower() for each in job_ad(replace(VM_JOB, rank="1"))} <= reserved(Job)
    assert {each.lower() for each in host_ad(replace(OFFER, host=Host(name="h", type="kvm", start="true")))} <= (
        reserved(Host) | {"qemuversion", "vmfkvmversion"}
    )


if __name__ == "__main__":
    sys.stdout.write(page())
