"""Times every create, and refuses the machines that a site does not want."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator

from vmf.errors import Refused
from vmf.hookspecs import hookimpl
from vmf.model import Handle, Machine

MEMORY_MOST = 2**30

log = logging.getLogger(__name__)


@hookimpl(wrapper=True)
def create(machine: Machine) -> Generator[None, Handle, Handle]:
    """Measure how long the hypervisor takes; nothing larger than a GiB gets that far."""
    if machine.memory > MEMORY_MOST:
        raise Refused(f"machine {machine.name} wants more than 1 GiB", hint="ask for less memory")
    began = time.monotonic()
    handle = yield
    log.info("created %s in %.3f s", machine.name, time.monotonic() - began)
    return handle
