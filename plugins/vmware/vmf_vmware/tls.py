"""The server of a host, by TLS: whose certificate to trust, and connections to it."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPSConnection

from msgspec import Struct

from vmf.errors import HostLost, SetupError
from vmf.model import Connection
from vmf_vmware.faults import Dropped

PORT = 443
OPEN_SECONDS = 15.0
"""So long a host may take to greet us."""
SECONDS = 60.0
"""So long it may be silent while it is asked something."""


_SIGNER = "name the signer's as `ca:` below `connection:` of the host's spec, or the certificate by `vmware.pin`"
_CHANGED = "the server's certificate has changed, or is another server's: compare the fingerprints before you trust it"


class Mismatch(ssl.SSLCertVerificationError):
    """It is not the certificate that is pinned."""


class Server(Struct, frozen=True, kw_only=True):
    """Where the API of a host is."""

    address: str
    port: int
    context: ssl.SSLContext

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"

    def connection(self, *, seconds: float = SECONDS) -> HTTPSConnection:
        """A connection to be; it has not been opened."""
        return HTTPSConnection(self.address, self.port, timeout=seconds, context=self.context)

    def greet(self) -> None:
        """See that it answers, and is the one that it should be.

        Raises:
            HostLost: if not, with what is in the way.
        """
        with self.telling():
            connection = self.connection(seconds=OPEN_SECONDS)
            try:
                connection.connect()
            finally:
                connection.close()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Around what goes over a connection.

        Raises:
            HostLost: if the certificate is not one to trust.
            Dropped: if nothing, or no HTTP, comes back.
        """
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            hint = _CHANGED if isinstance(error, Mismatch) else _SIGNER
            what = error.verify_message or error.reason or "untrusted"
            raise HostLost(f"the certificate of {self} is not one to trust: {what}", hint=hint) from error
        except (OSError, HTTPException) as error:
            hint = "check `address:` and `port:` of the host's spec, and that the host is up"
            what = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Dropped(f"{self} does not answer: {what}", hint=hint) from error


def server(connection: Connection, pin: str | None) -> Server:
    """The server that a host's spec names; with a pin, it has to have that certificate.

    Raises:
        SetupError: if there is no address, or the file with certificates cannot be used.
    """
    if not connection.address:
        hint = "write `connection: {transport: api, address: …}` into the host's spec"
        raise SetupError("nothing says where the vCenter or ESXi host is", hint=hint)
    return Server(address=connection.address, port=connection.port or PORT, context=_context(connection, pin))


def _context(connection: Connection, pin: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=connection.ca)
    except OSError as error:  # so are those of ssl, whose words tell nothing
        what = error.strerror if not isinstance(error, ssl.SSLError) else "there is no certificate in it"
        hint = "check `ca:` below `connection:` of the host's spec"
        raise SetupError(f"{connection.ca}: {what}", hint=hint) from error
    if pin:
        context.sslsocket_class = _pinned(pin.replace(":", "").lower())
        if not connection.ca:  # who pins a certificate without naming a signer trusts that one, whoever signed it
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    return context


def _pinned(pin: str) -> type[ssl.SSLSocket]:
    """Sockets that only talk to the owner of the certificate with this SHA-256."""

    class Pinned(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as ssl calls it
            super().do_handshake(block)
            seen = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if seen != pin:
                error = Mismatch()
                error.verify_message = f"it has the fingerprint {seen}, not that of `vmware.pin`"
                raise error

    return Pinned
