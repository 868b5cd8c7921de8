"""Judges the files that cost most, in one process with bounded time and memory.

python tests/lint/worst.py SECONDS_EACH MEBIBYTES
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vmf.lint import inline, judge
from vmf.lint.finding import Report
from vmf.lint.formats import FORMATS
from vmf.plugins import Plugins

SIZE = 256 * 1024
_JOB = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: x}\nspec:\n  memory: 1GiB\n"


def _filled(line: str, start: str = "") -> str:
    """As many numbered lines as there is room for."""
    lines = (line.replace("%", str(number)) for number in range(SIZE))
    text = [start]
    room = SIZE - len(start.encode())
    for each in lines:
        room -= len(each.encode())
        if room < 0:
            return "".join(text)
        text.append(each)
    return "".join(text)


def worst() -> Iterator[tuple[str, str]]:
    """Name and text of each."""
    blocks = {
        "disks in place": ("  disks:\n", "    - {file: {on_host: /a.raw}, device: vda, access: in-place}\n"),
        "queue of expressions": ("  queue:\n", "    - {requirements: TARGET.Memory > % && MY.A}\n"),
        "queue of attributes": ("  queue:\n", "    - {attributes.A%: 1, rank: MY.A + %}\n"),
        "unknown keys": ("", "  memry%: 1\n"),
        "halting script": ("  run: |\n", "    sudo \n"),
        "script of slashes": ("  run: |\n", "    ;/;/;/;/;/;/;/;/;/;/;/;/;/;/;/;/;/;/;/;/\n"),
        "files of runs": ("  queue: {count: 10000}\n  cdrom:\n    files:\n", "      - {on_host: /%}\n"),
        "silencers": ("", "  memory: 1GiB # vmf: ignore[VMF101]\n"),
    }
    yield "jobs", _filled(f"---\n{_JOB}")
    yield "jobs of many runs", _filled(f"---\n{_JOB}  queue: {{count: 10000}}\n")
    attributes = "".join(f"    A{number}: {number}\n" for number in range(499))
    yield "attributes of runs", _filled("    - {attributes.B: %}\n", f"{_JOB}  attributes:\n{attributes}  queue:\n")
    yield from ((name, _filled(line, _JOB + start)) for name, (start, line) in blocks.items())
    expressions = {
        "parentheses": "(" * 5000 + "a" + ")" * 5000, "conjunction": "a&&" * (SIZE // 3 - 100) + "b",
        "name": "a" * (SIZE - 200),
        "slips": "a = " * 30000 + "b",
    }  # fmt: skip
    yield from ((name, f"{_JOB}  requirements: {text}\n") for name, text in expressions.items())
    yield "product", f"{_JOB}  queue: {{product: {{{', '.join(f'env.A{n}: [1, 2, 3]' for n in range(8))}}}}}\n"
    yield (
        "chain",
        f"{_JOB}  attributes: {{a0: 1,{','.join(f'a{n + 1}: a{n}+a{n}' for n in range(490))}}}\n  rank: MY.a489\n",
    )
    yield "brackets", "[" * (SIZE - 1)
    yield "staircase", "".join(f"{' ' * n}a:\n" for n in range(700))
    yield "laughs", "".join(f"a{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}' if n else 'x'])}]\n" for n in range(20))


def main(seconds: int, mebibytes: int) -> None:
    """Judge each; one that takes longer ends the process by SIGALRM, one that takes more memory by an error."""
    resource.setrlimit(resource.RLIMIT_AS, (mebibytes * 2**20, mebibytes * 2**20))
    plugins = Plugins.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "worst.yaml")
        for name, text in worst():
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
            path.write_text(text[:SIZE])
            signal.alarm(seconds)
            found = judge.findings([path], plugins=plugins, hosts=[], images=Path(folder))
            report = Report.of(inline.heed(found, [path]), [path])
            for write in FORMATS.values():
                write(report)
            signal.alarm(0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
