"""What `vmf` says and ends with when it fails itself, or when its store is not as it wrote it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from shell import Shell

PROGRAM = """
from vmf import cli

def main():
    {act}

cli.main = main
cli.program()
"""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        ("ZeroDivisionError('oh')", 70, "vmf: vmf failed (ZeroDivisionError: oh); please report this\n"),
        ("KeyboardInterrupt", 77, "vmf: interrupted\n"),
    ],
)
def test_a_failure_of_vmf_itself_has_its_code_and_a_sentence(error: str, code: int, said: str) -> None:
    words = (sys.executable, "-c", PROGRAM.format(act=f"raise {error}"))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


def test_a_file_of_any_name_can_be_told_of() -> None:
    words = (sys.executable, "-c", PROGRAM.format(act=r"print('half\udcff'); return 0"))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.stderr) == ("half\\udcff\n", "")


def into(out: IO[bytes], shell: Shell, *words: str) -> subprocess.CompletedProcess[str]:
    """Type `vmf` and these words, with this output."""
    command = (sys.executable, "-m", "vmf", *words)
    return subprocess.run(
        command, stdout=out, stderr=subprocess.PIPE, env=shell.environment, check=False, timeout=30, text=True
    )


@pytest.mark.parametrize(
    ("words", "code"), [(("schema",), -signal.SIGPIPE), (("ps",), -signal.SIGPIPE), (("--help",), 0)]
)
def test_who_has_seen_enough_is_told_nothing_more(shell: Shell, words: tuple[str, ...], code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = into(out, shell, *words)
    assert (done.returncode, done.stderr) == (code, "")


def test_output_that_finds_no_space_is_told_however_short_it_is(shell: Shell) -> None:
    with Path("/dev/full").open("wb") as out:
        done = into(out, shell, "ps")
    assert (done.returncode, "No space left on device" in done.stderr) == (79, True)


def test_a_record_that_cannot_be_read_is_named_with_what_to_do(shell: Shell) -> None:
    shell.orphan("hang")
    with closing(sqlite3.connect(shell.home / "store.db", isolation_level=None)) as store:
        store.execute("UPDATE jobs SET record = 'rubbish'")
    done = shell.vmf("ps")
    assert done.returncode == 79
    assert f"what {shell.home}/store.db keeps of job 1, j, cannot be read" in done.stderr
    assert "set VMF_HOME to another folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert shell.vmf("plugin", "ls").returncode == 0
