from __future__ import annotations

from pathlib import Path

import pytest

from vmf.errors import SpecError
from vmf.hookspecs import NoSettings
from vmf.spec import JobWords, load_hosts, load_jobs

JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {{name: j}}
spec:
  image: box.raw
  memory: 1GiB
  {0}
"""
HOST = """\
apiVersion: vmf/v1
kind: Host
metadata: {{name: h}}
spec:
  type: kvm
  {0}
"""


@pytest.fixture
def job(tmp_path: Path):
    (tmp_path / "box.raw").write_bytes(b"")
    file = tmp_path / "j.yaml"

    def read(lines: str):
        file.write_text(JOB.format(lines))
        (job,) = load_jobs([file], JobWords(images=tmp_path), remark=pytest.fail)
        return job

    return read


@pytest.fixture
def host(tmp_path: Path):
    file = tmp_path / "h.yaml"

    def read(lines: str):
        file.write_text(HOST.format(lines))
        (host,) = load_hosts([file], settings={"kvm": NoSettings}, remark=pytest.fail)
        return host

    return read


def faults(read, lines: str):
    with pytest.raises(SpecError) as raised:
        read(lines)
    return raised.value.faults


def test_expressions_are_kept_as_written(job):
    assert job('requirements: TARGET.Memory >= 4096 && Site == "cern"').requirements == (
        'TARGET.Memory >= 4096 && Site == "cern"'
    )
    assert job("rank: -TARGET.VM_Running").rank == "-TARGET.VM_Running"
    assert job("attributes: {Site: '\"cern\"', Big: true, Twice: 2 * JobVMMemory}").attributes == {
        "Site": '"cern"',
        "Big": "true",
        "Twice": "2 * JobVMMemory",
    }


def test_a_syntax_fault_is_shown_where_it_is(job):
    (fault,) = faults(job, "requirements: TARGET.Memory >= (4096")
    assert (fault.line, fault.column) == (7, 39)
    assert "is no ClassAd expression" in fault.what


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("'Cpus = 4 && Site == \"x\"'", (7, 23)),
        ('"Cpus = 4"', (7, 23)),
        ("'= 4'", (7, 18)),
        ("|\n    Cpus > 1 &&\n      (Disk = 4)\n", (9, 13)),
        ("|\n    Cpus >\n  rank: 1", (8, 11)),
        ("|\n    = 4", (8, 5)),
    ],
)
def test_a_quoted_expression_and_one_in_a_block_are_at_fault_at_the_very_character(job, written, place):
    (fault,) = faults(job, f"requirements: {written}")
    assert (fault.line, fault.column) == place
    assert "at character" not in fault.what


@pytest.mark.parametrize(
    ("written", "character"),
    [
        ("'Site == ''x'' && Cpus = 4'", 21),
        ('"\\x43pus = 4"', 6),
        (">\n    Cpus >\n    1 = 4", 10),
        ("Cpus >\n    1 = 4", 10),
    ],
)
def test_where_an_expression_is_written_otherwise_than_meant_the_character_is_counted(job, written, character):
    (fault,) = faults(job, f"requirements: {written}")
    assert (fault.line, fault.column) == (7, 17)
    assert f"is no ClassAd expression (at character {character}): " in fault.what


@pytest.mark.parametrize("name", ["JobVMMemory", "jobvmmemory", "Requirements", "Rank", "HoldReason"])
def test_what_vmf_sets_cannot_be_set(job, name):
    (fault,) = faults(job, f"attributes: {{{name}: 1}}")
    assert "vmf itself sets" in fault.what


def test_the_same_name_in_two_spellings_is_refused(job):
    (fault,) = faults(job, "attributes: {Site: 1, SITE: 2}")
    assert "'SITE' and 'Site' are the same name" in fault.what


def test_a_text_without_its_quotes_is_told_how(job):
    (fault,) = faults(job, "attributes: {Site: cern}")
    assert "the name of another attribute, not a text" in fault.what
    assert fault.hint == "a text has double quotes of its own: '\"cern\"'"


@pytest.mark.parametrize("word", ["true", "UNDEFINED"])
def test_the_languages_words_are_no_names(job, word):
    assert job(f"attributes: {{A: {word}}}").attributes == {"A": word}


def test_a_name_that_is_none_is_refused(job):
    (fault,) = faults(job, "attributes: {a-b: 1}")
    assert "'a-b' is not allowed here" in fault.what


def test_a_host_has_a_policy_and_attributes(host):
    read = host("start: TARGET.JobVMMemory < 2048\n  attributes: {Rack: 7}\n  disk_space: 10GiB")
    assert (read.start, read.attributes, read.disk_space) == ("TARGET.JobVMMemory < 2048", {"Rack": "7"}, 10 * 2**30)


@pytest.mark.parametrize("name", ["Memory", "VM_Type", "Start"])
def test_a_host_cannot_lie_about_what_vmf_knows(host, name):
    (fault,) = faults(host, f"attributes: {{{name}: 1}}")
    assert "vmf itself sets" in fault.what


@pytest.mark.parametrize("name", ["TARGET", "my", "Self", "CurrentTime"])
def test_what_means_something_in_expressions_is_no_attribute(job, name):
    (fault,) = faults(job, f"attributes: {{{name}: 1}}")
    assert f"in expressions '{name}' means something else" in fault.what
