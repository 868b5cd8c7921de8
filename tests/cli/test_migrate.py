from __future__ import annotations

import stat

import pytest

from vmf import cli

OLD = "# mine\napiVersion: vmf/v1beta1\nkind: Job\nmetadata: {name: a}\nspec: {memory: 1GiB, disk: 1GiB}\n"
NEW = OLD.replace("v1beta1", "v1").replace("disk", "disk_space")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMF_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    assert folder

    def run(*words: str):
        return cli.main(["migrate", *words]), *capsys.readouterr()

    return run


def test_what_was_done_to_each_file_is_told(run, folder):
    (folder / "old.yaml").write_text(OLD)
    (folder / "new.yaml").write_text(NEW)
    code, out, err = run("old.yaml", "new.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "old.yaml: rewritten; line 2: vmf/v1beta1 is now vmf/v1; line 5: disk is now disk_space",
        "new.yaml: nothing to do, it is vmf/v1",
    ]
    assert (folder / "old.yaml").read_text() == (folder / "new.yaml").read_text() == NEW


def test_a_file_that_is_current_is_not_touched(run, folder):
    (folder / "new.yaml").write_text(NEW)
    before = (folder / "new.yaml").stat()
    assert run("new.yaml")[0] == 0
    after = (folder / "new.yaml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_keeps_its_mode_and_a_link_its_file(run, folder):
    (folder / "old.yaml").write_text(OLD)
    (folder / "old.yaml").chmod(0o640)
    (folder / "link.yaml").symlink_to("old.yaml")
    assert run("link.yaml")[0] == 0
    assert (folder / "link.yaml").is_symlink()
    assert (folder / "old.yaml").read_text() == NEW
    assert stat.S_IMODE((folder / "old.yaml").stat().st_mode) == 0o640
    assert {each.name for each in folder.iterdir()} == {"old.yaml", "link.yaml"}


def test_if_one_file_cannot_be_rewritten_none_is_and_all_faults_are_told(run, folder):
    (folder / "old.yaml").write_text(OLD)
    (folder / "newer.yaml").write_text(NEW.replace("vmf/v1", "vmf/v2"))
    code, out, err = run("old.yaml", "newer.yaml", "gone.yaml")
    assert (code, out) == (78, "")
    assert "newer.yaml:2:13: apiVersion: 'vmf/v2' is newer than this vmf" in err
    assert "gone.yaml: no such file" in err
    assert (folder / "old.yaml").read_text() == OLD


def test_a_folder_that_cannot_be_written_is_told(run, folder, monkeypatch):
    (folder / "old.yaml").write_text(OLD)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = run("old.yaml")
    assert code == 79
    assert f"No space left on device: {folder}/old.yaml" in err
    assert (folder / "old.yaml").read_text() == OLD
