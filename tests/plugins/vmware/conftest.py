from __future__ import annotations

import pytest

from vmf.spec import JobWords, load_jobs
from vmf_vmware.settings import VmwareJob

HEAD = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  memory: 1GiB\n"


@pytest.fixture(autouse=True)
def machine(tmp_path):
    """A folder as VMware keeps it, in the folder of this test."""
    folder = tmp_path / "win"
    folder.mkdir()
    for name in ("win.vmx", "win.vmdk", "win-flat.vmdk"):
        (folder / name).touch()
    return folder


@pytest.fixture
def read(tmp_path):
    """Reads a job whose spec has these lines, in the folder of this test."""

    def read(*lines):
        (tmp_path / "j.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in lines))
        words = JobWords(images=tmp_path, settings={"vmware": VmwareJob})
        (job,) = load_jobs([tmp_path / "j.yaml"], words, remark=pytest.fail)
        return job

    return read
