"""`python -m vcsim`: build it, so that no test has to wait for it.

`python -m vcsim FILE COMMAND …`: run a command while one of its own runs; FILE then says how vmf reaches it, and the
environment who may log in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import vcsim
from vmf.errors import SetupError

HOST = """\
apiVersion: vmf/v1
kind: Host
metadata: {{name: vcsim}}
spec:
  type: vmware
  connection: {{transport: api, address: {one.address}, port: {one.port}, ca: "{one.ca}"}}
  vmware: {{networks: {{nat: nat, bridge: bridge}}}}
"""


def main(file=None, *command):
    """Build it; with more words, run a command. The exit code."""
    program = vcsim.build()
    if file is None:
        print(f"vcsim: {program}")
        return 0
    with tempfile.TemporaryDirectory() as folder, vcsim.running(program, Path(folder)) as one:
        Path(file).write_text(HOST.format(one=one))
        known = {"VMF_VMWARE_USER": one.user, "VMF_VMWARE_PASSWORD": one.password}
        return subprocess.run(command, check=False, env={**os.environ, **known}).returncode


try:
    sys.exit(main(*sys.argv[1:]))
except SetupError as error:
    sys.exit(f"vcsim: {error}")
