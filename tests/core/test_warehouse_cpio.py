from __future__ import annotations

import subprocess

import pytest

from vmf.warehouse.cpio import archive, device, file, folder, link

ENTRIES = (
    folder("dev"),
    device("dev/console", 5, 1),
    file("init", b"#!/bin/sh\n", mode=0o755),
    file("a name with spaces", b"12345"),
    file("empty", b""),
    link("sbin", "bin"),
)
LISTED = """\
drwxr-xr-x   2 root     root            0 Jan  1  1970 dev
crw-------   1 root     root       5,   1 Jan  1  1970 dev/console
-rwxr-xr-x   1 root     root           10 Jan  1  1970 init
-rw-r--r--   1 root     root            5 Jan  1  1970 a name with spaces
-rw-r--r--   1 root     root            0 Jan  1  1970 empty
lrwxrwxrwx   1 root     root            3 Jan  1  1970 sbin -> bin
"""


def cpio(*arguments, given, **settings):
    return subprocess.run(
        ["cpio", "--quiet", *arguments], input=given, capture_output=True, check=True, **settings
    ).stdout


def test_cpio_lists_what_was_archived():
    listed = cpio("-tv", given=archive(ENTRIES), env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    assert listed.decode() == LISTED


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 4095, 4096])
def test_content_of_any_size_comes_back_and_hides_nothing_after_it(size):
    content = bytes(range(256)) * 16
    entries = (file("x", content[:size]), file("next", b"still here"))
    assert cpio("-i", "--to-stdout", "x", given=archive(entries)) == content[:size]
    assert cpio("-i", "--to-stdout", "next", given=archive(entries)) == b"still here"


def test_the_bytes_are_what_they_always_were():
    header = "07070100000001000081A4" + "00000000" * 2 + "00000001" + "00000000" + "00000002" + "00000000" * 4
    record = (header + "00000002" + "00000000").encode() + b"f\0hi\0\0"
    assert archive([file("f", b"hi")]).startswith(record)
    assert len(archive([file("f", b"hi")])) % 4 == 0
