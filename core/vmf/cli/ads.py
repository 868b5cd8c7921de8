"""How ads are shown, and the ad of a job's machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from vmf.ads import Being, job_ad
from vmf.classad import FORMS, Ad, Node
from vmf.cli.printed import show
from vmf.errors import UsageError
from vmf.store import Record

_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")


def show_ads(ads: Iterable[Ad], form: str) -> None:
    """Print ads: in old syntax, all in new syntax if that has no way to write one of them, or as JSON."""
    if form == "json":
        print(_ascii(FORMS["json"].write(ads)), end="")
    elif text := _written(tuple(ads)):
        show(text)


def _written(ads: Sequence[Ad]) -> str:
    try:
        return FORMS["old"].write(ads)
    except UsageError:  # one has a string of several lines, such as a list of files
        return FORMS["new"].write(ads)


def machine_ad(record: Record) -> Ad:
    """The job's ad, with what its guests have published, and what is known of its machine."""
    placement = record.placement
    being = Being(
        job=record.id,
        state=str(record.state),
        host=placement.host.name if placement else "",
        machine=record.machine if placement else "",
        address=record.address,
        attempt=record.attempt,
    )
    kept = record.kept[-1].platform if record.kept else None
    return job_ad(record.seen, verdict=record.verdict, kept=kept, being=being)


def in_a_line(values: Mapping[str, Node]) -> str:
    """Expressions by name as an object of JSON on one line; names that differ in case only are two."""
    ads = (FORMS["json"].write([Ad({name: node})]) for name, node in values.items())
    lines = ("".join(map(str.strip, text.split("\n"))) for text in ads)  # no string of JSON has a line break
    return _ascii("{" + ", ".join(line.removeprefix("[{").removesuffix("}]") for line in lines) + "}")


def _ascii(text: str) -> str:
    """JSON with what no terminal should be given, and what is not UTF-8, escaped."""
    return _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
