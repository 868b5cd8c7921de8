"""`python -m xenbed`: build it, so that no test has to wait for it.

`python -m xenbed FILE COMMAND …`: run a command while a dom0 of its own runs; FILE then says how vmf reaches it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import xenbed
from vmf.errors import SetupError
from xenbed.emulator import Stuck

HOST = """\
apiVersion: vmf/v1
kind: Host
metadata: {{name: dom0}}
spec:
  type: xen
  connection: {{transport: tcp, address: 127.0.0.1, port: {port}}}
"""


def main(file=None, *command):
    """Build it; with more words, run a command. The exit code."""
    image = xenbed.build()
    if file is None:
        print(f"xenbed: {image.folder}")
        return 0
    with tempfile.TemporaryDirectory() as folder, xenbed.running(image, Path(folder)) as dom0:
        Path(file).write_text(HOST.format(port=dom0.port))
        return subprocess.run(command, check=False).returncode


try:
    sys.exit(main(*sys.argv[1:]))
except (SetupError, Stuck) as error:
    sys.exit(f"xenbed: {error}")
