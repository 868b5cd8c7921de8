"""Lends vmf the words of a type, and drives no host."""

from vmf.hookspecs import API, HypervisorType, hookimpl


@hookimpl
def hypervisor():
    return HypervisorType(type="words", api=API, version="1.0")
