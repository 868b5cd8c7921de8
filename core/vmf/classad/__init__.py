"""The ClassAd language: parse, evaluate, match. Usable alone.

    from vmf import classad

    job = classad.parse_ad("[ RequestMemory = 2048; Requirements = TARGET.Memory >= RequestMemory ]")
    host = classad.parse_ad("[ Memory = 4096; Requirements = true ]")
    free = classad.evaluate(classad.parse("TARGET.Memory - MY.RequestMemory"), job, host)
    fits = classad.Match(job, host).symmetric() is True

Everything public is named here; the modules below may move. `docs/classad.md` describes the language and lists where
it differs from the reference implementation, HTCondor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmf.classad.ad import Ad, fold
from vmf.classad.conversions import as_tree
from vmf.classad.matching import Match, evaluate
from vmf.classad.parser import ClassAdSyntaxError, parse, parse_ad
from vmf.classad.references import References, references
from vmf.classad.scope import ListValue, RecordValue, Value
from vmf.classad.tree import Node
from vmf.classad.unparse import unparse
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, RelTime, Scalar
from vmf.classad.world import World

if TYPE_CHECKING:
    from vmf.classad.forms import FORMS, read

__all__ = [
    "ERROR",
    "FORMS",
    "UNDEFINED",
    "AbsTime",
    "Ad",
    "ClassAdSyntaxError",
    "ListValue",
    "Match",
    "Node",
    "RecordValue",
    "References",
    "RelTime",
    "Scalar",
    "Value",
    "World",
    "as_tree",
    "evaluate",
    "fold",
    "parse",
    "parse_ad",
    "read",
    "references",
    "unparse",
]


def __getattr__(name: str) -> object:
    """`FORMS` and `read`, when somebody wants files of ads: to import them is slow, and most only parse."""
    if name not in {"FORMS", "read"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vmf.classad import forms  # noqa: PLC0415  # see above

    return getattr(forms, name)
