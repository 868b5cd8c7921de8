from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.errors import SpecError
from vmf.hookspecs import NoSettings
from vmf.model import Job
from vmf.spec import JobWords, load_hosts, load_jobs
from vmf.spec.migrating import migrate
from vmf.spec.versions import RENAMED

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"

OLD = """\
# of last year
apiVersion: 'vmf/v1beta1'   # soon to change
kind:  Job
metadata: {name: a}
spec:

  memory:   1GiB
  disks: [{file: ., format: raw}]
  "disk" :   10GiB  # disk: enough
  env: {disk: vmf/v1beta1}
  run: |
    apiVersion: vmf/v1beta1
    disk: 1
"""
NEW = OLD.replace("'vmf/v1beta1'", "'vmf/v1'").replace('"disk"', '"disk_space"')
CURRENT = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: b}\nspec: {memory: 1GiB, disk_space: 1GiB} # disk\n"
HOST = "apiVersion: vmf/v1beta1\nkind: Host\nmetadata: {name: h}\nspec: {type: kvm, disk: 1GiB}\n"


@pytest.fixture
def migrated(tmp_path):
    def migrated(content: str | bytes):
        path = tmp_path / "f.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return migrate(path)

    return migrated


@pytest.fixture
def fault_of(migrated):
    def fault_of(content: str | bytes):
        with pytest.raises(SpecError) as caught:
            migrated(content)
        (fault,) = caught.value.faults
        return fault

    return fault_of


def test_only_the_words_that_have_changed_are_replaced(migrated):
    done = migrated(OLD)
    assert done.content.decode() == NEW
    assert [(each.old, each.new, each.place.line) for each in done.renamings] == [
        ("vmf/v1beta1", "vmf/v1", 2),
        ("disk", "disk_space", 9),
    ]


def test_what_is_rewritten_means_what_it_meant(tmp_path):
    notes = []

    def read(text: str) -> tuple[Job, ...]:
        (tmp_path / "j.yaml").write_text(text)
        return load_jobs([tmp_path / "j.yaml"], JobWords(images=tmp_path), remark=notes.append)

    before = read(OLD)
    assert len(notes) == 1
    assert read(migrate(tmp_path / "j.yaml").content.decode()) == before
    assert len(notes) == 1


def test_hosts_are_rewritten_too(migrated, tmp_path):
    (tmp_path / "h.yaml").write_bytes(migrated(HOST).content)
    (host,) = load_hosts([tmp_path / "h.yaml"], settings={"kvm": NoSettings}, remark=pytest.fail)
    assert host.disk_space == 2**30


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_stay(migrated, end, mark):
    assert migrated(mark + OLD.replace("\n", end).encode()).content == mark + NEW.replace("\n", end).encode()


def test_of_many_documents_each_is_rewritten_if_it_has_to_be(migrated):
    done = migrated(f"{CURRENT}---\n# one\n---\n{OLD}...\n---\n{HOST}")
    assert done.content.decode() == (
        f"{CURRENT}---\n# one\n---\n{NEW}...\n---\n{HOST.replace('v1beta1', 'v1').replace('disk', 'disk_space')}"
    )


def test_words_on_one_line_are_all_replaced(migrated):
    text = '{{"kind":"Job","apiVersion":"{}","metadata":{{"name":"a"}},"spec":{{"{}":"1GiB","memory":"1GiB"}}}}'
    assert migrated(text.format("vmf/v1beta1", "disk")).content.decode() == text.format("vmf/v1", "disk_space")


def test_a_word_with_an_anchor_is_replaced(migrated):
    text = OLD.replace("'vmf/v1beta1'", "&version vmf/v1beta1").replace('"disk"', "&d disk")
    assert b"&version vmf/v1 " in migrated(text).content
    assert b"&d disk_space " in migrated(text).content


def test_what_is_written_in_todays_words_stays_as_it_is(migrated):
    assert migrated(CURRENT).renamings == ()


def test_what_else_is_wrong_is_no_hindrance(migrated):
    text = OLD.replace("memory:   1GiB", "memroy: lots\n  image: nowhere")
    assert b"disk_space" in migrated(text).content


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (CURRENT.replace("vmf/v1", "vmf/v2"), 1, "apiVersion: 'vmf/v2' is newer than this vmf"),
        (CURRENT.replace("vmf/v1", "v1"), 1, "apiVersion: 'v1' is no version that vmf reads"),
        (CURRENT.replace("apiVersion: vmf/v1\n", ""), 1, "the key apiVersion is missing"),
        (CURRENT.replace("kind: Job", "kind: Pod"), 2, "kind: 'Pod' is not read here"),
        (OLD.replace("memory:   1GiB", "disk_space: 1GiB"), 9, "spec.disk is called disk_space today"),
        (OLD.replace('"disk"', r'"d\x69sk"'), 9, "'disk' cannot be replaced here"),
        ("[a]", 1, "a block of keys is wanted, this is a list"),
        ("a: [b", 1, "a bracket that is never closed"),
        ("", 0, "the file holds no document"),
        (b"\xff", 1, "the byte 0xff is not UTF-8 text"),
        ("#" * 300_000, 0, "the file is larger than 256 kB"),
        ("[" * 65, 1, "nested deeper than 64 levels"),
    ],
)
def test_what_cannot_be_rewritten_is_told_with_its_place(fault_of, text, line, what):
    fault = fault_of(text)
    assert what in fault.what
    assert line in {0, fault.line}
    assert fault.hint


def test_a_word_that_stands_for_something_else_as_well_is_left_to_its_owner(fault_of):
    text = OLD.replace("{name: a}", "{name: a, labels: {d: &d disk}}").replace('"disk" ', "*d ")
    fault = fault_of(text)
    assert fault.what == "the file cannot be rewritten"
    assert "disk is now disk_space" in fault.hint


def test_all_faults_of_a_file_are_told(migrated):
    with pytest.raises(SpecError) as caught:
        migrated(f"{CURRENT.replace('vmf/v1', 'vmf/v2')}---\n{CURRENT.replace('vmf/v1', 'vmf/v3')}")
    assert [fault.line for fault in caught.value.faults] == [1, 6]


ROWS = [(version, *words) for version, renamed in RENAMED.items() for words in renamed.items()]


@pytest.mark.parametrize(("version", "old", "new"), ROWS)
def test_every_word_that_has_changed_has_its_row(version, old, new):
    assert f"| `{version}` | `spec.{old}` is `spec.{new}` |" in PAGE.read_text()


def test_a_pipe_is_not_read_twice():
    reader, writer = os.pipe()
    os.write(writer, OLD.encode())
    os.close(writer)
    with pytest.raises(SpecError):
        migrate(Path(f"/dev/fd/{reader}"))
    os.close(reader)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="holds no document"):
        migrate(tmp_path / "pipe")


@settings(max_examples=200, derandomize=True)
@given(
    st.integers(0, len(OLD)),
    st.integers(0, 12),
    st.text(st.sampled_from("{}[]:&*!|>'\"#-? \n\r\u2028a\x85\t,"), max_size=4),
)
def test_whatever_a_file_holds_it_is_rewritten_or_refused(tmp_path_factory, at, cut, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(f"{OLD[:at]}{text}{OLD[at + cut :]}".encode())
    try:
        done = migrate(path)
    except SpecError:
        return
    path.write_bytes(done.content)
    assert migrate(path).renamings == ()
