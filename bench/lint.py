"""What `vmf lint` of 1,000 ordinary files takes, whole process, and what merely loading them with ruamel.yaml does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = 1000
TARGET_S = 10
SPEC = """\
# A job of an ordinary size.
apiVersion: vmf/v1
kind: Job
metadata:
  name: count-{number}
  labels:
    project: genome
spec:
  type: kvm
  memory: 2GiB
  cpus: 2
  disk_space: 10GiB
  disks:
    - file: root.raw
      format: raw
    - file: {{on_host: /data/shared.img}}
      access: read
  boot:
    kernel: included
  network:
    type: user
    forwards:
      - port: 22
        host_port: 2222
  checkpoint:
    on_eviction: true
    lose_connections: true
  requirements: TARGET.Memory >= 4096 && TARGET.Cpus > {number} % 7
  rank: TARGET.Memory
  attributes:
    Project: '"genome"'
  env:
    LANG: C.UTF-8
    WORDS: words-{number}.txt
  run: |
    sort "$WORDS" | uniq -c >counts.txt
    tail counts.txt
  results:
    files: [counts.txt]
    folder: out
    size: 256MiB
"""
LOAD = """
import sys
from pathlib import Path
from ruamel.yaml import YAML
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    YAML(typ="safe", pure=True).load(path.read_bytes())
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "root.raw").write_bytes(bytes(512))
        for number in range(FILES):
            Path(folder, f"{number}.yaml").write_text(SPEC.format(number=number))
        environment = {**os.environ, "VMF_HOME": f"{folder}/home"}
        lint = _timed(environment, "-m", "vmf", "lint", folder)
        load = _timed(environment, "-c", LOAD, folder)
    ratio = f"{lint / load:.2f} x ruamel.yaml merely loading them ({load:.1f} s)"
    print(f"vmf lint of {FILES} files {lint:.1f} s, target <= {TARGET_S} s; {ratio}")


def _timed(environment: dict[str, str], *words: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *words], check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - began


main()
