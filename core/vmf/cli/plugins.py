"""`vmf plugins`: every plugin that is installed, and what is wrong with the broken ones."""

from __future__ import annotations

import argparse

import msgspec

from vmf.cli.session import add_format
from vmf.plugins import HYPERVISORS, Listed, Plugins


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf plugins`."""
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List the plugins; a broken one is news, not a fault of this command."""
    listed = Plugins.load().listed
    if options.format == "json":
        print(msgspec.json.encode(listed).decode())
        return 0
    for each in listed:
        print(f"{each.name} {each.version}: {_words(each)}")
    if not any(each.drives for each in listed):
        print("no plugin drives a hypervisor: install one that does, such as vmf-kvm")
    return 0


def _words(plugin: Listed) -> str:
    if plugin.error:
        return f"BROKEN: {plugin.error}"
    if plugin.group != HYPERVISORS:
        return f"hooks {', '.join(plugin.hooks)}"
    return "hypervisor" if plugin.drives else "the words of a hypervisor's specs; it drives no host yet"
