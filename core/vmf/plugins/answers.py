"""What plugins answer, checked as strictly as what was read."""

from __future__ import annotations

from math import isfinite
from typing import TypeVar

import msgspec

from vmf.model import Bid, Machine
from vmf.plugins.failures import PluginFailed

T = TypeVar("T", bound=msgspec.Struct)


def valid_machine(plugin: str, machine: Machine, amended: object) -> Machine:
    """An amended machine; its name is how it is found again, so it stays.

    Raises:
        PluginFailed: naming the plugin, if it cannot be.
    """
    valid = _valid(amended, Machine, f"plugin {plugin} amended the machine to something that cannot be")
    if valid.name != machine.name:
        raise PluginFailed(f"plugin {plugin} renamed machine {machine.name} to {valid.name}")
    return valid


def valid_bid(plugin: str, answer: object) -> Bid:
    """A bid, whose numbers can be compared.

    Raises:
        PluginFailed: naming the plugin, if it cannot be.
    """
    fault = f"plugin {plugin} made a bid that cannot be"
    bid = _valid(answer, Bid, fault)
    if not (isfinite(bid.cost) and isfinite(bid.seconds)):
        raise PluginFailed(f"{fault}: {bid.cost} for {bid.seconds} s")
    return bid


def _valid(answer: object, type_: type[T], fault: str) -> T:
    try:
        return msgspec.convert(msgspec.to_builtins(answer), type_)
    except (msgspec.ValidationError, TypeError) as error:
        raise PluginFailed(f"{fault}: {error}") from error
