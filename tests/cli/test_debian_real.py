"""The Debian of `specs/debian` in real machines: an image by three steps, a job with a fourth; and cloud-init alone.

`make test-debian` makes it, of packages that come from where apt has them, and runs these; all else leaves them out.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shell import RealShell

pytestmark = [pytest.mark.real, pytest.mark.debian, pytest.mark.timeout(1800)]

DEBIAN = Path(__file__).parents[2] / "build/debian"
PATIENCE = 600.0
BARE = """\
apiVersion: vmf/v1
kind: Image
metadata: {name: bare}
spec:
  from: debian.image.yaml
  cloud_init: true
  steps:
    - name: bare
      run: rm /usr/local/sbin/vmf-* && systemctl disable vmf-guest && rm /etc/systemd/system/vmf-guest.service
"""
"""What keeps the guest contract is removed, while it runs."""
CLOUD = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: cloud}
spec:
  image: bare.image.yaml
  memory: 512MiB
  cloud_init: {user_data: user.yaml}
  steps:
    - {name: own, run: cat /srv/own, publish: {Found: "1"}}
  run: |
    { hostname; id -un ada; cat /srv/own; cloud-init schema --system; cloud-init status; } | tee out.txt
  results: {files: [out.txt]}
"""
USER = """\
#cloud-config
users: [{name: ada}]
write_files: [{path: /srv/own, content: "written, "}]
runcmd: [echo and run >>/srv/own]
"""
OUT = """\
cloud
ada
written, and run
Valid cloud-config: system userdata
status: done
"""


@pytest.fixture
def debian(real: RealShell) -> RealShell:
    """A folder with what `make debian` has made, which the user who runs the guests can read."""
    folder = real.home / "debian"
    if not folder.exists():
        shutil.copytree(DEBIAN, folder)
    return replace(real, folder=folder)


def typed(shell: RealShell, *words: str) -> str:
    """What vmf says, which is to end well."""
    with shell.start(*words) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (out, err)
    return out


def done(shell: RealShell, name: str) -> list[str]:
    """The steps that a job has done."""
    told = json.loads((shell.folder / f"{name}.results/result.json").read_text())
    return [step["name"] for step in told["steps"]]


def test_the_job_does_its_own_step_upon_an_image_of_three(debian: RealShell) -> None:
    assert "by 3 steps" in typed(debian, "image", "build", "primes.image.yaml")
    assert "which has package, sqlite, sieve done" in typed(debian, "run", "twins.yaml")
    assert done(debian, "twins") == ["twins"]
    assert (debian.folder / "twins.results/twins.txt").read_text() == "2160\n"
    assert debian.left_behind() == []


def test_an_image_that_has_cloud_init_alone_does_steps_and_script_after_the_user_s_own_data(debian: RealShell) -> None:
    for name, text in {"bare.image.yaml": BARE, "cloud.yaml": CLOUD, "user.yaml": USER}.items():
        (debian.folder / name).write_text(text)
    (debian.folder / "user.yaml").chmod(0o600)
    assert "by 1 step" in typed(debian, "image", "build", "bare.image.yaml")
    assert "which has bare done" in typed(debian, "run", "cloud.yaml")
    assert done(debian, "cloud") == ["own"]
    assert (debian.folder / "cloud.results/steps/own.log").read_text() == "written, and run\n"
    assert (debian.folder / "cloud.results/out.txt").read_text() == OUT
    assert debian.left_behind() == []
