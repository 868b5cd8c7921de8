from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from vmf.plugins import HYPERVISORS, OTHERS

ENGINE = """
import json, logging, sys
from pathlib import Path
from vmf.errors import Refused
from vmf.model import Facts, Host, Image, Job, Machine, Placement
from vmf.plugins import Plugins

logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
plugins = Plugins.load()
host = Host(name="made-up", type="fake")
hypervisor = plugins.connect(host, Path(sys.argv[1]))
facts = hypervisor.probe(known=None, proof=None)
job = Job(name="j", image=Image(name="i"), memory=2**28)
placement = Placement(job=job, host=host, facts=facts, reasons=())
machine, amended = plugins.amend(placement, Machine(name="m", memory=2**28, cpus=1, accelerator="fake"))
handle = hypervisor.create(machine)
hypervisor.destroy(handle)
try:
    hypervisor.create(Machine(name="large", memory=2**31, cpus=1, accelerator="fake"))
except Refused as refused:
    refusal = str(refused)
listed = {each.name: [each.group, each.version, each.error] for each in plugins.listed}
print(json.dumps({"listed": listed, "parameters": machine.kernel_parameters, "amended": amended, "refusal": refusal}))
"""


@pytest.mark.packaging
def test_plugins_that_are_installed_for_real(site, tmp_path):
    done = subprocess.run(
        (sys.executable, "-c", ENGINE, tmp_path),
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["listed"]["timer"] == [OTHERS, "1.0", ""]
    assert seen["listed"]["fake"] == [HYPERVISORS, "1.0", ""]
    assert seen["listed"]["broken"] == [OTHERS, "1.0", "RuntimeError: this plugin is broken on purpose"]
    assert "thirdparty_timer: created m in " in done.stderr
    assert (seen["parameters"], seen["amended"]) == ("site=thirdparty", ["amender"])
    assert seen["refusal"] == "machine large wants more than 1 GiB\n    ask for less memory"
