"""Secrets are read as they are, within bounds, and no message says what is in them."""

from __future__ import annotations

import pytest

from vmf.errors import JobFault
from vmf.files import secret
from vmf.model import File


def nowhere(path):
    raise AssertionError(f"{path} was looked for on the host")


def read(tmp_path, value):
    path = tmp_path / "token"
    path.write_bytes(value)
    return secret.read_one(File(path=path), nowhere)


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        (b"s3cret", b"s3cret"),
        (b"s3cret\n", b"s3cret"),
        (b"two\nlines\n\n", b"two\nlines\n"),
        (b"dos\r\n", b"dos\r"),
        (b"", b""),
        (b"\xff\xfe\n", b"\xff\xfe"),
        (secret.MOST * b"x", secret.MOST * b"x"),
    ],
)
def test_one_line_break_at_the_end_is_left_out_and_nothing_else(tmp_path, value, read_as):
    assert read(tmp_path, value) == read_as


@pytest.mark.parametrize(("value", "reason"), [(b"s3cret\0", "zero byte"), (b"s3cret" * secret.MOST, "64 KiB")])
def test_what_cannot_be_a_variable_is_refused_and_not_told(tmp_path, value, reason):
    with pytest.raises(JobFault, match=reason) as caught:
        read(tmp_path, value)
    assert "token" in caught.value.brief
    assert "s3cret" not in str(caught.value)


def test_secrets_without_an_end_are_not_read_to_the_end(tmp_path):
    link = tmp_path / "endless"
    link.symlink_to("/dev/zero")
    with pytest.raises(JobFault, match="a character device"):
        secret.read_one(File(path=link), nowhere)


def test_a_secret_of_the_host_is_read_there(tmp_path):
    (tmp_path / "there").write_bytes(b"far\n")
    given = {"TOKEN": File(path=tmp_path / "elsewhere" / "there", on_host=True)}
    assert secret.read_all(given, lambda path: (tmp_path / path.name).open("rb")) == {"TOKEN": b"far"}
