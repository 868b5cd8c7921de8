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

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmf.classad.ad import Ad, fold
from vmf.classad.references import References, references
from vmf.classad.tree import Node
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, RelTime, Scalar

if TYPE_CHECKING:
    from vmf.classad.conversions import as_tree
    from vmf.classad.forms import FORMS, read
    from vmf.classad.grammar import MEANT
    from vmf.classad.matching import Match, evaluate
    from vmf.classad.parser import ClassAdSyntaxError, parse, parse_ad
    from vmf.classad.scope import ListValue, RecordValue, Value
    from vmf.classad.unparsing import unparse
    from vmf.classad.world import World

__all__ = [
    "ERROR",
    "FORMS",
    "MEANT",
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

_LATER = MappingProxyType({
    "ClassAdSyntaxError": "parser",
    "FORMS": "forms",
    "ListValue": "scope",
    "MEANT": "grammar",
    "Match": "matching",
    "RecordValue": "scope",
    "Value": "scope",
    "World": "world",
    "as_tree": "conversions",
    "evaluate": "matching",
    "parse": "parser",
    "parse_ad": "parser",
    "read": "forms",
    "unparse": "unparsing",
})  # fmt: skip
"""What is imported when somebody wants it, and where it is: it is slow to import, and many need little of it.

No module below may have the name of something here: importing it would put it in that one's place.
"""


def __getattr__(name: str) -> object:
    """Something of `_LATER`, from now on an attribute like others."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    return found
