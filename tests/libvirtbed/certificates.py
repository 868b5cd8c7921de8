"""Certificates for tests of tls, made by the program `openssl`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

SETTINGS = """\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = {name}
[extensions]
{extensions}
"""
AUTHORITY = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign"
EITHER = "keyUsage = critical, digitalSignature, keyEncipherment\nextendedKeyUsage = {}\n"
SERVER = EITHER.format("serverAuth") + "subjectAltName = IP:{}"
CLIENT = EITHER.format("clientAuth")


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its private key, both files in PEM."""

    certificate: Path
    key: Path


def authority(folder: Path, name: str) -> Pair:
    """Make a certificate that signs others."""
    return _make(folder, name, AUTHORITY)


def server(folder: Path, name: str, *, by: Pair, address: str = "127.0.0.1") -> Pair:
    """Make the certificate of a server at an address of this computer."""
    return _make(folder, name, SERVER.format(address), "-CA", str(by.certificate), "-CAkey", str(by.key))


def client(folder: Path, name: str, *, by: Pair) -> Pair:
    """Make the certificate of somebody who calls."""
    return _make(folder, name, CLIENT, "-CA", str(by.certificate), "-CAkey", str(by.key))


def _make(folder: Path, name: str, extensions: str, *signed: str) -> Pair:
    made = Pair(certificate=folder / f"{name}.pem", key=folder / f"{name}-key.pem")
    settings = folder / f"{name}.conf"
    settings.write_text(SETTINGS.format(name=name, extensions=extensions))
    command = (
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-config", settings, "-out", made.certificate, "-keyout", made.key, *signed,
    )  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return made
