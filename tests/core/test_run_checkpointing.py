"""Memory and disks are kept, the job leaves its host and goes on from them, whatever happens meanwhile."""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from farm import FARM
from faults import ALWAYS
from vmf.hookspecs import hookimpl
from vmf.model import Checkpoint, Suspend, Why
from vmf.run import Advanced, checkpointing, engine
from vmf.state import (
    CheckpointAsked,
    Checkpointed,
    CheckpointFailed,
    Created,
    Forgone,
    Placed,
    RestoreFailed,
    State,
    SuspendAsked,
    Suspended,
    VacateAsked,
    Vacated,
)
from vmf.store import own
from vmf.testing import samples
from vmf.testing.guest import chain

ASKED = CheckpointAsked(why=Why.OWNER)
SITES = (FARM, replace(FARM, name="barn"))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.02)


def kept(farm, script, **policy):
    """A job that has checkpoints."""
    return replace(farm.job(script), checkpoint=Checkpoint(on_eviction=True, **policy))


def when(farm, event, do, *, times=1):
    """Do something as often as this has happened, at the most `times`."""
    left = [do] * times

    def watch(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, event) and left:
            left.pop()()

    farm.watch(watch)


def story(farm):
    return [type(each.event) for each in farm.store.history(1)]


def numbers(farm):
    folder = farm.store.home.checkpoints(1)
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def test_a_guest_goes_on_while_it_is_kept_and_after_it(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    seen = []
    when(farm, Checkpointed, lambda: seen.append(numbers(farm)))
    farm.speak(Checkpointed)
    (record,) = farm.carry(kept(farm, "hear\nwrite out.txt made\nexit 3"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert story(farm)[2:4] == [CheckpointAsked, Checkpointed]
    assert seen == [["1"]]
    assert numbers(farm) == []


def test_one_that_finds_no_place_is_told_and_keeps_no_guest_from_going_on(make):
    farm = make()
    when(farm, Created, lambda: (farm.store.home.checkpoints(1).write_text("in the way"), farm.engine.ask(1, ASKED)))
    farm.speak(CheckpointFailed)
    (record,) = farm.carry(kept(farm, "hear\nexit 3"))
    assert record.verdict.exit_code == 3
    (failed,) = (each.event for each in farm.store.history(1) if isinstance(each.event, CheckpointFailed))
    assert str(farm.store.home.checkpoints(1)) in failed.reason


def test_as_many_stay_as_the_job_says(make):
    farm = make()
    seen = []

    def again():
        seen.append([each.number for each in farm.store.get(1).kept])
        seen.append(numbers(farm))
        farm.engine.ask(1, ASKED) if len(seen) < 6 else farm.engine.stop(force=True)

    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, again, times=3)
    farm.carry(kept(farm, "hang", keep=2))
    assert seen == [[1], ["1"], [1, 2], ["1", "2"], [2, 3], ["1", "2", "3"]]


def beneath(layer):
    """The name that a layer has for what it lies on."""
    data = layer.read_bytes()
    start, size = struct.unpack_from(">QI", data, 8)
    return data[start : start + size]


def test_what_has_changed_since_lies_on_what_was_kept_before(make):
    farm = make()
    folder = farm.store.home.checkpoints(1)
    seen = {}

    def look():
        seen.update({str(each.relative_to(folder)): beneath(each) for each in folder.glob("[0-9]*/disk*")})
        farm.engine.ask(1, VacateAsked()) if len(seen) == 1 else farm.engine.stop(force=True)

    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, look, times=2)
    farm.carry(kept(farm, "hang", keep=2))
    assert seen == {"1/disk0.0": samples.BACKING, "2/disk0.0": samples.BACKING, "2/disk0.1": b"disk0.0"}


class Writer:
    """Writes to the first disk before each snapshot, as the guest would: less each time, so that all of it shows."""

    @hookimpl(wrapper=True)
    def checkpoint(self, connection, handle, number):
        top = chain(connection.machine(handle.machine) / "files", 0)[-1]
        top.write_bytes(bytes([64 + number]) * (9 - number))
        return (yield)


def layers(farm, number):
    """The files that hold what the guest has changed of its first disk, the lowest first."""
    return sorted((farm.store.home.checkpoints(1) / str(number)).glob("disk0.*"))


def held_in(files):
    """What they hold together."""
    whole = b""
    for file in files:
        layer = samples.overlaid(file.read_bytes())
        whole = layer + whole[len(layer) :]
    return whole


def test_what_was_not_folded_is_kept_once_and_whole(make, monkeypatch):
    """Also when copying all of it again would make no fewer files of it."""
    monkeypatch.setattr(checkpointing, "LAYERS_MOST", 2)
    farm = make(Writer())
    seen = []

    def look():
        found = layers(farm, len(seen) + 1)
        seen.append(([each.stat().st_ino for each in found], held_in(found)))
        farm.engine.ask(1, ASKED) if len(seen) < 4 else farm.engine.stop(force=True)

    farm.fault("fold", "host", "not while it runs", times=4)
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, look, times=4)
    farm.carry(kept(farm, "hang", keep=4))
    assert [held for _, held in seen] == [b"A" * 8, b"B" * 7 + b"A", b"C" * 6 + b"BA", b"D" * 5 + b"CBA"]
    for (before, _), (after, _) in pairwise(seen):
        assert after[:-1] == before


def test_layers_that_are_folded_on_their_host_are_copied_again_as_one_in_the_end(make, monkeypatch):
    monkeypatch.setattr(checkpointing, "LAYERS_MOST", 2)
    farm = make(Writer())
    seen = []

    def look():
        seen.append((len(layers(farm, len(seen) + 1)), held_in(layers(farm, len(seen) + 1))))
        farm.engine.ask(1, ASKED) if len(seen) < 3 else farm.engine.stop(force=True)

    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, look, times=3)
    farm.carry(kept(farm, "hang", keep=3))
    assert seen == [(1, b"A" * 8), (2, b"B" * 7 + b"A"), (2, b"C" * 6 + b"BA")]


def test_what_was_taken_and_never_kept_is_in_the_next_one(make):
    """An engine was gone in between."""

    class Leaver:
        @hookimpl(wrapper=True)
        def checkpoint(self, number):
            snapshot = yield
            if number == 2:
                farm.order(leave=True)
            return snapshot

    farm = make(Writer(), Leaver())
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, lambda: farm.engine.ask(1, ASKED))
    (record,) = farm.carry(kept(farm, "hang", keep=3))
    assert (record.state, numbers(farm)) == (State.CHECKPOINTING, ["1"])
    again = make(Writer())
    seen = []
    when(again, Checkpointed, lambda: (seen.append(held_in(layers(again, 3))), again.engine.stop(force=True)))
    again.engine.carry([(record, own(again.store.home, 1))])
    assert seen == [b"C" * 6 + b"BA"]


def test_it_is_kept_as_often_as_the_job_says(make):
    farm = make()
    when(farm, Checkpointed, lambda: farm.order(stop=True, force=True))
    farm.carry(kept(farm, "hang", period=1))
    (asked,) = (each.event for each in farm.store.history(1) if isinstance(each.event, CheckpointAsked))
    assert asked.why is Why.PERIOD


def test_a_job_that_leaves_its_host_goes_on_elsewhere_as_if_nothing_had_been(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, VacateAsked()))
    farm.speak(Created, since=2)
    job = kept(farm, "echo before\nhear\necho after\nwrite out.txt made\nexit 3")
    (record,) = farm.carry(job, hosts=SITES)
    assert (record.state, record.verdict.exit_code, record.attempt) == (State.COMPLETED, 3, 2)
    assert story(farm)[2:7] == [VacateAsked, Checkpointed, Vacated, Placed, Created]
    hosts = [each.event.host for each in farm.store.history(1) if isinstance(each.event, Placed)]
    assert sorted(hosts) == ["barn", "farm"]
    assert (record.folder / "out.txt").read_text() == "made\n"
    assert (record.folder / "console.log").read_text() == "before\nheard go on\nafter\n"


def test_a_job_without_checkpoints_begins_anew(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, VacateAsked()))
    farm.speak(Created, since=2)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert (record.state, record.attempt, Forgone in story(farm)) == (State.COMPLETED, 2, True)


@pytest.mark.parametrize(("verb", "fault"), [("checkpoint", "a folder is mounted in it"), ("fetch", "no such file")])
def test_one_that_fails_leaves_the_guest_running_and_the_last_one_in_place(make, verb, fault):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    seen = []

    def again():
        farm.fault(verb, "host", fault, times=1)
        farm.engine.ask(1, ASKED)

    when(farm, Checkpointed, again)

    def failed():
        seen.append(farm.store.get(1).kept)
        farm.engine.stop(force=False)

    when(farm, CheckpointFailed, failed)
    (record,) = farm.carry(kept(farm, "hang", keep=2))
    assert record.state is State.REMOVED
    assert [[each.number for each in found] for found in seen] == [[1]]
    (event,) = (each.event for each in farm.store.history(1) if isinstance(each.event, CheckpointFailed))
    assert event.reason == fault


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"x")


def link(path):
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def block(path):
    path.unlink()
    os.mkfifo(path)


def change(path):
    """Its length stays."""
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *(("memory", spoil) for spoil in (lengthen, change, Path.unlink, link, block)),
        *(("disk0.0", spoil) for spoil in (Path.unlink, link, block)),
        *(("checkpoint.json", spoil) for spoil in (lengthen, Path.unlink, block)),
    ],
)
def test_what_is_not_as_it_was_kept_is_not_gone_on_from(make, name, spoil):
    """The one before is; without one, the job begins anew."""
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, lambda: farm.engine.ask(1, VacateAsked()))

    def damage():
        spoil(farm.store.home.checkpoints(1) / "2" / name)

    when(farm, Vacated, damage)
    farm.speak(Created, since=2)
    (record,) = farm.carry(kept(farm, "hear\nwrite out.txt made\nexit 3", keep=2))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert story(farm).count(RestoreFailed) == 1
    assert (record.folder / "out.txt").read_text() == "made\n"


def test_a_guest_that_stands_still_can_leave(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, SuspendAsked(how=Suspend.SOFT)))
    when(farm, Suspended, lambda: farm.engine.ask(1, VacateAsked()))
    farm.speak(Created, since=2)
    (record,) = farm.carry(kept(farm, "hear\nexit 3"))
    assert (record.verdict.exit_code, record.attempt) == (3, 2)


def test_whoever_adopts_a_job_that_was_being_kept_lets_it_go_on(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, CheckpointAsked, farm.engine.leave)
    farm.fault("checkpoint", "lost", "no route", times=ALWAYS)
    (record,) = farm.carry(kept(farm, "hear\nexit 3"))
    assert record.state is State.CHECKPOINTING
    again = make()
    again.fault("checkpoint", "lost", "no route", times=0)
    again.speak(Checkpointed)
    (record,) = again.engine.carry([(record, own(again.store.home, 1))])
    assert record.verdict.exit_code == 3
    assert Checkpointed in story(again)


@pytest.mark.parametrize("verb", [ASKED, VacateAsked()])
def test_a_folder_that_cannot_be_used_costs_a_checkpoint_only(make, verb):
    farm = make()
    farm.store.home.checkpoints(1).parent.mkdir(parents=True)
    farm.store.home.checkpoints(1).symlink_to("nowhere")
    when(farm, Created, lambda: farm.engine.ask(1, verb))
    farm.speak(CheckpointFailed)
    (record,) = farm.carry(kept(farm, "hear\nexit 3"))
    assert (record.verdict.exit_code, record.kept, record.attempt) == (3, (), 1)


@pytest.mark.parametrize("spoil", [change, lengthen, Path.unlink])
@pytest.mark.parametrize("name", ["disk0.0", "checkpoint.json"])
def test_what_rots_before_a_job_leaves_is_not_built_upon(make, spoil, name):
    """Its host still has all of it then."""
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))

    def leave():
        spoil(farm.store.home.checkpoints(1) / "1" / name)
        farm.engine.ask(1, VacateAsked())

    when(farm, Checkpointed, leave)
    farm.speak(Created, since=2)
    (record,) = farm.carry(kept(farm, "hear\nwrite out.txt made\nexit 3", keep=2))
    assert (record.verdict.exit_code, [each.checkpoint for each in record.gaps]) == (3, [2])
    assert RestoreFailed not in story(farm)
