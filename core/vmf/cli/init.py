"""`vmf init`: a first job, and what an editor needs to help with it."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path

from vmf.cli import schema
from vmf.cli.places import home
from vmf.cli.printed import show
from vmf.errors import UsageError
from vmf.model import TINY

SCHEMA = "job.schema.json"
"""The file beside the job; a name without a folder, so that the two can be moved together."""
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"
JOB = """\
# A job: a machine, and a script to run in it. `vmf run` makes the one, runs the other, and brings the results back.
apiVersion: vmf/v1
kind: Job
metadata:
  name: first               # of your live jobs, only one has this name
spec:
  image: tiny               # an image of the warehouse; or a disk's file, such as debian.qcow2
  memory: 256MiB            # all that has to be said of the machine; sizes are written 256MiB, 2GiB
  # cpus: 2                 # one, if nothing is said
  # type: kvm               # the hypervisor, if only one will do; several as [kvm, xen]

  env:                      # variables for the script
    WHOM: world
  run: |                    # a shell script; its exit code is the job's
    echo "Hello, $WHOM" | tee greeting.txt

  results:
    files: [greeting.txt]   # what the script leaves behind and you want back
    # folder: out           # where to; first.results, if nothing is said

  # queue:                  # the same job several times, each time with other values
  #   - {env.WHOM: Ada, results.folder: ada}
  #   - {env.WHOM: Bob, results.folder: bob}
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf init`."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="job.yaml", help="what to write (default: job.yaml); - prints it"
    )


def act(options: argparse.Namespace) -> int:
    """Write the job, and its schema beside it if there is none; what is there already stays."""
    if options.file == "-":
        print(JOB, end="")
        return 0
    if not options.file:
        raise UsageError("the file's name is empty", hint="name the file to write, such as job.yaml")
    job = Path(options.file)
    beside = job.parent / SCHEMA
    try:
        _write(job, MODELINE + JOB)
    except FileExistsError:
        raise UsageError(f"{job} is already there", hint="name another file, or move it away") from None
    show(f"{job}: a first job")
    with suppress(FileExistsError):
        _write(beside, schema.text("Job"))
        show(f"{beside}: what a job can say, for your editor")
    build = "" if (home(os.environ).images / TINY).is_dir() else f"`vmf image build {TINY}`, then "
    show(f"next: {build}`vmf run {job}`")
    return 0


def _write(path: Path, text: str) -> None:
    with path.open("x") as file:
        file.write(text)
