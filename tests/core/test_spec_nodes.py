from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shell import unprivileged
from vmf.errors import Fault, SpecError
from vmf.spec.faults import Source
from vmf.spec.nodes import Mapping, Node, Scalar, Sequence, compose, documents, find


def composed(text: str) -> list[Node]:
    return list(compose(text, Source(where="f.yaml", lines=tuple(text.splitlines()))))


def only(text: str) -> Node:
    (node,) = composed(text)
    return node


def fault_of(text: str) -> Fault:
    with pytest.raises(SpecError) as caught:
        composed(text)
    (fault,) = caught.value.faults
    return fault


def fault_in(path: Path) -> Fault:
    with pytest.raises(SpecError) as caught:
        list(documents(path))
    (fault,) = caught.value.faults
    return fault


@pytest.fixture
def file(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "f.yaml"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("text", ["no", "1e3", "010", "3.10", "52:54:00:12:34:56", "0x1F", "2001-01-01", "null", "~"])
def test_a_plain_scalar_is_its_text(text):
    node = find_any(only(f"a: {text}"), "a")
    assert isinstance(node, Scalar)
    assert (node.text, node.plain) == (text, True)


def find_any(node: Node, key: str) -> Node:
    assert isinstance(node, Mapping)
    return next(value for name, value in node.entries if isinstance(name, Scalar) and name.text == key)


@pytest.mark.parametrize("written", ["'~'", '"~"'])
def test_quotes_make_a_text_of_what_would_be_nothing(written):
    node = only(written)
    assert isinstance(node, Scalar)
    assert (node.text, node.null) == ("~", False)


@pytest.mark.parametrize("written", ["a:", "a: ~", "a: null", "a: &x"])
def test_nothing_given_is_found_as_nothing(written):
    assert find(only(written), "a") is None


def test_a_value_left_empty_stands_at_its_key():
    value = find_any(only("spec:\n  image:\n\n  # more\n  memory: 1\n"), "spec")
    assert isinstance(value, Mapping)
    assert (value.entries[0][1].place.line, value.entries[0][1].place.column) == (2, 3)


def test_places_count_from_one():
    node = find(only("a:\n  - x\n  - {b: c}\n"), "a")
    assert isinstance(node, Sequence)
    assert [(item.place.line, item.place.column) for item in node.items] == [(2, 5), (3, 5)]


def test_a_byte_order_mark_moves_no_column(file):
    (node,) = documents(file(b"\xef\xbb\xbfa: b\n"))
    assert find_any(node, "a").place.column == 4
    fault = fault_in(file(b"\xef\xbb\xbfa: *b\n"))
    assert (fault.column, fault.source) == (4, "a: *b")


def test_windows_line_ends_count_once(file):
    assert fault_in(file(b"a: 1\r\nb: 2\r\n\tc: 3\r\n")).line == 3


def test_empty_documents_are_left_out(file):
    assert len(list(documents(file(b"---\n---\na: 1\n---\n")))) == 1


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only words\n", b"---\n", b"~"])
def test_a_file_of_nothing_says_so(file, content):
    fault = fault_in(file(content))
    assert fault.what == "the file holds no document"
    assert "apiVersion" in fault.hint


def test_documents_before_a_fault_are_read(file):
    lazily = documents(file(b"a: 1\n---\nb: [\n"))
    assert find_any(next(lazily), "a")
    with pytest.raises(SpecError):
        next(lazily)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("a:\n\tb: 1", (2, 1), "a tab is used for indentation"),
        ("run: |\n\techo", (2, 1), "a tab is used for indentation"),
        ("a: b: c", (1, 5), "a key and a value where none can be"),
        ("a: 1\nmemory 1\nb: 2", (2, 1), "a key without a colon"),
        ("a: 'x\nb: 1\n", (1, 4), "a quote that is never closed"),
        ("a: [1, 2\nb: 3", (2, 2), "a bracket that is never closed, or a comma that is missing"),
        ("a: [1, 2", (1, 4), "a bracket that is never closed, or a comma that is missing"),
        ("a: @x", (1, 4), "not YAML: found character '@' that cannot start any token"),
        ("files: [*.txt]", (1, 9), "the alias '*.txt' stands for nothing that is complete before it"),
        ("a: *b\nb: &b 1", (1, 4), "the alias '*b' stands for nothing that is complete before it"),
        ("&a [*a]", (1, 5), "the alias '*a' stands for nothing that is complete before it"),
        ("a: !!python/object:os.system x", (1, 4), "the tag"),
        ("a: !x [b]", (1, 4), "the tag"),
        ("a: b\nc: \x00", (2, 4), "the control character U+0000 cannot be part of YAML"),
        ("a: \x1b[2J", (1, 4), "the control character U+001B cannot be part of YAML"),
        ('a: "\\0"', (1, 4), "the text holds U+0000"),
        ('a: "\\ud800"', (1, 4), "the text holds U+D800"),
        ('a: "\\U99999999"', (1, 1), "not YAML"),
        ("%YAML 1.99999999999\n---\na: 1", (1, 1), "not YAML"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_place(text, place, what):
    fault = fault_of(text)
    assert fault.what.startswith(what)
    assert (fault.line, fault.column) == place
    assert fault.hint


def test_an_anchor_of_another_document_is_not_known():
    assert fault_of("a: &x 1\n---\nb: *x").line == 3


def test_an_alias_is_what_it_stands_for():
    assert find_any(only("a: &x [1]\nb: *x"), "b") == find_any(only("a: &x [1]\nb: *x"), "a")


@pytest.mark.parametrize("opening", ["[", "{", "[a,", "{a: ", "- ", "? ", "[ "])
def test_deep_nesting_is_refused_at_the_65th_level(opening):
    assert fault_of(opening * (20_000 // len(opening))).what == "nested deeper than 64 levels"


def test_64_levels_are_not_too_deep():
    assert only("[" * 64 + "]" * 64).height == 64
    assert fault_of("[" * 65 + "]" * 65).column == 65


def test_the_parser_is_asked_for_no_more_once_it_is_too_deep(monkeypatch):
    asked = []

    class Spy:
        def __init__(self, **_) -> None:
            self.parse = self._parse

        def _parse(self, text):
            for event in real(typ="safe", pure=True).parse(text):
                asked.append(event)
                yield event

    from vmf.spec import nodes  # noqa: PLC0415  # only this test replaces what is inside

    real = nodes.YAML
    monkeypatch.setattr(nodes, "YAML", Spy)
    fault_of("[" * 20_000)
    assert len(asked) < 70


def test_aliases_cannot_nest_deeper_than_what_is_written():
    nest = "[" * 40
    close = "]" * 40
    assert fault_of(f"a: &a {nest}{close}\nb: {nest}*a{close}").what == "nested deeper than 64 levels"


def test_a_billion_laughs_are_refused():
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 30)]
    assert fault_of("\n".join(lines)).what == "more than 40000 values, aliases spelt out"


def test_many_values_without_aliases_are_refused_too():
    assert fault_of("[" + "a," * 40_001 + "]").what == "more than 40000 values, aliases spelt out"


def test_256_kilobytes_are_read_and_one_byte_more_is_not(file):
    fits = b"a: " + b"x" * (256 * 1024 - 3)
    assert len(list(documents(file(fits)))) == 1
    fault = fault_in(file(fits + b"x"))
    assert fault.what == "the file is larger than 256 kB"


def test_an_endless_file_is_given_up():
    assert fault_in(Path("/dev/zero")).what == "the file is larger than 256 kB"


def test_a_missing_file_says_so(tmp_path):
    fault = fault_in(tmp_path / "nothing.yaml")
    assert (fault.what, fault.where, fault.line) == ("no such file", str(tmp_path / "nothing.yaml"), 0)
    assert fault.hint


def test_a_folder_is_no_file(tmp_path):
    assert fault_in(tmp_path).what == "this is a folder"


def test_a_file_that_may_not_be_read_says_so(file):
    path = file(b"a: b")
    path.chmod(0)
    with unprivileged():
        fault = fault_in(path)
    assert fault.what == "permission denied"
    assert "chmod" in fault.hint


def test_a_path_below_a_file_says_so(file):
    assert fault_in(file(b"a") / "b").what == "Not a directory"


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"\xff\xfea\x00:\x00", (1, 1)), (b"a: b\nc: \x80", (2, 4)), (b"\x7fELF\xf0\x00", (1, 5)), (b"a: \xc3", (1, 4))],
)
def test_what_is_not_utf8_is_told_with_its_place(file, content, place):
    fault = fault_in(file(content))
    assert "is not UTF-8 text" in fault.what
    assert (fault.line, fault.column) == place


@settings(max_examples=300)
@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
)
def test_any_bytes_are_read_or_told(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    faults: tuple[Fault, ...] = ()
    try:
        list(documents(path))
    except SpecError as error:
        faults = error.faults
    assert all(fault.where == str(path) and fault.what and fault.hint for fault in faults)


PIECES = [
    "a",
    "b: ",
    "- ",
    "\n",
    "  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "'",
    '"',
    "|\n",
    ">-\n",
    "? ",
    "!x ",
    "#",
]
PIECES += [
    "%YAML 1.1\n",
    "---\n",
    "...\n",
    "\\x",
    "\ufeff",
    "\x85",
    "\u2028",
    "<<: ",
    "~",
    "!!str ",
    "@",
    "`",
    "\\U0011ffff",
]


@settings(max_examples=500)
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_mixture_of_yaml_is_read_or_told_in_words_of_one_line(text):
    try:
        composed(text)
    except SpecError as error:
        (fault,) = error.faults
        assert fault.what.isprintable()
        assert fault.source.isprintable()
