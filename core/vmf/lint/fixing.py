"""`vmf lint --fix`: what is surely meant is written instead of what stands there, and nothing else is touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from vmf.errors import Fault
from vmf.files.beside import rewrite
from vmf.lint.finding import Finding, Report
from vmf.spec.faults import LINE_BREAK

_BYTE_ORDER_MARK = "\ufeff"


ROUNDS_MOST = 10
"""What is mended may lay bare more, which is mended as well; so often, for a file may be nothing but slips."""


def settle(look: Callable[[], Report], files: Sequence[Path]) -> tuple[Report, int]:
    """Fix what a look at the files finds, and look again; what is left, and how many places were changed.

    Raises:
        OSError: if a file cannot be written.
    """
    report, mended = look(), 0
    for _ in range(ROUNDS_MOST):
        done = fix(report.findings, files)
        if not done:
            break
        report, mended = look(), mended + done
    return report, mended


def fix(findings: Iterable[Finding], files: Iterable[Path]) -> int:
    """Write what is meant into the files; how many places were changed.

    A file changes as a whole or not at all, and keeps its permissions and its line ends; a link stays one.

    Raises:
        OSError: if a file cannot be written.
    """
    by_file: dict[str, list[Fault]] = defaultdict(list)
    for each in findings:
        if each.fault.fix and each.fault.line:
            by_file[each.file].append(each.fault)
    return sum(_fix_file(file.resolve(), by_file[str(file)]) for file in files)


def _fix_file(path: Path, faults: Sequence[Fault]) -> int:
    if not faults:
        return 0
    text = path.read_bytes().decode()
    begins = [
        len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0,
        *(found.end() for found in LINE_BREAK.finditer(text)),
    ]
    edits = {
        (begins[fault.line - 1] + fault.column - 1, *fault.fix)
        for fault in faults
        if fault.fix and fault.line <= len(begins)  # the file may be another one by now
    }
    done = 0
    for at, old, new in sorted(edits, reverse=True):
        if text.startswith(old, at):
            text = f"{text[:at]}{new}{text[at + len(old) :]}"
            done += 1
    if done:
        rewrite(path, text.encode())
    return done
