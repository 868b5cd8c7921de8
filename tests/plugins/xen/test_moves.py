"""A job that leaves one real Xen, and goes on upon another."""

from __future__ import annotations

import re

import pytest

from xenbed import running

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

MAC = "52:54:00:c0:00:03"
COUNTS = """\
address=/sys/class/net/eth0/address
cat $address >out.txt
while sleep 0.2; do
  n=$((n + 1))
  echo "count $n"
  echo $n | dd of=/dev/xvda conv=notrunc,fsync 2>/dev/null
done &
read -r go </dev/console
kill $!
wait
cat $address >>out.txt
head -n 1 /dev/xvda >>out.txt
exit 3
"""


@pytest.fixture
def other(xenbed, dom0, dom0_image, tmp_path):
    """A second dom0, with the files of the first one."""
    folder = tmp_path / "other"
    folder.mkdir()
    with running(xenbed, folder) as other:
        for file in (dom0_image.kernel, dom0_image.initrd):
            # the tests' computer is between them: neither reaches the other
            content = dom0.run(f"base64 {file.path}").encode()
            other.run(f"mkdir -p {file.path.parent}; base64 -d >{file.path}", given=content)
        yield other


def test_a_job_goes_on_upon_another_host_where_it_stood(shell, dom0, other):
    networks = {"types": ["bridge"], "bridge": "xenbr0", "together": True}
    shell.reach(dom0, networks=networks)
    shell.reach(other, "other", networks=networks)
    (shell.folder / "here.raw").write_bytes(bytes(2**20))
    shell.write(
        COUNTS,
        network={"type": "bridge", "mac": MAC},
        disks=[{"file": "here.raw"}],
        checkpoint={"on_eviction": True, "lose_connections": True},
    )
    with shell.start("run", "j.yaml") as engine:
        shell.says("j", "count 3")
        first = shell.records("j")[0].handle.host
        vacated = shell.vmf("vacate", "j")
        assert vacated.returncode == 0, vacated.stderr
        shell.reaches("j", "running")
        second = shell.records("j")[0].handle.host
        shell.counts_on("j")
        shell.tell("j", "go")
        out, err = engine.communicate(timeout=300)
    assert engine.returncode == 3, out + err
    assert {first, second} == {"dom0", "other"}
    before, after, count = (shell.folder / "j.results/out.txt").read_text().splitlines()
    assert (before, after) == (MAC, MAC)
    said = [int(each) for each in re.findall("count ([0-9]+)", (shell.folder / "j.results/console.log").read_text())]
    assert said == list(range(1, len(said) + 1))
    assert int(count) in said[-2:]
    assert len(shell.result()["gaps"]) == 1
    assert shell.left() == []
