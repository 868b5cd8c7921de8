"""The seed holds what the user gave, and vmf's own for what is missing."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ruamel.yaml import YAML

from shell import until
from vmf.errors import JobFault
from vmf.files import seed
from vmf.model import CloudInit, File

KEY = "ssh-ed25519 AAAA vmf"


def nowhere(path):
    raise AssertionError(f"{path} was looked for on the host")


def made(given=None, **changes):
    found = seed.contents(given or CloudInit(), nowhere, **{"name": "Job_1.x", "token": "5eed", **changes})
    return {name: content if isinstance(content, bytes) else content.name for name, content in found.items()}


def metadata(**changes):
    return YAML(typ="safe").load(made(**changes)["meta-data"])


def test_what_is_missing_is_made():
    assert made()["user-data"].startswith(b"#cloud-config\n")
    assert metadata() == {"instance-id": "vmf-5eed", "local-hostname": "Job-1-x"}
    assert made().keys() == {"user-data", "meta-data"}


def test_what_is_given_is_used_as_it_is(tmp_path):
    for name in ("u", "m", "n"):
        (tmp_path / name).write_text(name)
    user, meta, net = (File(path=tmp_path / name) for name in ("u", "m", "n"))
    assert made(CloudInit(user_data=user, meta_data=meta, network_config=net)) == {
        "user-data": str(user.path),
        "meta-data": str(meta.path),
        "network-config": str(net.path),
    }


@pytest.mark.parametrize(
    ("name", "host"), [("a", "a"), ("A-b", "A-b"), ("x..y_", "x--y"), ("1.", "1"), (63 * "k", 63 * "k")]
)
def test_a_jobs_name_becomes_a_host_name(name, host):
    assert metadata(name=name)["local-hostname"] == host


def test_a_key_goes_into_the_metadata(tmp_path):
    assert metadata(key=KEY)["public-keys"] == [KEY]
    (tmp_path / "m").touch()
    with pytest.raises(JobFault, match="no place for the key") as caught:
        made(CloudInit(meta_data=File(path=tmp_path / "m")), key=KEY)
    assert "leave out `meta_data`" in caught.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(JobFault, match="none: there is no such file"):
        made(CloudInit(user_data=File(path=tmp_path / "none")))


PROGRAMS = {
    "vmf-guest": b"#!/bin/sh\necho \"it's $(vmf-exchange)\" '$HOME'\n",
    "vmf-exchange": b"#!/bin/sh\necho here\n",
}


@pytest.fixture(params=["dash", "bash"])
def booted(request, tmp_path):
    """A function that runs what cloud-init is given to start, while it is not done; with more on its PATH."""
    (tmp_path / "instance").mkdir()
    (tmp_path / "own").mkdir()

    def run():
        text = made(programs=PROGRAMS)["vendor-data"].decode()
        places = {"/var/lib/cloud": tmp_path, "/var/lib/vmf": tmp_path / "vmf", "/dev/console": tmp_path / "console"}
        for place, stand_in in places.items():
            assert place in text
            text = text.replace(place, str(stand_in))
        path = f"{tmp_path}/own:/usr/bin:/bin"
        subprocess.run([shutil.which(request.param), "-c", text], env={"PATH": path}, check=True, timeout=30)

    return run


def test_only_a_guest_that_has_work_is_given_what_starts_it():
    assert "vendor-data" not in made()
    assert made(programs=PROGRAMS)["vendor-data"].startswith(b"#!/bin/sh\n")


def test_the_work_begins_once_cloud_init_is_done_and_is_told_on_the_console(booted, tmp_path):
    console = tmp_path / "console"
    console.touch()
    booted()
    assert console.read_text() == ""
    (tmp_path / "instance/boot-finished").touch()
    until(lambda: console.read_text() == "it's here $HOME\n", "the program has run, and found the other one")


def test_an_image_that_begins_its_work_by_itself_does_not_begin_it_twice(booted, tmp_path):
    own = tmp_path / "own/vmf-guest"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    booted()
    assert not (tmp_path / "vmf").exists()
    assert not (tmp_path / "console").exists()
