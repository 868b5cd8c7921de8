"""A user at a shell whose hosts are real Xens: jobs of the tiny guest, and what must not be left of them there."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field

from shell import Shell

DEADLINE = 400.0
"""Seconds: under emulation, next to other tests, a guest takes several times as long as alone."""
IMAGE = """\
apiVersion: vmf/v1
kind: Image
metadata: {{name: tiny}}
spec:
  kernel: {{on_host: {kernel}}}
  initrd: {{on_host: {initrd}}}
  kernel_parameters: quiet panic=-1 mitigations=off random.trust_cpu=on cryptomgr.notests noreplace-smp
"""
LEFT = """\
virsh list --all --name | grep -v Domain-0
virsh pool-list --all --name | grep vmf-
find /var/lib/vmf -type f 2>/dev/null
true
"""


@dataclass
class Dom0Shell(Shell):
    """Its hosts are what `reach` made them; the image `tiny` has no disk, and its kernel is in each dom0."""

    dom0s: dict[str, object] = field(default_factory=dict)
    image: str = "tiny"

    @classmethod
    def at(cls, folder, image):
        """One in an empty folder, with the kernel and the initial RAM disk of an image whose files are in dom0s."""
        home, work = folder / "home", folder / "work"
        (home / "images/tiny").mkdir(parents=True)
        work.mkdir()
        (home / "images/tiny/tiny.image.yaml").write_text(
            IMAGE.format(kernel=image.kernel.path, initrd=image.initrd.path)
        )
        environment = {**os.environ, "VMF_HOME": str(home), "XDG_CONFIG_HOME": str(folder / "config")}
        return cls(folder=work, home=home, environment=environment)

    def reach(self, dom0, name="dom0", **spec):
        """Have a host of this name, by more fields of its spec."""
        self.dom0s[name] = dom0
        connection = {"transport": "tcp", "address": "127.0.0.1", "port": dom0.port}
        spec = {"type": "xen", "cpus": 4, "connection": connection, **spec}
        document = {"apiVersion": "vmf/v1", "kind": "Host", "metadata": {"name": name}, "spec": spec}
        (self.folder / "hosts").mkdir(exist_ok=True)
        (self.folder / f"hosts/{name}.yaml").write_text(json.dumps(document))

    def write(self, script, name="j", **spec):
        """A job by more fields of its spec."""
        given = {
            "type": "xen",
            "image": self.image,
            "memory": "96MiB",
            "run": script,
            "results": {"files": ["out.txt"]},
            **spec,
        }
        document = {"apiVersion": "vmf/v1", "kind": "Job", "metadata": {"name": name}, "spec": given}
        (self.folder / f"{name}.yaml").write_text(json.dumps(document))

    def vmf(self, *words):
        with self.start(*words) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def reaches(self, name, *states):
        def reached():
            (record,) = self.records(name)[-1:] or (None,)
            assert record is None or record.state in states or not record.ended, record.verdict
            return record is not None and record.state in states

        await_(reached, f"{name} becomes {' or '.join(states)}")

    def log(self, name):
        """What is known of the console of a job's guest while it runs."""
        (record,) = self.records(name)
        path = self.home / "hosts" / record.handle.host / "machines" / record.machine / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def says(self, name, words, times=1):
        """Wait until a guest has written these words to its console."""
        self.reaches(name, "running")
        await_(lambda: self.log(name).count(words) >= times, f"{name} says {words}")

    def counts_on(self, name):
        """Wait until a guest has written more to its console."""
        self.reaches(name, "running")
        before = self.log(name).count("count")
        await_(lambda: self.log(name).count("count") > before + 1, f"{name} goes on")

    def domain(self, name):
        """What its host's libvirt calls the machine of a job."""
        (record,) = self.records(name)
        return f"{(self.home / 'hosts' / record.handle.host / 'owner').read_text()}-{record.machine}"

    def tell(self, name, line):
        """Type a line on the console of a job's guest."""
        dom0 = self.dom0s[self.records(name)[0].handle.host]
        dom0.run(f"echo '{line}' >$(virsh ttyconsole {self.domain(name)})")

    def result(self, name="j"):
        return json.loads((self.folder / f"{name}.results/result.json").read_text())

    def left(self):
        """What jobs must not leave, here and there."""
        notes = [str(each) for each in self.home.glob("hosts/*/machines/*")]
        there = [line for dom0 in self.dom0s.values() for line in dom0.run(LEFT).split()]
        machines = [each for host in self.dom0s for each in self.machines(host)]
        return [*machines, *self.left_behind(), *notes, *there]


def await_(state, what):
    """Wait for a state of what a guest under emulation does; what `state` said then."""
    deadline = time.monotonic() + DEADLINE
    while not (found := state()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)
    return found
