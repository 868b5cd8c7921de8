"""The client on libvirt's own test driver, which keeps its machines in this process."""

from __future__ import annotations

import queue
import threading
from xml.etree import ElementTree as ET

import libvirt
import pytest

from vmf.errors import HostFault, HostLost
from vmf.model import Ending, MachineState, Power
from vmf_libvirt import client as clients
from vmf_libvirt import domains
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


def runs(state, _reason):
    """Whether a machine of these tests was started; those that ended are to be started again."""
    return state != libvirt.VIR_DOMAIN_SHUTOFF


class Parted:
    """A link that breaks when it has carried out a verb, and before it has answered."""

    def __init__(self, link, verb, *, ends=False):
        self._link, self._verb, self._ends, self._alive = link, verb, ends, True

    def __getattr__(self, name):
        return getattr(self._link, name)

    def isAlive(self):  # noqa: N802  # libvirt's name
        return int(self._alive)

    def defineXML(self, xml):  # noqa: N802  # libvirt's name
        domain = self._link.defineXML(xml)
        return self._part() if self._verb == "define" else domain

    def lookupByName(self, name):  # noqa: N802  # libvirt's name
        domain = self._link.lookupByName(name)

        def create(flags):
            libvirt.virDomain.createWithFlags(domain, flags)
            if self._ends:
                domain.destroy()
            self._part()

        domain.createWithFlags = create
        return domain

    def _part(self):
        self._alive = False
        raise libvirt.libvirtError("client socket is closed")


class Forgetful:
    """A link that has forgotten why it failed when it is asked: something of libvirt's was freed on the same thread."""

    def __init__(self, link):
        self._link, self._failed = link, 0

    def __getattr__(self, name):
        return getattr(self._link, name)

    def lookupByName(self, name):  # noqa: N802  # libvirt's name
        try:
            return self._link.lookupByName(name)
        except libvirt.libvirtError as error:
            self._failed += 1
            if self._failed == 1:
                error.err = None
            raise


class Broken:
    """A link whose daemon has gone away."""

    def __getattr__(self, _name):
        return self._fail

    def isAlive(self):  # noqa: N802  # libvirt's name
        return 0

    def _fail(self, *_):
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
    client.define("m1", description("m1"))
    assert client.state("m1").power is Power.OFF
    client.start("m1", runs)
    client.start("m1", lambda *_: False)  # somebody was quicker than the look
    assert client.state("m1") == MachineState(power=Power.RUNNING)
    client.force_off("m1")
    assert client.state("m1").ending is Ending.KILLED
    client.undefine("m1")
    assert client.state("m1").power is Power.ABSENT


def test_the_end_of_a_machine_needs_no_answer(client, monkeypatch):
    monkeypatch.setattr(clients, "LOST_SECONDS", 0.05)
    client.define("m1", description("m1"))
    client.start("m1", runs)
    ends, answers, force_off = threading.Event(), threading.Event(), domains.force_off

    def silent(domain):
        ends.wait(30)
        force_off(domain)
        answers.wait(30)

    monkeypatch.setattr(domains, "force_off", silent)
    threading.Timer(0.2, ends.set).start()
    client.force_off("m1")
    assert client.state("m1").ending is Ending.KILLED
    assert not answers.is_set()
    answers.set()


def test_but_one_that_comes_late_counts(client, monkeypatch):
    """That the machine is off does not tell why."""
    monkeypatch.setattr(clients, "LOST_SECONDS", 1.0)
    client.define("m1", description("m1"))
    client.start("m1", runs)
    looked, force_off, standing = threading.Event(), domains.force_off, domains.standing

    def late(domain):
        force_off(domain)
        looked.wait(30)
        raise libvirt.libvirtError("it was not done")

    def look(domain):
        monkeypatch.setattr(clients, "LOST_SECONDS", 30.0)
        looked.set()
        return standing(domain)

    monkeypatch.setattr(domains, "force_off", late)
    monkeypatch.setattr(domains, "standing", look)
    with pytest.raises(LibvirtFault):
        client.force_off("m1")


def test_ending_what_is_off_or_absent_is_success(client):
    client.define("m1", description("m1"))
    for name in ("m1", "nobody"):
        client.ask_off(name)
        client.force_off(name)
    client.undefine("nobody")


def test_starting_what_is_absent_is_the_hosts_fault(client):
    with pytest.raises(HostFault, match="vanished"):
        client.start("nobody", runs)


def test_a_machine_whose_definition_was_not_answered_is_adopted(client):
    client._lines.get().link = Parted(client._lines.get().link, "define")
    client.define("m1", description("m1"))
    assert client.machines() == ("m1",)


def test_why_something_failed_is_asked_again_if_libvirt_has_forgotten_it(client):
    client._lines.get().link = Forgetful(client._lines.get().link)
    assert client.state("nobody").power is Power.ABSENT


def test_a_machine_of_somebody_elses_is_not_adopted(client):
    client.define("foreign", description("foreign", ours=False))
    with pytest.raises(LibvirtFault, match="already"):
        client.define("foreign", description("foreign"))


def test_a_machine_whose_start_was_not_answered_is_adopted(client):
    client.define("m1", description("m1"))
    client._lines.get().link = Parted(client._lines.get().link, "start")
    client.start("m1", runs)
    assert client.state("m1").power is Power.RUNNING


def test_a_machine_that_ended_before_its_start_was_answered_is_not_started_again(client):
    client.define("m1", description("m1"))
    client._lines.get().link = Parted(client._lines.get().link, "start", ends=True)
    client.start("m1", lambda state, reason: runs(state, reason) or reason == libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED)
    assert client.state("m1").ending is Ending.KILLED


def test_only_marked_machines_are_ours(client):
    client.define("m1", description("m1"))
    client.define("foreign", description("foreign", ours=False))
    assert client.machines() == ("m1",)


def test_an_error_is_told_with_libvirts_code(client):
    with pytest.raises(LibvirtFault) as caught:
        client.define("m1", "<domain type='test'><name>m1</name>")
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
    client.define("heard", description("heard"))
    assert heard.get(timeout=SECONDS) == "heard"
    watch.close()
    assert unheard.empty()


def test_a_watcher_may_close_itself(client):
    told = threading.Event()

    def notify(_name):
        watch.close()
        told.set()

    watch = client.watch(notify)
    client.define("m1", description("m1"))
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
    client.define("m1", description("m1"))
    assert begun.wait(SECONDS)
    closing = threading.Thread(target=watch.close)
    closing.start()
    may_end.set()
    closing.join(SECONDS)
    assert ended.is_set()


def test_a_broken_link_is_opened_anew_and_every_watcher_told(client):
    _, heard = hear(client, "kept")
    client.define("kept", description("kept"))
    assert heard.get(timeout=SECONDS) == "kept"
    client._lines.get().detach()
    client._lines.get().link = Broken()
    assert client.state("kept").power is Power.OFF
    assert heard.get(timeout=SECONDS) == ""
    client.start("kept", runs)
    assert heard.get(timeout=SECONDS) == "kept"


def test_closing_lets_go_of_all_that_a_broken_link_lets_go_of():
    client = Client(lambda: dial(TEST_DRIVER))
    link = client._lines.get().link
    link.unregisterCloseCallback()  # so that the next one fails
    client.close()
    assert link.domainEventCallbackID == {}


def test_a_daemon_that_goes_away_while_it_is_greeted_is_a_lost_host():
    with pytest.raises(HostLost, match="at once"):
        Client(Broken)


def test_a_daemon_that_goes_away_twice_is_a_lost_host():
    client = Client(lambda: dial(TEST_DRIVER))
    line = client._lines.get()
    line.link = Broken()
    client._lines.get = lambda **_: line
    with pytest.raises(HostLost, match="twice"):
        client.state("m1")


class Capped:
    """A domain that keeps what it is bound to; with `refuses`, of a libvirt that has no cgroups."""

    def __init__(self, *, refuses):
        self.bounds = {}
        self._refuses = refuses

    def setSchedulerParametersFlags(self, bounds, _flags):  # noqa: N802  # libvirt's name
        self._bind(bounds)

    def setMemoryParameters(self, bounds, _flags):  # noqa: N802  # libvirt's name
        self._bind(bounds)

    def _bind(self, bounds):
        if self._refuses:
            error = libvirt.libvirtError("cgroup CPU controller is not mounted")
            error.err = (libvirt.VIR_ERR_OPERATION_INVALID, 0, "", 0, "", "", "", 0, 0)
            raise error
        self.bounds |= bounds


@pytest.mark.parametrize("refuses", [False, True])
def test_what_a_machine_takes_beside_its_guest_is_bounded_where_that_can_be(client, monkeypatch, refuses):
    domain = Capped(refuses=refuses)
    monkeypatch.setattr(libvirt.virConnect, "lookupByName", lambda _link, _name: domain)
    client.cap("m", memory=2**30)
    bounds = {"emulator_period": 100_000, "emulator_quota": 100_000, "hard_limit": 2**20}
    assert domain.bounds == ({} if refuses else bounds)
