"""Macros: `$(NAME)` and its kin, spelt out within bounds."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from vmf.htcondor.words import Word
from vmf.spec.faults import shown

DEPTH_MOST = 32
LENGTH_MOST = 64 * 1024
"""Characters of one text, spelt out."""
EFFORT_MOST = 20_000_000
"""Characters that one import spells out, with `_STEP` for each macro."""
_STEP = 20
_OPENING = re.compile(r"(?P<dollars>\$\$?)(?P<function>[A-Za-z_]*)\(")
_MENTION = re.compile(r"\$[A-Za-z]*\(\s*([\w.]+)")
_BRACKET = re.compile(r"[()]")
_NAME = re.compile(r"(?:MY\.)?[A-Za-z0-9_][A-Za-z0-9_.]*", re.IGNORECASE)
CLUSTER = "1"
"""What stands for a cluster's number, which only a queue of HTCondor's has."""


class Macros:
    """Spells macros out, and remembers which were used and what there is to say of them."""

    def __init__(self, *, kept: bool = False) -> None:
        """`kept`: what is defined nowhere stays as it is, since another file may define it; else it is empty."""
        self._kept = kept
        self.used: set[str] = set()
        self.remarks: dict[tuple[str, int, str], tuple[Word, str]] = {}
        self._effort = 0

    def expand(self, word: Word, values: Mapping[str, str]) -> Word:
        """The word with its macros spelt out; `values` has names in lower case.

        Raises:
            SpecError: if that would be too much, or never end.
        """
        if "$" not in word.text:
            return word
        return Word(name=word.name, text=self._expand(word, word.text, values, 0), place=word.place)

    def mention(self, word: Word) -> None:
        """Take note of the macros that a word names which is not spelt out itself."""
        self.used.update(found[1].lower() for found in _MENTION.finditer(word.text))

    def remark(self, word: Word, sentence: str) -> None:
        """Remember something to say of a word, once."""
        key = word.place.source.where, word.place.line, sentence
        self.remarks.setdefault(key, (word, sentence))

    def _expand(self, word: Word, text: str, values: Mapping[str, str], depth: int) -> str:
        if depth > DEPTH_MOST:
            raise word.wrong(f"macros nested deeper than {DEPTH_MOST}", "does one of them name itself?")
        parts: list[str] = []
        at = 0
        while found := _OPENING.search(text, at):
            end = _closing(text, found.end())
            self.spend(word, (end or len(text)) - found.start())
            parts.append(text[at : found.start()])
            parts.append(self._macro(word, found, text[found.end() : end - 1], values, depth) if end else found[0])
            at = end or found.end()
        spelt = "".join(parts) + text[at:]
        self.spend(word, len(spelt))
        if len(spelt) > LENGTH_MOST:
            raise word.wrong("too long when it is spelt out", "use fewer or shorter macros")
        return spelt

    def spend(self, word: Word, characters: int) -> None:
        """Count what is spelt out.

        Raises:
            SpecError: if that is too much by now.
        """
        self._effort += characters + _STEP
        if self._effort > EFFORT_MOST:
            raise word.wrong("too much to spell out", "use fewer or shorter macros, or fewer processes")

    def _macro(self, word: Word, found: re.Match[str], body: str, values: Mapping[str, str], depth: int) -> str:
        """What stands for one macro; `body` is what its brackets hold."""
        if found["dollars"] == "$$":
            whole = f"{found[0]}{body})"
            self.remark(word, f"{shown(whole)} takes its value from the host that runs the job; nothing here does")
            return whole
        if found["function"]:
            return self._function(word, found["function"], body, values, depth)
        return self._value(word, body, values, depth)

    def _value(self, word: Word, body: str, values: Mapping[str, str], depth: int) -> str:
        name, colon, default = body.partition(":")
        key = name.strip().lower()
        if not _NAME.fullmatch(key):
            return f"$({body})"
        self.used.add(key)
        if key in ("cluster", "clusterid"):
            self.remark(word, f"$({name.strip()}) is a number of HTCondor's queue; {CLUSTER} stands for it")
        found = values.get(key)
        if found is None and not colon and self._kept:
            return f"$({body})"
        if found is None and not colon:
            self.remark(word, f"$({name.strip()}) is defined nowhere, and so it is empty")
        return self._expand(word, default if found is None else found, values, depth + 1)

    def _function(self, word: Word, function: str, body: str, values: Mapping[str, str], depth: int) -> str:
        if function.upper() == "ENV":
            self.remark(word, f"$ENV({body}) is not read: a spec must not depend on who imports it")
            return f"$ENV({body})"
        name = body.partition(",")[0].strip()
        take = _FUNCTIONS.get(function) or (_FILE.fullmatch(function) and _taking(function))
        if not take or not _NAME.fullmatch(name):
            self.remark(word, f"${function}(…) is not read; it is left as it is")
            return f"${function}({body})"
        self.used.add(name.lower())
        return take(self._expand(word, values.get(name.lower(), name), values, depth + 1))


def _closing(text: str, at: int) -> int:
    """Where the text goes on after the bracket that closes; 0 if none does."""
    level = 1
    for found in _BRACKET.finditer(text, at):
        level += 1 if found[0] == "(" else -1
        if not level:
            return found.end()
    return 0


_FILE = re.compile("F[pdnxqb]*")


def _taking(function: str) -> Callable[[str], str]:
    """What `$Fpdnx(NAME)` takes of a path: its folder, the last one of it, the file's name, its suffix; q quotes."""
    letters = function[1:]

    def take(path: str) -> str:
        folder, file = posixpath.split(path)
        stem, suffix = posixpath.splitext(file)
        parts = {"p": f"{folder}/" if folder else "", "d": f"{posixpath.basename(folder)}/" if folder else ""}
        parts |= {"n": stem, "x": suffix}
        chosen = "".join(parts[letter] for letter in "pdnx" if letter in letters) if set(letters) & set(parts) else path
        if "b" in letters:
            chosen = chosen.strip("/.")
        return f'"{chosen}"' if "q" in letters else chosen

    return take


_FUNCTIONS: Mapping[str, Callable[[str], str]] = MappingProxyType({
    "BASENAME": posixpath.basename,
    "DIRNAME": posixpath.dirname,
})  # fmt: skip
