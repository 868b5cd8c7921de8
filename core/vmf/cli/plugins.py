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
    if not any(each.group == HYPERVISORS and not each.error for each in listed):
        print("no hypervisor plugin can be used: install one, such as vmf-kvm")
    return 0


def _words(plugin: Listed) -> str:
    if plugin.error:
        return f"BROKEN: {plugin.error}"
    return "hypervisor" if plugin.group == HYPERVISORS else f"hooks {', '.join(plugin.hooks)}"
