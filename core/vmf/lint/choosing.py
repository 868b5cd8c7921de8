"""What is looked at, and which rules count: files and folders, `select` and `ignore`."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path, PurePath

from msgspec import Struct

from vmf.errors import UsageError
from vmf.lint.finding import Finding
from vmf.spec.faults import shown, suggestion
from vmf.spec.hosts import is_spec


class Patterns(Struct, frozen=True, kw_only=True):
    """Globs of files, relative to a folder; `*` also stands for slashes, and what fits a folder fits all in it."""

    folder: Path = Path()
    globs: tuple[str, ...] = ()

    def fit(self, path: Path) -> bool:
        """Whether one of them fits a file or a folder above it."""
        relative = PurePath(os.path.relpath(path, self.folder))
        return any(fnmatchcase(str(each), glob) for each in (relative, *relative.parents) for glob in self.globs)


class Choice(Struct, frozen=True, kw_only=True):
    """Which rules count: those that `select` names, all if it names none, without those that `ignore` names.

    Each is named by its id or by the beginning of it.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file: tuple[tuple[Patterns, tuple[str, ...]], ...] = ()
    """What is ignored in the files that fit."""

    def check(self, known: Collection[str]) -> None:
        """See that each name stands for a rule.

        Raises:
            UsageError: naming the first that does not.
        """
        for word in (*self.select, *self.ignore, *(word for _, words in self.per_file for word in words)):
            if not word or not any(id_.startswith(word) for id_ in known):
                raise UsageError(f"{shown(word)} is no rule, nor the beginning of one", hint=suggestion(word, known))

    def of(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """The findings that count; what is ignored does not, even if it is selected."""
        for each in findings:
            if each.rule.id.startswith(self.select or ("",)) and not each.rule.id.startswith(self._ignored(each)):
                yield each

    def _ignored(self, finding: Finding) -> tuple[str, ...]:
        here = (words for patterns, words in self.per_file if patterns.fit(Path(finding.file)))
        return (*self.ignore, *chain.from_iterable(here))


def spec_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files that are named, and the specs below the folders that are.

    Raises:
        OSError: a folder cannot be read.
    """
    return tuple(dict.fromkeys(each for path in paths for each in (_below(path) if path.is_dir() else (path,))))


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from filter(is_spec, (Path(where, each) for each in sorted(files)))


def _raise(error: OSError) -> None:
    raise error
