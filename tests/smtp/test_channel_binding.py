"""SCRAM-SHA-256-PLUS over submission: RFC 5802 6, 7677, 9266 (tls-exporter is not in Python's ssl), 5929."""
import base64
import hashlib
import hmac
import os
import socket
import ssl

import pytest

import serving


@pytest.fixture(scope="module")
def server():
    own = serving.start(1, "--set", "io.loops=2")
    yield own
    own.stop()


def context_for(version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context


def b64(data):
    return base64.b64encode(data)


class Client:
    def __init__(self, server, context, session=None):
        self.raw = socket.create_connection((server.host, server.ports["SUBMISSIONS"]), 30)
        self.tls = context.wrap_socket(self.raw, session=session)
        self.file = self.tls.makefile("rwb", buffering=0)
        self.reply()
        self.ask(b"EHLO x.example")

    def reply(self):
        while (line := self.file.readline())[3:4] == b"-":
            pass
        return line.rstrip(b"\r\n")

    def ask(self, line):
        self.file.write(line + b"\r\n")
        return self.reply()

    def scram(self, name, data, password=b"pass"):
        """The last reply of an exchange with the binding `name`, whose value is `data`."""
        gs2 = b"p=" + name + b",,"
        bare = b"n=user1@example.test,r=" + b64(os.urandom(12))
        first = self.ask(b"AUTH SCRAM-SHA-256-PLUS " + b64(gs2 + bare))
        if not first.startswith(b"334"):
            return first
        challenge = base64.b64decode(first[4:])
        fields = dict(f.split(b"=", 1) for f in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        last = b"c=" + b64(gs2 + data) + b",r=" + fields[b"r"]
        signature = hmac.digest(hashlib.sha256(key).digest(), bare + b"," + challenge + b"," + last, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature))
        reply = self.ask(b64(last + b",p=" + b64(proof)))
        return self.ask(b"") if reply.startswith(b"334") else reply

    def close(self):
        self.tls.close()
        self.raw.close()


def test_tls_unique_below_1_3(server):
    """RFC 5929 3.1: the first Finished message, also of a resumed session."""
    context, session = context_for(ssl.TLSVersion.TLSv1_2), None
    for resumed in (False, True):
        c = Client(server, context, session)
        assert c.tls.session_reused == resumed
        session = c.tls.session
        right = c.tls.get_channel_binding("tls-unique")
        assert c.scram(b"tls-unique", bytes(len(right))).startswith(b"535")
        assert c.scram(b"tls-unique", right).startswith(b"235"), resumed
        c.close()


def test_tls_unique_is_nothing_in_1_3(server):
    c = Client(server, context_for(ssl.TLSVersion.TLSv1_3))
    assert c.scram(b"tls-unique", c.tls.get_channel_binding("tls-unique") or b"").startswith(b"5")
    c.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_the_end_point(server, version):
    """RFC 5929 4.1: the certificate's own hash function; ours is SHA-256."""
    c = Client(server, context_for(version))
    right = hashlib.sha256(c.tls.getpeercert(binary_form=True)).digest()
    assert c.scram(b"tls-server-end-point", right[::-1]).startswith(b"535")
    assert c.scram(b"tls-server-end-point", right, b"wrong").startswith(b"535")
    assert c.scram(b"tls-server-end-point", right).startswith(b"235")
    c.close()
