"""Faults of a fake host that are still to come."""

from __future__ import annotations

import json
from pathlib import Path

ALWAYS = 1_000_000


def will_fail(host: Path, verb: str, kind: str, brief: str, *, times: int = 1, ability: str = "") -> None:
    """Let the next calls of a verb fail on the host whose folder this is; `times` 0: it works again."""
    host.mkdir(parents=True, exist_ok=True)
    new = host / "faults.new"
    new.write_text(json.dumps({verb: {"kind": kind, "brief": brief, "times": times, "ability": ability}}))
    new.replace(host / "faults.json")
