"""A folder to put HTCondor's files into, and what the importer makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmf.errors import VmfError
from vmf.htcondor import Import, Kind, import_file
from vmf.htcondor.macros import Macros
from vmf.htcondor.submit import Submission, read_submission
from vmf.spec.faults import Faults


class Desk:
    """A folder with files of HTCondor's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, text: str, name: str = "job.sub") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, text: str) -> Submission:
        """The commands of each process, all of them taken for commands that are carried over."""
        faults = Faults()
        read = read_submission(self.put(text), lambda _: True, origin="", macros=Macros(), faults=faults)
        faults.settle()
        return read

    def values(self, text: str, name: str = "arguments") -> list[str]:
        """What a command is worth in each process."""
        return [process.words[name].text for process in self.read(f"{text}\n").processes]

    def make(self, text: str, kind: Kind | None = None, name: str = "job.sub") -> Import:
        return import_file(self.put(text, name), kind=kind)

    def wrong(self, text: str, kind: Kind | None = None, name: str = "job.sub") -> str:
        with pytest.raises(VmfError) as caught:
            self.make(text, kind, name)
        return str(caught.value).replace(f"{self.folder}/", "")
