"""How ads are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from vmf.classad import FORMS, Ad
from vmf.cli.printed import show

_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")


def show_ads(ads: Iterable[Ad], form: str) -> None:
    """Print ads: in old syntax, or as JSON.

    Raises:
        UsageError: a string cannot be written in old syntax.
    """
    if form == "json":
        print(_BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], FORMS["json"].write(ads)), end="")
    elif text := FORMS["old"].write(ads):
        show(text)
