from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from vmf.errors import SetupError
from vmf.model import Connection, Transport
from vmf_libvirt.address import uri

EVIL = "/a?command=b&netcat=c;no_verify=1#d @[]:\n"
NOT_UTF_8 = "\udcff"


def to(transport, **given):
    return Connection(**{"transport": Transport(transport), "address": "h", **given})


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        (Connection(), ":///system"),
        (to("ssh"), "+ssh://h/system?no_tty=1"),
        (to("ssh", user="ana", port=2222, key=Path("/k")), "+ssh://ana@h:2222/system?no_tty=1&keyfile=%2Fk"),
        (to("ssh", address="fe80::1", port=22), "+ssh://[fe80::1]:22/system?no_tty=1"),
        (to("ssh", address="::ffff:1.2.3.4"), "+ssh://[::ffff:102:304]/system?no_tty=1"),
        (to("tls"), "+tls://h/system"),
        (to("tls", address="10.0.0.1", port=1), "+tls://10.0.0.1:1/system"),
        (to("tcp", insecure=True), "+tcp://h/system"),
        (to("tcp", address="localhost", port=1), "+tcp://localhost:1/system"),
        (to("tcp", address="127.0.0.1"), "+tcp://127.0.0.1/system"),
        (to("tcp", address="::1"), "+tcp://[::1]/system"),
    ],
)
@pytest.mark.parametrize("driver", ["qemu", "xen"])
def test_a_connection_becomes_an_address(driver, connection, address):
    assert uri(driver, connection) == driver + address


def test_files_for_tls_are_looked_for_in_their_folder_only():
    assert uri("xen", to("tls"), credentials=Path("/a b")) == "xen+tls://h/system?pkipath=%2Fa%20b"
    assert uri("xen", to("ssh"), credentials=Path("/a b")) == "xen+ssh://h/system?no_tty=1"


@pytest.mark.parametrize(
    ("made", "parameters"),
    [
        (uri("qemu", to("ssh", key=Path(EVIL + NOT_UTF_8))), {"no_tty": ["1"], "keyfile": [EVIL + NOT_UTF_8]}),
        (uri("qemu", to("tls"), credentials=Path(EVIL + NOT_UTF_8)), {"pkipath": [EVIL + NOT_UTF_8]}),
        (uri("qemu", to("ssh", user=EVIL, address=EVIL)), {"no_tty": ["1"]}),
        (uri("qemu", to("tcp", user=EVIL, address=EVIL, insecure=True)), {}),
    ],
)
def test_nothing_of_a_spec_adds_a_parameter(made, parameters):
    parsed = urlsplit(made)
    assert parse_qs(parsed.query, strict_parsing=bool(parameters), errors="surrogateescape") == parameters
    assert (parsed.path, parsed.fragment) == ("/system", "")
    assert made.isascii()
    assert made.isprintable()


@pytest.mark.parametrize("address", ["h", "10.0.0.1", "127.1", "localhost.example.org", "::", "Localhost"])
def test_tcp_to_elsewhere_takes_consent(address):
    with pytest.raises(SetupError, match="neither encrypts") as caught:
        uri("qemu", to("tcp", address=address))
    assert "insecure: true" in caught.value.hint


@pytest.mark.parametrize(
    ("connection", "brief"),
    [(to("api"), "no transport api"), (to("tls", address=None), "transport tls needs an address")],
)
def test_what_leads_nowhere_is_said(connection, brief):
    with pytest.raises(SetupError, match=brief):
        uri("qemu", connection)


@pytest.mark.parametrize("path", ["/a%h/k", "/${HOME}/k"])
def test_a_key_whose_path_ssh_would_change_is_refused(path):
    with pytest.raises(SetupError, match="in its path"):
        uri("qemu", to("ssh", key=Path(path)))
