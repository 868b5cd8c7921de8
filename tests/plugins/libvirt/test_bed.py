"""A libvirt that is elsewhere, really: who is let in over which transport, and what the others are told."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from libvirtbed import certificates, ssh_key
from vmf.errors import HostLost
from vmf.model import Transport
from vmf_libvirt.client import Client
from vmf_libvirt.connecting import connect

SSH, TLS, TCP = Transport.SSH, Transport.TLS, Transport.TCP


@pytest.fixture
def others(tmp_path):
    """Certificates of another authority."""
    by = certificates.authority(tmp_path, "others")
    return by, certificates.client(tmp_path, "stranger", by=by)


@pytest.fixture
def refused(bed, tmp_path):
    """What is told of a connection that is not made."""

    def refused(transport, **changes):
        with pytest.raises(HostLost) as caught:
            connect("qemu", bed.connection(transport, **changes), tmp_path)
        return caught.value

    return refused


@pytest.fixture
def known_hosts(bed):
    """What this side knows of servers; as before when the test ends."""
    before = bed.known_hosts.read_text()
    yield bed.known_hosts
    bed.known_hosts.write_text(before)


@pytest.mark.parametrize("transport", [SSH, TLS, TCP])
def test_libvirt_answers_from_elsewhere(remote_host, transport, tmp_path):
    link = connect("qemu", remote_host(transport).connection, tmp_path)
    assert link.getHostname() == "far"
    assert link.listAllStoragePools() == []


def test_a_daemon_that_was_killed_is_found_again(bed, tmp_path):
    client = Client(lambda: connect("qemu", bed.connection(TLS), tmp_path))
    assert client.machines() == ()
    bed.kill()
    with pytest.raises(HostLost):
        client.machines()
    bed.start()
    assert client.machines() == ()
    client.close()


def test_a_server_that_another_authority_vouches_for_is_not_trusted(refused, others):
    authority, stranger = others
    told = refused(TLS, ca=authority.certificate, certificate=stranger.certificate, key=stranger.key)
    assert told.brief == "127.0.0.1: its certificate is not one to trust"


def test_a_server_is_asked_for_by_the_name_in_its_certificate(refused):
    told = refused(TLS, address="localhost")
    assert told.brief == "localhost: its certificate is not one to trust"
    assert "to name localhost" in told.hint


def test_a_certificate_of_another_authority_is_told_before_it_is_shown(refused, others):
    _, stranger = others
    told = refused(TLS, certificate=stranger.certificate, key=stranger.key)
    assert told.brief == "127.0.0.1: the certificate of this computer is not signed by any of `ca:`"


def test_a_certificate_that_is_not_trusted_there_is_not_let_in(bed, refused, others, tmp_path):
    authority, stranger = others
    both = tmp_path / "both.pem"
    both.write_text(authority.certificate.read_text() + bed.connection(TLS).ca.read_text())
    for certificate, key in ((stranger.certificate, stranger.key), (None, None)):
        told = refused(TLS, ca=both, certificate=certificate, key=key)
        assert told.brief == "127.0.0.1: it does not trust the certificate of this computer"


def test_a_host_whose_ssh_key_is_not_known_is_not_asked_for_it(refused, known_hosts, bed):
    known_hosts.write_text("")
    told = refused(SSH)
    assert told.brief == "127.0.0.1: its ssh key is not known here"
    assert f"-p {bed.ports[SSH]} root@127.0.0.1 true` once" in told.hint
    assert known_hosts.read_text() == ""


def test_a_host_whose_ssh_key_has_changed_is_not_reached(refused, known_hosts, bed, tmp_path):
    key = ssh_key(tmp_path / "in-between").with_suffix(".pub").read_text()
    known_hosts.write_text(f"[127.0.0.1]:{bed.ports[SSH]} {key}")
    told = refused(SSH)
    assert told.brief == "127.0.0.1: its ssh key is not the one that is known of it"
    assert f"`ssh-keygen -R '[127.0.0.1]:{bed.ports[SSH]}'`" in told.hint


def test_an_ssh_key_that_is_not_let_in_is_told(refused, tmp_path):
    stranger = ssh_key(tmp_path / "stranger")
    told = refused(SSH, key=stranger)
    assert told.brief == "127.0.0.1: its ssh does not let us in"
    assert f"`ssh-copy-id -i {stranger} -p" in told.hint


def test_a_key_that_others_can_read_is_told(bed, refused, tmp_path):
    key = tmp_path / "open"
    key.write_bytes(bed.connection(SSH).key.read_bytes())
    key.chmod(0o644)
    assert "others can read the private key" in refused(SSH, key=key).brief


def test_a_host_without_its_daemon_is_told(bed, refused):
    bed.kill()
    told = refused(SSH)
    bed.start()
    assert told.brief == "127.0.0.1: no libvirt daemon answers this user there"


def test_nothing_of_the_bed_is_on_this_computer(bed, tmp_path):
    link = connect("qemu", bed.connection(TCP), tmp_path)
    name = f"vmf-{secrets.token_hex(4)}"
    pool = link.storagePoolDefineXML(
        f"<pool type='dir'><name>{name}</name><target><path>/var/lib/libvirt/{name}</path></target></pool>"
    )
    pool.build()
    assert not Path("/var/lib/libvirt", name).exists()
    pool.delete()
    pool.undefine()
