"""What the schemas say, against the reader: the one truth on what a spec may be.

Run as a program, this writes the schemas that are shipped: `PYTHONPATH=tests python tests/core/test_spec_schema.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft7Validator
from msgspec import Meta, Struct

from spec_writer import seen, specs
from vmf import units
from vmf.model import Disk, File, Host, Image, Job, Steps
from vmf.plugins import Plugins
from vmf.spec.documents import KINDS, draft, shape
from vmf.spec.faults import Faults, Source
from vmf.spec.files import reading
from vmf.spec.hosts import host_draft
from vmf.spec.jobs import JobWords, drafts
from vmf.spec.nodes import Node, compose
from vmf.spec.schema import schema, written

ROOT = Path(__file__).parents[2]
SHIPPED = {kind: ROOT / f"core/vmf/schemas/vmf-v1-{name.lower()}.schema.json" for name, kind in KINDS.items()}
EXAMPLE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TUTORIAL = ROOT / "docs/plugin-tutorial.md"
"""Its hosts are of a type that it makes itself, and its own test runs them."""
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/*.md")} - {TUTORIAL})


class Swift(Struct, frozen=True, kw_only=True):
    level: Annotated[int, Meta(ge=1, le=9)]
    wait: Annotated[int, Meta(ge=1, extra={"unit": "duration"})] = 90
    gear: Literal[1, 2] = 1


class Slow(Struct, frozen=True, kw_only=True):
    patience: bool = True


TYPES = {"slow": Slow, "swift": Swift}


def documents(text: str) -> list[Node]:
    return [*compose(text, Source(where="f", lines=tuple(text.split("\n"))))]


def judge(kind, types=None) -> Draft7Validator:
    return Draft7Validator(schema(kind, types))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_schemas_that_are_shipped_are_those_of_the_model(kind):
    assert SHIPPED[kind].read_text() == written(schema(kind))


@pytest.fixture(scope="module")
def installed():
    types = Plugins.load().types
    blocks = {
        Job: {name: each.job_settings for name, each in types.items()},
        Host: {name: each.settings for name, each in types.items()},
        Image: {},
        Steps: {},
    }
    return {kind.__name__: (judge(kind), judge(kind, blocks[kind])) for kind in KINDS.values()}


EXAMPLES = {
    **{path.name: path.read_text() for path in sorted(ROOT.glob("specs/*.yaml"))},
    **{
        f"{page.name}-{number}": text
        for page in PAGES
        for number, text in enumerate(EXAMPLE.findall(page.read_text()))
        if "apiVersion: vmf/v1\n" in text
    },
}


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_are_valid(text, installed):
    for node in documents(text):
        for validator in installed[seen(node)["kind"]]:
            validator.validate(seen(node))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("specs")
    (folder / "disk.raw").touch()
    return folder


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_the_reader_takes_the_schema_takes(kind, folder):
    types = TYPES if kind is Job else {}
    wanted, validators = shape(kind, types=types), (judge(kind), judge(kind, types or None))
    custom = {
        **reading(folder),
        Image: lambda given: Image(name="i", disks=(Disk(file=File(path=Path(given.text()))),)),
    }
    if kind is Image:
        del custom[Image]

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(specs(kind, wanted))
    def taken(node):
        assert draft(node, wanted, custom=custom).faults == ()
        for validator in validators:
            validator.validate(seen(node))

    taken()


JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: a, labels: {site: north}}
spec:
  type: [swift, slow]
  memory: 1GiB
  cpus: 2
  disks: [{file: disk.raw, access: read}]
  boot: {kernel: included, root: /dev/vda1}
  env: {A: 1}
  secrets: {B: disk.raw}
  network: {type: nat, forwards: [{port: 22}]}
  checkpoint: {period: 10m, keep: 2}
  results: {files: [a], size: 64MiB}
  rank: 1
  vnc: true
  swift: {level: 3, wait: 1m}
  queue: {count: 2}
"""
HOST = """\
apiVersion: vmf/v1
kind: Host
metadata: {name: a}
spec:
  type: swift
  connection: {transport: ssh, address: h, port: 22}
  networks: {types: [nat]}
  start: true
  soft_suspend: false
  swift: {level: 3}
"""

BOTH = [
    ("apiVersion: vmf/v1", "apiVersion: vmf/v2"),
    ("apiVersion: vmf/v1\n", ""),
    ("kind: ", "kind: X"),
    ("name: a", "nam: a"),
    ("name: a", "name: [a]"),
    ("name: a", "name: a/b"),
    ("name: a", "name:"),
    ("spec:", "spec: []\nspecs:"),
    ("level: 3", "gear: 1"),
    ("level: 3", "level: 10"),
    ("level: 3", "level: 3, levle: 4"),
    ("swift: {level: 3", "swft: {level: 3"),
]
WRONG_JOBS = [
    *BOTH,
    ("memory: 1GiB", "memory: 1"),
    ("memory: 1GiB", "memory: 1gib"),
    ("memory: 1GiB", "memory:"),
    ("memory: 1GiB\n", "memroy: 1GiB\n"),
    ("cpus: 2", "cpus: two"),
    ("cpus: 2", "cpus: 0"),
    ("cpus: 2", "cpus: 1.5"),
    ("cpus: 2", "cpus: {a: 1}"),
    ("[swift, slow]", "{swift: slow}"),
    ("file: disk.raw", "fiel: disk.raw"),
    ("file: disk.raw", "file: {path: disk.raw}"),
    ("file: disk.raw", "file: {on_host: }"),
    ("file: disk.raw", "file: ''"),
    ("access: read", "access: write"),
    ("disks: [{", "disks: [[], {"),
    ("included, root: /dev/vda1", "included, root: 'a b'"),
    ("env: {A: 1}", "env: {A-B: 1}"),
    ("env: {A: 1}", "env: {A: [1]}"),
    ("env: {A: 1}", "env: [A]"),
    ("env: {A: 1}", "env:"),
    ("secrets: {B: disk.raw}", "secrets: {B: {file: disk.raw}}"),
    ("type: nat", "type: [nat]"),
    ("port: 22", "port: 65536"),
    ("port: 22", "prot: 22"),
    ("period: 10m", "period: 10"),
    ("period: 10m", "period: 10min"),
    ("files: [a]", "files: a"),
    ("files: [a]", "files: [../a]"),
    ("files: [a]", "files: [/a]"),
    ("[swift, slow]", f"[{', '.join(['swift'] * 11)}]"),
    ("labels: {site: north}", f"labels: {{{', '.join(f'a{number}: b' for number in range(101))}}}"),
    ("rank: 1", "rank: [1]"),
    ("rank: 1", "rank: ''"),
    ("rank: 1", "rank: ''"),
    ("vnc: true", "vnc: yes"),
    ("vnc: true", "vnc: 1"),
    ("wait: 1m", "wait: soon"),
    ("wait: 1m", "gear: 3"),
    ("wait: 1m", "gear: 3"),
    ("{count: 2}", "{count: 0}"),
    ("{count: 2}", "{count: many}"),
    ("{count: 2}", "{cuont: 2}"),
    ("{count: 2}", "{count: 2, file: rows.csv}"),
    ("{count: 2}", "{product: [{cpus: 1}]}"),
    ("{count: 2}", "{product: {cpus: 1}}"),
    ("{count: 2}", "{product: {}}"),
    ("{count: 2}", "{file: [a]}"),
    ("{count: 2}", "[]"),
    ("{count: 2}", "[cpus]"),
    ("{count: 2}", "[{cpus..x: 1}]"),
    ("{count: 2}", "2"),
    ("{count: 2}", "{count: '02'}"),
]
WRONG_HOSTS = [
    *BOTH,
    ("type: swift", "type: quick"),
    ("type: swift", "type: slow"),
    ("type: swift\n", "tpye: swift\n"),
    ("transport: ssh", "transport: rsh"),
    ("transport: ssh", "uri: ssh"),
    ("types: [nat]", "types: nat"),
    ("soft_suspend: false", "soft_suspend: False_"),
    ("start: true", "begin: true"),
    ("swift: {level: 3}", "slow: {patience: true}"),
    ("  swift: {level: 3}\n", ""),
]
WRONG = [(JOB, *each) for each in WRONG_JOBS] + [(HOST, *each) for each in WRONG_HOSTS]


def refused(node: Node, folder: Path) -> bool:
    """Whether the reader refuses the document."""
    if seen(node).get("kind") == "Host":
        return bool(host_draft(node, folder / "f", settings=TYPES).faults)
    faults = Faults()
    read = [*drafts(node, folder / "f", JobWords(images=folder, settings=TYPES), faults=faults)]
    return bool(faults.each) or any(each.faults for each in read)


@pytest.mark.parametrize(("good", "was", "becomes"), WRONG)
def test_what_the_reader_refuses_the_schema_refuses(good, was, becomes, folder):
    strict = judge(Job, TYPES) if good is JOB else judge(Host, TYPES)
    (node,) = documents(good)
    assert not refused(node, folder)
    strict.validate(seen(node))
    assert good.count(was) == 1
    (node,) = documents(good.replace(was, becomes))
    assert refused(node, folder)
    assert not strict.is_valid(seen(node))


@pytest.mark.parametrize(
    ("queue", "valid"),
    [
        ("  queue: [{memory: 1GiB, metadata.name: b}]\n", True),
        ("  queue: {product: {memory: [1GiB], metadata.name: [b]}}\n", True),
        ("  queue:\n", False),
        ("", False),
    ],
)
def test_a_queue_may_give_what_the_document_does_not(queue, valid, folder):
    metadata = "metadata: {name: a, labels: {site: north}}\n"
    text = JOB.replace(metadata, "").replace("  memory: 1GiB\n", "").replace("  queue: {count: 2}\n", queue)
    (node,) = documents(text)
    assert refused(node, folder) is not valid
    assert judge(Job, TYPES).is_valid(seen(node)) is valid


def test_an_empty_queue_is_none(folder):
    (node,) = documents(JOB.replace("{count: 2}", ""))
    assert not refused(node, folder)
    judge(Job, TYPES).validate(seen(node))


def test_a_host_needs_the_block_of_no_type_but_its_own(folder):
    (node,) = documents(HOST.replace("type: swift", "type: slow").replace("  swift: {level: 3}\n", ""))
    assert not refused(node, folder)
    judge(Host, TYPES).validate(seen(node))


def test_without_plugins_an_unknown_block_may_be_a_hypervisors_and_an_unknown_word_is_a_slip():
    (block_of_a_type,) = documents(JOB.replace("swift: {level: 3", "quick: {speed: 3"))
    assert judge(Job).is_valid(seen(block_of_a_type))
    (slip,) = documents(JOB.replace("cpus: 2", "cpsu: 2"))
    assert not judge(Job).is_valid(seen(slip))


def test_the_version_in_the_address_is_that_of_the_documents():
    made = schema(Host)
    assert made["$id"] == "urn:vmf:v1:host"
    assert made["properties"]["apiVersion"]["const"] == "vmf/v1"


def described(made, at=()):
    for name, each in made.get("properties", {}).items():
        yield (*at, name), each
        for inner in (each, *each.get("anyOf", ()), each.get("items", {})):
            yield from described(inner, (*at, name))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_has_its_sentence(kind):
    found = dict(described(schema(kind)))
    assert ("metadata", "name") in found
    bare = {at for at, each in found.items() if "description" not in each}
    assert {at for at in bare if "queue" not in at} == set()


def test_defaults_are_written_as_a_spec_would():
    found = dict(described(schema(Job, TYPES)))
    defaults = {".".join(at[1:]): each["default"] for at, each in found.items() if "default" in each}
    assert units.parse_size(defaults["results.size"]) == 64 * 2**20
    assert units.parse_duration(defaults["swift.wait"]) == 90
    assert (defaults["cpus"], defaults["vnc"], defaults["clock"]) == (1, False, "utc")
    assert "boot.parameters" not in defaults


@pytest.mark.parametrize("suffix", [*units._SIZES, *units._DURATIONS])
def test_every_unit_is_known(suffix):
    quantity = "1GiB" if suffix in units._SIZES else "10m"
    (node,) = documents(JOB.replace(quantity, f"1.5 {suffix}"))
    assert judge(Job, TYPES).is_valid(seen(node))


if __name__ == "__main__":
    for kind, path in SHIPPED.items():
        path.write_text(written(schema(kind)))
