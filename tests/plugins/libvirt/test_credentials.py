from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vmf.errors import SetupError
from vmf.model import Connection, Transport
from vmf_libvirt import credentials
from vmf_libvirt.credentials import NAMES


@pytest.fixture
def connection(tmp_path):
    """A tls connection with all its files."""
    files = {field: tmp_path / f"my {field}" for field in NAMES}
    for field, file in files.items():
        file.write_text(field)
    return Connection(transport=Transport.TLS, address="h", **files)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "hosts" / "h"


def read(made):
    return {each.name: each.read_text() for each in made.iterdir()}


def test_libvirt_finds_each_file_by_its_own_name_in_a_private_folder(connection, folder):
    made = credentials.lay(connection, folder)
    assert read(made) == {"cacert.pem": "ca", "clientcert.pem": "certificate", "clientkey.pem": "key"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (made, made.parent, folder)} == {0o700}
    assert made.is_absolute()


def test_a_file_that_is_renewed_is_the_one_that_counts(connection, folder):
    connection.certificate.write_text("new")
    assert credentials.lay(connection, folder) == credentials.lay(connection, folder)
    assert read(credentials.lay(connection, folder))["clientcert.pem"] == "new"


def test_what_a_spec_does_not_name_any_more_is_not_used(connection, folder):
    credentials.lay(connection, folder)
    fewer = Connection(transport=Transport.TLS, address="h", ca=connection.ca)
    assert read(credentials.lay(fewer, folder)) == {"cacert.pem": "ca"}


@pytest.mark.parametrize(
    "connection", [Connection(), Connection(transport=Transport.TLS, address="h")], ids=["local", "nothing named"]
)
def test_libvirt_looks_in_its_own_places_where_none_is_named(connection, folder):
    assert credentials.lay(connection, folder) is None
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_named(connection, folder):
    folder.parent.touch()
    with pytest.raises(SetupError, match=str(folder.parent)) as caught:
        credentials.lay(connection, folder)
    assert "VMF_HOME" in caught.value.hint


@pytest.mark.parametrize("field", NAMES)
@pytest.mark.parametrize("becomes", [None, Path.mkdir, os.mkfifo], ids=["nothing", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_named_with_its_field(connection, field, becomes):
    path = getattr(connection, field)
    credentials.check(connection)
    path.unlink()
    if becomes:
        becomes(path)
    with pytest.raises(SetupError, match=str(path)) as caught:
        credentials.check(connection)
    assert f"`{field}:`" in caught.value.hint
