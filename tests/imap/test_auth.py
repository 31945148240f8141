"""LOGIN, AUTHENTICATE with each mechanism, STARTTLS, and what is offered where. RFC 9051 6.2, RFC 4959,
RFC 5802, RFC 7677."""
import base64
import hashlib
import hmac
import imaplib
import os
import ssl

import pytest

from wire import Imap


def b64(data):
    return base64.b64encode(data).decode()


def words(imap):
    return imap.ok("CAPABILITY")[0].text.split()


def test_capabilities_differ_by_state(server, user):
    with Imap(server) as imap:
        before = words(imap)
        assert b"STARTTLS" in before and b"AUTH=PLAIN" in before and b"IDLE" not in before
        imap.ok("LOGIN", user, "pass")
        assert b"CAPABILITY IMAP4rev1" in imap.tagged
        after = words(imap)
        assert b"IDLE" in after and b"STARTTLS" not in after and b"AUTH=PLAIN" not in after
    with Imap(server, tls=True) as imap:
        inside = words(imap)
        assert b"STARTTLS" not in inside and b"AUTH=SCRAM-SHA-256-PLUS" in inside


@pytest.mark.parametrize("form", ["{user} pass", '"{user}" "pass"', "{{{n}+}}\r\n{user} {{4+}}\r\npass"])
def test_login_forms(server, user, form):
    with Imap(server) as imap:
        imap.ok("LOGIN", form.format(user=user, n=len(user)))


def test_synchronizing_literals(server, user):
    with Imap(server) as imap:
        imap.send(b"a LOGIN {%d}\r\n" % len(user))
        assert imap.line().startswith(b"+ ")
        imap.send(user.encode() + b" {4}\r\n")
        assert imap.line().startswith(b"+ ")
        imap.send(b"pass\r\n")
        assert imap.line().startswith(b"a OK")


def test_plain(server, user):
    token = b64(b"\0" + user.encode() + b"\0pass")
    with Imap(server) as imap:
        imap.ok("AUTHENTICATE", "PLAIN", token)
    with Imap(server) as imap:
        imap.send(b"a AUTHENTICATE plain\r\n")
        assert imap.line() == b"+ "
        imap.send(token.encode() + b"\r\n")
        assert imap.line().startswith(b"a OK")
    for line, answer in ((b"*", b"a BAD"), (b"!!", b"a BAD"), (b64(b"\0x\0y").encode(), b"a NO [AUTHENTICATIONFAILED]")):
        with Imap(server) as imap:
            imap.send(b"a AUTHENTICATE PLAIN\r\n")
            assert imap.line() == b"+ "
            imap.send(line + b"\r\n")
            assert imap.line().startswith(answer)
            imap.ok("NOOP")


def test_login_mechanism(server, user):
    with Imap(server) as imap:
        imap.send(b"a AUTHENTICATE LOGIN\r\n")
        assert imap.line().startswith(b"+ ")
        imap.send(b64(user.encode()).encode() + b"\r\n")
        assert imap.line().startswith(b"+ ")
        imap.send(b64(b"pass").encode() + b"\r\n")
        assert imap.line().startswith(b"a OK")
    with Imap(server) as imap:  # as curl does it
        imap.send(b"a AUTHENTICATE LOGIN " + b64(user.encode()).encode() + b"\r\n")
        assert imap.line().startswith(b"+ ")
        imap.send(b64(b"pass").encode() + b"\r\n")
        assert imap.line().startswith(b"a OK")


def scram(imap, user, password, initial):
    def respond(data):
        imap.send(b64(data).encode() + b"\r\n")

    nonce = b64(os.urandom(18))
    bare = f"n={user},r={nonce}"
    if initial:
        imap.send(f"a AUTHENTICATE SCRAM-SHA-256 {b64(('n,,' + bare).encode())}\r\n".encode())
    else:
        imap.send(b"a AUTHENTICATE SCRAM-SHA-256\r\n")
        assert imap.line() == b"+ "
        respond(("n,," + bare).encode())
    line = imap.line()
    assert line.startswith(b"+ "), line
    first = base64.b64decode(line[2:]).decode()
    fields = dict(f.split("=", 1) for f in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    client = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c={b64(b'n,,')},r={fields['r']}"
    message = f"{bare},{first},{final}".encode()
    signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client, signature))
    respond(f"{final},p={b64(proof)}".encode())
    line = imap.line()
    if not line.startswith(b"+ "):
        return line
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    want = b"v=" + base64.b64encode(hmac.digest(server_key, message, "sha256"))
    assert base64.b64decode(line[2:]) == want
    imap.send(b"\r\n")
    return imap.line()


@pytest.mark.parametrize("initial", [True, False])
def test_scram(server, user, initial):
    with Imap(server) as imap:
        assert scram(imap, user, "pass", initial).startswith(b"a OK")
        imap.ok("SELECT", "INBOX")
    with Imap(server) as imap:
        assert scram(imap, user, "wrong", initial).startswith(b"a NO [AUTHENTICATIONFAILED]")


def test_unknown_mechanism(server):
    with Imap(server) as imap:
        assert imap.run("AUTHENTICATE", "X-NONE")[1].startswith(b"NO ")


def test_failures_end_the_connection(server, user):
    with Imap(server) as imap:
        for _ in range(4):
            assert imap.run("LOGIN", user, "wrong")[1].startswith(b"NO [AUTHENTICATIONFAILED]")
        assert imap.line().startswith(b"* BYE")


def test_starttls_then_login(server, user):
    with Imap(server) as imap:
        imap.ok("STARTTLS")
        imap.start_tls()
        assert b"STARTTLS" not in words(imap)
        imap.ok("LOGIN", user, "pass")
        imap.ok("SELECT", "INBOX")


def test_imaplib(server, user):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with imaplib.IMAP4(server.host, server.ports["IMAP"]) as m:
        m.starttls(context)
        m.login(user, "pass")
        assert m.select() == ("OK", [b"0"])
        assert m.append("INBOX", r"(\Seen)", imaplib.Time2Internaldate(0), b"Subject: x\r\n\r\ny\r\n")[0] == "OK"
        assert m.noop()[0] == "OK"
        assert m.search(None, "SEEN") == ("OK", [b"1"])
        assert m.fetch("1", "(BODY[TEXT])")[1][0][1] == b"y\r\n"
        assert m.uid("STORE", "1", "+FLAGS", r"(\Deleted)")[0] == "OK"
        assert m.expunge() == ("OK", [b"1"])
