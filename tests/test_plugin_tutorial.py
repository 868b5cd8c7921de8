"""The plugin of the tutorial, built by following the page: beside vmf, it runs a job and keeps every promise."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from vmf.cli import plugin_new

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/plugin-tutorial.md"
FILE = re.compile(r"`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = 200


def followed(folder):
    """Write every block into the file that is named above it; those of one file follow each other."""
    files = {}
    for name, text in FILE.findall(PAGE.read_text()):
        files.setdefault(name, []).append(text)
    for name, texts in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n\n".join(texts))
    return {name: (folder / name).read_text() for name in files}


def code(text):
    """The lines that are neither blank nor of a docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    said = [each.body[0] for each in ast.walk(ast.parse(text)) if isinstance(each, kinds) and ast.get_docstring(each)]
    documenting = {number for each in said for number in range(each.lineno, each.end_lineno + 1)}
    lines = enumerate(text.splitlines(), 1)
    return [line for number, line in lines if line.strip() and number not in documenting]


def test_the_page_builds_what_vmf_writes(tmp_path):
    files = followed(tmp_path / "page")
    plugin_new.make("qemu", tmp_path / "made")
    del files["qemu.yaml"]
    assert {name: (tmp_path / "made" / name).read_text() for name in files} == files
    rest = {str(each.relative_to(tmp_path / "made")) for each in (tmp_path / "made").rglob("*") if each.is_file()}
    assert rest - set(files) == {"README.md", ".github/workflows/test.yaml"}


def test_it_takes_fewer_lines_than_it_says(tmp_path):
    files = followed(tmp_path)
    assert sum(len(code(text)) for name, text in files.items() if name.endswith(".py")) < LINES
    assert f"fewer than {LINES} lines of Python in all" in PAGE.read_text()


@pytest.fixture(scope="module")
def built(tiny):
    """The plugin, in an environment of its own beside this one; a folder with a short path, for the sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="vmf", dir="/tmp"))
    followed(folder / "plugin")
    shutil.copytree(tiny, folder / "home/images/tiny")
    environment = folder / "environment"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", environment), check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "beside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    pip = (sys.executable, "-m", "pip", "--python", environment, "--quiet", "--disable-pip-version-check", "install")
    options = ("--no-deps", "--no-index", "--no-build-isolation")
    subprocess.run((*pip, *options, folder / "plugin"), check=True)
    python = environment / "bin/python"

    def vmf(*words):
        command = (python, "-m", "vmf", *words)
        settings = {**os.environ, "VMF_HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "config")}
        return subprocess.run(command, cwd=folder / "plugin", env=settings, check=False, capture_output=True, text=True)

    yield SimpleNamespace(vmf=vmf, plugin=folder / "plugin", home=folder / "home")
    shutil.rmtree(folder)


@pytest.mark.real
@pytest.mark.packaging
def test_it_runs_the_hello_job(built):
    done = built.vmf("run", "--hosts", "qemu.yaml", "--console", ROOT / "specs/hello.yaml")
    assert done.returncode == 0, done.stderr
    assert "Hello, world, from Linux" in done.stdout
    assert (built.plugin / "hello.results/greeting.txt").read_text().startswith("Hello, world")
    assert list((built.home / "hosts/plain/machines").iterdir()) == []


@pytest.mark.real
@pytest.mark.packaging
@pytest.mark.timeout(300)
def test_it_keeps_every_promise(built):
    done = built.vmf("plugin", "check", "qemu", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["plugin"], report["version"]) == ("qemu", "0.1.0")
    rows = {each["ability"]: each["standing"] for each in report["rows"]}
    assert {name: standing for name, standing in rows.items() if standing != "undeclared"} == {
        "": "works", "tells-panic": "works"
    }  # fmt: skip
    assert {"soft-suspend", "disk-read"} <= set(rows)
