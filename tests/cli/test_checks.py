"""What would come to nothing is told before it is submitted, and nothing else is: machines, results."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.cli.checks import check_places, fit
from vmf.errors import HostFault, Refused, UsageError
from vmf.match import Rejection
from vmf.model import Disk, DiskFormat, Facts, File, Host, Image, Job, Offer, Results

BOX = Image(name="box", disks=(Disk(file=File(path=Path("/box.raw")), format=DiskFormat.RAW),))
JOB = Job(name="j", memory=2**28, image=BOX)
FACTS = Facts(identity="", memory=2**34, cpus=4, arch="x86_64", accelerator="fake")
BUSY = Rejection(host="busy", clause="free memory", reason="", passing=True)
SMALL = Rejection(host="small", clause="memory", reason="", passing=False)


def offer(name):
    return Offer(host=Host(name=name, type="fake"), facts=FACTS, capabilities=())


class Site:
    """Plugins that have something against machines on some hosts, by the hosts' names."""

    def __init__(self, **against):
        self._against = against

    def amend(self, _placement, machine):
        return machine, ()

    def review(self, placement, _machine):
        if fault := self._against.get(placement.host.name):
            raise fault


def check(*offers, jobs=(JOB,), **against):
    fit(jobs, SimpleNamespace(offers=lambda _: offers), (), Site(**against))


def test_a_machine_that_every_host_refuses_is_told_with_all_its_jobs():
    two = (JOB, replace(JOB, name="k"))
    none = Refused("no screens here", hint="leave `vnc` out")
    with pytest.raises(Refused) as caught:
        check(offer("a"), offer("b"), SMALL, jobs=two, a=none, b=Refused("no"))
    assert str(caught.value) == "j, k: no screens here\n    leave `vnc` out"


@pytest.mark.parametrize("others", [[offer("b")], [BUSY]])
def test_a_machine_that_some_host_may_make_is_not(others):
    check(offer("a"), *others, a=Refused("no"))


def test_a_plugin_that_fails_is_left_to_the_run():
    check(offer("a"), a=HostFault("it fell over"))


def test_results_cannot_go_to_a_file_system_without_locks(tmp_path, monkeypatch):
    """Two engines would make them at once."""

    def flock(_file, _how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    job = replace(JOB, results=Results(folder=tmp_path / "out"))
    check_places([job])
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UsageError, match=r"the results cannot go to .*/out: No locks available"):
        check_places([job])
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_tried_goes_with_the_next_trial(tmp_path):
    (tmp_path / ".out.vmf.part" / "any").mkdir(parents=True)
    check_places([replace(JOB, results=Results(folder=tmp_path / "out"))])
    assert list(tmp_path.iterdir()) == []
