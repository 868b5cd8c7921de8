"""A daemon that lives and does not answer: one that is stopped takes whoever comes, and one without a socket nobody."""

from __future__ import annotations

import gc
import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from vmf.errors import HostLost
from vmf_kvm import daemon
from vmf_kvm.connection import Connection
from vmf_libvirt import client, keeper

pytestmark = pytest.mark.real


@contextmanager
def stopped(host):
    """In here the daemon hangs, and nobody is patient with it."""
    daemon = host.daemon_pid()
    with pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(keeper, "OPEN_SECONDS", 0.2)
        impatient.setattr(keeper, "CLOSE_SECONDS", 0.1)
        os.kill(daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(daemon, signal.SIGCONT)


@pytest.fixture
def until_links(connection, host):
    """Waits until that many sockets of the daemon are in use, by its clients or as those who wait to become one."""
    socket = str(connection.daemon.folder / "run/libvirt/libvirt-sock")

    def links():
        gc.collect()  # a link lives as long as it is in anybody's traceback
        lines = Path("/proc/net/unix").read_text().splitlines()
        return sum(line.endswith(f" {socket}") for line in lines) - 1  # one only listens

    def until(number):
        host.until(links, lambda now: now == number)

    until(1)  # the fixture's
    return until


def test_a_call_ends_when_the_daemon_hangs_and_is_answered_when_it_goes_on(connection, host, monkeypatch):
    monkeypatch.setattr(client, "KEEPALIVE_SECONDS", 1)
    monkeypatch.setattr(client, "KEEPALIVE_MISSES", 1)
    mine = Connection(host.home)
    told = threading.Event()
    mine.watch(lambda _machine: told.set())
    daemon = host.daemon_pid()
    with stopped(host):
        for _ in range(2):
            with pytest.raises(HostLost, match="hangs"):
                mine.machines()
        told.clear()
    assert told.wait(host.deadline)
    assert mine.machines() == connection.machines()
    assert host.daemon_pid() == daemon
    mine.close()


def test_who_comes_to_a_daemon_that_hangs_is_sent_away_and_leaves_no_link(host, until_links):
    daemon = host.daemon_pid()
    with stopped(host):
        with pytest.raises(HostLost, match="hangs"):
            Connection(host.home)
        until_links(2)
    until_links(1)
    assert host.daemon_pid() == daemon


def test_a_connection_is_closed_although_a_call_to_a_daemon_that_hangs_is_under_way(host, until_links, monkeypatch):
    monkeypatch.setattr(client, "KEEPALIVE_SECONDS", 2 * host.deadline)  # cuts neither the call nor the close short
    mine = Connection(host.home)
    begun = threading.Event()

    def ask(link):
        begun.set()
        return link.listAllDomains()

    asking, closing = threading.Thread(target=mine.client.call, args=(ask,)), threading.Thread(target=mine.close)
    with stopped(host):
        asking.start()
        assert begun.wait(host.deadline)
        closing.start()
        closing.join(host.deadline)
        assert not closing.is_alive()
        assert asking.is_alive()
    asking.join(host.deadline)
    until_links(1)


def test_a_daemon_that_nobody_can_reach_any_more_serves_its_own_and_is_replaced_when_it_ends(host, monkeypatch):
    monkeypatch.setattr(daemon, "START_SECONDS", 0.5)
    mine, first = Connection(host.home), host.daemon_pid()
    Path(mine.daemon.folder, "run/libvirt/libvirt-sock").unlink()
    with pytest.raises(HostLost, match="did not come up"):
        Connection(host.home)
    assert mine.machines() == ()
    host.kill(first)
    monkeypatch.undo()
    assert mine.machines() == ()
    assert host.daemon_pid() != first
    mine.close()


def test_a_close_leaves_no_link(host, until_links):
    mine = Connection(host.home)
    until_links(2)
    mine.close()
    until_links(1)
