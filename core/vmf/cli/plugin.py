"""`vmf plugin`: every plugin that is installed and what is wrong with the broken ones; a new one; trying one."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from vmf.cli.printed import show
from vmf.cli.session import Session, add_format, add_hosts
from vmf.model import TINY
from vmf.plugins import HYPERVISORS, Listed, Plugins


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf plugin`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("ls", help="list plugins and what is wrong with them", allow_abbrev=False)
    listing.set_defaults(verb=_list)
    add_format(listing)
    making = verbs.add_parser("new", help="write the package of a hypervisor plugin that works", allow_abbrev=False)
    making.set_defaults(verb=_make)
    making.add_argument("name", metavar="NAME", help="the type that hosts will name: lower-case letters and digits")
    making.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="where to (default: vmf-NAME)")
    checking = verbs.add_parser("check", help="try everything that a hypervisor plugin promises", allow_abbrev=False)
    checking.set_defaults(verb=_check)
    checking.add_argument("name", metavar="NAME", help="the type whose plugin is tried")
    checking.add_argument("--image", metavar="NAME", default=TINY, help=f"the guest to try it with (default: {TINY})")
    checking.add_argument("--tests", metavar="PATH", type=Path, help="your own subclass of the contract suite")
    add_hosts(checking)
    add_format(checking)


def act(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    return int(options.verb(options))


def _list(options: argparse.Namespace) -> int:
    """List the plugins; a broken one is news, not a fault of this command."""
    listed = Plugins.load().listed
    if options.format == "json":
        print(msgspec.json.encode(listed).decode())
        return 0
    for each in listed:
        show(f"{each.name} {each.version}: {_words(each)}")
    if not any(each.drives for each in listed):
        print("no plugin drives a hypervisor: install one that does, such as vmf-kvm")
    return 0


def _words(plugin: Listed) -> str:
    if plugin.error:
        return f"BROKEN: {plugin.error}"
    if plugin.group != HYPERVISORS:
        return f"hooks {', '.join(plugin.hooks)}"
    return "hypervisor" if plugin.drives else "the words of a hypervisor's specs; it drives no host yet"


def _make(options: argparse.Namespace) -> int:
    from vmf.cli.plugin_new import make  # noqa: PLC0415  # only this verb needs it

    folder = options.folder or Path(f"vmf-{options.name}")
    make(options.name, folder)
    show(f"{folder}: hypervisor plugin {options.name}")
    show(f"next: `pip install -e {folder}`, then `vmf plugin check {options.name}`")
    return 0


def _check(options: argparse.Namespace) -> int:
    from vmf.cli.plugin_check import check  # noqa: PLC0415  # likewise

    return check(Session(options), options)
