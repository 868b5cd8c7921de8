"""A user at a shell: `vmf` in processes of its own, in a state folder of its own, on fake hosts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vmf.model import Home
from vmf.store import Record, Store

DEADLINE = 30.0

HOST = """\
apiVersion: vmf/v1
kind: Host
metadata: {{name: {name}}}
spec: {{type: fake{more}}}
"""

JOB = """\
apiVersion: vmf/v1
kind: Job
metadata:
  name: {name}
spec:
  image: box.raw
  memory: 256MiB
  results: {{files: [out.txt]}}
  run: |
{script}
"""


def until(state: Callable[[], object], what: str) -> None:
    """Wait for a state, with a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not state():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


@dataclass
class Shell:
    """A folder to work in, and what is typed there."""

    folder: Path
    home: Path
    environment: dict[str, str]

    def job(self, script: str, name: str = "j") -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(JOB.format(name=name, script="\n".join(f"    {line}" for line in script.splitlines())))
        return path

    def host(self, name: str = "farm", more: str = "") -> Path:
        path = self.folder / "hosts" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOST.format(name=name, more=more))
        return path

    def start(self, *words: str) -> subprocess.Popen[str]:
        hosts = ["--hosts", "hosts"] if words[0] in {"run", "plan", "doctor"} and "--hosts" not in words else []
        return subprocess.Popen(
            [sys.executable, "-m", "vmf", *words, *hosts],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def vmf(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def reaches(self, name: str, state: str) -> None:
        until(lambda: [each.state for each in self.records(name)][-1:] == [state], f"{name} becomes {state}")

    def records(self, name: str) -> list[Record]:
        """The jobs of this name as the store has them, oldest first."""
        if not (self.home / "store.db").exists():
            return []
        store = Store(Home(root=self.home))
        try:
            return [each for each in store.records() if each.job.name == name]
        finally:
            store.close()

    def row(self, name: str) -> str:
        """The latest job of this name as `vmf ps` shows it."""
        rows = self.vmf("ps", "--all").stdout.splitlines()
        return next((row for row in reversed(rows) if f" {name} " in row), "")

    def machines(self, host: str = "farm") -> list[str]:
        folder = self.home / "hosts" / host / "machines"
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []

    def left_behind(self) -> list[str]:
        """What a job must not leave: machines, workshops, sockets, half results."""
        sockets = [str(each) for each in (self.home / "engines").glob("*")]
        workshops = [str(each) for each in (self.home / "jobs").glob("*/workshop")]
        parts = [str(each) for each in self.folder.glob(".*.part")]
        return [*self.machines(), *sockets, *workshops, *parts]
