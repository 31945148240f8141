"""What submission makes of a message (RFC 6409): what is refused, what is added, what is taken out."""
import base64
import email
import re

import pytest

import serving
from wire import Pop3, Smtp


@pytest.fixture(scope="module")
def server():
    own = serving.start(3, "--set", "io.loops=2")
    assert own.command("domain", "add", "intern").returncode == 0
    yield own
    own.stop()


@pytest.fixture
def smtp(server):
    with Smtp(server, "SUBMISSION") as client:
        text = base64.b64encode(b"\0user1@example.test\0pass").decode()
        assert client.ask(f"AUTH PLAIN {text}")[0] == 235
        yield client


def delivered(server, smtp, header, sender="user1@example.test"):
    [reply] = smtp.deliver(sender, ["user2@example.test"], header + b"\r\ntext\r\n")
    assert reply[0] == 250, reply
    with Pop3(server, "user2@example.test") as pop3:
        count = int(pop3.ok("STAT").split()[1])
        got = pop3.retr(count)
        pop3.ok(f"DELE {count}")
        pop3.ok("QUIT")
    assert got.endswith(b"\r\n\r\ntext\r\n")
    return email.message_from_bytes(got)


ME = b"From: user1@example.test\r\n"
REFUSED = [(ME + b"To: someone\r\n", "5.1.3"), (ME + b"To: a@sales\r\n", "5.1.2"),
           (ME + b"Cc: x@y.example, a@sales\r\n", "5.1.2"), (ME + b"Bcc: a@-x.example\r\n", "5.1.3"),
           (ME + b"Reply-To: me@localhost\r\n", "5.1.8"), (ME + b"Resent-To: a@.example\r\n", "5.1.3"),
           (ME + b"To: group: a@b.example, c@d;\r\n", "5.1.2"), (ME + b"To: a@[1.2.3]\r\n", "5.1.3"),
           (ME + b"Subject: a\r\nsubject: b\r\n", "5.6.0"), (ME + b"Date: x\r\nDate: y\r\n", "5.6.0"), (ME + ME, "5.6.0")]


@pytest.mark.parametrize("header,status", REFUSED, ids=lambda h: repr(h)[:60])
def test_refused(smtp, header, status):
    """4.2: every domain in an address field is whole; 5.1: addresses are addresses; RFC 5322 3.6."""
    [reply] = smtp.deliver("user1@example.test", ["user2@example.test"], header + b"\r\ntext\r\n")
    assert reply[0] == 554 and reply[1].startswith(status), reply
    assert smtp.ask("NOOP")[0] == 250


TAKEN = [b"To: undisclosed-recipients:;\r\n", b"To: a@[192.0.2.1], b@[IPv6:2001:db8::1]\r\n", b"To: a@intern\r\n",
         b'To: "a, b" <"x y"@c.example> (comment), d@e.example\r\n', b"Cc: =?utf-8?q?=C3=BC?= <a@b.example>,\r\n\tc@d.example\r\n",
         b"Reply-To: <a@b.example>\r\nResent-To: c@d.example\r\nResent-To: e@f.example\r\n", b"Received: from x\r\nReceived: y\r\n"]


@pytest.mark.parametrize("header", TAKEN, ids=repr)
def test_taken_as_it_is(server, smtp, header):
    whole = ME + header + b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <a@b.example>\r\nSubject: s\r\n"
    got = delivered(server, smtp, whole)
    assert got.as_bytes().replace(b"\n", b"\r\n").endswith(whole + b"\r\ntext\r\n")


def test_what_is_missing_is_added(server, smtp):
    """8.1 to 8.3."""
    got = delivered(server, smtp, b"Subject: x\r\n")
    assert got["From"] == "<user1@example.test>" and got["Sender"] is None
    assert got["Date"] and re.fullmatch(r"<.+@mail\.example\.test>", got["Message-ID"])
    got = delivered(server, smtp, b"Subject: x\r\n", sender="user1+shop@example.test")
    assert got["From"] == "<user1+shop@example.test>"
    got = delivered(server, smtp, b"From: user1@example.test, user1+a@example.test\r\n")
    assert got["Sender"] == "<user1@example.test>"


def test_what_is_wrong_is_replaced(server, smtp):
    got = delivered(server, smtp, ME + b"Return-Path: <x@y.example>\r\nMessage-ID: not an id\r\n\t at all\r\nDate: soon\r\nSubject: s\r\n")
    assert got.get_all("Return-Path") == ["<user1@example.test>"]
    assert re.fullmatch(r"<.+@mail\.example\.test>", got["Message-ID"]) and len(got.get_all("Message-ID")) == 1
    assert email.utils.parsedate_to_datetime(got["Date"]) and len(got.get_all("Date")) == 1
    assert got["Subject"] == "s"


def test_mail_from_outside_is_not_looked_at(server):
    """RFC 5321 3.3, 6.4: a relay or delivery server does not judge headers."""
    for header, _ in REFUSED:
        with Smtp(server, "SMTP") as smtp:
            [reply] = smtp.deliver("a@b.example", ["user3@example.test"], header + b"\r\ntext\r\n")
            assert reply[0] == 250, header


def test_postmaster_is_somebody(server):
    """RFC 5321 4.5.1, without mail.postmaster: the administrator, in every domain."""
    assert server.command("account", "set", "user3@example.test", "--admin", "yes").returncode == 0
    with Smtp(server, "SMTP") as smtp:
        smtp.ask("MAIL FROM:<a@b.example>")
        for address in ("Postmaster", "POSTMASTER@example.test", "postmaster@intern"):
            assert smtp.ask(f"RCPT TO:<{address}>")[0] == 250, address
        assert smtp.ask("RCPT TO:<abuse@intern>")[0] == 550
