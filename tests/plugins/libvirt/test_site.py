"""What one host is to vmf: whose machines are whose there, and how each is described."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from one_guest import MACHINE, PLATFORM
from vmf.errors import HostLost
from vmf.model import Access, DiskFormat, Ending, MachineState, Power
from vmf_libvirt.notes import Note
from vmf_libvirt.site import Dialect, Site, on_top
from vmf_libvirt.states import machine_state

ROOT = Path("/srv/vmf")
PANICKED = MachineState(power=Power.OFF, ending=Ending.PANICKED)


def describe(machine, place):
    return f"""
        <domain type="xen">
          <name>{place.prefix}{machine.name}</name>
          <title>a title with  spaces</title>
          <source file="{place.file("results")}"/>
        </domain>
    """


DIALECT = Dialect(
    describe=describe,
    platform=lambda _client, _machine: PLATFORM,
    check=lambda _client, _machine, _kept: None,
    header=lambda _description, _room: b"",
    room=lambda _start, _size: 0,
    sentences=lambda _: (),
    judge=lambda state, reason, _active: machine_state(state, reason),
)


@pytest.fixture
def opened(tmp_path):
    """Makes a host of this folder, as a process of vmf's does; `pools` are what libvirt has."""

    def opened(folder="x", *, pools=(), dialect=DIALECT):
        listed = [SimpleNamespace(name=lambda name=name: name) for name in pools]
        link = SimpleNamespace(listAllStoragePools=lambda _flags: listed)
        (tmp_path / folder).mkdir(exist_ok=True)

        def client(prefix, *, hear):
            return SimpleNamespace(prefix=prefix, hear=hear, call=lambda ask: ask(link))

        return Site(client, folder=tmp_path / folder, root=ROOT, dialect=dialect)

    return opened


def test_a_users_machines_are_told_from_all_others_on_the_host(opened):
    ours, theirs = opened("ours"), opened("theirs")
    assert ours.prefix != theirs.prefix
    assert ours.client.prefix == ours.prefix
    pools = [f"vmf-{ours.prefix}a", f"vmf-{theirs.prefix}b", "default", f"vmf-read-{ours.prefix}0"]
    assert opened("ours", pools=pools).pools() == {"a"}


def test_all_processes_of_a_user_have_the_same(opened):
    with ThreadPoolExecutor() as threads:
        assert len({site.prefix for site in threads.map(lambda _: opened(), range(8))}) == 1


def test_a_machines_files_are_in_a_folder_of_its_own(opened):
    site = opened()
    files = site.volumes("m")
    assert files.path == ROOT / site.owner / "m"
    assert files.pool == f"vmf-{site.prefix}m"
    assert opened("other").volumes("m").path != files.path


def test_a_machine_is_described_by_its_name_here_and_its_folder_there(opened):
    site = opened()
    told = ET.fromstring(site.description(Note(machine=MACHINE)))  # noqa: S314  # our own
    assert told.findtext("name") == f"{site.prefix}m"
    assert told.find("source").get("file") == f"{ROOT}/{site.owner}/m/results"


def test_to_describe_it_again_is_to_describe_the_same_one(opened):
    def ident(site, name):
        return ET.fromstring(site.description(Note(machine=replace(MACHINE, name=name)))).findtext("uuid")  # noqa: S314  # our own

    assert ident(opened(), "m") == ident(opened(), "m")
    assert len({ident(opened(), "m"), ident(opened(), "n"), ident(opened("other"), "m")}) == 3


def test_a_description_takes_no_more_room_than_it_needs(opened):
    told = opened().description(Note(machine=MACHINE))
    assert "\n" not in told
    assert "> " not in told
    assert "a title with  spaces" in told


def test_of_what_was_never_made_nothing_is_described(opened):
    with pytest.raises(AssertionError):
        opened().description(Note())


def test_a_machine_is_on_what_its_guest_has_changed_by_now():
    chains = {"disk0": ("disk0", "disk0-1"), "results": ("results", "results-1", "results-2")}
    machine = on_top(MACHINE, Note(machine=MACHINE, platform=PLATFORM, chains=chains))
    assert machine.restored.layers == {0: ("disk0", "disk0-1"), 1: ("results-1", "results-2")}
    assert (machine.results.file, machine.results.access) == ("results", Access.SNAPSHOT)
    assert machine.disks == MACHINE.disks


def test_without_snapshots_it_is_as_it_was_made():
    note = Note(machine=MACHINE, platform=PLATFORM, chains={"disk0": ("disk0",), "results": ("results",)})
    machine = on_top(MACHINE, note)
    assert machine.results == MACHINE.results
    assert machine.results.format is DiskFormat.RAW
    assert on_top(MACHINE, replace(note, platform=None)).restored is None


def test_what_is_heard_of_an_end_is_kept_for_all(opened):
    site = opened(dialect=replace(DIALECT, heard=lambda event, _details: PANICKED if event == "PANIC" else None))
    site.notes.keep("m", Note(machine=MACHINE))
    site.client.hear("m", "STOP", "{}")
    assert opened().notes.told("m") is None
    site.client.hear("m", "PANIC", "{}")
    assert opened().notes.told("m") == PANICKED


def test_where_nothing_is_told_nobody_listens(opened):
    assert opened().client.hear is None


def test_a_host_that_does_not_answer_is_lost(tmp_path):
    def client(_prefix, *, hear):
        assert hear is None
        raise HostLost("libvirt does not answer")

    with pytest.raises(HostLost):
        Site(client, folder=tmp_path, root=ROOT, dialect=DIALECT)
