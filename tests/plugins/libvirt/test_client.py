"""The client on libvirt's own test driver, which keeps its machines in this process."""

from __future__ import annotations

import queue
import threading
from xml.etree import ElementTree as ET

import libvirt
import pytest

from vmf.errors import HostFault, HostLost
from vmf.model import Ending, MachineState, Power
from vmf_libvirt.client import Client, dial
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.mark import mark

TEST_DRIVER = "test:///default"
SECONDS = 10


def description(name, *, ours=True):
    domain = ET.Element("domain", type="test")
    ET.SubElement(domain, "name").text = name
    if ours:
        mark(domain)
    ET.SubElement(domain, "memory").text = "8192"
    ET.SubElement(ET.SubElement(domain, "os"), "type").text = "hvm"
    return ET.tostring(domain, encoding="unicode")


@pytest.fixture
def client():
    client = Client(lambda: dial(TEST_DRIVER))
    yield client
    for name in (*client.machines(), "foreign"):
        client.force_off(name)
        client.undefine(name)
    client.close()


class Broken:
    """A link whose daemon has gone away."""

    def isAlive(self):  # noqa: N802  # libvirt's name
        return 0

    def lookupByName(self, _name):  # noqa: N802  # libvirt's name
        raise libvirt.libvirtError("client socket is closed")


def test_nobody_there_is_a_lost_host(tmp_path):
    with pytest.raises(HostLost, match="does not answer"):
        dial(f"qemu:///session?socket={tmp_path}/none")


def test_errors_are_raised_and_not_printed(capfd, tmp_path):
    with pytest.raises(HostLost):
        dial(f"qemu:///session?socket={tmp_path}/none")
    assert capfd.readouterr() == ("", "")


def test_a_machine_is_defined_started_and_removed(client):
    assert client.state("m1").power is Power.ABSENT
    client.define(description("m1"))
    assert client.state("m1").power is Power.OFF
    client.start("m1")
    client.start("m1")  # by somebody who was killed before he saw it
    assert client.state("m1") == MachineState(power=Power.RUNNING)
    client.force_off("m1")
    assert client.state("m1").ending is Ending.KILLED
    client.undefine("m1")
    assert client.state("m1").power is Power.ABSENT


def test_ending_what_is_off_or_absent_is_success(client):
    client.define(description("m1"))
    for name in ("m1", "nobody"):
        client.ask_off(name)
        client.force_off(name)
    client.undefine("nobody")


def test_starting_what_is_absent_is_the_hosts_fault(client):
    with pytest.raises(HostFault, match="vanished"):
        client.start("nobody")


def test_only_marked_machines_are_ours(client):
    client.define(description("m1"))
    client.define(description("foreign", ours=False))
    assert client.machines() == ("m1",)


def test_an_error_is_told_with_libvirts_code(client):
    with pytest.raises(LibvirtFault) as caught:
        client.define("<domain type='test'><name>m1</name>")
    assert caught.value.code == libvirt.VIR_ERR_XML_DETAIL


def hear(client, name):
    """A watcher's ears for one machine: other tests share libvirt's test driver, and its events come late."""
    heard = queue.Queue()
    watch = client.watch(lambda machine: heard.put(machine) if machine in {"", name} else None)
    return watch, heard


def test_a_watcher_hears_until_it_closes(client):
    closed, unheard = hear(client, "heard")
    closed.close()
    watch, heard = hear(client, "heard")
    client.define(description("heard"))
    assert heard.get(timeout=SECONDS) == "heard"
    watch.close()
    assert unheard.empty()


def test_a_watcher_may_close_itself(client):
    told = threading.Event()

    def notify(_name):
        watch.close()
        told.set()

    watch = client.watch(notify)
    client.define(description("m1"))
    assert told.wait(SECONDS)


def test_a_watcher_that_closes_while_others_are_told_is_not_called(client):
    unheard = []
    watch = client.watch(unheard.append)
    watch.close()
    watch.tell("m1")
    assert unheard == []


def test_closing_waits_for_the_call_that_is_under_way(client):
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def notify(_name):
        begun.set()
        assert may_end.wait(SECONDS)
        ended.set()

    watch = client.watch(notify)
    client.define(description("m1"))
    assert begun.wait(SECONDS)
    closing = threading.Thread(target=watch.close)
    closing.start()
    may_end.set()
    closing.join(SECONDS)
    assert ended.is_set()


def test_a_broken_link_is_opened_anew_and_every_watcher_told(client):
    _, heard = hear(client, "kept")
    client.define(description("kept"))
    assert heard.get(timeout=SECONDS) == "kept"
    client._link.domainEventDeregisterAny(client._events)
    client._link = Broken()
    assert client.state("kept").power is Power.OFF
    assert heard.get(timeout=SECONDS) == ""
    client.start("kept")
    assert heard.get(timeout=SECONDS) == "kept"


def test_a_daemon_that_goes_away_twice_is_a_lost_host():
    client = Client(lambda: dial(TEST_DRIVER))
    client._link, client._relinked = Broken(), lambda _broken: Broken()
    with pytest.raises(HostLost, match="twice"):
        client.state("m1")
