"""The engine in this process, on the fake hypervisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from faults import will_fail
from vmf.hookspecs import hookimpl
from vmf.model import Disk, DiskFormat, File, Home, Host, Image, Job, Results
from vmf.plugins import HYPERVISORS, OTHERS, Plugins
from vmf.run import Advanced, Engine, Hosts, Notice, Remark
from vmf.state import Event
from vmf.store import Record, Store
from vmf.testing import fake
from vmf.testing.world import World

FARM = Host(name="farm", type="fake")


def enable(monkeypatch: pytest.MonkeyPatch, *abilities: str) -> None:
    """Let the fake declare more abilities."""
    able = replace(fake.hypervisor(), capabilities={**fake.ABILITIES, **dict.fromkeys(abilities, "It can.")})
    monkeypatch.setattr(fake, "hypervisor", hookimpl(lambda: able))


class Farm:
    """An engine with all it needs, and what it told."""

    def __init__(self, tmp_path: Path, *others: object) -> None:
        self.folder = tmp_path
        self.plugins = Plugins()
        self.plugins.add(HYPERVISORS, "fake", lambda: fake)
        for number, other in enumerate(others):
            self.plugins.add(OTHERS, f"other{number}", lambda other=other: other)
        assert [each.error for each in self.plugins.listed if each.error] == []
        self.store = Store(Home(root=tmp_path))
        self.hosts = Hosts(self.plugins, self.store, proof=lambda: None)
        self.told = []
        self._watchers: list[Callable[[Notice], None]] = []
        self.engine = Engine(
            store=self.store, plugins=self.plugins, hosts=self.hosts, tell=self._tell, adopt=lambda _: ()
        )

    def _tell(self, notice: Notice) -> None:
        self.told.append(notice)
        for watcher in self._watchers:
            watcher(notice)

    def watch(self, watcher: Callable[[Notice], None]) -> None:
        """Have every notice told to a watcher, on the thread that it comes from."""
        self._watchers.append(watcher)

    def speak(self, event: type[Event], *, since: int = 1) -> None:
        """Type a line on the console of a job's machine whenever this happens, from this attempt on."""

        def watch(notice: Notice) -> None:
            if isinstance(notice, Advanced) and isinstance(notice.event, event) and notice.record.attempt >= since:
                self.tell(notice.record)

        self.watch(watch)

    def tell(self, record: Record | None = None) -> None:
        """Type a line on the console of a job's machine; if none is named, of the first one's."""
        found = record or self.store.get(1)
        machines = World(self.store.home.host(found.placement.host.name))
        with (machines.machine(found.machine) / "keys").open("a") as keys:
            keys.write("go on\n")

    def order(self, number: int = 1, **wishes: bool) -> None:
        """Give a life an order that it finds at its very next look."""
        self.engine._orders[number].give(**wishes)

    def job(self, script: str, name: str = "j") -> Job:
        disk = self.folder / "box.raw"
        if not disk.exists():  # a guest may be saved that goes on with it
            disk.write_bytes(bytes(2**20))
        image = Image(name="box", disks=(Disk(file=File(path=disk), format=DiskFormat.RAW),))
        return Job(name=name, image=image, memory=2**28, run=script, results=Results(files=("out.txt",)))

    def submit(self, *jobs: Job, hosts: tuple[Host, ...] = (FARM,)):
        return self.store.submit([(job, self.folder / f"{job.name}.results") for job in jobs], hosts)

    def carry(self, *jobs: Job, hosts: tuple[Host, ...] = (FARM,)):
        return self.engine.carry(self.submit(*jobs, hosts=hosts))

    def events(self):
        return [type(each.event) for each in self.told if isinstance(each, Advanced)]

    def remarks(self):
        return [each.text for each in self.told if isinstance(each, Remark)]

    def fault(self, verb: str, kind: str, brief: str, *, times: int = 1, ability: str = "", host: str = "farm") -> None:
        will_fail(self.store.home.host(host), verb, kind, brief, times=times, ability=ability)

    def close(self) -> None:
        self.hosts.close()
        self.store.close()
        for world in map(World, self.folder.glob("hosts/*")):
            for name in world.names():
                world.destroy(name)
