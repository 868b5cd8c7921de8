from __future__ import annotations

import pytest

from vmf.errors import Fault, SpecError
from vmf.spec.changes import apply_change, parse_change
from vmf.spec.faults import Source
from vmf.spec.nodes import Mapping, Node, Scalar, Sequence, compose

JOB = "metadata: {name: a}\nspec:\n  memory: 1MiB\n  env:\n  results: {folder: x}\n"


def plain(node: Node) -> object:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {plain(key): plain(value) for key, value in node.entries}


def changed(change: str, document: str = JOB) -> object:
    (node,) = compose(document, Source(where="job.yaml", lines=tuple(document.split("\n"))))
    return plain(apply_change(node, parse_change(change)))


def fault_of(change: str, document: str = JOB) -> Fault:
    with pytest.raises(SpecError) as caught:
        changed(change, document)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize(
    ("change", "keys", "value"),
    [
        ("memory=2GiB", ("spec", "memory"), "2GiB"),
        ("spec.memory=2GiB", ("spec", "memory"), "2GiB"),
        ("metadata.name=b", ("metadata", "name"), "b"),
        ("env.NAME=you", ("spec", "env", "NAME"), "you"),
        ("env.A=b=c", ("spec", "env", "A"), "b=c"),
        ("env.A=", ("spec", "env", "A"), ""),
        ("env.A=~", ("spec", "env", "A"), "~"),
        ("env.A=a: b # c", ("spec", "env", "A"), "a: b # c"),
        ("results.folder=y", ("spec", "results", "folder"), "y"),
        ("results.files=[a, 'b c']", ("spec", "results", "files"), ["a", "b c"]),
        ("env={A: no}", ("spec", "env"), {"A": "no"}),
        ("new.deep.key=x", ("spec", "new", "deep", "key"), "x"),
        ("apiVersion=x", ("spec", "apiVersion"), "x"),
    ],
)
def test_a_change_sets_one_value_and_leaves_the_rest(change, keys, value):
    expected: dict = {"metadata": {"name": "a"}, "spec": {"memory": "1MiB", "env": "", "results": {"folder": "x"}}}
    block = expected
    for key in keys[:-1]:
        block[key] = block.get(key) or {}
        block = block[key]
    block[keys[-1]] = value
    assert changed(change) == expected


def test_a_value_is_text_even_where_yaml_would_read_nothing():
    value = parse_change("type=~").value
    assert isinstance(value, Scalar)
    assert not value.null


def test_a_document_without_a_spec_gets_one():
    assert changed("memory=1GiB", "kind: Job") == {"kind": "Job", "spec": {"memory": "1GiB"}}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("memory", "the = is missing"),
        ("", "the = is missing"),
        ("=1", "'' is no key"),
        ("env..A=1", "'env..A' is no key"),
        (".a=1", "'.a' is no key"),
        ("a." * 100_000 + "a=1", "'a.a."),
        ("results.files=[a, ", "not YAML: "),
        ("results.files=[a] b", "not YAML: "),
        ("results.files=[a]\n---\nb", "more than one value"),
        ("x=" + "[" * 20_000, "nested deeper than 64 levels"),
        ("x=[\x1b]", "the control character U+001B"),
        ("x=\udcff", "the text holds U+DCFF"),
        ("memory.x=1", "spec.memory is no block of keys"),
    ],
)
def test_a_change_that_cannot_be_points_at_the_option(change, what):
    fault = fault_of(change)
    assert fault.what.startswith(what)
    assert fault.where.startswith("--set ")
    assert fault.where.isprintable()
    assert len(fault.where) < 80
    assert fault.line == 0
    assert fault.hint


def test_a_document_that_is_no_block_cannot_be_changed():
    assert fault_of("memory=1GiB", "[a]").what == "the document is no block of keys"
