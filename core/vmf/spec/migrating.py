"""Files of older versions, rewritten in today's words.

Only the words that have changed are replaced, where they stand, so that all else in the file stays to the byte: its
comments, order, quotes and line ends. What is to be written is read first, and must be the document that was read.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from vmf.errors import SpecError
from vmf.model import API_VERSION, Job
from vmf.spec import nodes, refusals
from vmf.spec.documents import KINDS, draft, shape
from vmf.spec.faults import Faults, Place, Source, shown
from vmf.spec.files import reading
from vmf.spec.given import Given
from vmf.spec.nodes import Node, Scalar, compose, documents, find
from vmf.spec.versions import convert, today

_LINE_END = re.compile(r"(\r\n|\r|\n)")
_OPENING = re.compile(r"""(?:&\S+\s+)?["']?""")
"""What can stand between the place of a text and its first character: an anchor, a quote."""


class Renaming(Struct, frozen=True, kw_only=True):
    """A word that is another one today, and where it stands."""

    old: str
    new: str
    place: Place


class Migration(Struct, frozen=True, kw_only=True):
    """A file in today's words."""

    content: bytes
    renamings: tuple[Renaming, ...]
    """What has been replaced; nothing if the file was written in today's words."""


def migrate(path: Path) -> Migration:
    """Rewrite a file in today's words; nothing is written.

    Raises:
        SpecError: if it cannot be read, is newer than this vmf, or has to be rewritten by hand.
    """
    faults = Faults()
    found = []
    for node in documents(path):
        with faults:
            _check(node, path.parent)
            found.append(node)
    faults.settle()
    changes = tuple(each for node in found for each in _renamings(node))
    content = path.read_bytes() if path.is_file() else b""  # a pipe is empty by now, and cannot be rewritten
    mark = BOM_UTF8 if content.startswith(BOM_UTF8) else b""
    text = _renamed(content.removeprefix(mark).decode(errors="replace"), changes)
    if changes and _plain(compose(text, Source(where=""))) != _plain(today(node)[0] for node in found):
        hint = "rewrite it by hand: " + ", ".join(f"{each.old} is now {each.new}" for each in changes)
        raise changes[0].place.wrong("the file cannot be rewritten", hint=hint, rule=refusals.OLDER)
    return Migration(content=mark + text.encode(), renamings=changes)


def _check(node: Node, folder: Path) -> None:
    """Refuse what is of no kind or version that can be read; what else is wrong with it is no hindrance."""
    kind = find(node, "kind")
    wanted = KINDS.get(kind.text if isinstance(kind, Scalar) else "", Job)
    read = draft(today(node)[0], shape(wanted), custom=reading(folder))
    if read.value is None:
        raise SpecError(read.faults)
    if find(node, "apiVersion") is None:
        what, hint = "the key apiVersion is missing", f"add `apiVersion: {API_VERSION}`"
        raise Given(node=node).wrong(what, hint=hint, rule=refusals.MISSING_KEY)


def _renamings(document: Node) -> Iterator[Renaming]:
    spec = find(document, "spec")
    keys = spec.entries if isinstance(spec, nodes.Mapping) else ()
    taken = {key.text for key, _ in keys if isinstance(key, Scalar)}
    for each in convert(document)[1]:
        word, new = each.word, each.new
        if new in taken and word.text in taken:
            what = f"spec.{word.text} is called {new} today, which is given as well"
            raise word.place.wrong(what, hint="keep one of them", rule=refusals.DOUBLE_KEY)
        yield Renaming(old=word.text, new=new, place=word.place)


def _renamed(text: str, renamings: Iterable[Renaming]) -> str:
    pieces = _LINE_END.split(text)
    for each in sorted(renamings, key=lambda renaming: renaming.place.column, reverse=True):
        number = 2 * (each.place.line - 1)
        line = pieces[number] if number < len(pieces) else ""
        opening = _OPENING.match(line, each.place.column - 1)
        start = opening.end() if opening else 0
        if not line.startswith(each.old, start):
            hint = f"write {each.new} instead, by hand"
            raise each.place.wrong(f"{shown(each.old)} cannot be replaced here", hint=hint, rule=refusals.OLDER)
        pieces[number] = f"{line[:start]}{each.new}{line[start + len(each.old) :]}"
    return "".join(pieces)


def _plain(found: Iterable[Node]) -> list[Any]:
    """What documents say, without their places; empty ones are left out."""
    return [_said(node) for node in found if not (isinstance(node, Scalar) and node.null)]


def _said(node: Node) -> Any:  # noqa: ANN401  # texts in lists, of any depth
    if isinstance(node, nodes.Mapping):
        return [(_said(key), _said(value)) for key, value in node.entries]
    return [_said(item) for item in node.items] if isinstance(node, nodes.Sequence) else node.text
