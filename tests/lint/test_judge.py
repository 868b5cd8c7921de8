"""All that is wrong with some files, each at its place, and nothing else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lint.samples import FINE, HOSTS, LISTED, SAMPLES, Sample, document, host, job
from lint.toys import furnish
from shell import unprivileged
from vmf.lint import expression_rules, judge

TOLD_WITHOUT_SAMPLE = {"VMF101", "VMF122", "VMF405"}
"""What is wrong with a file's being there, or its permissions; see below."""
MAC = "52:54:00:aa:34:56"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.rule}: {sample.name}")
def test_it_is_found_at_its_place_alone_and_mended_no_more(judged, sample: Sample):
    told = [(each.rule.id, each.fault.line, each.fault.column) for each in judged(sample.broken)]
    assert told == [(sample.rule, *sample.place)]
    assert judged(sample.mended) == ()


def test_every_rule_has_a_sample(plugins):
    sampled = {each.rule for each in (*SAMPLES, *HOSTS)} | TOLD_WITHOUT_SAMPLE
    elsewhere = {each.id for each in expression_rules.RULES}
    assert sampled | elsewhere == set(judge.all_rules(plugins))


class TestFilesThatCannotBeRead:
    @pytest.mark.parametrize(
        ("name", "said"), [("none.yaml", "no such file"), (".", "this is a folder"), ("box.raw/a", "Not a directory")]
    )
    def test_one_that_is_not_there(self, folder, plugins, name, said):
        (found,) = judge.findings([Path(name)], plugins=plugins, hosts=[], images=folder)
        assert (found.rule.id, found.fault.where, found.fault.line) == ("VMF101", name, 0)
        assert said in found.fault.what

    def test_one_without_permission(self, plugins):
        with TemporaryDirectory(dir="/tmp") as name:  # whose parents anybody may pass
            folder = Path(name)
            folder.chmod(0o755)
            furnish(folder)
            (folder / "box.raw").chmod(0)
            (folder / "j.yaml").write_text(FINE)
            with unprivileged():
                (found,) = judge.findings([folder / "j.yaml"], plugins=plugins, hosts=[], images=folder)
        assert (found.rule.id, found.fault.line, found.fault.column) == ("VMF405", 5, 10)


class TestSeveralFiles:
    def test_all_findings_of_all_files(self, places):
        found = places(job("cpus: 0", "vcn: true"), "a: [b\n", FINE, host("memory: 0GiB"), b"\xff")
        assert found == [
            ("0.yaml", 7, 9, "VMF114"),
            ("0.yaml", 8, 3, "VMF109"),
            ("1.yaml", 1, 4, "VMF104"),
            ("3.yaml", 6, 11, "VMF114"),
            ("4.yaml", 1, 1, "VMF103"),
        ]

    def test_a_file_that_is_named_twice_is_judged_once(self, folder, plugins):
        (folder / "j.yaml").write_text(job("cpus: 0"))
        path = Path("j.yaml")
        assert len(list(judge.findings([path, path], plugins=plugins, hosts=[path], images=folder))) == 1

    def test_names_are_told_apart_in_each_file(self, places):
        assert places(FINE, FINE) == []

    def test_what_is_behind_a_document_that_is_wrong_is_judged(self, places):
        assert places(f"a: 1\n---\n{job('cpus: 0')}---\n{job('cpus: 0', name='k')}") == [
            ("0.yaml", 1, 1, "VMF111"),
            ("0.yaml", 9, 9, "VMF114"),
            ("0.yaml", 17, 9, "VMF114"),
        ]

    def test_what_is_before_the_place_where_the_yaml_ends_is_judged(self, places):
        assert places(f"{job('cpus: 0')}---\na: b: c\n---\n{job('cpus: 0')}") == [
            ("0.yaml", 7, 9, "VMF114"),
            ("0.yaml", 9, 5, "VMF104"),
        ]

    def test_documents_of_all_kinds_are_judged_by_their_own_words(self, places):
        image = document("Image", "memory: 1GiB", "kernel: vmlinuz")
        assert places(f"{job('cpus: 0')}---\n{host('cpus: 0')}---\n{image}") == [
            ("0.yaml", 7, 9, "VMF114"),
            ("0.yaml", 10, 7, "VMF108"),
            ("0.yaml", 14, 9, "VMF114"),
            ("0.yaml", 17, 7, "VMF108"),
            ("0.yaml", 20, 3, "VMF109"),
        ]

    def test_a_job_and_a_host_may_have_one_name(self, places):
        assert places(f"{job(name='h')}---\n{host()}") == [("0.yaml", 9, 7, "VMF108")]


class TestEchoes:
    """What follows from a fault alone is not told beside it."""

    @pytest.mark.parametrize(
        ("wrong", "rule"),
        [
            (document("Job", "memory: 1GiB", "imgae: box.raw"), "VMF109"),
            (document("Job", "memory: 1GiB", "image: none.raw"), "VMF402"),
            (document("Job", "memory: 1GiB", "disks: [{file: none.raw}]"), "VMF401"),
            (document("Job", "memory: 1GiB", "boot: {kernel: seed}"), "VMF404"),
            (document("Job", "memory: 1GiB", "boot: {kernal: vmlinuz, initrd: initrd}"), "VMF109"),
            (document("Job").replace("spec:", "spec: {image: box.raw}"), "VMF111"),
            (document("Job").replace("kind: Job\n", ""), "VMF111"),
            (document("Pod", "containers: []"), "VMF108"),
            (job("run: [x]", "results: {files: [a]}"), "VMF112"),
            (job("network: {tpye: nat, mac: 52:54:00:12:34:56}"), "VMF109"),
            (job("network: {type: net}", "checkpoint: {period: 1h, lose_connections: true}"), "VMF113"),
            (job("checkpoint: {perod: 1h}"), "VMF109"),
            (job("checkpoint: {period: 1}"), "VMF113"),
            (job("cdrom: {files: [none]}"), "VMF401"),
            (job("run: x", "secrets: {A: a}"), "VMF406"),
            (job("cloud_init: {user_data: none}"), "VMF401"),
            (job("run: x", "env: {A: {}}", "secrets: {A: token}"), "VMF112"),
            (job("requirements: [TARGET.Memory]"), "VMF112"),
            (job("attributes: {A: 1 +}", "requirements: MY.A > 1"), "VMF301"),
            (host("connection: {transprot: ssh, address: h}"), "VMF109"),
            (host("networks: {types: [nta], default: nat}"), "VMF113"),
        ],
    )  # fmt: skip
    def test_one_slip_is_one_finding(self, judged, wrong, rule):
        assert [each.rule.id for each in judged(wrong)] == [rule]

    @pytest.mark.parametrize("broken", [host().replace("toy", "tyo"), host("networks: {types: [net]}")])
    def test_a_host_that_cannot_be_read_proves_nothing_of_the_others(self, judged, broken):
        wrong = job("type: words", "network: {type: user}", "cpus: 100")
        assert {each.fault.where for each in judged(wrong, hosts=(LISTED, broken))} == {"host-1.yaml"}


class TestQueues:
    @pytest.mark.parametrize(
        "queue", ["{count: 3}", "[{vnc: true}, {vnc: false}]", "{product: {memory: [1GiB, 2GiB], vnc: [true, false]}}"]
    )
    def test_what_is_wrong_with_all_runs_is_told_once(self, places, queue):
        broken = job("cpus: 0", "checkpoint: {keep: 2}", f"queue: {queue}", "rank: TARGET.Memroy")
        assert places(broken) == [
            ("0.yaml", 7, 9, "VMF114"),
            ("0.yaml", 8, 3, "VMF212"),
            ("0.yaml", 10, 16, "VMF302"),
        ]

    def test_what_is_wrong_with_one_run_is_told_at_its_own_value(self, places):
        runs = ("{cpus: 1}", "{cpus: 0}", "{rank: TARGET.Memroy}", "{env.TOKEN: hunter2}")
        assert places(job("run: x", "queue:", *(f"  - {each}" for each in runs))) == [
            ("0.yaml", 10, 14, "VMF114"),
            ("0.yaml", 11, 21, "VMF302"),
            ("0.yaml", 12, 19, "VMF218"),
        ]

    def test_what_is_wrong_with_a_row_is_told_in_its_file(self, places, folder):
        (folder / "rows.csv").write_text("memory,cpus\n1GiB,1\n1GiB,0\n")
        assert places(job("queue: {file: rows.csv}")) == [("rows.csv", 3, 1, "VMF114")]

    def test_the_runs_of_a_queue_share_no_address(self, places):
        assert places(job(f"network: {{mac: {MAC}}}", "queue: {count: 3}")) == [("0.yaml", 7, 18, "VMF220")]

    def test_of_more_runs_than_can_be_judged_the_first_are_and_that_is_told(self, places):
        runs = ["  - {cpus: 1}"] * 9_998
        assert places(job("queue:", *runs)) == [("0.yaml", 8, 5, "VMF122")]
        assert places(job("queue:", "  - {cpus: 0}", *runs)) == [
            ("0.yaml", 8, 5, "VMF122"),
            ("0.yaml", 8, 14, "VMF114"),
        ]

    def test_runs_that_are_all_alike_are_not_told_of(self, places):
        assert places(job("queue: {count: 10000}")) == []


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [(MAC, MAC.upper(), 1), (MAC, "52:54:00:aa:34:57", 0)],
)
def test_an_address_is_the_same_in_any_case(judged, first, second, found):
    both = f"{job(f'network: {{mac: {first}}}')}---\n{job(f'network: {{mac: {second}}}', name='k')}"
    assert [each.rule.id for each in judged(both)] == found * ["VMF220"]


def test_rules_are_listed_by_id(plugins):
    rules = judge.all_rules(plugins)
    assert list(rules) == sorted(rules)
    assert all(rule.id == id_ for id_, rule in rules.items())
