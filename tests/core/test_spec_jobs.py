from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.errors import Fault, SpecError
from vmf.model import Disk, DiskFormat, File, Image, Job, Results
from vmf.spec import JobWords, load_jobs
from vmf.spec import jobs as module

HELLO = """\
apiVersion: vmf/v1
kind: Job
metadata:
  name: hello
spec:
  image: disk.img
  memory: 256MiB
  run: |
    echo hello
  env: {NAME: world}
  results: {files: [greeting.txt], folder: out, size: 64MiB}
"""


def words(folder: Path) -> JobWords:
    return JobWords(images=folder / "images")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "disk.img").touch()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return tmp_path


@pytest.fixture
def load(folder):
    def load(*texts: str, changes: tuple[str, ...] = ()) -> tuple[Job, ...]:
        paths = [folder / "specs" / f"{number}.yaml" for number, _ in enumerate(texts)]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return load_jobs(paths, words(folder), changes=changes, remark=pytest.fail)

    return load


@pytest.fixture
def faults_of(load):
    def faults_of(*texts: str, changes: tuple[str, ...] = ()) -> tuple[Fault, ...]:
        with pytest.raises(SpecError) as caught:
            load(*texts, changes=changes)
        return caught.value.faults

    return faults_of


@pytest.fixture
def fault_of(faults_of):
    def fault_of(*texts: str, changes: tuple[str, ...] = ()) -> Fault:
        (fault,) = faults_of(*texts, changes=changes)
        return fault

    return fault_of


def test_the_example_is_read(load, folder):
    disk = Disk(file=File(path=folder / "specs" / "disk.img"), format=DiskFormat.RAW)
    assert load(HELLO) == (
        Job(
            name="hello",
            image=Image(name="disk", disks=(disk,)),
            memory=256 * 2**20,
            run="echo hello\n",
            env={"NAME": "world"},
            results=Results(files=("greeting.txt",), folder=folder / "cwd" / "out", size=64 * 2**20),
        ),
    )


def test_a_results_folder_that_is_not_given_stays_open(load):
    assert load(HELLO.replace("folder: out, ", ""))[0].results.folder is None


def test_several_documents_and_files_are_read_in_order(load):
    one, two, three = (HELLO.replace("name: hello", f"name: {name}") for name in ("one", "two", "three"))
    assert [job.name for job in load(f"{one}---\n{two}", three)] == ["one", "two", "three"]


def test_no_files_are_no_jobs(load):
    assert load() == ()


def test_texts_that_yaml_would_misread_stay_texts(load):
    env = "{A: no, B: 1e3, C: 010, D: 52:54:00:12:34:56, E: 3.10, F: '', G: 0x1F, H: true}"
    (job,) = load(HELLO.replace("{NAME: world}", env).replace("name: hello", "name: 1e3"))
    assert job.name == "1e3"
    assert list(job.env.values()) == ["no", "1e3", "010", "52:54:00:12:34:56", "3.10", "", "0x1F", "true"]


@pytest.mark.parametrize(
    ("was", "becomes", "place", "what"),
    [
        ("256MiB", "0", (7, 11), "spec.memory: '0' is out of range"),
        ("256MiB", "-1GiB", (7, 11), "spec.memory: '-1GiB' is not a size such as 256MiB"),
        ("256MiB", "lots", (7, 11), "spec.memory: 'lots' is not a size such as 256MiB"),
        ("256MiB", "256", (7, 11), "spec.memory: '256' is not a size such as 256MiB"),
        ("256MiB", "", (7, 3), "spec.memory: a size such as 256MiB is wanted, this is empty"),
        ("  memory: 256MiB\n", "", (6, 3), "spec: the key memory is missing"),
        ("  memory", "  memroy", (7, 3), "spec: unknown key 'memroy'"),
        ("  run", "  memory: 1GiB\n  run", (8, 3), "the key 'memory' is given twice; the first is in line 7"),
        ("  run", "  <<: {cpus: 1}\n  run", (8, 3), "spec: unknown key '<<'"),
        ("  run", "\trun", (8, 1), "a tab is used for indentation"),
        ("disk.img", "no.img", (6, 10), "spec.image: there is no image 'no.img'"),
        ("disk.img", "[disk.img]", (6, 10), "spec.image: an image is wanted, this is a list"),
        ("disk.img", "0.yaml", (6, 10), "spec.image: the format of '0.yaml' cannot be told by its name"),
        ("name: hello", "name: a/b", (4, 9), "metadata.name: 'a/b' is not allowed here"),
        ("name: hello", "name: '<&\"'", (4, 9), "metadata.name: '<&\"' is not allowed here"),
        ("name: hello", 'name: "a\\nb"', (4, 9), "metadata.name: 'a\\nb' is not allowed here"),
        ("name: hello", 'name: "hello\\n"', (4, 9), "metadata.name: 'hello\\n' is not allowed here"),
        ("name: hello", f"name: {'x' * 300}", (4, 9), f"metadata.name: '{'x' * 58}… is not allowed here"),
        ("name: hello", "nmae: hello", (4, 3), "metadata: "),
        ("  name: hello", "  - name: hello", (4, 3), "metadata: a block of keys is wanted, this is a list"),
        ("{NAME: world}", "{NA-ME: world}", (10, 9), "spec.env: 'NA-ME' is not allowed here"),
        ("greeting.txt", "/etc/passwd", (11, 21), "spec.results.files, item 1: '/etc/passwd' is not allowed here"),
        ("greeting.txt", "a/../b", (11, 21), "spec.results.files, item 1: 'a/../b' is not allowed here"),
        ("greeting.txt", "exit-code", (11, 21), "spec.results.files: 'exit-code' is a name that vmf and the guest"),
        ("greeting.txt", "console.log", (11, 21), "spec.results.files: 'console.log' is a name that vmf and the guest"),
        ("greeting.txt", "result.json/", (11, 21), "spec.results.files: 'result.json/' is a name that vmf and the"),
        ("greeting.txt", "vmf-end/", (11, 21), "spec.results.files: 'vmf-end/' is a name that vmf and the guest"),
        ("greeting.txt", "vmf-attributes", (11, 21), "spec.results.files: 'vmf-attributes' is a name that vmf and the"),
        ("greeting.txt", "exit-code/x", (11, 21), "spec.results.files: 'exit-code/x' is a name that vmf and the"),
        ("vmf/v1", "vmf/v2", (1, 13), "apiVersion: 'vmf/v2' is newer than this vmf"),
        ("vmf/v1", "v1", (1, 13), "apiVersion: 'v1' is no version that vmf reads"),
        ("vmf/v1", "", (1, 1), "apiVersion: vmf/v1 is wanted, this is empty"),
        ("apiVersion: vmf/v1\n", "", (1, 1), "the key apiVersion is missing"),
        ("kind: Job\n", "", (1, 1), "the key kind is missing"),
        ("kind: Job", "kind: Host", (2, 7), "kind: 'Host' is not read here, only Job"),
        ("kind: Job", "kind: Jop", (2, 7), "kind: 'Jop' is not read here, only Job"),
        ("kind: Job", "kind: [Job]", (2, 7), "kind: Job is wanted, this is a list"),
        ("metadata:", "status: x\nmetadata:", (3, 1), "unknown key 'status'"),
    ],
)
def test_each_fault_is_told_with_its_line_and_what_to_do(faults_of, folder, was, becomes, place, what):
    assert was in HELLO
    fault = faults_of(HELLO.replace(was, becomes, 1))[0]
    assert fault.what.startswith(what)
    assert (fault.where, fault.line, fault.column) == (str(folder / "specs" / "0.yaml"), *place)
    line = HELLO.replace(was, becomes, 1).split("\n")[place[0] - 1]
    assert fault.source[:100] == line.replace("\t", " ").rstrip()[:100]
    assert fault.hint


def test_a_host_among_jobs_is_told_where_hosts_are_read(fault_of):
    assert fault_of(HELLO.replace("kind: Job", "kind: Host")).hint == (
        "hosts are read from --hosts or the configuration folder only"
    )


def test_a_newer_version_is_not_judged_by_the_words_of_this_one(fault_of):
    assert "upgrade vmf" in fault_of(HELLO.replace("vmf/v1", "vmf/v2").replace("memory", "ram")).hint


def test_two_jobs_of_one_name_are_told_with_both_places(fault_of, folder):
    fault = fault_of(HELLO, HELLO)
    assert fault.what == f"metadata.name: 'hello' is already the name of the one in {folder}/specs/0.yaml:4"
    assert (fault.where, fault.line) == (f"{folder}/specs/1.yaml", 4)


def test_a_name_given_twice_hides_nothing_else(faults_of):
    name, memory = faults_of(HELLO, HELLO.replace("256MiB", "lots"))
    assert name.what.startswith("metadata.name")
    assert memory.what.startswith("spec.memory")


def test_two_jobs_renamed_to_one_name_are_told(fault_of):
    fault = fault_of(HELLO, HELLO.replace("name: hello", "name: other"), changes=("metadata.name=x",))
    assert fault.where == "--set metadata.name=x"


def test_faults_of_an_image_have_their_place_in_its_file_and_come_with_those_of_the_job(faults_of, folder):
    path = folder / "specs" / "tiny.image.yaml"
    path.write_text("apiVersion: vmf/v1\nkind: Image\nmetadata: {name: t}\nspec: {kernel: none}\n")
    one, two = faults_of(HELLO.replace("disk.img", path.name).replace("256MiB", "lots"))
    assert (one.where, one.line, one.column) == (str(path), 4, 16)
    assert two.what.startswith("spec.memory")


def test_all_faults_of_all_files_come_in_one_go(faults_of):
    broken = HELLO.replace("256MiB", "lots").replace("disk.img", "no.img").replace("greeting.txt", "../x, vmf-end")
    found = faults_of(f"{broken}---\n{HELLO}---\nkind: [\n", "\tx", HELLO, changes=("nothing",))
    assert [(Path(fault.where).name, fault.line) for fault in found] == [
        ("--set nothing", 0),
        ("0.yaml", 6),
        ("0.yaml", 7),
        ("0.yaml", 11),
        ("0.yaml", 11),
        ("0.yaml", 16),
        ("0.yaml", 26),
        ("1.yaml", 1),
        ("2.yaml", 4),
    ]


def test_a_missing_file_hides_no_other_fault(folder):
    with pytest.raises(SpecError) as caught:
        load_jobs([folder / "a.yaml", folder], words(folder), remark=pytest.fail)
    assert [fault.what for fault in caught.value.faults] == ["no such file", "this is a folder"]


def test_changes_are_made_to_every_job(load):
    other = HELLO.replace("name: hello", "name: other")
    changes = ("memory=1GiB", "env.NAME=you", "results.files=[a, b]", "cpus=4", "env.NO=no")
    for job in load(f"{HELLO}---\n{other}", changes=changes):
        assert (job.memory, job.cpus, job.results.files) == (2**30, 4, ("a", "b"))
        assert job.env == {"NAME": "you", "NO": "no"}


def test_a_change_can_give_what_the_file_lacks(load):
    (job,) = load(HELLO.replace("  memory: 256MiB\n", ""), changes=("memory=1GiB",))
    assert job.memory == 2**30


@pytest.mark.parametrize(
    ("change", "what", "hint"),
    [
        ("memory=lots", "spec.memory: 'lots' is not a size such as 256MiB", "write a number and a unit"),
        ("memroy=1GiB", "spec: unknown key 'memroy'", "did you mean memory?"),
        ("metadata.nmae=x", "metadata: unknown key 'nmae'", "did you mean name?"),
        ("firmware=uefi", "spec: unknown key 'firmware'", "did you mean boot.firmware?"),
        ("mac=52:54:00:12:34:56", "spec: unknown key 'mac'", "did you mean network.mac?"),
        ("user_data=seed", "spec: unknown key 'user_data'", "did you mean cloud_init.user_data?"),
        ("files=[a]", "spec: unknown key 'files'", "did you mean cdrom.files or results.files?"),
        ("script=true", "spec: unknown key 'script'", "did you mean run?"),
        ("environment={}", "spec: unknown key 'environment'", "did you mean env?"),
        ("ports=[1]", "spec: unknown key 'ports'", "did you mean network.forwards?"),
        ("vcpus=2", "spec: unknown key 'vcpus'", "did you mean cpus?"),
        ("name=x", "spec: unknown key 'name'", "did you mean metadata.name?"),
        ("network.name=x", "spec.network: unknown key 'name'", "known here: type, mac, model, forwards"),
        ("vnc=yes", "spec.vnc: 'yes' is none of true, false", "did you mean true?"),
        ("cpus=", "spec.cpus: '' is not a whole number from 1 to 1024", "write digits only"),
        ("env=x", "spec.env: a block of keys is wanted, this is a text", "write KEY: VALUE"),
        (
            "network=user",
            "spec.network: a block of keys is wanted",
            "write it as {type: …}; known here: type, mac",
        ),
        ("disks=[a.raw]", "spec.disks, item 1: a block of keys is wanted", "write it as {file: …}; known here: file, "),
        ("cdrom=x.iso", "spec.cdrom: a block of keys is wanted", "write it as {files: …}; known here: files, iso, "),
        ("metadata=x", "metadata: a block of keys is wanted", "write it as {name: …}; known here: name, labels"),
        ("results.files=[exit-code]", "spec.results.files: 'exit-code' is a name", "give the file another name"),
        ("env={A: b, A: c}", "the key 'A' is given twice", "keep one of them"),
    ],
)
def test_faults_of_a_change_point_at_the_option_and_come_once(fault_of, change, what, hint):
    fault = fault_of(HELLO, HELLO.replace("name: hello", "name: other"), changes=(change,))
    assert fault.what.startswith(what)
    assert fault.hint.startswith(hint)
    assert (fault.where, fault.line) == (f"--set {change}", 0)


def test_a_field_that_the_model_gains_is_readable_at_once(load, monkeypatch):
    class Job2(Job, frozen=True, kw_only=True):
        tags: tuple[str, ...] = ()

    Job2.__name__ = "Job"
    monkeypatch.setattr(module, "Job", Job2)
    (job,) = load(HELLO + "  tags: [no, 1e3]\n")
    assert job.tags == ("no", "1e3")


VALUES = [
    "no",
    "010",
    "-1",
    "1e400",
    "[]",
    "{}",
    "~",
    "'x",
    "*a",
    "&a [*a]",
    "!!int 3",
    "{a: {b: c}}",
    "|\n    x",
    "\t",
    "<<",
]


@settings(max_examples=300)
@given(
    line=st.integers(min_value=0, max_value=len(HELLO.splitlines()) - 1),
    value=st.one_of(st.sampled_from(VALUES), st.text(max_size=20)),
)
def test_any_value_in_any_line_gives_jobs_or_faults(line, value, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    lines = HELLO.splitlines()
    lines[line] = f"{lines[line].split(': ')[0]}: {value}"
    path = folder / "fuzzed.yaml"
    path.write_bytes("\n".join(lines).encode(errors="surrogatepass"))
    faults: tuple[Fault, ...] = ()
    try:
        load_jobs([path], words(folder), remark=lambda _: None)
    except SpecError as error:
        faults = error.faults
    assert all(fault.what.isprintable() and fault.hint.isprintable() for fault in faults)


@settings(max_examples=200)
@given(change=st.one_of(st.text(max_size=30), st.builds("{}={}".format, st.text(max_size=9), st.text(max_size=9))))
def test_any_change_gives_jobs_or_faults(change, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "changed.yaml"
    path.write_text(HELLO)
    with pytest.raises(SpecError):  # the image is not there
        load_jobs([path], words(folder), changes=(change,), remark=pytest.fail)
