from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmf.errors import Fault, SpecError
from vmf.model import Job
from vmf.spec import JobWords, load_jobs
from vmf.spec.queue import ROWS_MOST, RUNS_MOST

MIB = 2**20
JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {{name: j}}
spec:
  image: box.raw
  memory: 256MiB
  run: echo $SEED
  env: {{SEED: none}}
  queue: {0}
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "box.raw").touch()

    def load(queue: str, *changes: str, rows: str | bytes = b"") -> tuple[Job, ...]:
        (tmp_path / "j.yaml").write_text(JOB.format(queue))
        (tmp_path / "rows.csv").write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        words = JobWords(images=tmp_path)
        return load_jobs([tmp_path / "j.yaml"], words, changes=changes, remark=pytest.fail)

    return load


@pytest.fixture
def faults_of(load):
    def faults_of(*words: str, rows: str | bytes = b"") -> tuple[Fault, ...]:
        with pytest.raises(SpecError) as caught:
            load(*words, rows=rows)
        return caught.value.faults

    return faults_of


@pytest.fixture
def fault_of(faults_of):
    def fault_of(*words: str, rows: str | bytes = b"") -> Fault:
        (fault,) = faults_of(*words, rows=rows)
        return fault

    return fault_of


def seen(jobs: tuple[Job, ...]) -> list[tuple[str, int, str]]:
    return [(job.name, job.memory // MIB, job.env["SEED"]) for job in jobs]


@pytest.mark.parametrize("queue", ["", "~", "null"])
def test_without_a_queue_there_is_one_run_of_the_jobs_own_name(load, queue):
    assert seen(load(queue)) == [("j", 256, "none")]


def test_a_list_gives_each_run_its_fields_and_a_number(load):
    jobs = load("[{env.SEED: 7, memory: 1GiB}, {}, {spec.env.SEED: 9}]")
    assert seen(jobs) == [("j-0", 1024, "7"), ("j-1", 256, "none"), ("j-2", 256, "9")]


def test_a_run_may_name_itself(load):
    assert [job.name for job in load("[{metadata.name: first}, {}]")] == ["first", "j-1"]


def test_a_run_may_give_a_whole_block(load):
    (job,) = load("[{results: {size: 2MiB, files: [a]}}]")
    assert (job.results.size, job.results.files) == (2 * MIB, ("a",))


def test_a_product_is_every_combination_the_last_field_fastest(load):
    jobs = load("{product: {memory: [1GiB, 2GiB], env.SEED: [1, 2]}}")
    assert seen(jobs) == [
        ("j-0", 1024, "1"),
        ("j-1", 1024, "2"),
        ("j-2", 2048, "1"),
        ("j-3", 2048, "2"),
    ]


def test_a_count_is_so_many_alike(load):
    assert seen(load("{count: 3}")) == [(f"j-{number}", 256, "none") for number in range(3)]


def test_a_file_has_a_run_for_each_row(load):
    rows = "\ufeffmemory, env.SEED\n1GiB,7\n\n2GiB,no\n"
    assert seen(load("{file: rows.csv}", rows=rows)) == [("j-0", 1024, "7"), ("j-1", 2048, "no")]


def test_a_value_in_quotes_keeps_its_commas_and_lines(load):
    (job,) = load("{file: rows.csv}", rows='run,env.SEED\r\n"echo 1,2\necho ""3""","a: b"\r\n')
    assert (job.run, job.env["SEED"]) == ('echo 1,2\necho "3"', "a: b")


def test_a_file_of_rows_is_relative_to_the_spec(load, monkeypatch):
    monkeypatch.chdir("/")
    assert len(load("{file: rows.csv}", rows="env.SEED\n1\n2\n")) == 2


@pytest.mark.parametrize("queue", [f"{{count: {RUNS_MOST}}}", f"{{file: rows.csv}} # {RUNS_MOST}"])
def test_as_many_runs_as_are_allowed(load, queue):
    jobs = load(queue, rows="env.SEED\n" + "1\n" * RUNS_MOST)
    assert len(jobs) == RUNS_MOST
    assert jobs[-1].name == f"j-{RUNS_MOST - 1}"


WIDE = ", ".join(["1"] * 101)


@pytest.mark.parametrize(
    ("queue", "what"),
    [
        ("[]", "spec.queue: 0 runs"),
        (f"[{'{}, ' * 10_001}]", "spec.queue: 10001 runs"),
        ("{product: {}}", "spec.queue.product: 0 runs"),
        ("{product: {memory: []}}", "spec.queue.product: 0 runs"),
        (f"{{product: {{env.A: [{WIDE}], env.B: [{WIDE}]}}}}", "spec.queue.product: 10201 runs"),
        ("{product: {memory: 1GiB}}", "spec.queue.product.memory: a list of values is wanted"),
        ("{product: [1]}", "spec.queue.product: a product is a block of fields"),
        ("{count: 0}", "spec.queue.count: '0' is no number of runs"),
        ("{count: -1}", "spec.queue.count: '-1' is no number of runs"),
        ("{count: 10001}", "spec.queue.count: '10001' is no number of runs"),
        ("{count: 00000000110000}", "spec.queue.count: '00000000110000' is no number of runs"),
        ("{count: 00000001" + "0" * 5000 + "}", "spec.queue.count: '00000001"),
        ("{count: ٣}", "spec.queue.count: '٣' is no number of runs"),
        ("{count: x}", "spec.queue.count: 'x' is no number of runs"),
        ("{count: [1]}", "spec.queue.count: a number of runs is wanted, this is a list"),
        ("{file: nothing.csv}", "spec.queue.file: '"),
        ("{file: ''}", "spec.queue.file: '"),
        ("{file: .}", "spec.queue.file: '"),
        ("{fiel: rows.csv}", "spec.queue: 'fiel' makes no queue"),
        ("{count: 1, file: rows.csv}", "spec.queue: this is no queue"),
        ("5", "spec.queue: this is no queue"),
        ("[5]", "spec.queue, item 1: a run is a block of fields with their values"),
        ("[{[a]: b}]", "spec.queue, item 1: a field's name is wanted, this is no text"),
        ("[{env..SEED: 1}]", "'env..SEED' is no key"),
    ],
)
def test_what_is_no_queue_is_told_once_at_its_place(fault_of, tmp_path, queue, what):
    fault = fault_of(queue)
    assert fault.what.startswith(what)
    assert (fault.where, fault.line) == (str(tmp_path / "j.yaml"), 9)
    assert fault.rule in {"VMF112", "VMF113", "VMF116", "VMF117"}
    assert fault.hint


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        ("env.SEED,memory\n1,1GiB\n2\n", 3, "1 value for 2 fields"),
        ("env.SEED\n1\n\n\n2,3\n", 5, "2 values for 1 field"),
        ('env.SEED,memory\n"a\nb",1GiB\n2\n', 4, "1 value for 2 fields"),
        ("env.SEED,memory\n1,1GiB\n2,lots\n", 3, "spec.memory: 'lots' is not a size such as 256MiB"),
        ("env.SEED,memroy\n1,1GiB\n", 2, "spec: unknown key 'memroy'"),
        ("env..SEED\n1\n", 2, "'env..SEED' is no key"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_in_its_line_of_the_file(fault_of, tmp_path, rows, line, what):
    fault = fault_of("{file: rows.csv}", rows=rows)
    assert fault.what.startswith(what)
    assert (fault.where, fault.line) == (str(tmp_path / "rows.csv"), line)
    assert fault.source == rows.split("\n")[line - 1]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (b"", "spec.queue.file: 0 runs"),
        (b"\n\n", "spec.queue.file: 0 runs"),
        (b"env.SEED\n", "spec.queue.file: 0 runs"),
        (b"env.SEED\n\xff\n", "it is not UTF-8 text"),
        (b'env.SEED\n"a\n', "unexpected end of data"),
        (b"env.SEED\n" + b"1\n" * 10_001, "10001 runs"),
        (b"a," * (ROWS_MOST // 2 + 1), "the file is larger than"),
    ],
)
def test_a_file_that_is_none_of_rows_is_told_where_it_is_named(fault_of, tmp_path, rows, what):
    fault = fault_of("{file: rows.csv}", rows=rows)
    assert what in fault.what
    assert (fault.where, fault.line, fault.rule[:3]) == (str(tmp_path / "j.yaml"), 9, "VMF")


def test_a_pipe_is_no_file_of_rows_and_is_not_waited_for(fault_of, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert fault_of("{file: pipe}").rule == "VMF117"


def test_a_wrong_value_is_told_for_each_run_at_its_own_place(faults_of):
    found = faults_of("\n    - {memory: lots}\n    - {}\n    - {memory: many}")
    assert [(fault.line, fault.column) for fault in found] == [(10, 16), (12, 16)]


def test_what_is_wrong_with_the_job_itself_is_told_once(faults_of):
    (fault,) = faults_of("[{memory: 1GiB}, {memory: 2GiB}]", "cpus=none")
    assert fault.where == "--set cpus=none"


def test_a_queue_at_fault_hides_nothing_else(faults_of):
    queue, memory = faults_of("{count: 0}", "memory=lots")
    assert queue.what.startswith("spec.queue.count")
    assert memory.what.startswith("spec.memory")


def test_runs_of_one_name_are_told(fault_of):
    fault = fault_of("[{metadata.name: a}, {metadata.name: a}]")
    assert (fault.rule, fault.line) == ("VMF115", 9)


def test_the_command_line_has_the_last_word_in_every_run(load):
    jobs = load("[{memory: 1GiB}, {env.SEED: 2}]", "memory=3GiB", "env.SEED=x")
    assert seen(jobs) == [("j-0", 3072, "x"), ("j-1", 3072, "x")]


def test_the_command_line_names_the_job_and_the_runs_are_numbered(load):
    assert [job.name for job in load("{count: 2}", "metadata.name=k")] == ["k-0", "k-1"]


def test_the_command_line_can_give_a_queue_of_its_own(load):
    assert [job.env["SEED"] for job in load("{count: 2}", "queue=[{env.SEED: 5}]")] == ["5"]
    assert len(load("", "queue={count: 4}")) == 4


def test_no_run_can_ask_for_runs(fault_of):
    assert fault_of("[{queue: {count: 2}}]").what == "spec: unknown key 'queue'"


def test_rows_from_anybody_cannot_control_a_terminal(fault_of):
    fault = fault_of("{file: rows.csv}", rows="memory\n\x1b[2J\u202e\n")
    assert fault.what.isprintable()
    assert fault.source.isprintable()


def test_a_file_that_is_named_from_the_root_may_be_anywhere(load, tmp_path):
    rows = tmp_path / "elsewhere" / "rows.csv"
    rows.parent.mkdir()
    rows.write_text("env.SEED\n1\n")
    assert [job.env["SEED"] for job in load(f"{{file: {Path(rows)}}}")] == ["1"]
