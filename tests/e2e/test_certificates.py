"""Certificates of a running server: chosen by the name that the client asks for, read again by SIGHUP
without a restart, connections that are open going on with the old ones."""
import socket
import ssl
import subprocess

import pytest

import certificates
import serving
from wire import Imap, Wire

PORTS = ["IMAPS", "POP3S", "SUBMISSIONS", "INNER_IMAPS", "INNER_POP3S"]


@pytest.fixture(scope="module")
def server():
    """One of its own: it gets other certificates."""
    own = serving.start(2, "--set", "io.loops=3")
    for name in ("first", "second"):
        certificates.make(own, name, f"{name}.example.org", f"*.{name}.example.org")
    certificates.reload(own)
    yield own
    own.stop()


def names(pem_or_der):
    how = [] if isinstance(pem_or_der, str) else ["-inform", "DER"]
    data = pem_or_der.encode() if isinstance(pem_or_der, str) else pem_or_der
    out = subprocess.run(["openssl", "x509", "-noout", "-serial", "-subject", "-nameopt", "sep_multiline", *how],
                         input=data, stdout=subprocess.PIPE, check=True).stdout.decode()
    return out.split("CN=")[1].strip(), out.split("serial=")[1].split()[0]


def shown(server, port, sni, version=None):
    """(name, serial) of the certificate that a client sees who asks for `sni`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    with socket.create_connection((server.host, server.ports[port]), 30) as plain, \
            context.wrap_socket(plain, server_hostname=sni) as tls:
        tls.recv(100)
        return names(tls.getpeercert(True))


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_the_name_chooses(server, port, version):
    assert shown(server, port, "first.example.org", version)[0] == "first.example.org"
    assert shown(server, port, "SECOND.example.org", version)[0] == "second.example.org"
    assert shown(server, port, "mail.second.example.org", version)[0] == "second.example.org"
    default = shown(server, port, None, version)
    assert default[0] not in ("first.example.org", "second.example.org")
    assert shown(server, port, "third.example.org", version) == default
    assert shown(server, port, "a.b.second.example.org", version) == default  # a star is one label


def test_the_name_chooses_after_starttls(server):
    for port, begin, ok in (("IMAP", b"a STARTTLS\r\n", b"a OK"), ("POP3", b"STLS\r\n", b"+OK"),
                            ("SUBMISSION", b"EHLO x.example\r\nSTARTTLS\r\n", b"220")):
        with Wire(server.host, server.ports[port]) as wire:
            wire.line()
            wire.send(begin)
            while not wire.line().startswith(ok):
                pass
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            tls = context.wrap_socket(wire.sock, server_hostname="second.example.org")
            assert names(tls.getpeercert(True))[0] == "second.example.org"


def test_renewed_without_a_restart(server):
    pids = server.pids()
    with Imap(server, "user1@example.test", tls=True) as old:
        before = {port: shown(server, port, "first.example.org") for port in PORTS}
        certificates.make(server, "first", "first.example.org")
        assert shown(server, "IMAPS", "first.example.org") == before["IMAPS"]  # not before it is told
        certificates.reload(server)
        for port in PORTS:
            for _ in range(6):  # on every loop
                now = shown(server, port, "first.example.org")
                assert now[0] == "first.example.org" and now[1] != before[port][1]
        assert old.ok("NOOP") is not None and old.ok("SELECT", "INBOX")
    assert server.pids() == pids


def test_what_cannot_be_read_changes_nothing(server):
    before = shown(server, "IMAPS", "first.example.org")
    path = server.state / "tls/first.crt"
    was = path.read_bytes()
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    certificates.reload(server, "tls.reload_failed")
    assert shown(server, "IMAPS", "first.example.org") == before
    path.write_bytes(was)
    (server.state / "tls/lonely.crt").write_bytes(was)  # without its key
    certificates.reload(server, "tls.reload_failed")
    assert shown(server, "IMAPS", "first.example.org") == before
    (server.state / "tls/lonely.crt").unlink()
    certificates.reload(server)
    assert shown(server, "IMAPS", "first.example.org") == before
