from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from vmf.errors import HostFault
from vmf_xen import logs

LOG = """\
2026-11-21 22:34:57.353+0000: libxl: libxl_device.c:1337:child_death_cb: script: Could not find bridge device none0
2026-11-21 22:34:57.353+0000: libxl: libxl_create.c:1921:domcreate_attach_devices: Domain 8:unable to add vif devices
2026-11-21 22:35:38.421+0000: xc: panic: xg_dom.c:119: mem_init: can't allocate low memory for domain: Out of memory
9999-99-99 22:35:38.421+0000: xc: panic: xg_dom.c:119: mem_init: at no time
of nothing that is known
2026-11-21 22:35:38.512+0000: libxl: libxl_create.c:1640:domcreate_rebuild_done: Domain 9:cannot (re-)build domain: -3
"""
SINCE = datetime(2026, 11, 21, 22, 34, 57, 400_000, tzinfo=UTC)
LAST = ("can't allocate low memory for domain: Out of memory", "cannot (re-)build domain: -3")


def told(log, time=SINCE):
    return logs.since(lambda _: io.BytesIO(log.encode()), time)


def test_what_was_written_since_is_told_and_nothing_before_it():
    assert told(LOG) == LAST
    assert len(told(LOG, SINCE - timedelta(seconds=1))) == 2 + len(LAST)
    assert told(LOG, SINCE + timedelta(hours=1)) == told("") == told("nothing\n") == ()


def test_no_more_than_the_end_of_a_log_is_read():
    padded = io.BytesIO(b"x" * 10 * logs.LAST + b"\n" + LOG.encode())
    assert logs.since(lambda _: padded, SINCE) == LAST


@pytest.mark.parametrize("error", [FileNotFoundError(), HostFault("no")])
def test_a_host_without_a_log_tells_nothing(error):
    def read(_path):
        raise error

    assert logs.since(read, SINCE) == ()
