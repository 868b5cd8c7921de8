from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vmf.errors import HostLost, SetupError
from vmf.model import Connection
from vmf_vmware.data import Ref
from vmf_vmware.faults import Dropped
from vmf_vmware.tls import server
from vmf_vmware.wire import Wire

USUAL, OTHER = "127.0.0.1", "127.0.0.2"
"""Of the first, VMware's library verifies nothing if it is let."""


class Certificate:
    def __init__(self, folder, name, addresses=(USUAL, OTHER)):
        self.path, self.key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        names = ",".join(f"IP:{address}" for address in addresses)
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        more = ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"]
        subprocess.run([*command, *more, "-out", self.path, "-keyout", self.key], check=True, capture_output=True)

    @property
    def pin(self):
        der = ssl.PEM_cert_to_DER_cert(self.path.read_text())
        return hashlib.sha256(der).hexdigest()


class Silent(HTTPServer):
    """Serves TLS at an address; `asked` counts the requests that have come through it."""

    def __init__(self, address, certificate):
        self.asked = 0

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self):
                self.server.asked += 1
                self.send_error(503)

            def log_message(self, *_):
                pass

        super().__init__((address, 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.path, certificate.key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_):
        """Who does not trust us hangs up, which is what is tested."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def own(folder):
    return Certificate(folder, "own")


@pytest.fixture(scope="module")
def strange(folder):
    return Certificate(folder, "strange")


@pytest.fixture
def serve(request):
    """Starts a server, and makes what reaches it of its certificate."""

    def serve(address, certificate):
        there = Silent(address, certificate)
        thread = threading.Thread(target=there.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        request.addfinalizer(there.server_close)
        request.addfinalizer(thread.join)
        request.addfinalizer(there.shutdown)
        return there

    return serve


def reach(there, *, ca=None, pin=None):
    address, port = there.server_address[:2]
    return server(Connection(address=address, port=port, ca=ca), pin)


def ask(reached):
    """Something by VMware's library, which has its own ideas of certificates."""
    Wire(reached).ask(Ref("ServiceInstance", "ServiceInstance"), "CurrentTime", {})


@pytest.mark.parametrize("address", [USUAL, OTHER])
def test_whose_signer_is_named_is_talked_to(serve, own, address):
    there = serve(address, own)
    reach(there, ca=own.path).greet()
    with pytest.raises(Dropped, match="503"):
        ask(reach(there, ca=own.path))
    assert there.asked == 1


@pytest.mark.parametrize("address", [USUAL, OTHER])
@pytest.mark.parametrize("ca", ["strange", None])
def test_whose_signer_is_another_one_is_not(serve, own, strange, address, ca):
    there = serve(address, own)
    reached = reach(there, ca=strange.path if ca else None)
    for talk in (reached.greet, lambda: ask(reached)):
        with pytest.raises(HostLost, match="is not one to trust") as caught:
            talk()
        assert "vmware.pin" in caught.value.hint
    assert there.asked == 0


def test_a_certificate_of_another_computer_is_not_trusted(serve, folder):
    elsewhere = Certificate(folder, "elsewhere", ["127.0.0.3"])
    with pytest.raises(HostLost, match=r"not valid for '127\.0\.0\.2'"):
        reach(serve(OTHER, elsewhere), ca=elsewhere.path).greet()


@pytest.mark.parametrize("address", [USUAL, OTHER])
def test_the_certificate_that_is_pinned_is_trusted_whoever_signed_it(serve, folder, address):
    nameless = Certificate(folder, f"nameless-{address}", ["127.0.0.3"])
    for pin in (nameless.pin, ":".join(nameless.pin[at : at + 2] for at in range(0, 64, 2)).upper()):
        there = serve(address, nameless)
        reach(there, pin=pin).greet()
        with pytest.raises(Dropped, match="503"):
            ask(reach(there, pin=pin))


@pytest.mark.parametrize("address", [USUAL, OTHER])
def test_any_other_one_is_not_and_hears_nothing(serve, own, strange, address):
    there = serve(address, strange)
    for ca in (None, strange.path):
        reached = reach(there, pin=own.pin, ca=ca)
        for talk in (reached.greet, lambda reached=reached: ask(reached)):
            with pytest.raises(HostLost) as caught:
                talk()
            assert caught.value.brief.endswith(
                f"to trust: it has the fingerprint {strange.pin}, not that of `vmware.pin`"
            )
            assert "compare the fingerprints" in caught.value.hint
    assert there.asked == 0


def test_a_pin_beside_a_signer_does_not_replace_it(serve, own, strange):
    with pytest.raises(HostLost, match="is not one to trust"):
        reach(serve(OTHER, own), pin=own.pin, ca=strange.path).greet()


def test_what_has_no_certificates_in_it_is_said_so(tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(SetupError, match=r"ca\.pem: there is no certificate in it"):
        server(Connection(address=OTHER, ca=tmp_path / "ca.pem"), None)
    with pytest.raises(SetupError, match="No such file"):
        server(Connection(address=OTHER, ca=tmp_path / "gone"), None)


def test_a_host_has_to_have_an_address():
    with pytest.raises(SetupError, match="nothing says where"):
        server(Connection(), None)


def test_nobody_there_is_said_so():
    with pytest.raises(HostLost, match=r"127\.0\.0\.2:1 does not answer: Connection refused"):
        server(Connection(address=OTHER, port=1), None).greet()
