"""Consoles that come by libvirt's stream; the contract suite reads those of real guests."""

from __future__ import annotations

import select
from collections import deque
from copy import copy
from pathlib import Path

import libvirt
import pytest

from vmf.errors import HoldCode, JobFault
from vmf.hookspecs import GAP
from vmf_libvirt import consoles as module
from vmf_libvirt.consoles import AGAIN, Consoles
from vmf_libvirt.errors import LibvirtFault

KIB = 1024
OPEN = Path("/proc/self/fd")


def broken(words):
    """libvirt's error with these words, and not those of the last one that there was."""
    libvirt.virResetLastError()
    return libvirt.libvirtError(words)


class Guest:
    """A machine that runs, and its console, which one at a time reads: what nobody reads is lost."""

    def __init__(self):
        self.reader = None
        self.runs = True
        self.typed = b""

    def say(self, words):
        if self.reader:
            self.reader.come(words)

    def power_off(self):
        self.runs = False
        if self.reader:
            self.reader.come(b"")

    def openConsole(self, _which, stream, flags):  # noqa: N802  # libvirt's word
        if not self.runs:
            raise broken("Domain is not running")
        if self.reader and not flags & libvirt.VIR_DOMAIN_CONSOLE_FORCE:
            raise broken("Active console session exists for this domain")
        before, self.reader, stream.guest = self.reader, stream, self
        if before:
            before.come(b"")


class Stream:
    """What libvirt hands on, as soon as it comes, on a thread of its own."""

    def __init__(self):
        self.guest = None
        self.waiting = deque()
        self.tell = None

    def come(self, words):
        self.waiting.append(words)
        if self.tell:
            self.tell(self, 0, None)

    def eventAddCallback(self, _events, tell, _opaque):  # noqa: N802  # libvirt's word
        self.tell = tell
        if self.waiting:
            tell(self, 0, None)

    def eventRemoveCallback(self):  # noqa: N802  # likewise
        self.tell = None

    def abort(self):
        if self.guest.reader is self:
            self.guest.reader = None

    def recv(self, most):
        if not self.waiting:
            return AGAIN
        words = self.waiting.popleft()
        if len(words) > most:
            self.waiting.appendleft(words[most:])
        return words[:most]

    def send(self, data):
        if self.guest.reader is not self:
            raise broken("the stream is closed")
        self.guest.typed += data[:3]
        return len(data[:3])


class Host:
    """Machines by libvirt's names for them."""

    def __init__(self):
        self.guests = {"ab-m": Guest()}
        self.link = self
        self.fault = None
        """What it answers next, instead of doing as asked."""

    def die(self):
        """Its libvirt dies, and another one takes its place; nobody tells the streams of the first one."""
        self.link = copy(self)
        for guest in self.guests.values():
            guest.reader = None

    def call(self, ask):
        if fault := self.fault:
            self.fault = None
            raise fault
        try:
            return ask(self.link)
        except libvirt.libvirtError as error:
            raise LibvirtFault(str(error)) from error

    def newStream(self, _flags):  # noqa: N802  # libvirt's word
        return Stream()

    def lookupByName(self, name):  # noqa: N802  # likewise
        if name not in self.guests:
            raise broken("Domain not found")
        return self.guests[name]


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def guest(host):
    return host.guests["ab-m"]


@pytest.fixture
def process(host, tmp_path, monkeypatch):
    """Makes the consoles of a host as one process of vmf's has them."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(module, "REST_SECONDS", 0.01)
    (tmp_path / "m").mkdir()
    made = []

    def process():
        made.append(Consoles(host, folder=lambda name: tmp_path / name, prefix="ab-"))
        return made[-1]

    yield process
    for each in made:
        each.close()


@pytest.fixture
def consoles(process):
    return process()


def whole(consoles):
    found = b""
    while piece := consoles.read("m", len(found)):
        found += piece
    return found


def test_what_a_guest_says_from_its_start_on_is_there_and_nothing_else(consoles, guest):
    assert consoles.said("m") is None
    consoles.begin("m")
    guest.say(b"Linux version 6\r\n")
    assert whole(consoles) == b"Linux version 6\r\n"
    assert consoles.read("m", 6) == b"version 6\r\n"
    assert consoles.said("m") == 17


def test_who_comes_late_says_so(process, guest):
    guest.say(b"nobody hears this\n")
    consoles = process()
    assert whole(consoles) == GAP
    guest.say(b"this is heard\n")
    assert whole(consoles) == GAP + b"this is heard\n"


def test_the_first_process_reads_for_all(process, guest):
    first, second = process(), process()
    first.begin("m")
    guest.say(b"one\n")
    assert whole(second) == b"one\n"
    guest.say(b"two\n")
    assert whole(second) == whole(first) == b"one\ntwo\n"


def test_another_goes_on_when_the_first_is_gone_and_says_what_may_be_missing(process, guest):
    first, second = process(), process()
    first.begin("m")
    guest.say(b"one\n")
    first.close()
    guest.say(b"nobody hears this\n")
    assert whole(second) == b"one\n" + GAP
    guest.say(b"two\n")
    assert whole(second) == b"one\n" + GAP + b"two\n"


def test_it_goes_on_when_its_hosts_libvirt_died_and_says_what_may_be_missing(consoles, guest, host):
    consoles.begin("m")
    guest.say(b"one\n")
    host.die()
    guest.say(b"nobody hears this\n")
    assert whole(consoles) == b"one\n" + GAP
    guest.say(b"two\n")
    assert whole(consoles) == b"one\n" + GAP + b"two\n"


def test_a_guest_that_ends_while_its_hosts_libvirt_is_dead_may_have_said_more(consoles, guest, host):
    consoles.begin("m")
    guest.say(b"one\n")
    host.die()
    guest.say(b"nobody hears this\n")
    guest.power_off()
    assert whole(consoles) == b"one\n"
    host.fault = LibvirtFault("libvirt is not there yet")
    with pytest.raises(LibvirtFault):
        consoles.finish("m")
    for _ in range(2):
        consoles.finish("m")
        assert whole(consoles) == b"one\n" + GAP


def test_nothing_is_missing_of_a_guest_that_had_ended_before_its_hosts_libvirt_died(consoles, guest, host):
    consoles.begin("m")
    guest.say(b"one\n")
    guest.power_off()
    host.die()
    consoles.finish("m")
    assert whole(consoles) == b"one\n"


def test_the_last_words_of_a_guest_are_there_when_it_has_ended(consoles, guest):
    consoles.begin("m")
    guest.say(b"Power down\n")
    guest.power_off()
    consoles.finish("m")
    assert whole(consoles) == b"Power down\n"


def test_a_machine_that_does_not_run_says_nothing(consoles, host):
    host.guests.clear()
    consoles.begin("m")
    assert consoles.read("m", 0) == b""
    assert consoles.said("m") is None
    consoles.finish("m")
    consoles.let_go("m")


def test_a_machine_that_is_gone_leaves_nothing_because_somebody_reads(consoles, host, tmp_path):
    host.guests["ab-n"] = Guest()
    assert consoles.read("n", 0) == b""
    with pytest.raises(JobFault, match="the machine is not there"):
        consoles.terminal("n")
    assert not (tmp_path / "n").exists()


def test_a_guest_that_never_stops_fills_no_disk(consoles, guest, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 64 * KIB)
    consoles.begin("m")
    for number in range(200):
        guest.say(b"%08d" % number * (KIB // 2))
    file = tmp_path / "m/console.log"
    assert file.stat().st_size == consoles.said("m") == 200 * 4 * KIB
    assert file.stat().st_blocks * 512 < 600 * KIB
    assert consoles.read("m", 0).startswith(b"00000000")
    assert consoles.read("m", 199 * 4 * KIB) == b"00000199" * (KIB // 2)


def shown(terminal):
    assert select.select([terminal], [], [], 10)[0]
    return terminal.read()


def test_one_sits_down_sees_and_types(consoles, guest):
    consoles.begin("m")
    terminal = consoles.terminal("m")
    guest.say(b"login: ")
    assert shown(terminal) == b"login: "
    terminal.write(b"ada\n, who types more than goes at once")
    assert guest.typed == b"ada\n, who types more than goes at once"
    terminal.close()
    guest.say(b"later\n")
    assert whole(consoles) == b"login: later\n"


def test_one_at_a_time_sits_there(process):
    first, second = process(), process()
    terminal = first.terminal("m")
    with pytest.raises(JobFault, match="somebody else is at the console") as caught:
        second.terminal("m")
    assert caught.value.code is HoldCode.REFUSED
    terminal.close()
    second.terminal("m").close()


def test_who_sits_down_takes_it_from_whoever_only_reads(process, guest):
    reading, sitting = process(), process()
    reading.begin("m")
    guest.say(b"one\n")
    terminal = sitting.terminal("m")
    guest.say(b"two\n")
    assert shown(terminal) == b"two\n"
    assert whole(reading) == b"one\n" + GAP + b"two\n"
    terminal.close()


def test_who_sits_there_sees_the_end_of_the_machine(consoles, guest):
    consoles.begin("m")
    terminal = consoles.terminal("m")
    guest.say(b"bye\n")
    guest.power_off()
    assert shown(terminal) == b"bye\n"
    assert shown(terminal) == b""
    terminal.write(b"nobody hears it")
    terminal.close()
    assert guest.typed == b""


def test_nobody_sits_down_at_a_machine_that_does_not_run(consoles, host):
    host.guests.clear()
    with pytest.raises(JobFault, match="the console does not answer: Domain not found"):
        consoles.terminal("m")
    host.guests["ab-m"] = Guest()
    consoles.terminal("m").close()


def test_who_does_not_look_keeps_no_guest_from_speaking(consoles, guest):
    terminal = consoles.terminal("m")
    for _ in range(40):
        guest.say(bytes(64 * KIB))
    assert consoles.said("m") == len(GAP) + 40 * 64 * KIB
    terminal.close()


def test_nothing_stays_open(process, guest):
    before = set(OPEN.iterdir())
    consoles = process()
    consoles.begin("m")
    consoles.terminal("m").close()
    left = consoles.terminal("m")
    guest.power_off()
    left.close()
    consoles.close()
    assert set(OPEN.iterdir()) == before
