"""A real guest that publishes on its console while it runs, and by its results in the end."""

from __future__ import annotations

import json

import pytest

from shell import DEADLINE, RealShell, until

pytestmark = pytest.mark.real

SCRIPT = """\
echo vmf: publish Progress = 0.5
printf 'vmf: publish Need = {%s,[Disk = "%s"]}\\r\\n' 1 big
echo 'vmf: publish TARGET = [Memory = 999999]'
echo ready; read -r line </dev/console
echo "vmf: publish Progress = 1.0"
echo "Kernel = \\"$(uname -s)\\"" >vmf-attributes
exit 4
"""


def test_what_a_real_guest_publishes_is_known_while_it_runs_and_in_the_end(real: RealShell) -> None:
    real.job(SCRIPT)
    with real.start("run", "j.yaml") as process:
        real.says("j", "ready")
        until(lambda: {"Progress", "Need"} <= real.records("j")[-1].published.keys(), "both are known")
        told = json.loads(real.vmf("query", "j", "--format", "json").stdout)
        assert (told["Progress"], told["Need"]) == (0.5, [1, {"Disk": "big"}])
        assert (told["JobState"], told["RemoteHost"]) == ("running", "local")
        assert "TARGET" not in told
        real.tell("j", "go on")
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 4, err
    assert out.count("is refused") == 1
    said = real.vmf("query", "j", "Progress", "Kernel", "ExitCode").stdout
    assert said == 'Progress = 1.0\nKernel = "Linux"\nExitCode = 4\n'
    result = json.loads((real.folder / "j.results/result.json").read_text())
    assert result["attributes"] == {"Progress": 1.0, "Need": [1, {"Disk": "big"}], "Kernel": "Linux"}
    assert real.left_behind() == []
