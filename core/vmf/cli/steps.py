"""What is shown of steps while a guest does them: the lines about them that it writes to its console."""

from __future__ import annotations

import re
from collections import Counter
from typing import Self

from vmf.cli.screen import Screen
from vmf.files.console import one_line
from vmf.run import Console, Notice, Remark

_LINE_MOST = 300
"""Bytes of a line that is looked at."""
_SHOWN_MOST = 2000
"""Lines of one guest: whatever it says, it does not flood the screen."""
_STEP = re.compile(rb"vmf: (step [A-Za-z0-9][A-Za-z0-9._-]{0,62}: [^\r\n]{1,200})")


class Steps:
    """A screen on which the lines about steps are remarks."""

    def __init__(self, inner: Screen) -> None:
        self._inner = inner
        self._begun: dict[int, bytes] = {}
        self._shown = Counter[int]()

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *about: object) -> None:
        self._inner.__exit__(*about)

    def __call__(self, notice: Notice) -> None:
        """Show one notice."""
        if isinstance(notice, Console) and notice.record.job.contract and notice.record.ground:
            self._follow(notice)
        self._inner(notice)

    def _follow(self, notice: Console) -> None:
        number = notice.record.id
        *lines, begun = (self._begun.get(number, b"") + notice.data).split(b"\n")
        self._begun[number] = begun[:_LINE_MOST]
        for line in lines:
            found = _STEP.match(line[:_LINE_MOST])
            if found and self._shown[number] < _SHOWN_MOST:
                self._shown[number] += 1
                self._inner(Remark(record=notice.record, text=one_line(found[1])))
