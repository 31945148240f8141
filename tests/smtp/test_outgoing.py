"""What other servers get: chunks, binary mail, conversions; each of its outcomes once; and that a
stop waits for none of them."""
import base64
import email
import re
import signal
import smtplib
import socket
import time

import pytest

import serving
from serving import wait_for
from sink import Sink
from test_onward import FAST, mailbox, quiet, report, submit
from wire import Smtp


@pytest.fixture
def started():
    running = []

    def start(*options):
        running.append(serving.start(5, *FAST, *options))
        return running[-1]

    yield start
    for own in running:
        own.stop()


def log_of(server):
    return (server.state / "serve.log").read_text(errors="replace")


def login(smtp, user="user1@example.test"):
    text = base64.b64encode(f"\0{user}\0pass".encode()).decode()
    assert smtp.ask(f"AUTH PLAIN {text}")[0] == 235


def send_binary(server, recipient, data):
    with Smtp(server, "SUBMISSION") as smtp:
        login(smtp)
        assert smtp.ask("MAIL FROM:<user1@example.test> BODY=BINARYMIME")[0] == 250
        assert smtp.ask(f"RCPT TO:<{recipient}>")[0] == 250
        smtp.send(b"BDAT %d LAST\r\n" % len(data) + data)
        assert smtp.reply()[0] == 250


BINARY = (b"From: user1@example.test\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <b@example.test>\r\n"
          b"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
          b"\0\n.\r\n\xff\rend")


def test_chunks_and_binary(started):
    chunking = Sink(extensions=["PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME", "DSN"])
    server = started("--set", f"mail.smarthost=127.0.0.1:{chunking.port}")
    big = "Subject: big\r\n\r\n" + "".join(f".{n} {'x' * 70}\r\n" for n in range(5000))
    submit(server, "user1@example.test", ["ok@else.example"], big, mail=["RET=HDRS", "ENVID=e+2Bf"],
           rcpt=["NOTIFY=FAILURE,DELAY"])
    got = wait_for(lambda: chunking.got)[0]
    assert got.data.endswith(big.split("\r\n\r\n", 1)[1].encode())
    assert "RET=HDRS ENVID=e+2Bf" in got.sender and "BODY" not in got.sender
    assert got.recipients[0].endswith("NOTIFY=FAILURE,DELAY")
    assert "DATA" not in chunking.commands and sum(c.startswith("BDAT") for c in chunking.commands) > 2
    chunking.got.clear()
    send_binary(server, "ok@else.example", BINARY)
    got = wait_for(lambda: chunking.got)[0]
    assert "BODY=BINARYMIME" in got.sender and got.data.endswith(BINARY)

    server.end()
    plain = Sink(extensions=["PIPELINING", "CHUNKING"])
    server = started("--set", f"mail.smarthost=127.0.0.1:{plain.port}")
    send_binary(server, "ok@else.example", BINARY)
    got = wait_for(lambda: plain.got)[0]
    assert "BODY" not in got.sender
    message = email.message_from_bytes(got.data)
    assert message["Content-Transfer-Encoding"] == "base64"
    assert message.get_payload(decode=True) == BINARY.split(b"\r\n\r\n", 1)[1]
    plain.got.clear()
    text = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nnaïve\r\n"
    with Smtp(server, "SUBMISSION") as smtp:
        login(smtp)
        assert smtp.ask("MAIL FROM:<user1@example.test> BODY=8BITMIME SMTPUTF8")[0] == 250  # asked for without need
        assert smtp.ask("RCPT TO:<ok@bücher.example>".encode())[0] == 250
        smtp.ask("DATA")
        smtp.send(text.encode() + b".\r\n")
        assert smtp.reply()[0] == 250
        # a recipient that needs it comes back
        smtp.ask("MAIL FROM:<user1@example.test> SMTPUTF8")
        assert smtp.ask("RCPT TO:<jürgen@else.example>".encode())[0] == 250
        smtp.ask("DATA")
        smtp.send(b"Subject: y\r\n\r\nx\r\n.\r\n")
        assert smtp.reply()[0] == 250
    got = wait_for(lambda: plain.got)[0]
    assert got.recipients == ["RCPT TO:<ok@xn--bcher-kva.example>"] and got.data.isascii()
    assert email.message_from_bytes(got.data).get_payload(decode=True).decode() == "naïve\r\n"
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert b"Status: 5.6.7" in back.as_bytes() and b"Final-Recipient: utf-8;" in back.as_bytes()


def test_one_of_several_that_fails_doubles_nobody(started):
    """RCPT says yes to all, one mailbox has no room in the end: the others have the message once, the
    sender hears of that one, and what the client is told holds for all of them."""
    server = started()
    assert server.command("account", "set", "user5@example.test", "--quota", "10K").returncode == 0
    users = ["user2@example.test", "user3@example.test", "user4@example.test", "user5@example.test"]
    with Smtp(server, "SUBMISSION") as smtp:  # without SIZE=, which would tell at RCPT
        login(smtp)
        [reply] = smtp.deliver("user1@example.test", users, b"Subject: partly\r\n\r\n" + (b"y" * 70 + b"\r\n") * 300)
        assert reply[0] == 250
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    [row] = report(back)
    assert (row["Final-Recipient"], row["Status"]) == ("rfc822; user5@example.test", "5.2.2")
    for user in users[:3]:
        assert len(wait_for(lambda user=user: mailbox(server, user))) == 1
    quiet(server)
    assert [len(mailbox(server, u)) for u in users] == [0, 0, 0, 0]  # what was looked at is gone
    assert mailbox(server, "user1@example.test") == []


def test_a_crash_after_the_spool_doubles_nobody(started):
    """The queue is ended at once after each message for two mailboxes: what was taken is there once."""
    server = started()
    for n in range(6):
        submit(server, "user1@example.test", ["user2@example.test", "user3@example.test", "user4@example.test"],
               f"Subject: {n}\r\n\r\nx\r\n")
        if n % 3 == 2:
            server.end(signal.SIGKILL)
            server.serve()
    for user in ("user2@example.test", "user3@example.test", "user4@example.test"):
        seen = []
        wait_for(lambda: seen.extend(mailbox(server, user)) or len(seen) >= 6)
        quiet(server)
        seen += mailbox(server, user)
        assert sorted(m["Subject"] for m in seen) == [str(n) for n in range(6)]


def test_details_are_different_recipients(started):
    """user2+a and user2+b in one message: both are delivered, and say for whom."""
    server = started()
    submit(server, "user1@example.test", ["user2+a@example.test", "user2+b@example.test"])
    seen = []
    wait_for(lambda: seen.extend(mailbox(server, "user2@example.test")) or len(seen) >= 2)
    assert sorted(m["Delivered-To"] for m in seen) == ["user2+a@example.test", "user2+b@example.test"]


def test_reports_end(started):
    """Mail from outside that cannot be forwarded: its sender's server refuses the report, and that is
    the end (RFC 5321 6.1: no report about a report)."""
    sink = Sink()
    server = started("--set", f"mail.smarthost=127.0.0.1:{sink.port}", "--set", "mail.queue_lifetime=3s",
                     "--set", "mail.postmaster=user1@example.test")
    assert server.command("alias", "add", "away@example.test", "deny-all@else.example").returncode == 0
    with Smtp(server, "SMTP") as smtp:
        [reply] = smtp.deliver("deny-me@outside.example", ["away@example.test"], b"Subject: x\r\n\r\nx\r\n")
        assert reply[0] == 250
        # nobody is bounced to for an address that is not there: the client keeps the message
        [reply] = smtp.deliver("deny-me@outside.example", ["nobody@example.test"], b"Subject: x\r\n\r\nx\r\n")
        assert reply[0] == 550
    wait_for(lambda: [c for c in sink.commands if c.startswith("RCPT TO:<deny-me@outside.example>")])
    wait_for(lambda: "deny-me" not in server.command("queue", "list").stdout.decode())
    quiet(server)
    senders = [c for c in sink.commands if c.startswith("MAIL")]
    assert sum(s.startswith("MAIL FROM:<>") for s in senders) == 1
    assert mailbox(server, "user1@example.test") == [] and sink.got == []


# Stopping

class Mute:
    """Takes connections (or datagrams) and says nothing."""

    def __init__(self, kind, backlog=10):
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            self.socket.listen(backlog)
        self.port = self.socket.getsockname()[1]

    def taken(self):
        self.socket.settimeout(serving.PATIENCE)
        return self.socket.accept() if self.socket.type == socket.SOCK_STREAM else self.socket.recvfrom(4096)

    def forget(self):
        """What a server has left that is gone."""
        self.socket.settimeout(0)
        try:
            while True:
                self.socket.accept() if self.socket.type == socket.SOCK_STREAM else self.socket.recvfrom(4096)
        except BlockingIOError:
            pass


@pytest.mark.parametrize("who", ["DNS", "hop", "hop in DATA"])
def test_a_stop_waits_for_nobody(started, who):
    if who == "DNS":
        mute = Mute(socket.SOCK_DGRAM)
        options = ["--set", f"io.dns_servers=127.0.0.1@{mute.port}"]
    elif who == "hop":
        mute = Mute(socket.SOCK_STREAM)
        options = ["--set", f"mail.smarthost=127.0.0.1:{mute.port}"]
    else:
        mute = Sink()
        mute.hold = True
        options = ["--set", f"mail.smarthost=127.0.0.1:{mute.port}"]
    server = started(*options)
    for n in range(3):
        submit(server, "user1@example.test", [f"ok{n}@else{n}.example"])
    limit, took, kept, held = 4000 if b"__asan_" in open(server.program(), "rb").read() else 1000, [], [], 0
    while len(took) < 3 and (not took or min(took) >= limit):  # other work on the machine must not count
        if who == "hop in DATA":
            wait_for(lambda: mute.held > held)
        else:
            kept.append(mute.taken())
        time.sleep(0.3)
        server.end()
        told = re.findall(r"serve\.stopped.*?ms=(\d+)", log_of(server))
        took.append(int(told[-1]))
        assert len(told) == len(took)
        if who == "hop in DATA":
            held = mute.held
        else:
            mute.forget()
        server.serve()  # nothing of it is lost
    assert min(took) < limit, f"{took} ms in the worker"
    assert server.command("queue", "list").stdout.decode().count("@else") >= 3


# Who may send as whom

SENDERS = [("user1@example.test", True), ("USER1@example.test", True), ("user1+shop@example.test", True),
           ("nick@example.test", True), ("user1@alias.test", True), ("nick+x@alias.test", True), ("", True),
           ("user2@example.test", False), ("theirs@example.test", False), ("team@example.test", False),
           ("nobody@example.test", False), ("user1@elsewhere.example", False), ("postmaster@example.test", False)]


def test_senders_are_the_account_s_own(started):
    """The envelope sender and every address in From and Sender: the account's address, its aliases
    (also in an alias domain), each with +detail; not lists, whoever is a member; not others'."""
    server = started()
    for args in (["alias", "add", "nick@example.test", "user1@example.test"],
                 ["alias", "add", "theirs@example.test", "user2@example.test"],
                 ["domain", "add", "alias.test", "--alias-of", "example.test"],
                 ["list", "add", "team@example.test"], ["list", "join", "team@example.test", "user1@example.test"]):
        done = server.command(*args)
        assert done.returncode == 0, done.stderr
    with Smtp(server, "SUBMISSION") as smtp:
        login(smtp)
        for address, may in SENDERS:
            code, text = smtp.ask(f"MAIL FROM:<{address}>")
            assert (code, text[:5]) == ((250, "2.1.0") if may else (550, "5.7.1")), address
            smtp.ask("RSET")
        for field in ("From", "Sender"):
            for address, may in SENDERS[:-1] if field == "From" else SENDERS[3:5]:
                if not address:
                    continue
                header = f"{field}: \"A, B\" <{address}>\r\n".encode() + (b"" if field == "From" else
                                                                        b"From: user1@example.test\r\n")
                [reply] = smtp.deliver("user1@example.test", ["user3@example.test"], header + b"\r\nx\r\n")
                assert reply[0] == (250 if may else 550), (field, address, reply)
        for header in (b"From: user1@example.test\r\nFrom: user2@example.test\r\n",
                       b"From: group: user1@example.test, user2@example.test;\r\n",
                       b"from:\r\n user2@example.test\r\n", b"From : user2@example.test\r\n"):
            [reply] = smtp.deliver("user1@example.test", ["user3@example.test"], header + b"\r\nx\r\n")
            assert (reply[0], reply[1][:5]) == (550, "5.7.1"), header
