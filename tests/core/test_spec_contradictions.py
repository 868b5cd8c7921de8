"""Fields that contradict each other: what each check objects to and where, and what it lets pass."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from contradictions import DISK, OWN, RIGHT, WRONG, disks, host, image, job
from vmf.errors import SpecError
from vmf.hookspecs import NoSettings
from vmf.rules import Severity
from vmf.spec import JobWords, load_hosts, load_image, load_jobs
from vmf.spec.contradictions import CONTRADICTIONS, ERRORS


def objections(rule, value):
    return [
        found
        for check in CONTRADICTIONS
        if check.rule.id == rule and isinstance(value, check.kind)
        for found in check.judge(value)
    ]


@pytest.mark.parametrize(("rule", "value", "places"), WRONG)
def test_it_is_objected_to_at_its_place(rule, value, places):
    found = objections(rule, value)
    assert [each.at for each in found] == places
    assert all(each.what and each.hint for each in found)


def test_the_other_disk_of_a_device_is_called_as_other_findings_call_it():
    (found,) = objections("VMF206", disks(OWN, replace(DISK, device="vdb"), replace(OWN, device="vdb")))
    assert found.what == "vdb is already the device of spec.disks, item 2"


@pytest.mark.parametrize(("rule", "value"), RIGHT)
def test_what_comes_near_is_let_pass(rule, value):
    assert objections(rule, value) == []


@pytest.mark.parametrize("check", CONTRADICTIONS, ids=lambda check: f"{check.rule.id}-{check.kind.__name__}")
def test_every_check_has_what_it_objects_to_and_what_it_lets_pass(check):
    for table in (WRONG, RIGHT):
        assert any(rule == check.rule.id and isinstance(value, check.kind) for rule, value, *_ in table)


def test_the_plain_job_image_and_host_break_no_rule():
    for value in (job(), image(disks=(DISK,)), host()):
        assert [
            check.rule.id for check in CONTRADICTIONS if isinstance(value, check.kind) and [*check.judge(value)]
        ] == []


def test_what_makes_a_spec_unusable_is_refused_and_the_rest_is_not():
    assert {check.rule.id for check in CONTRADICTIONS} - {check.rule.id for check in ERRORS} == {
        "VMF205",
        "VMF213",
        "VMF217",
        "VMF218",
        "VMF219",
        "VMF229",
    }
    assert all(check.rule.severity is Severity.ERROR for check in ERRORS)


@pytest.mark.parametrize("script", ["\n" * 200_000 + "x", "exec\n" * 50_000, "sudo " * 50_000, "/" * 250_000])
def test_a_script_of_any_length_is_read_at_once(script):
    assert objections("VMF217", job(run=script)) == []


def test_a_script_cannot_control_the_terminal():
    (found,) = objections("VMF217", job(run="sudo\thalt"))
    assert found.what.isprintable()


HEAD = "apiVersion: vmf/v1\nkind: {0}\nmetadata: {{name: x}}\nspec:\n"


@pytest.fixture
def read(tmp_path):
    """Reads a job, an image or a host, and gives the faults."""
    (tmp_path / "a.raw").touch()
    loads = {
        "Job": lambda path: load_jobs([path], JobWords(images=tmp_path), remark=pytest.fail),
        "Host": lambda path: load_hosts([path], settings={"kvm": NoSettings}, remark=pytest.fail),
        "Image": lambda path: load_image(path.name, beside=tmp_path, images=tmp_path),
    }

    def read(kind, *lines):
        path = tmp_path / "x.image.yaml"
        path.write_text(HEAD.format(kind) + "".join(f"  {line}\n" for line in lines))
        with pytest.raises(SpecError) as caught:
            loads[kind](path)
        return [(fault.rule, fault.line, fault.column, fault.what.split(":")[0]) for fault in caught.value.faults]

    return read


@pytest.mark.parametrize(
    ("kind", "lines", "fault"),
    [
        ("Job", ["memory: 1GiB"], ("VMF201", 4, 1, "spec")),
        (
            "Job",
            ["memory: 1GiB", "image: a.raw", "network:", "  mac: 01:00:00:00:00:01"],
            ("VMF209", 8, 10, "spec.network.mac"),
        ),
        (
            "Job",
            ["memory: 1GiB", "image: a.raw", "network: {}", "checkpoint:", "  on_eviction: true"],
            ("VMF204", 8, 3, "spec.checkpoint"),
        ),
        (
            "Job",
            ["memory: 1GiB", "disks:", "  - {file: a.raw, device: vdb}", "  - {device: vdb, file: a.raw}"],
            ("VMF206", 8, 16, "spec.disks, item 2.device"),
        ),
        ("Host", ["type: kvm", "connection: {transport: ssh}"], ("VMF251", 6, 3, "spec.connection")),
        ("Image", ["kernel_parameters: x"], ("VMF201", 4, 1, "spec")),
    ],
)
def test_a_contradiction_is_refused_at_its_place_in_the_file(read, kind, lines, fault):
    assert read(kind, *lines) == [fault]


def test_what_could_not_be_read_is_not_said_to_be_missing(read):
    assert [rule for rule, *_ in read("Job", "memory: 1GiB", "image: no.raw")] == ["VMF402"]
    assert [rule for rule, *_ in read("Job", "memory: 1GiB", "image: a.raw", "run: []", "env: {A: b}")] == ["VMF112"]


def test_a_contradiction_comes_with_all_else_that_is_wrong(read):
    found = read("Job", "memory: lots", "image: a.raw", "cdrom: {}")
    assert [(rule, line) for rule, line, *_ in found] == [("VMF113", 5), ("VMF208", 7)]
