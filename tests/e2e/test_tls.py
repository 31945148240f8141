"""What sslscan finds at every port with TLS: only 1.2 and 1.3, only forward secrecy with authenticated
ciphers, no compression, no renegotiation. The ports are those that `carbonado ports` says."""
import json
import shutil
import socket
import ssl
import subprocess
import threading
import xml.etree.ElementTree

import pytest

ALLOWED = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
           *(f"{kx}-{c}" for kx in ("ECDHE-ECDSA", "ECDHE-RSA")
             for c in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")),
           "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384"}
GROUPS = {"x25519", "secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)"}
STARTTLS = {"smtp": "smtp", "submission": "smtp", "lmtp": "smtp", "imap": "imap", "pop3": "pop3", "sieve": None}


class Between:
    """What sslscan does not speak, done for it on the way."""

    def __init__(self, host, port):
        self.to = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.join, args=(client, ), daemon=True).start()

    def join(self, client):
        try:
            server = socket.create_connection(self.to)
            self.prepare(server)
        except OSError:
            client.close()
            return
        threading.Thread(target=self.copy, args=(client, server, self.change), daemon=True).start()
        self.copy(server, client, bytes)

    def prepare(self, server):
        pass

    change = bytes

    @staticmethod
    def copy(source, sink, change):
        try:
            while data := source.recv(65536):
                sink.sendall(change(data))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class LmtpForSmtp(Between):
    """sslscan speaks SMTP: its EHLO becomes LHLO."""

    @staticmethod
    def change(data):
        return b"LHLO" + data[4:] if data.startswith(b"EHLO") else data


class ManageSieve(Between):
    """sslscan finds the port where TLS begins."""

    def prepare(self, server):
        said = server.makefile("rb", 0)
        self.skip(said)
        server.sendall(b"STARTTLS\r\n")
        self.skip(said)

    @staticmethod
    def skip(said):
        while (line := said.readline()) and not line.startswith(b"OK"):
            pass


BETWEEN = {"lmtp": LmtpForSmtp, "sieve": ManageSieve}


def scan(host, port, starttls=None):
    how = [f"--starttls-{starttls}"] if starttls else []
    done = subprocess.run(["sslscan", "--xml=-", "--no-colour", "--timeout=60", *how, f"{host}:{port}"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=600)
    return xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")


def problems(found):
    """Everything that must not be there, and the absence of what must."""
    wrong = []
    if found is None:
        return ["no TLS at all"]
    on = {(p.get("type"), p.get("version")) for p in found.iter("protocol") if p.get("enabled") == "1"}
    if on != {("tls", "1.2"), ("tls", "1.3")}:
        wrong.append(f"versions {sorted(on)}")
    ciphers = {c.get("cipher") for c in found.iter("cipher")}
    wrong += [f"cipher {c}" for c in ciphers - ALLOWED]
    if len(ciphers) < 6:
        wrong.append(f"only {sorted(ciphers)}")
    wrong += [f"group {g.get('name')}" for g in found.iter("group") if g.get("name") not in GROUPS]
    if any(c.get("supported") != "0" for c in found.iter("compression")):
        wrong.append("compression")
    renegotiation = found.find("renegotiation")
    if renegotiation is None or renegotiation.get("supported") != "0":
        wrong.append("renegotiation")
    if any(h.get("vulnerable") != "0" for h in found.iter("heartbleed")):
        wrong.append("heartbleed")
    return wrong


@pytest.fixture
def sslscan():
    if not shutil.which("sslscan"):
        pytest.skip("sslscan is not installed")


def test_every_port_with_tls(server, sslscan):
    rows = [r for r in json.loads(server.command("ports", "--json").stdout)
            if r["state"] == "listens" and r["tls"] in ("implicit", "starttls") and r["port"]]
    assert len(rows) >= 12, "the table has changed its words"
    wrong = {}
    for row in rows:
        port, between = row["port"], None
        if row["service"] in BETWEEN and row["tls"] == "starttls":
            between = BETWEEN[row["service"]](server.host, port)
            port = between.port
        found = problems(scan(server.host, port, STARTTLS[row["service"]] if row["tls"] == "starttls" else None))
        if between:
            between.close()
        if found:
            wrong[row["name"]] = found
    assert wrong == {}


def test_the_check_can_fail(sslscan, tmp_path):
    """A server of today's OpenSSL with one cipher that has no forward secrecy, and without TLS 1.3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=weak", "-days", "2",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, stderr=subprocess.DEVNULL)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256")
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve():
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            client.settimeout(60)
            try:
                with context.wrap_socket(client, server_side=True) as tls:
                    tls.recv(1)
            except OSError:
                client.close()

    threading.Thread(target=serve, daemon=True).start()
    found = problems(scan("127.0.0.1", listener.getsockname()[1]))
    listener.close()
    assert "cipher AES128-SHA" in found and any(p.startswith("versions") for p in found)


def client():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_tickets_belong_to_one_service(server):
    """A session of IMAP is resumed at IMAP and is nothing at POP3 or SMTP, and the other way round."""
    context = client()

    def connect(name, session=None):
        """(resumed, session): the ticket of TLS 1.3 comes with the greeting."""
        with socket.create_connection((server.host, server.ports[name]), 30) as plain, \
                context.wrap_socket(plain, session=session) as tls:
            tls.recv(100)
            return tls.session_reused, tls.session

    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = version
        context.minimum_version = version
        sessions = {name: connect(name)[1] for name in ("IMAPS", "POP3S", "SUBMISSIONS")}
        for of, session in sessions.items():
            assert session.has_ticket
            for at in sessions:
                assert connect(at, session)[0] == (of == at), (version, of, at)


def test_channel_binding_without_the_session_hash(server):
    """RFC 7677 4: TLS 1.2 without the extended master secret, and resumed: no -PLUS."""
    no_extended_master_secret = 1
    for option, offered in ((0, [True, True]), (no_extended_master_secret, [True, False])):
        context = client()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= option
        session, seen = None, []
        for resumed in (False, True):
            with socket.create_connection((server.host, server.ports["IMAPS"]), 30) as plain, \
                    context.wrap_socket(plain, session=session) as tls:
                greeting = tls.recv(1000)
                session = tls.session
                assert tls.session_reused == resumed and b"AUTH=SCRAM-SHA-256" in greeting
                seen.append(b"AUTH=SCRAM-SHA-256-PLUS" in greeting)
        assert seen == offered
