"""The hosts of an engine: which can be used, and what becomes of those that cannot."""

from __future__ import annotations

import os
import pwd
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated

import pytest
from msgspec import Meta, Struct
from msgspec.structs import replace

from farm import FARM, enable
from vmf.ads import host_ad
from vmf.classad import World as Classad
from vmf.errors import HostFault, HostLost, SetupError
from vmf.hookspecs import hookimpl
from vmf.match import Rejection, match
from vmf.model import ITSELF, Connection, Facts, Folder, Host, HostBoot, ImageRoot, Networks, NetworkType, Transport
from vmf.plugins import HYPERVISORS
from vmf.testing import fake
from vmf.testing.world import World

CLASSAD = Classad()
STRANGE = Host(name="strange", type="nonesuch")


@pytest.fixture
def closed(monkeypatch):
    """The connections that have been closed."""
    connections = []

    def close(connection):
        connections.append(connection)

    monkeypatch.setattr(World, "close", close)
    return connections


def test_a_host_that_cannot_be_used_is_named_beside_one_that_can(make):
    farm = make()
    rejected, offer = farm.hosts.offers((STRANGE, FARM))
    assert isinstance(rejected, Rejection)
    assert (rejected.host, rejected.passing) == ("strange", False)
    assert "no plugin is installed for 'nonesuch'" in rejected.reason
    assert offer.host == FARM
    (record,) = farm.carry(farm.job("exit 0"), hosts=(STRANGE, FARM))
    assert record.placement.host.name == "farm"


def test_a_host_that_cannot_be_used_is_told_with_what_to_do(make, monkeypatch):
    def probe(*_, **__):
        raise HostLost("its key is not known here", hint="`ssh farm true` once, by hand")

    farm = make()
    monkeypatch.setattr(farm.hosts, "_probe", probe)
    (rejected,) = farm.hosts.offers((FARM,))
    assert rejected.reason == "its key is not known here; `ssh farm true` once, by hand"


def test_a_set_up_that_spares_no_host_is_raised_and_not_blamed_on_the_hosts(make):
    farm = make()
    farm.fault("probe", "host", "out of order")
    with pytest.raises(SetupError, match="no plugin is installed"):
        farm.hosts.offers((FARM, STRANGE))


def test_a_host_that_cannot_be_used_is_set_aside_for_longer_each_time(make, clock):
    farm = make()
    farm.fault("probe", "host", "out of order", times=9)
    waited = []
    for _ in range(9):
        with pytest.raises(HostFault, match="out of order"):
            farm.hosts.facts(FARM)
        failed = farm.store.setbacks("farm")[ITSELF]
        farm.fault("probe", "host", "not yet")
        clock.now += failed.pause - 1
        with pytest.raises(HostFault, match="out of order"):
            farm.hosts.facts(FARM)
        farm.fault("probe", "host", "out of order")
        clock.now += 1
        waited.append(failed.pause)
    assert waited == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    farm.fault("probe", "host", "", times=0)
    assert farm.hosts.facts(FARM).accelerator == "fake"
    assert farm.store.setbacks("farm") == {}


VNC = HostFault("no screen is left", ability="vnc")


def verdicts(farm, *, vnc=True):
    """Whether a job of this kind fits, and if not, why."""
    job = replace(farm.job("exit 0"), vnc=vnc)
    return match(job, farm.hosts.offers((FARM,)), world=CLASSAD)


def test_what_a_host_fails_at_is_set_aside_and_nothing_else(make, clock):
    farm = make()
    farm.hosts.offers((FARM,))
    farm.hosts.blame(FARM, VNC)
    assert verdicts(farm, vnc=False).fitting
    found = verdicts(farm)
    (out,) = found.rejected
    assert (out.clause, out.passing, found.hopeless) == ("vnc", True, False)
    assert "; vnc: no screen is left; set aside since " in out.reason
    (offer,) = farm.hosts.offers((FARM,))
    ad = host_ad(offer)
    assert (ad["VMOfflineReason"], ad["VMOfflineTime"]) == ("vnc: no screen is left", 10**9)
    assert "HasVnc" not in ad
    clock.now += 30
    assert verdicts(farm).fitting
    (offer,) = make().hosts.offers((FARM,))
    assert "VMOfflineReason" not in host_ad(offer)


def test_jobs_that_fail_together_make_no_pause_longer_and_one_that_goes_well_ends_it(make, clock):
    farm = make()
    for pause in (30, 60, 120):
        for _ in range(5):
            farm.hosts.blame(FARM, VNC)
        assert farm.store.setbacks("farm")["vnc"].pause == pause
        clock.now += pause
    farm.hosts.credit(FARM, ("shares",))
    assert farm.store.setbacks("farm").keys() == {"vnc"}
    farm.hosts.credit(FARM, ("shares", "vnc"))
    assert farm.store.setbacks("farm") == {}


def test_a_clock_that_was_set_back_keeps_nothing_aside(make, clock):
    farm = make()
    farm.hosts.facts(FARM)
    farm.hosts.blame(FARM, VNC)
    assert not verdicts(farm).fitting
    clock.now -= 1e6
    assert verdicts(farm).fitting


@pytest.fixture
def probes(monkeypatch):
    """What probes of the fake were given as known; `lacks` is what they find missing."""
    probe, seen = fake.probe, SimpleNamespace(known=[], lacks={})

    def spy(connection, known):
        seen.known.append(known)
        return replace(probe(connection, None), missing=seen.lacks)

    monkeypatch.setattr(fake, "probe", hookimpl(spy))
    return seen


UNKNOWN = [HostFault("it broke"), HostFault("it broke", ability="nonsense")]


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_host_that_failed_nobody_knows_at_what_is_looked_at_anew(make, probes, fault):
    farm = make()
    make().hosts.facts(FARM)
    for _ in range(3):
        assert verdicts(farm).fitting
    farm.hosts.blame(FARM, fault)
    for _ in range(3):
        assert verdicts(farm).fitting, "it is well: the job was unlucky"
    assert [known is None for known in probes.known] == [True, False, True]
    assert farm.store.setbacks("farm") == {}


def test_an_ability_that_has_gone_is_set_aside_until_a_probe_finds_it_again(make, clock, probes):
    farm = make()
    assert verdicts(farm).fitting
    probes.lacks = {"vnc": "its library has gone"}
    farm.hosts.blame(FARM, HostFault("it broke"))
    for pause in (30, 60):
        found = verdicts(farm)
        assert not found.hopeless
        assert "vnc: its library has gone" in found.rejected[0].reason
        assert verdicts(farm, vnc=False).fitting
        assert farm.store.setbacks("farm")["vnc"].pause == pause
        clock.now += pause
    probes.lacks = {}
    assert verdicts(farm).fitting
    assert farm.store.setbacks("farm") == {}


def test_what_a_host_never_had_is_not_waited_for(make, probes):
    probes.lacks = {"vnc": "there is no library"}
    assert verdicts(make()).hopeless


def test_a_host_that_worked_and_does_not_any_more_is_waited_for(make):
    farm = make()
    farm.hosts.offers((FARM,))
    farm.hosts.blame(FARM, HostFault("it broke"))
    farm.fault("probe", "host", "out of order")
    found = verdicts(farm)
    assert (found.rejected[0].reason, found.hopeless) == ("out of order", False)


def test_whoever_changes_a_host_has_all_of_it_tried_again(make):
    farm = make()
    facts = farm.hosts.facts(FARM)
    farm.hosts.blame(FARM, VNC)
    farm.store.keep_facts("farm", replace(facts, version="2"))
    assert verdicts(farm).fitting


def test_a_host_that_hangs_is_out_until_it_answers_and_keeps_nobody(make, monkeypatch):
    answers, probe = threading.Event(), fake.probe

    def hang(connection, known):
        assert answers.wait(30)
        return probe(connection, known)

    monkeypatch.setattr(fake, "probe", hookimpl(hang))
    farm = make()
    for _ in range(3):
        (rejected,) = farm.hosts.offers((FARM,), patience=0)
        assert (rejected.reason, rejected.passing) == ("it has been asked, and has not answered yet", True)
    answers.set()
    (offer,) = farm.hosts.offers((FARM,))
    assert offer.host == FARM


ME = pwd.getpwuid(os.geteuid()).pw_name


def test_a_host_is_for_those_it_names(make):
    farm = make()
    (rejected,) = farm.hosts.offers((replace(FARM, users=(f"not-{ME}", "ada")),))
    assert (rejected.host, rejected.clause, rejected.passing) == ("farm", "users", False)
    assert rejected.reason == f"it is not for user {ME}"
    (offer,) = farm.hosts.offers((replace(FARM, users=("ada", ME)),))
    assert offer.host.name == "farm"
    (nobodys,) = farm.hosts.offers((replace(FARM, users=()),))
    assert nobodys.clause == "users"


def test_of_what_a_host_has_for_some_each_gets_his_own(make, monkeypatch):
    """A list of nobody is for nobody; also whoever connects the host sees no more of it."""
    enable(monkeypatch, "shares", "network-nat", "network-bridge")
    some = {"everybodys": None, "mine": ("ada", ME), "theirs": ("ada",), "nobodys": ()}
    host = replace(
        FARM,
        networks=Networks(users={NetworkType.BRIDGE: ("ada",), NetworkType.NAT: (ME,), NetworkType.USER: ()}),
        folders={name: Folder(path=Path("/", name), users=users) for name, users in some.items()},
        images=tuple(ImageRoot(path=Path("/", name), users=users) for name, users in some.items()),
    )
    hosts_ = make().hosts
    (offer,) = hosts_.offers((host,))
    for seen in (offer.host, hosts_.hypervisor(host).host):
        assert list(seen.folders) == ["everybodys", "mine"]
        assert [root.path.name for root in seen.images] == ["everybodys", "mine"]
    assert [each for each in offer.capabilities if each.startswith("network-")] == ["network-nat"]
    assert offer.facts.missing["network-bridge"] == f"it is not for user {ME}"
    assert hosts_.facts(host).missing == {}


def test_a_list_of_no_images_is_not_one_that_was_not_given(make):
    unlimited, none = make().hosts.offers((FARM, replace(FARM, name="b", images=(), folders={})))
    assert (unlimited.host.images, none.host.images) == (None, ())


SSH = Connection(transport=Transport.SSH, address="a")


@pytest.mark.parametrize(
    ("wishes", "ability", "field"),
    [
        ({"connection": SSH}, "transport-ssh", "spec.connection.transport"),
        ({"networks": Networks(types=(NetworkType.NAT,))}, "network-nat", "spec.networks.types"),
        ({"boot": HostBoot()}, "default-kernel", "spec.boot"),
        ({"continue_": "true"}, "policy", "spec.continue"),
        ({"guests": ("a",)}, "guest-of", "spec.guests"),
    ],
)
def test_a_host_that_wants_what_its_plugin_cannot_is_out_unasked(make, wishes, ability, field):
    farm = make()
    farm.fault("probe", "host", "it was asked")
    (rejected,) = farm.hosts.offers((replace(FARM, **wishes),))
    assert (rejected.clause, rejected.passing) == (ability, False)
    assert rejected.reason == f"its {field} needs the ability {ability}, which the plugin fake does not have"


def test_a_plugin_that_declares_the_ability_takes_the_host(make, monkeypatch):
    enable(monkeypatch, "transport-ssh")
    (offer,) = make().hosts.offers((replace(FARM, connection=SSH),))
    assert set(offer.capabilities) == {*fake.ABILITIES, "transport-ssh"}


class Words(Struct, frozen=True, kw_only=True):
    script: Annotated[str | None, Meta(description="A script.", extra={"needs": "scripts"})] = None


def test_what_the_block_of_the_type_wants_counts_as_well(make, monkeypatch):
    wordy = replace(fake.hypervisor(), settings=Words)
    monkeypatch.setattr(fake, "hypervisor", hookimpl(lambda: wordy))
    hosts_ = (replace(FARM, name="plain", settings={"fake": {}}), replace(FARM, settings={"fake": {"script": "x"}}))
    offer, rejected = make().hosts.offers(hosts_)
    assert offer.host.name == "plain"
    assert rejected.reason.startswith("its spec.fake.script needs the ability scripts")


def test_a_host_of_a_type_of_which_only_the_words_are_known_is_out_with_the_reason(make):
    farm = make()
    words = ModuleType("words")
    words.hypervisor = hookimpl(lambda: replace(fake.hypervisor(), type="words"))
    farm.plugins.add(HYPERVISORS, "words", lambda: words)
    rejected, offer = farm.hosts.offers((Host(name="w", type="words"), FARM))
    assert (rejected.host, rejected.passing) == ("w", False)
    assert rejected.reason == (
        "host w: the plugin words only knows the words of its specs, and drives no host yet; use a host of another "
        "type; `vmf plugin ls` lists all"
    )
    assert offer.host == FARM


def test_facts_are_kept_and_given_to_the_next_probe(make, monkeypatch):
    asked = []
    probe = fake.probe

    def spy(connection, known):
        asked.append(known)
        return probe(connection, known)

    monkeypatch.setattr(fake, "probe", hookimpl(spy))
    facts = make().hosts.facts(FARM)
    assert make().hosts.facts(FARM) == facts
    assert isinstance(facts, Facts)
    assert asked == [None, facts]


def test_a_host_is_let_go_of_once(make, closed):
    farm = make()
    farm.carry(farm.job("exit 0"))
    farm.hosts.close()
    assert len(closed) == 1


def test_a_host_that_cannot_be_watched_is_let_go_of(make, closed):
    farm = make()
    farm.fault("watch", "host", "nothing to be seen")
    with pytest.raises(HostFault, match="nothing to be seen"):
        farm.hosts.hypervisor(FARM)
    assert len(closed) == 1


def test_a_plugin_that_fails_at_its_farewell_harms_nothing(make, monkeypatch):
    farm = make()
    (record,) = farm.carry(farm.job("exit 0"))
    monkeypatch.setattr(World, "close", lambda _: 1 / 0)
    farm.hosts.close()
    assert record.verdict.exit_code == 0


@pytest.mark.parametrize(("nudge", "woken"), [("vmf-1-1", {"vmf-1-1"}), ("", {"vmf-1-1", "vmf-2-1"})])
def test_a_nudge_wakes_those_it_may_mean(make, monkeypatch, nudge, woken):
    """A hypervisor that has lost track, as after a reconnect, nudges without a name."""
    notifies = []
    watch = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(fake, "watch", hookimpl(lambda notify: notifies.append(notify) or watch))
    farm = make()
    wakes = {name: threading.Event() for name in ("vmf-1-1", "vmf-2-1")}
    for name, event in wakes.items():
        farm.hosts.wake(name, event)
    farm.hosts.hypervisor(FARM)
    notifies[0](nudge)
    assert {name for name, event in wakes.items() if event.is_set()} == woken
