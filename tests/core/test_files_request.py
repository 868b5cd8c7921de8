"""What is asked of a guest is read by shells and tars as it was meant."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile

import pytest

from vmf.errors import UsageError
from vmf.files import request

NONCE = "5eed" * 8
NAMES = ("it's", "new\nline", "-rf", "ü $(id) \\", "a;b")


@pytest.mark.parametrize("path", [*NAMES, "/" + "d" * 4000, "ends in\n"])
def test_a_shell_reads_the_paths_as_they_are(tmp_path, path):
    request.write_out(tmp_path / "disc", nonce=NONCE, out=path)
    disc = (tmp_path / "disc").read_bytes()
    assert (len(disc), disc[:12]) == (request.HEAD, b"vmf_request=")
    said = subprocess.check_output(
        ["sh", "-c", '. ./disc; printf "%s|%s|%s" "$vmf_request" "$to" "$out"'], cwd=tmp_path
    )
    assert said.decode() == f"{NONCE}||{path}"


@pytest.mark.parametrize("tar", [["tar"], ["busybox", "tar"]])
def test_tars_unpack_what_goes_in(tmp_path, tar):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "folder/deep").mkdir(parents=True)
    there.mkdir()
    for number, name in enumerate(NAMES):
        (here / name).write_bytes(b"x" * number * 600)
    (here / "folder/deep" / ("n" * 200)).write_text("long\n")
    (here / "folder/link").symlink_to("deep")
    (here / "a;b").chmod(0o4750)
    (tmp_path / "link").symlink_to(here / "folder")
    files = {name: here / name for name in NAMES} | {"folder": tmp_path / "link"}
    request.write_in(tmp_path / "disc", nonce=NONCE, to="/root", files=files)
    disc = (tmp_path / "disc").read_bytes()
    assert len(disc) % 2048 == 0
    subprocess.run([*tar, "-xpf", "-", "-C", there], input=disc[request.HEAD :], check=True)
    for name in NAMES:
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert stat.S_IMODE((there / "a;b").stat().st_mode) == 0o750
    assert (there / "folder/link/" / ("n" * 200)).read_text() == "long\n"


def test_files_belong_to_the_guests_root(tmp_path):
    (tmp_path / "file").touch()
    request.write_in(tmp_path / "disc", nonce=NONCE, to=".", files={"file": tmp_path / "file"})
    with (tmp_path / "disc").open("rb") as disc:
        disc.seek(request.HEAD)
        with tarfile.open(fileobj=disc) as tar:
            (member,) = tar
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root")


def test_what_cannot_be_asked_leaves_no_disc(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is neither a file nor a folder"):
        request.write_in(tmp_path / "disc", nonce=NONCE, to=".", files={"pipe": tmp_path / "pipe"})
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "pipe").rename(tmp_path / "folder/deep/pipe")
    with pytest.raises(UsageError, match="folder/deep/pipe is neither a file nor a folder"):
        request.write_in(tmp_path / "disc", nonce=NONCE, to=".", files={"folder": tmp_path / "folder"})
    with pytest.raises(FileNotFoundError):
        request.write_in(tmp_path / "disc", nonce=NONCE, to=".", files={"none": tmp_path / "none"})
    with pytest.raises(UsageError, match="too long"):
        request.write_out(tmp_path / "disc", nonce=NONCE, out="'" * 4096)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_file_that_shrinks_is_told(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 5000)
    real = tarfile.copyfileobj

    def shrinking(*words, **more):
        os.truncate(file, 10)
        return real(*words, **more)

    monkeypatch.setattr(tarfile, "copyfileobj", shrinking)
    with pytest.raises(UsageError, match="changed while it was read"):
        request.write_in(tmp_path / "disc", nonce=NONCE, to=".", files={"file": file})
