"""Plugins that are made up for a test, most of them out of the fake hypervisor."""

from __future__ import annotations

from types import ModuleType

from msgspec.structs import replace

from vmf.hookspecs import OPTIONAL, hookimpl
from vmf.model import Handle, Host, Machine
from vmf.plugins import HYPERVISORS, OTHERS, Plugins
from vmf.testing import fake

VERBS = (
    "hypervisor", "connect", "probe", "put", "read", "create", "state", "watch", "console", "facts", "shut_down",
    "fetch", "destroy", "machines", *OPTIONAL,
)  # fmt: skip
HOST = Host(name="made-up", type="fake")
MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="fake")
HANDLE = Handle(host="made-up", machine="m")


def module(**members):
    """A plugin, as a module is one."""
    made = ModuleType("made_up")
    vars(made).update(members)
    return made


def hypervisor(**members):
    """The fake, with some of its members exchanged, or taken away by None."""
    verbs = {verb: getattr(fake, verb) for verb in VERBS} | members
    return module(**{name: member for name, member in verbs.items() if member is not None})


def says(**changed):
    said = replace(fake.hypervisor(), **changed)
    return hookimpl(lambda: said)


def raises(error):
    def fail():
        raise error

    return fail


def without(*abilities):
    """The fake's abilities but for these."""
    return {name: said for name, said in fake.hypervisor().capabilities.items() if name not in abilities}


def answers(answer):
    return hookimpl(lambda: answer)


def loaded(*others, hypervisor=fake):
    """Plugins with one hypervisor and some others, named a, b, c…"""
    plugins = Plugins()
    plugins.add(HYPERVISORS, "fake", lambda: hypervisor)
    for name, other in zip("abcdef", others, strict=False):
        plugins.add(OTHERS, name, lambda other=other: other)
    return plugins


def errors(plugins):
    return {each.name: each.error for each in plugins.listed if each.error}


def wrapper(function):
    return hookimpl(wrapper=True)(function)
