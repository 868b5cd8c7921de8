"""The contract that every hypervisor plugin keeps, as tests: subclass `HypervisorContract` in a test module.

    class TestKvm(HypervisorContract):
        @pytest.fixture(scope="class")
        @classmethod
        def host(cls) -> Host:
            return Host(name="here", type="kvm")

        @pytest.fixture(scope="class")
        @classmethod
        def image(cls) -> Image: ...

        @pytest.fixture(scope="class")
        @classmethod
        def guests(cls) -> Guests: ...

Every promise of `vmf.hookspecs` is tried through the façade that the engine uses, on machines that run. The host is
to have no other machines of vmf; all that are made are destroyed at the end. For failures that say what was compared,
a `conftest.py` calls `pytest.register_assert_rewrite("vmf.testing")`. What not all hypervisors can is tried where the
plugin declares it, by the modules beside this one, one for each topic: `CAPABILITIES` names the tests, and
`@tries("my-ability")` or `@requires(…)` of `vmf.testing.abilities` ties one of the subclass to the plugin's own.
"""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import Refused
from vmf.hookspecs import API
from vmf.model import MEBIBYTE, Ending, Handle, Host, Image, MachineState, Power, Stop, Transport
from vmf.plugins import Plugins
from vmf.result import Said, Word
from vmf.testing import (
    contract_checkpoints,
    contract_clones,
    contract_disks,
    contract_guests,
    contract_media,
    contract_networks,
    contract_suspends,
)
from vmf.testing.abilities import lacking, tried, tries
from vmf.testing.bench import MADE, READY, Bench, Ended, Guests, break_off

__all__ = ["Guests", "HypervisorContract"]

EXIT_CODE = 7
NAME_MOST = 63
CONSOLE_MOST = 64 * 1024
ENDED = MachineState(power=Power.OFF, ending=Ending.SHUTDOWN)
KILLED = MachineState(power=Power.OFF, ending=Ending.KILLED)
ABSENT = MachineState(power=Power.ABSENT)


class HypervisorContract(
    contract_disks.DisksContract,
    contract_networks.NetworksContract,
    contract_guests.GuestsContract,
    contract_media.MediaContract,
    contract_suspends.SuspendsContract,
    contract_checkpoints.CheckpointsContract,
    contract_clones.ClonesContract,
):
    """Subclass it, name it `Test…`, and give it the fixtures `host`, `image` and `guests`."""

    @pytest.fixture(scope="class")
    @classmethod
    def plugins(cls) -> Plugins:
        """All plugins that are installed; override it to try one that is not."""
        return Plugins.load()

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls) -> Host:
        """The host; override it."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls) -> Image:
        """An image whose guest keeps the guest contract; override it."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls) -> Guests:
        """The scripts for that guest; override it."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    @classmethod
    def declared(cls, request: pytest.FixtureRequest, plugins: Plugins, host: Host) -> None:
        """Pass over the test of a capability that the plugin does not declare, or that this host lacks."""
        declared = plugins.types[host.type].capabilities.keys()
        if undeclared := lacking(request.function, declared):
            pytest.skip(f"{host.type} does not declare {', '.join(undeclared)}")
        if lacking(request.function, frozenset()):
            missing = request.getfixturevalue("bench").facts.missing
            if absent := lacking(request.function, declared - missing.keys()):
                reasons = (f"{each}: {missing[each]}" for each in absent if each in missing)
                pytest.skip(f"cannot be tried: {'; '.join(reasons)}")

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Where the plugin keeps what it keeps for the host."""
        return tmp_path_factory.mktemp("host")

    @pytest.fixture(scope="class")
    @classmethod
    def bench(
        cls,
        plugins: Plugins,
        host: Host,
        image: Image,
        guests: Guests,
        folder: Path,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Iterator[Bench]:
        """The host under test."""
        hypervisor = plugins.connect(host, folder)
        bench = Bench(hypervisor, image=image, guests=guests, folder=tmp_path_factory.mktemp("bench"))
        yield bench
        bench.close()

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, bench: Bench, guests: Guests) -> Ended:
        """A machine that has run to its end; its files were put twice, and only the second ones end."""
        name = bench.new_name(NAME_MOST)
        nudges: queue.Queue[str] = queue.Queue()
        before = bench.hypervisor.state(Handle(host=bench.hypervisor.host.name, machine=name))
        bench.put(name, guests.hangs)
        watch = bench.hypervisor.watch(nudges.put)
        handle = bench.run(guests.ends, name)
        end = bench.until_ended(handle, nudges)
        watch.close()
        return Ended(handle=handle, before=before, end=end, machine=bench.machine(name, guests.ends))

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls, bench: Bench, guests: Guests) -> Handle:
        """A machine that runs until somebody ends it; no test does."""
        return bench.run(guests.hangs)

    def test_says_what_it_is(self, plugins: Plugins, host: Host) -> None:
        """It is loaded, and calls itself what the host calls it."""
        assert [each.error for each in plugins.listed if each.name == host.type] == [""]
        said = plugins.types[host.type]
        assert (said.type, said.api) == (host.type, API)
        assert said.version
        assert issubclass(said.settings, Struct)

    def test_every_capability_is_tried(self, plugins: Plugins, host: Host) -> None:
        """A capability that no test tries cannot be promised to anybody."""
        assert set(plugins.types[host.type].capabilities) <= tried(type(self)).keys()

    def test_a_probe_finds_a_host(self, bench: Bench, guests: Guests) -> None:
        """Facts are numbers that a match can use, and say what they hold for."""
        assert bench.facts.memory >= guests.memory
        assert bench.facts.cpus >= 1
        assert all((bench.facts.identity, bench.facts.arch, bench.facts.accelerator, bench.facts.versions))

    def test_facts_that_still_hold_are_kept(self, bench: Bench) -> None:
        """What an earlier probe found comes back as it was, for as long as the identity is the same."""
        known = replace(bench.facts, note="from an earlier probe")
        assert bench.hypervisor.probe(known=known, proof=None) == known
        stale = replace(known, identity="another machine")
        assert bench.hypervisor.probe(known=stale, proof=None).identity == bench.facts.identity

    def test_a_guest_that_powers_off_has_ended_cleanly(self, ended: Ended) -> None:
        """From absent to off, told by a nudge; nothing but a shutdown was seen. The name is the longest there is."""
        assert ended.before == ABSENT
        assert replace(ended.end, detail="") == ENDED
        assert len(ended.handle.machine) == NAME_MOST

    def test_the_results_come_back(self, bench: Bench, ended: Ended, tmp_path: Path) -> None:
        """The volume is the one that was put last, and holds what the guest wrote."""
        word = bench.read(ended.handle, tmp_path)
        assert word == Word(said=Said.ALL, exit_code=EXIT_CODE, files=(MADE,))
        assert (tmp_path / MADE).read_text() == f"{MADE}\n"

    def test_the_console_is_read_from_any_byte(self, bench: Bench, ended: Ended) -> None:
        """All of it is kept; a piece is no longer than promised and begins where it was asked for."""
        whole = bench.console(ended.handle)
        assert READY in whole
        assert len(whole) > CONSOLE_MOST
        for offset in (0, 1, len(whole) // 2, len(whole) - 1):
            piece = bench.hypervisor.console(ended.handle, offset)
            assert 0 < len(piece) <= CONSOLE_MOST
            assert piece == whole[offset : offset + len(piece)]
        assert bench.hypervisor.console(ended.handle, len(whole)) == b""
        assert bench.hypervisor.console(ended.handle, len(whole) + 1) == b""

    def test_a_machine_that_has_ended_is_never_started_again(self, bench: Bench, ended: Ended) -> None:
        """Creating it again adopts it as it is."""
        assert bench.hypervisor.create(ended.machine).machine == ended.handle.machine
        assert bench.hypervisor.state(ended.handle) == ended.end
        assert bench.console(ended.handle).count(READY) == 1

    @pytest.mark.parametrize("how", list(Stop))
    def test_shutting_down_what_has_ended_changes_nothing(self, bench: Bench, ended: Ended, how: Stop) -> None:
        """How it ended stays as it was."""
        assert bench.hypervisor.shut_down(ended.handle, how) == ended.end
        assert bench.hypervisor.state(ended.handle) == ended.end

    def test_a_machine_that_runs_is_adopted(self, bench: Bench, running: Handle, guests: Guests) -> None:
        """Creating it again leaves it alone: there is one machine, and its guest goes on."""
        assert bench.hypervisor.create(bench.machine(running.machine, guests.hangs)).machine == running.machine
        assert bench.hypervisor.state(running) == MachineState(power=Power.RUNNING)
        listed = [each.machine for each in bench.hypervisor.machines()]
        assert listed.count(running.machine) == 1
        assert bench.console(running).count(READY) == 1

    def test_whoever_comes_next_finds_the_machines(
        self, plugins: Plugins, folder: Path, bench: Bench, ended: Ended, running: Handle
    ) -> None:
        """A new connection needs no more than the name; letting go of it leaves everything as it is."""
        host = bench.hypervisor.host
        fresh = plugins.connect(host, folder)
        for known, state in ((ended.handle, ended.end), (running, MachineState(power=Power.RUNNING))):
            handle = Handle(host=host.name, machine=known.machine)
            assert fresh.state(handle) == state
            assert READY in fresh.console(handle, 0)
        assert {each.machine for each in fresh.machines()} == bench.names()
        fresh.close()
        assert bench.hypervisor.state(running) == MachineState(power=Power.RUNNING)

    def test_a_guest_that_is_asked_powers_off(self, bench: Bench, guests: Guests) -> None:
        """It ends cleanly, and every watch is told but the one that was closed."""
        nudges: queue.Queue[str] = queue.Queue()
        unheard: queue.Queue[str] = queue.Queue()
        handle = bench.run(guests.hangs)
        watch, closed = bench.hypervisor.watch(nudges.put), bench.hypervisor.watch(unheard.put)
        closed.close()
        before = unheard.qsize()
        assert bench.hypervisor.shut_down(handle, Stop.ASK).power in {Power.RUNNING, Power.OFF}
        assert replace(bench.until_ended(handle, nudges), detail="") == ENDED
        watch.close()
        assert unheard.qsize() == before

    def test_a_guest_that_is_forced_was_killed(self, bench: Bench, guests: Guests) -> None:
        """It does not hear that it is asked; forced, it is off at once, and that was no clean shutdown."""
        handle = bench.run(guests.ignores)
        assert bench.hypervisor.shut_down(handle, Stop.ASK) == MachineState(power=Power.RUNNING)
        assert replace(bench.hypervisor.shut_down(handle, Stop.FORCE), detail="") == KILLED
        assert replace(bench.hypervisor.state(handle), detail="") == KILLED

    def test_a_reboot_ends_a_machine_that_may_not_reboot(self, bench: Bench, guests: Guests, tmp_path: Path) -> None:
        """The machine of a job with a script: the script is not run twice, and nothing is on the volume."""
        nudges: queue.Queue[str] = queue.Queue()
        watch = bench.hypervisor.watch(nudges.put)
        handle = bench.run(guests.reboots)
        assert bench.until_ended(handle, nudges).ending in {Ending.SHUTDOWN, Ending.REBOOTED}
        watch.close()
        assert bench.console(handle).count(READY) == 1
        assert bench.read(handle, tmp_path).said is Said.NOTHING

    def test_a_machine_that_may_reboot_is_still_there_after_it(self, bench: Bench, guests: Guests) -> None:
        """What a job without a script may do as often as it likes; nobody sees it off meanwhile."""
        name, powers = bench.new_name(), set[Power]()

        def look() -> bytes:
            powers.add(bench.hypervisor.state(handle).power)
            return bench.console(handle)

        bench.put(name, guests.reboots)
        handle = bench.hypervisor.create(replace(bench.machine(name, guests.reboots), reboots=True))
        bench.until(look, lambda console: READY in console)
        bench.until(look, lambda console: console.count(READY) > 1)
        look()
        assert powers == {Power.RUNNING}
        bench.hypervisor.destroy(handle)

    def test_destroying_leaves_nothing(self, bench: Bench, guests: Guests) -> None:
        """Even of a machine that runs; it can be done again, and then the name stands for a new machine."""
        handle = bench.run(guests.hangs)
        for _ in range(2):
            assert bench.hypervisor.destroy(handle) == ABSENT
            assert bench.hypervisor.state(handle) == ABSENT
            assert handle.machine not in bench.names()
        assert bench.run(guests.hangs, handle.machine).machine == handle.machine
        assert bench.hypervisor.state(handle) == MachineState(power=Power.RUNNING)
        assert bench.console(handle).count(READY) == 1
        bench.hypervisor.destroy(handle)

    def test_what_is_absent_is_as_it_should_be(self, bench: Bench) -> None:
        """Ending or removing what is not there is success."""
        handle = Handle(host=bench.hypervisor.host.name, machine=bench.new_name())
        assert bench.hypervisor.state(handle) == ABSENT
        assert [bench.hypervisor.shut_down(handle, how) for how in Stop] == [ABSENT, ABSENT]
        assert bench.hypervisor.destroy(handle) == ABSENT
        assert bench.hypervisor.console(handle, 0) == b""

    @tries(*(f"transport-{each}" for each in Transport if each is not Transport.LOCAL))
    def test_what_is_on_its_way_to_a_host_is_told_and_can_be_broken_off(self, bench: Bench, tmp_path: Path) -> None:
        """Whoever carries it is told how far it is; broken off, it can be put anew."""
        source, name = tmp_path / "source", bench.new_name()
        source.write_bytes(READY * MEBIBYTE)
        told: list[tuple[int, int]] = []
        with pytest.raises(Refused):
            bench.hypervisor.put(name, "file", source, break_off)
        assert bench.hypervisor.put(name, "file", source, lambda *done: told.append(done)) == "file"
        assert told
        assert told == sorted(told)
        assert {total for _, total in told} == {source.stat().st_size}
        assert bench.hypervisor.destroy(Handle(host=bench.hypervisor.host.name, machine=name)) == ABSENT
        assert name not in bench.names()

    def test_a_folder_without_a_machine_is_listed_and_removed(
        self, bench: Bench, running: Handle, tmp_path: Path
    ) -> None:
        """What an engine left that died before it created the machine; the other machines are listed beside it."""
        others = bench.names()
        assert running.machine in others
        source = tmp_path / "source"
        source.write_bytes(READY)
        handle = Handle(host=bench.hypervisor.host.name, machine=bench.new_name())
        assert bench.hypervisor.put(handle.machine, "file", source) == "file"
        assert source.read_bytes() == READY
        assert bench.names() == {*others, handle.machine}
        assert bench.hypervisor.state(handle) == ABSENT
        assert bench.hypervisor.destroy(handle) == ABSENT
        assert bench.names() == others


CAPABILITIES: Mapping[str, str] = MappingProxyType(tried(HypervisorContract))
"""Each capability that a plugin may declare, and the test that tries it."""
