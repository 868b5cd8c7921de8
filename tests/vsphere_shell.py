"""A user at a shell whose hosts are vSphere APIs with real machines; what is left of jobs, here and there."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field

from shell import DEADLINE, Shell


@dataclass
class VsphereShell(Shell):
    """Its hosts are what `reach` made them."""

    vspheres: dict[str, object] = field(default_factory=dict)
    image: str = "tiny"

    @classmethod
    def at(cls, folder, tiny):
        """One in an empty folder, with the tiny guest's bundle."""
        home, work = folder / "home", folder / "work"
        (home / "images").mkdir(parents=True)
        (home / "images/tiny").symlink_to(tiny)
        work.mkdir()
        environment = {**os.environ, "VMF_HOME": str(home), "XDG_CONFIG_HOME": str(folder / "config")}
        return cls(folder=work, home=home, environment=environment)

    def reach(self, vsphere, name="lab", block=None, **spec):
        """Have a host of this name, by the words of its block and by more fields of its spec."""
        self.vspheres[name] = vsphere
        variable = name.upper()
        self.environment[f"VMF_VMWARE_USER_{variable}"] = vsphere.user
        self.environment[f"VMF_VMWARE_PASSWORD_{variable}"] = vsphere.password
        address = {"address": vsphere.address, "port": vsphere.port, "ca": str(vsphere.ca)}
        words = {"networks": {"nat": "nat", "bridge": "bridge"}, **(block or {})}
        spec = {"type": "vmware", "connection": {"transport": "api", **address}, "vmware": words, **spec}
        document = {"apiVersion": "vmf/v1", "kind": "Host", "metadata": {"name": name}, "spec": spec}
        (self.folder / "hosts").mkdir(exist_ok=True)
        (self.folder / f"hosts/{name}.yaml").write_text(json.dumps(document))

    def write(self, script, name="j", **spec):
        """A job by more fields of its spec."""
        given = {"type": "vmware", "image": self.image, "memory": "256MiB", "run": script, **spec}
        given.setdefault("results", {"files": ["out.txt"]})
        document = {"apiVersion": "vmf/v1", "kind": "Job", "metadata": {"name": name}, "spec": given}
        (self.folder / f"{name}.yaml").write_text(json.dumps(document))

    def reaches(self, name, *states):
        def reached():
            (record,) = self.records(name)[-1:] or (None,)
            assert record is None or record.state in states or not record.ended, record.verdict
            return record is not None and record.state in states

        await_(reached, f"{name} becomes {' or '.join(states)}")

    def place(self, name):
        """The folder on the datastore of the machine of a job, and the datastore's own."""
        (record,) = self.records(name)[-1:]
        host = record.handle.host
        owner = (self.home / "hosts" / host / "owner").read_text()
        return self.vspheres[host].datastore / f"vmf-{owner}-{record.machine}"

    def said(self, name):
        """What a job's guest has written to its console."""
        path = self.place(name) / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def says(self, name, words):
        """Wait until a guest has written these words to its console."""
        self.reaches(name, "running")
        await_(lambda: words in self.said(name), f"{name} says {words}")

    def result(self, name="j"):
        return json.loads((self.folder / f"{name}.results/result.json").read_text())

    def left(self):
        """What jobs must not leave, here and there."""
        notes = [str(each) for each in self.home.glob("hosts/*/machines/*")]
        there = [str(each) for vsphere in self.vspheres.values() for each in vsphere.datastore.glob("vmf-*")]
        return [*self.left_behind(), *notes, *there]


def await_(state, what):
    """Wait for a state of what a guest under emulation does."""
    deadline = time.monotonic() + DEADLINE
    while not state():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)
