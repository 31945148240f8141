"""Clients that mean harm, beyond tests/e2e/test_limits_smtp.py: plain-text passwords, claims about who
they are from addresses that nobody trusts, controls in arguments, and those that never hurry."""
import base64
import re
import socket
import ssl
import time

import pytest

import serving
from wire import Closed, Pop3, Smtp


SETTINGS = ("--set", "io.loops=2", "--set", "auth.plain_on_loopback=no", "--set", "smtp.trusted=127.0.0.0/8 192.0.2.1",
            "--set", "listen.proxy=smtp lmtp", "--set", "io.proxy_from=127.0.0.0/8")


@pytest.fixture(scope="module")
def server():
    own = serving.start(3, *SETTINGS, "--set", "smtp.idle_timeout=2s")
    yield own
    own.stop()


@pytest.fixture
def patient():
    own = serving.start(3, *SETTINGS)
    yield own
    own.stop()


class Proxied(Smtp):
    """Smtp behind a PROXY header."""

    def __init__(self, server, header, port="SMTP", **more):
        self.header = header
        super().__init__(server, port, **more)

    def reply(self):
        if self.header:
            self.send(self.header)
            self.header = None
        return super().reply()


V1 = b"PROXY TCP4 198.51.100.7 192.0.2.80 40000 25\r\n"
PLAIN = base64.b64encode(b"\0user1@example.test\0pass").decode()


# Plain-text authentication

def test_no_password_without_tls(server):
    with Smtp(server, "SUBMISSION", hello=False) as smtp:
        extensions = smtp.hello()
        auth = " ".join(e for e in extensions if e.startswith("AUTH"))
        assert "PLAIN" not in auth.split() and "LOGIN" not in auth.split()
        for command in (f"AUTH PLAIN {PLAIN}", "AUTH PLAIN", "AUTH LOGIN"):
            code, text = smtp.ask(command)
            assert (code, text[:6]) == (538, "5.7.11"), command
        assert smtp.ask("MAIL FROM:<user1@example.test>")[0] == 530


def test_a_ticket_of_one_service_is_no_ticket_of_another(server):
    """A TLS session of IMAP does not resume at submission (ALPACA; RFC 8446 4.6.1)."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def session(port, old=None):
        with socket.create_connection((server.host, server.ports[port]), 60) as raw:
            with context.wrap_socket(raw, session=old) as tls:
                tls.recv(100)
                return tls.session, tls.session_reused

    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ticket, _ = session("IMAPS")
    assert session("IMAPS", ticket)[1]
    assert not session("SUBMISSIONS", ticket)[1]


# Who they say they are

def test_proxy_from_a_trusted_address(server):
    with Proxied(server, V1) as smtp:
        assert smtp.ask("XCLIENT ADDR=192.0.2.200")[0] == 550  # the client is not trusted, its proxy is
        assert smtp.deliver("a@b.example", ["user1@example.test"], b"Subject: p\r\n\r\nx\r\n")[0][0] == 250
    with Pop3(server, "user1@example.test", tls=True) as pop3:
        assert b"([198.51.100.7])" in pop3.retr(1)
        pop3.ok("DELE 1")
        pop3.ok("QUIT")
    # a trusted hop behind the proxy may say more
    with Proxied(server, b"PROXY TCP4 192.0.2.1 192.0.2.80 40000 25\r\n") as smtp:
        assert smtp.ask("XCLIENT ADDR=203.0.113.5 NAME=real.example")[0] == 220
        smtp.hello()
        assert smtp.ask("XFORWARD ADDR=203.0.113.6")[0] == 250
    v2 = b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11\0\x0c" + bytes([198, 51, 100, 9, 192, 0, 2, 80]) + b"\x9c\x40\0\x19"
    with Proxied(server, v2, "LMTP") as lmtp:
        assert lmtp.deliver("a@b.example", ["user1@example.test"], b"Subject: p\r\n\r\nx\r\n")[0][0] == 250
    with Pop3(server, "user1@example.test", tls=True) as pop3:
        assert b"([198.51.100.9])" in pop3.retr(1)
        pop3.ok("DELE 1")
        pop3.ok("QUIT")


@pytest.mark.parametrize("header", [b"PROXY TCP4 1.2.3.4\r\n", b"PROXY TCP4 999.1.1.1 1.1.1.1 1 1\r\n",
                                    b"EHLO not.a.proxy\r\n", b"PROXY " + b"x" * 500 + b"\r\n",
                                    b"PROXY TCP4 198.51.100.7 192.0.2.80 40000 25\nEHLO x\r\n"])
def test_bad_proxy_headers_end_it(server, header):
    with socket.create_connection((server.host, server.ports["SMTP"]), 60) as s:
        s.sendall(header)
        try:
            assert s.recv(100) == b""
        except ConnectionResetError:
            pass


def test_proxy_and_xclient_from_strangers():
    """A PROXY header from an address outside of io.proxy_from is not believed, and is no command."""
    own = serving.start(1, "--set", "listen.proxy=smtp", "--set", "io.proxy_from=192.0.2.1")
    try:
        with socket.create_connection((own.host, own.ports["SMTP"]), 60) as s:
            s.sendall(V1 + b"EHLO x.example\r\n")
            s.settimeout(60)
            got = b""
            try:
                while b"x.example" not in got and (more := s.recv(1000)):
                    got += more
                    if b"198.51.100" in got or b"XCLIENT" in got or got.count(b"\r\n") > 3:
                        break
            except ConnectionResetError:
                pass
            assert b"198.51.100" not in got and b"XCLIENT" not in got
        assert "198.51.100.7" not in (own.state / "serve.log").read_text()
    finally:
        own.stop()


# Controls and 8-bit in arguments

ARGUMENTS = [b"EHLO a\0b", b"EHLO \xff\xfe", b"EHLO a\tb", b"MAIL FROM:<a\0@b.example>", b"MAIL FROM:<\xff@b.example>",
             b"MAIL FROM:<a@b.example> ENVID=a+0D+0ARCPT", b"MAIL FROM:<a@b.example> ENVID=a+00",
             b"MAIL FROM:<a@b.example> RET=FULL RET=HDRS", b"MAIL FROM:<a@b.example> SIZE=-1",
             b"MAIL FROM:<a@b.example> SIZE=99999999999999999999999", b"MAIL FROM:<a@b.example> AUTH=a+0Ab",
             b"MAIL FROM:<a@b.example> BODY=8BITMIME\xc3", b"MAIL FROM:<a@b.example> SMTPUTF8=1",
             b"MAIL FROM:<@a,@b:c@d.example,e@f.example>",
             b"VRFY \xc3\xbc", b"XFORWARD ADDR=1.2.3.4\0", b"XFORWARD HELO=a+0D+0Ab", b"NOOP \0",
             b"BDAT -1", b"BDAT 99999999999999999999 LAST"]


@pytest.mark.parametrize("line", ARGUMENTS, ids=repr)
def test_controls_in_arguments(server, line):
    with Proxied(server, b"PROXY TCP4 192.0.2.1 192.0.2.80 40000 25\r\n") as smtp:
        code, text = smtp.ask(line)
        assert 500 <= code < 600, (code, text)
        assert text.isascii() and "\0" not in text
        if not line.startswith(b"BDAT"):  # after which nobody knows where the next command is
            assert smtp.ask("NOOP")[0] == 250
    log = (server.state / "serve.log").read_bytes()
    assert b"\0" not in log and not re.search(rb"(?m)^(RCPT|b)$", log)


def test_recipient_parameters(server):
    with Proxied(server, V1) as smtp:
        assert smtp.ask("MAIL FROM:<a@b.example>")[0] == 250
        for parameter in (b"ORCPT=rfc822;a+0D+0Ab@c", b"ORCPT=rfc822;", b"ORCPT=\0;x", b"ORCPT=utf-8;\\x{0A}",
                          b"NOTIFY=NEVER,SUCCESS", b"NOTIFY=", b"NOTIFY=SUCCESS,SUCCESS", b"NOTIFY=FAILURE\xff"):
            assert smtp.ask(b"RCPT TO:<user1@example.test> " + parameter)[0] in (501, 500), parameter
        assert smtp.ask("DATA")[0] == 503  # none of them counts


# Those that never hurry

STATES = {"nothing": [], "EHLO": [b"EHLO x.example"], "MAIL": [b"EHLO x.example", b"MAIL FROM:<a@b.example>"],
          "RCPT": [b"EHLO x.example", b"MAIL FROM:<a@b.example>", b"RCPT TO:<user1@example.test>"],
          "DATA": [b"EHLO x.example", b"MAIL FROM:<a@b.example>", b"RCPT TO:<user1@example.test>", b"DATA"],
          "half a line": [b"EHLO x.example", b"!NOO"],
          "a chunk": [b"EHLO x.example", b"MAIL FROM:<a@b.example>", b"RCPT TO:<user1@example.test>", b"!BDAT 100\r\nx"]}


@pytest.mark.parametrize("state", STATES)
def test_silence_ends_in_every_state(server, state):
    with Proxied(server, V1, hello=False) as smtp:
        for line in STATES[state]:
            if line.startswith(b"!"):
                smtp.send(line[1:])
            else:
                assert smtp.ask(line)[0] in (250, 354)
        code, text = smtp.reply()
        assert (code, text[:5]) == (421, "4.4.2")
        with pytest.raises((Closed, ConnectionError)):
            smtp.reply()


def test_who_never_reads_is_held(server):
    """Commands without end, replies never read: at some point the server takes no more of them."""
    with Proxied(server, V1) as smtp:
        smtp.sock.settimeout(3)
        sent = 0
        with pytest.raises((TimeoutError, ConnectionError)):
            while sent < 200_000_000:
                sent += smtp.sock.send(b"HELP\r\n" * 10000)
        assert sent < 100_000_000
    with Proxied(server, V1) as smtp:
        assert smtp.ask("NOOP")[0] == 250


def test_a_byte_at_a_time_is_served(patient):
    """A whole session, each byte in a packet of its own, and the end of the message too."""
    with Proxied(patient, V1, hello=False) as smtp:
        for part, codes in ((b"EHLO x.example\r\n", [250]), (b"MAIL FROM:<a@b.example> SIZE=20\r\n", [250]),
                            (b"RCPT TO:<user3@example.test>\r\n", [250]), (b"DATA\r\n", [354]),
                            (b"Subject: slow\r\n\r\n..\r\n.x\r\n\r\n.\r\n", [250]),
                            (b"MAIL FROM:<>\r\n", [250]), (b"RCPT TO:<user3@example.test>\r\n", [250]),
                            (b"BDAT 5\r\nA: b\rBDAT 4 LAST\r\n\n\r\nc", [250, 250]), (b"QUIT\r\n", [221])):
            for n in range(len(part)):
                smtp.send(part[n:n + 1])
                time.sleep(0.002)
            assert [smtp.reply()[0] for _ in codes] == codes, part
    with Pop3(patient, "user3@example.test", tls=True) as pop3:
        assert pop3.ok("STAT").split()[1] == b"2"
        assert pop3.retr(1).endswith(b"Subject: slow\r\n\r\n.\r\nx\r\n\r\n") and pop3.retr(2).endswith(b"A: b\r\n\r\nc\r\n")


@pytest.mark.parametrize("port,begin", [("SMTP", b""), ("SMTP", b"x" * 5000), ("LMTP", b"")], ids=repr)
def test_a_command_has_one_time_for_all_of_it(server, port, begin):
    with Proxied(server, V1, port) as smtp:
        began = time.monotonic()
        smtp.send(begin)
        smtp.sock.settimeout(0.5)
        got = b""
        while b"421 4.4.2" not in got and time.monotonic() - began < 90:
            try:
                smtp.send(b"N")
                got += smtp.sock.recv(1000)
            except TimeoutError:
                pass
        assert b"421 4.4.2" in got and time.monotonic() - began > 1


def test_submission_wants_a_login_in_time(server):
    """Whole commands now and then, and never a login: three times the limit."""
    began, code = time.monotonic(), 250
    with Smtp(server, "SUBMISSION") as smtp:
        while code == 250 and time.monotonic() - began < 90:
            code, text = smtp.ask("NOOP")
            time.sleep(0.4)
        assert (code, text[:5]) == (421, "4.4.2") and time.monotonic() - began > 5
