"""The contract suite's guests, in the language of the fake's."""

from __future__ import annotations

from vmf.testing.contract import Guests

GUESTS = Guests(
    ends=f"echo vmf-ready\necho {'long ' * 14_000}\nwrite made made\nexit 7",
    hangs="echo vmf-ready\nhang",
    ignores="deaf\necho vmf-ready\nhang",
    reboots="echo vmf-ready\nsleep 0.1\nreboot",
    fills="echo vmf-ready\nfill",
    hears="echo vmf-ready\nhear",
    discs="echo vmf-ready\ndiscs 1",
    tells="echo vmf-ready\ntell",
    serves="echo vmf-ready\nserve",
    calls="echo vmf-ready\ncall",
    keeps="echo vmf-ready\nkeep\nwrite made made\nexit 7",
    counts="echo vmf-ready\ncount",
    ticks="echo vmf-ready\nticks",
    identifies="who\necho vmf-ready\nhang",
    panics="echo vmf-ready\nsleep 0.1\npanic",
    halts="echo vmf-ready\nsleep 0.1\nhalt",
    seconds=20,
)
