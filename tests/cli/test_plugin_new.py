"""`vmf plugin new` writes a whole package, or nothing."""

from __future__ import annotations

import tomllib

import pytest

from shell import Shell
from vmf import __version__

FILES = {
    "pyproject.toml", "README.md", "vmf_bhyve.py", "tests/test_contract.py", ".github/workflows/test.yaml"
}  # fmt: skip


def written(folder):
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def refused(shell: Shell, *words: str, code: int = 78) -> str:
    done = shell.vmf("plugin", "new", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_package_is_written_under_its_name(shell: Shell) -> None:
    done = shell.vmf("plugin", "new", "bhyve")
    assert done.returncode == 0
    assert "`pip install -e vmf-bhyve`, then `vmf plugin check bhyve`" in done.stdout
    folder = shell.folder / "vmf-bhyve"
    assert written(folder) == FILES
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["dependencies"]) == ("vmf-bhyve", [f"vmf>={__version__}"])
    assert project["entry-points"] == {"vmf.hypervisors": {"bhyve": "vmf_bhyve"}}
    assert project["optional-dependencies"] == {"test": ["vmf[testing]"]}
    assert 'type="bhyve"' in (folder / "vmf_bhyve.py").read_text()
    assert 'type="bhyve"' in (folder / "tests/test_contract.py").read_text()
    assert "vmf plugin check bhyve" in (folder / ".github/workflows/test.yaml").read_text()
    assert not [each for each in FILES if "$" in (folder / each).read_text()]


def test_a_folder_can_be_named(shell: Shell) -> None:
    assert shell.vmf("plugin", "new", "bhyve", "mine").returncode == 0
    assert written(shell.folder / "mine") == FILES


def test_what_is_there_stays(shell: Shell) -> None:
    (shell.folder / "vmf-bhyve").mkdir()
    assert "vmf-bhyve is already there" in refused(shell, "bhyve")
    assert list((shell.folder / "vmf-bhyve").iterdir()) == []
    (shell.folder / "link").symlink_to("nowhere")
    assert "link is already there" in refused(shell, "bhyve", "link")


@pytest.mark.parametrize("name", ["", "Bhyve", "../x", "b-hyve", "9p", "b" * 32, "é", "b\n", "$name"])
def test_a_name_that_is_none_is_refused(shell: Shell, name: str) -> None:
    assert "is no name for a type" in refused(shell, name, "mine")
    assert not (shell.folder / "mine").exists()


def test_a_name_that_is_taken_is_refused(shell: Shell) -> None:
    assert "memory is a field of specs" in refused(shell, "memory")
    assert "a plugin fake is installed already" in refused(shell, "fake")
    assert "a package vmf_libvirt is installed already" in refused(shell, "libvirt")


def test_where_nothing_can_be_written_nothing_is(shell: Shell) -> None:
    (shell.folder / "file").touch()
    said = refused(shell, "bhyve", "file/mine", code=79)
    assert "Not a directory" in said
    assert "no/such" in refused(shell, "bhyve", "no/such/mine", code=79)
