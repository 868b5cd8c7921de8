"""Asking a host for what it knows, and not for ever."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from vmf.cli.guest import ask_facts
from vmf.errors import HostLost
from vmf.model import MachineFacts

PLACEMENT = SimpleNamespace(host=SimpleNamespace(name="farm"))
RECORD = SimpleNamespace(machine="vmf-1-1", handle="vmf-1-1")


class Hosts:
    """Hosts of which one is asked; what was done is kept in order."""

    def __init__(self, facts) -> None:
        self._facts = facts
        self.done: list[str] = []
        self.closed = threading.Event()

    def hypervisor(self, _host) -> SimpleNamespace:
        return SimpleNamespace(facts=self._answer)

    def _answer(self, _handle) -> MachineFacts:
        answer = self._facts()
        self.done.append("answered")
        return answer

    def close(self) -> None:
        self.done.append("closed")
        self.closed.set()


def ask(hosts: Hosts, seconds: float = 30.0) -> MachineFacts:
    return ask_facts(SimpleNamespace(hosts=hosts), RECORD, PLACEMENT, seconds=seconds)


def test_a_host_that_answers_is_let_go_of() -> None:
    hosts = Hosts(lambda: MachineFacts(memory=1))
    assert ask(hosts) == MachineFacts(memory=1)
    assert hosts.done == ["answered", "closed"]


def test_a_host_that_does_not_is_told_of_and_not_closed_while_it_is_asked() -> None:
    go_on = threading.Event()
    hosts = Hosts(lambda: go_on.wait(30) and MachineFacts())
    with pytest.raises(HostLost, match=r"host farm has not answered for 0\.01 s"):
        ask(hosts, 0.01)
    assert hosts.done == []
    go_on.set()
    assert hosts.closed.wait(30)
    assert hosts.done == ["answered", "closed"]


@pytest.mark.parametrize("error", [ZeroDivisionError("oh"), TimeoutError("no"), OSError(5, "gone", "place")])
def test_whatever_is_in_the_way_is_told_as_it_is(error: Exception) -> None:
    def fail() -> MachineFacts:
        raise error

    hosts = Hosts(fail)
    with pytest.raises(type(error)) as told:
        ask(hosts)
    assert told.value is error
    assert hosts.done == ["closed"]
