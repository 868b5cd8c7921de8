"""Whatever the bytes: a spec that can be read, or a fault with a sentence; never anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.errors import VmfError
from vmf.htcondor import Kind, import_file
from vmf.htcondor.commands import COMMANDS
from vmf.htcondor.knobs import KNOBS
from vmf.htcondor.pages import SIZE_MOST
from vmf.htcondor.writing import quoted
from vmf.spec.faults import Source
from vmf.spec.nodes import Mapping, Scalar, compose

NAMES = [name.replace("*", "x") for row in (*COMMANDS, *KNOBS) for name in row.names]
PIECES = (
    "$(A)", "$(B:$(C))", "$$(x)", "$ENV(HOME)", "$Fpnx(A)", "$(", ")", "\\\n", "@=end\n", "@end", "true", "1", "2G",
    "a.img:vda:w", "a.iso:hdc:r:raw", ", ", "/x", "vm", "kvm", "xen", "vmware", "included", "nat", "dhcp", '"', "'",
    "Memory > 1", "\u202e", "\u00e9", "\U0001f600", ": ", "# ", "- ", "{", "]", "*", "&", "!", "%", "no", "1e3", "~",
)  # fmt: skip
STATEMENTS = (
    "queue", "queue 2", "queue x in (a, b)", "queue x from (", "queue x,y from file", "queue x matching *", "if true",
    "if defined A", "elif version > 8", "else", "endif", "include : job.sub", "include ifexist : none", "use ROLE : x",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
assignments = st.tuples(st.sampled_from([*NAMES, "A", "B", "+Own"]), texts).map(" = ".join)
fragments = st.lists(st.one_of(assignments, st.sampled_from(STATEMENTS)), max_size=25).map("\n".join)
GOOD = "universe = vm\nexecutable = x\nvm_type = kvm\nvm_memory = 64\nvm_disk = /a.img:vda:w\n"


def check(content: bytes, kind: Kind) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.sub")
        path.write_bytes(content)
        try:
            made = import_file(path, kind=kind)
        except VmfError:
            return
    (document,) = compose(made.text, Source(where="made"))
    assert isinstance(document, Mapping)


@pytest.mark.parametrize("kind", Kind)
@given(content=st.binary(max_size=200))
@settings(max_examples=60)
def test_any_bytes(kind, content):
    check(content, kind)


@pytest.mark.parametrize("kind", Kind)
@given(text=fragments)
@settings(max_examples=150)
def test_shuffled_fragments(kind, text):
    check(f"{text}\n".encode(), kind)


@given(lines=st.lists(assignments, max_size=4))
@settings(max_examples=150)
def test_a_good_job_with_strange_lines(lines):
    check(f"{GOOD}{chr(10).join(lines)}\nqueue 2\n".encode(), Kind.JOB)


@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
@settings(max_examples=300)
def test_any_text_is_read_back_as_it_was_written(text):
    (document,) = compose(f"key: {quoted(text)}\nlist: [{quoted(text)}]\n", Source(where="made"))
    assert isinstance(document, Mapping)
    value = document.entries[0][1]
    assert isinstance(value, Scalar)
    assert value.text == text


@pytest.mark.parametrize(
    "text",
    [
        "x" * (SIZE_MOST + 1),
        "include : job.sub\n" * 10_000,
        "nonsense\n" * 25_000,
        "A = $(A)$(A)x\n" * 15_000,
        "A = " + "$(" * 100_000,
        "A = " + "$(x" * 50_000 + ")" * 50_000 + f"\n{GOOD}+B = $(A)\nqueue 10000",
        f"{GOOD}queue " + " " * 100_000 + "x",
        f"{GOOD}queue " + "a " * 50_000 + "in b",
        f"{GOOD}vm_disk = " + " " * 100_000 + ",",
        f"{GOOD}vm_vcpus = 1{'+0' * 30_000}\nqueue 10000",
        f"{GOOD}+B = {'x' * 50_000}$(Process)\nqueue 10000",
        "".join(f"+A{number} = 1\n" for number in range(15_000)) + f"{GOOD}queue 10000",
        f"{GOOD}requirements = {'(' * 100_000}\nqueue",
        "if true\n" * 20_000,
        "queue x matching *.none\n" * 10_000,
    ],
    ids=lambda text: text[-40:].split("\n", maxsplit=1)[0][:20],
)
@pytest.mark.exhaustive
@pytest.mark.timeout(60)
def test_large_things_end_soon(text):
    check(text.encode(), Kind.JOB)
