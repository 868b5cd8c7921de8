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

from farm import FARM
from vmf.errors import HostFault, SetupError
from vmf.hookspecs import hookimpl
from vmf.match import Rejection
from vmf.model import Connection, Facts, Folder, Host, HostBoot, ImageRoot, Networks, NetworkType, Transport
from vmf.plugins import HYPERVISORS
from vmf.run import hosts
from vmf.testing import fake
from vmf.testing.world import World

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


def test_a_set_up_that_spares_no_host_is_raised_and_not_blamed_on_the_hosts(make):
    farm = make()
    farm.fault("probe", "host", "out of order")
    with pytest.raises(SetupError, match="no plugin is installed"):
        farm.hosts.offers((FARM, STRANGE))


def test_a_host_that_cannot_be_used_is_set_aside_and_probed_again_later(make, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(hosts, "time", SimpleNamespace(monotonic=lambda: clock.now))
    farm = make()
    farm.fault("probe", "host", "out of order")
    for clock.now in (0.0, hosts.AGAIN_SECONDS - 1):
        with pytest.raises(HostFault, match="out of order"):
            farm.hosts.facts(FARM)
    clock.now = hosts.AGAIN_SECONDS
    assert farm.hosts.facts(FARM).accelerator == "fake"


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


def enable(monkeypatch, *abilities):
    """Let the fake declare more abilities."""
    able = replace(fake.hypervisor(), capabilities={**fake.ABILITIES, **dict.fromkeys(abilities, "It can.")})
    monkeypatch.setattr(fake, "hypervisor", hookimpl(lambda: able))


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
    assert rejected.reason == "host w: the plugin words only knows the words of its specs, and drives no host yet"
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
