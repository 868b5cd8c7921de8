"""Parts of files, whatever the server does."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from ranged import serving
from vmf.blocks.web import Denied, Unreached, Web

FILE = bytes(range(256)) * 256


@pytest.fixture
def server(tmp_path):
    (tmp_path / "a file").write_bytes(FILE)
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def web(server):
    with closing(Web(server.address)) as web:
        yield web


def test_parts_come_by_one_connection(web, server):
    assert web.part("a file", 1000, 500) == FILE[1000:1500]
    (kept,) = web._idle
    assert web.part("a file", 0, len(FILE)) == FILE
    assert web._idle == [kept]
    assert server.parts("a file") == ["bytes=1000-1499", "bytes=0-65535"]


def test_a_connection_that_was_closed_meanwhile_is_made_anew(web, server):
    web.part("a file", 0, 10)
    server.faults = ["cut"]
    with pytest.raises(Unreached, match="ended too soon"):
        web.part("a file", 0, 10)
    assert web.part("a file", 5, 10) == FILE[5:15]
    web._idle[0].sock.shutdown(socket.SHUT_RDWR)
    assert web.part("a file", 6, 10) == FILE[6:16]


@pytest.mark.parametrize(
    ("fault", "refusal", "told"),
    [
        ("503", Unreached, "the server says 503"),
        ("429", Unreached, "the server says 429"),
        ("404", Denied, "the server says 404"),
        ("401", Denied, "the server says 401"),
        ("302", Denied, "leads to nowhere"),
        ("all", Denied, "does not give parts of it"),
        ("elsewhere", Denied, "does not give parts of it"),
    ],
)
def test_what_a_server_objects_is_told(web, server, fault, refusal, told):
    server.faults = [fault]
    with pytest.raises(refusal, match=told):
        web.part("a file", 100, 10)


def test_a_server_that_is_not_there_may_come_back(server, web):
    address = server.address
    server.shutdown()
    server.server_close()
    with pytest.raises(Unreached, match=f"{address}/a file"):
        web.part("a file", 0, 1)


def test_a_server_that_is_too_slow_is_given_up(server):
    server.rate = 2**16
    with pytest.raises(Unreached, match="too slow"):
        Web(server.address, longest=0.05).part("a file", 0, len(FILE))


def test_a_whole_file_comes_again_only_if_it_has_changed(web, server):
    first = web.whole("a file", 2**20)
    assert first.content == FILE
    assert web.whole("a file", 2**20, tag=first.tag) is None
    (server.folder / "a file").write_bytes(b"new")
    assert web.whole("a file", 2**20, tag=first.tag).content == b"new"
    with pytest.raises(Denied, match="more than the 2 bytes"):
        web.whole("a file", 2)


def test_a_password_is_told_to_the_server_and_to_nobody_else(server):
    web = Web(server.address.replace("//", "//ada:s%40cret@") + "/x")
    with closing(web), pytest.raises(Denied) as told:
        web.part("a file", 0, 1)
    assert server.authorizations == {"Basic YWRhOnNAY3JldA=="}
    assert "cret" not in f"{told.value}{web.shown}"
    assert web.shown == f"{server.address}/x/"


@pytest.mark.parametrize("address", ["ftp://a/", "/srv/images", "http://", "https://a/?b", "http://a:port/"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match=r".+"):
        Web(address)


def test_a_proxy_is_asked_where_one_is_named(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address)
    with pytest.raises(Denied, match=r"http://far\.example/x/a: the server says 404"):
        Web("http://far.example/x").part("a", 0, 1)
    assert server.asked == [("http://far.example/x/a", "bytes=0-0")]
