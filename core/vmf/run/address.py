"""Where a guest is reached, in a few words."""

from __future__ import annotations

from collections.abc import Iterator

from vmf.model import MachineFacts


def address(facts: MachineFacts) -> str:
    """Its addresses and the ports that are forwarded to it, such as `127.0.0.1:40022->22`; empty if none is known."""
    return ", ".join(_ways(facts))


def _ways(facts: MachineFacts) -> Iterator[str]:
    yield from facts.addresses
    for each in facts.forwards:
        yield f"{each.host}:{each.host_port}->{each.port}"
