"""Mail for other domains: the queue, the client, retries, and what senders are told."""
import email
import email.policy
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess

import pytest

import serving
from serving import wait_for
from sink import Sink
from wire import Pop3, Smtp

FAST = ["--set", "io.loops=3", "--set", "mail.retry_first=300ms", "--set", "mail.retry_max=1s"]


def quiet(server):
    """Waits until nothing is under way: what came of a message before this is where it goes."""
    wait_for(lambda: json.loads(server.command("queue", "list", "--json").stdout) == [])


def submit(server, sender, recipients, text="Subject: x\r\n\r\nhello\r\n", mail=(), rcpt=()):
    with smtplib.SMTP(server.host, server.ports["SUBMISSION"]) as s:
        s.login("user1@example.test", "pass")
        s.sendmail(sender, recipients, text.encode(), list(mail), list(rcpt))


def mailbox(server, user):
    with Pop3(server, user) as pop3:
        count = int(pop3.ok("STAT").split()[1])
        out = [email.message_from_bytes(pop3.retr(n + 1), policy=email.policy.SMTP) for n in range(count)]
        for n in range(count):
            pop3.ok(f"DELE {n + 1}")
        pop3.ok("QUIT")
    return out


def report(message):
    """The fields of the second part, one dict a recipient (without the first, which is the message's)."""
    assert message.get_content_type() == "multipart/report", message
    assert message["Auto-Submitted"].startswith("auto-")
    parts = list(message.iter_parts())
    assert parts[1].get_content_type() == "message/delivery-status"
    return [dict(b.items()) for b in parts[1].get_payload()[1:]]


@pytest.fixture(scope="module")
def sink():
    return Sink()


@pytest.fixture(scope="module")
def server(sink):
    own = serving.start(3, *FAST, "--set", f"mail.smarthost=127.0.0.1:{sink.port}", "--set", "mail.delay_notice=2s",
                        "--set", "mail.queue_lifetime=6s")
    yield own
    own.stop()


@pytest.fixture(autouse=True)
def clean(sink, server):
    quiet(server)
    sink.got.clear()
    sink.commands.clear()
    for n in (1, 2, 3):
        mailbox(server, f"user{n}@example.test")


def test_delivered_onwards(server, sink):
    body = "From: user1@example.test\r\nSubject: dots\r\n\r\n.\r\n..a\r\n.b\r\n" + "x" * 2000 + "\r\n"
    submit(server, "user1@example.test", ["ok@else.example", "ok2@else.example"], body)
    got = wait_for(lambda: sink.got)[0]
    assert len(sink.got) == 1 and len(got.recipients) == 2
    assert got.data.endswith(b".\r\n..a\r\n.b\r\n" + b"x" * 2000 + b"\r\n")
    assert re.match(rb"Received: by mail\.example\.test with ESMTPA\r\n\tid [a-z2-7]{12};", got.data)
    assert b"127.0.0.1" not in got.data and b"Return-Path" not in got.data
    message = email.message_from_bytes(got.data)
    assert message["Date"] and re.fullmatch(r"<.+@mail\.example\.test>", message["Message-ID"])


def test_local_and_onward_at_once(server, sink):
    submit(server, "user1@example.test", ["user2@example.test", "ok@else.example", "user3@example.test"])
    wait_for(lambda: sink.got)
    for user in ("user2@example.test", "user3@example.test"):
        copies = wait_for(lambda: mailbox(server, user))
        assert len(copies) == 1 and copies[0]["Delivered-To"] == user
        assert copies[0]["Return-Path"] == "<user1@example.test>"


def test_refused_recipient_comes_back(server, sink):
    submit(server, "user1@example.test", ["deny@else.example", "ok@else.example"])
    back = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert len(back) == 1 and back[0]["Return-Path"] == "<>"
    [row] = report(back[0])
    assert row["Final-Recipient"] == "rfc822; deny@else.example"
    assert (row["Action"], row["Status"]) == ("failed", "5.1.1")
    assert row["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"
    assert len(sink.got) == 1


def test_nothing_comes_back_to_the_null_sender(server, sink):
    submit(server, "", ["deny@else.example"])
    wait_for(lambda: [c for c in sink.commands if c.startswith("RCPT")])
    quiet(server)
    for user in ("user1@example.test", "user2@example.test"):
        assert mailbox(server, user) == []


def test_deferred_is_tried_again(server, sink):
    submit(server, "user1@example.test", ["once-more@else.example"])
    wait_for(lambda: sink.got)
    assert sum(c.startswith("RCPT") for c in sink.commands) == 2
    assert mailbox(server, "user1@example.test") == []


def test_delay_then_failure(server, sink):
    submit(server, "user1@example.test", ["defer@else.example"])
    seen = []

    def both():
        seen.extend(mailbox(server, "user1@example.test"))
        return len(seen) >= 2

    wait_for(both)
    rows = [report(m)[0] for m in seen]
    assert [r["Action"] for r in rows] == ["delayed", "failed"]
    assert "Will-Retry-Until" in rows[0] and rows[1]["Status"] == "4.4.7"
    quiet(server)
    assert mailbox(server, "user1@example.test") == []


def test_notify_never(server, sink):
    submit(server, "user1@example.test", ["deny@else.example"], rcpt=["NOTIFY=NEVER"])
    wait_for(lambda: [c for c in sink.commands if c.startswith("RCPT")])
    quiet(server)
    assert mailbox(server, "user1@example.test") == []


def test_dsn_is_passed_on(server, sink):
    submit(server, "user1@example.test", ["ok@else.example"], mail=["RET=FULL", "ENVID=a+2Bb"],
           rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;ok+2Bx@else.example"])
    got = wait_for(lambda: sink.got)[0]
    assert "RET=FULL" in got.sender and "ENVID=a+2Bb" in got.sender
    assert "NOTIFY=SUCCESS,FAILURE" in got.recipients[0] and "ORCPT=rfc822;ok+2Bx@else.example" in got.recipients[0]
    quiet(server)
    assert mailbox(server, "user1@example.test") == []  # the next hop answers for it


def test_success_is_told_for_a_mailbox_here(server):
    submit(server, "user1@example.test", ["user2@example.test"], mail=["ENVID=me"], rcpt=["NOTIFY=SUCCESS"])
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert report(back)[0]["Action"] == "delivered"
    assert b"Original-Envelope-Id: me" in back.as_bytes()


def test_returned_header_or_whole(server):
    for ret, kind in (("FULL", "message/rfc822"), ("HDRS", "text/rfc822-headers")):
        submit(server, "user1@example.test", ["deny@else.example"], mail=[f"RET={ret}"])
        [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
        last = list(back.iter_parts())[2]
        assert last.get_content_type() == kind
        assert ("hello" in back.as_string()) == (ret == "FULL")


def test_a_crash_loses_and_doubles_nothing(server, sink):
    """SIGKILL while mail for two mailboxes and another domain is under way."""
    for n in range(20):
        submit(server, "user1@example.test", ["user2@example.test", "user3@example.test", "ok@else.example"],
               f"Subject: crash {n}\r\n\r\nx\r\n")
    server.end(signal.SIGKILL)
    server.serve()
    want = sorted(f"crash {n}" for n in range(20))
    for user in ("user2@example.test", "user3@example.test"):
        seen = []
        wait_for(lambda: seen.extend(mailbox(server, user)) or len(seen) >= 20)
        quiet(server)
        seen += mailbox(server, user)
        assert sorted(m["Subject"] for m in seen) == want
    wait_for(lambda: len({re.search(rb"Subject: (.*)\r", t.data).group(1) for t in sink.got}) == 20)


# Servers of other kinds: each test has a server of its own, which is short.

@pytest.fixture
def started():
    running = []

    def start(*options):
        running.append(serving.start(2, *FAST, *options))
        return running[-1]

    yield start
    for own in running:
        own.stop()


def test_other_kinds_of_servers(started, tmp_path):
    """TLS that works, TLS that breaks, no 8BITMIME, no DSN: one server of ours, routed by MX."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    certificate = (tmp_path / "crt", tmp_path / "key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sink", "-days", "2",
                    "-out", certificate[0], "-keyout", certificate[1]], check=True, stderr=subprocess.DEVNULL)
    tls = Sink(certificate=certificate)
    server = started("--set", f"mail.smarthost=127.0.0.1:{tls.port}")
    submit(server, "user1@example.test", ["ok@else.example"])
    assert wait_for(lambda: tls.got)[0].tls

    broken = Sink(broken_tls=True)
    server = started("--set", f"mail.smarthost=127.0.0.1:{broken.port}")
    submit(server, "user1@example.test", ["ok@else.example"])
    assert not wait_for(lambda: broken.got)[0].tls

    plain = Sink(extensions=["PIPELINING"])
    server = started("--set", f"mail.smarthost=127.0.0.1:{plain.port}")
    submit(server, "user1@example.test", ["ok@else.example"], rcpt=["NOTIFY=SUCCESS"])
    wait_for(lambda: plain.got)
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert report(back)[0]["Action"] == "relayed"
    submit(server, "user1@example.test", ["ok@else.example"], "Subject: \u00fc\r\n\r\n\u00fc\r\n",
           mail=["BODY=8BITMIME"])
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert report(back)[0]["Status"] == "5.6.3"
    big = "Subject: big\r\n\r\n" + ("x" * 70 + "\r\n") * 20000
    submit(server, "user1@example.test", ["ok@else.example"], big)
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert report(back)[0]["Status"] == "5.3.4"


def listening_sink(command):
    """Runs it on a port that is free; somebody else may have taken the port meanwhile: then again on another one."""
    for _ in range(10):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        running = subprocess.Popen([*command, f"127.0.0.1:{port}", "100"], stdout=subprocess.PIPE,
                                   user="nobody" if os.geteuid() == 0 else None)

        def greets():
            try:
                with socket.create_connection(("127.0.0.1", port), 30) as s:
                    return s.recv(4).startswith(b"220")
            except OSError:
                return False

        wait_for(lambda: running.poll() is not None or greets())
        if running.poll() is None:
            return running, port
    raise AssertionError("smtp-sink does not run")


def test_smtp_sink(started):
    """Postfix's own test server takes what we send, without pipelining and extensions too."""
    sink = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    if not os.path.exists(sink):
        pytest.skip("smtp-sink is not installed")
    for options in ([], ["-p"], ["-e"]):
        running, port = listening_sink([sink, "-c", *options])
        with running:
            try:
                server = started("--set", f"mail.smarthost=127.0.0.1:{port}")
                for n in range(5):
                    submit(server, "user1@example.test", [f"ok{n}@else.example"])
                wait_for(lambda: (server.state / "serve.log").read_text().count("result=sent") == 5)
                assert mailbox(server, "user1@example.test") == []
            finally:
                running.kill()


def test_mx(started, tmp_path):
    """By MX: the best that answers; null MX and loops are final."""
    sink = Sink()
    hosts = tmp_path / "hosts"
    hosts.write_text("""\
mx two.example 10 dead.example
mx two.example 20 live.example
a dead.example 127.0.0.2
a live.example 127.0.0.1
mx null.example 0 .
mx loop.example 10 mail.example.test
a bare.example 127.0.0.1
""")
    server = started("--set", f"io.dns_hosts={hosts}", "--set", f"mail.mx_port={sink.port}",
                     "--set", "mail.mx_loopback=yes")
    submit(server, "user1@example.test", ["ok@two.example", "ok@bare.example"])
    wait_for(lambda: len(sink.got) == 2)
    submit(server, "user1@example.test", ["a@null.example", "a@loop.example", "a@nothing.example"])
    seen = []
    wait_for(lambda: seen.extend(mailbox(server, "user1@example.test")) or len(seen) == 3)
    rows = {r["Final-Recipient"]: r["Status"] for m in seen for r in report(m)}
    assert rows == {"rfc822; a@null.example": "5.1.10", "rfc822; a@loop.example": "5.4.6",
                    "rfc822; a@nothing.example": "5.1.2"}


def test_hosts_in_turn(started, tmp_path):
    """What one host puts off the next is asked for (RFC 5321 5.1); a domain whose hosts all refuse all mail is
    no use; a dead host is left alone for a while, until somebody asks for an attempt (4.5.4.1)."""
    sink = Sink()
    other = Sink(at=("127.0.0.3", sink.port))
    deaf = Sink(at=("127.0.0.4", sink.port))
    deaf.greeting = "554 5.3.2 no mail here"
    hosts = tmp_path / "hosts"
    hosts.write_text("""\
mx two.example 10 one.example
mx two.example 20 other.example
a one.example 127.0.0.1
a other.example 127.0.0.3
a deaf.example 127.0.0.4
mx half.example 10 deaf.example
mx half.example 20 other.example
a dead.example 127.0.0.2
""")
    server = started("--set", f"io.dns_hosts={hosts}", "--set", f"mail.mx_port={sink.port}",
                     "--set", "mail.mx_loopback=yes", "--set", "mail.retry_first=10m")
    other.seen.add("once")
    submit(server, "user1@example.test", ["once@two.example", "ok@two.example", "deny@two.example"])
    wait_for(lambda: sink.got and other.got)
    assert "ok@two.example" in sink.got[0].recipients[0] and "once@two.example" in other.got[0].recipients[0]
    assert len(sink.got[0].recipients) == len(other.got[0].recipients) == 1
    submit(server, "user1@example.test", ["a@half.example"])
    wait_for(lambda: len(other.got) == 2)
    submit(server, "user1@example.test", ["a@deaf.example"])
    seen = []
    wait_for(lambda: seen.extend(mailbox(server, "user1@example.test")) or len(seen) == 2)
    rows = {r["Final-Recipient"]: r["Status"] for m in seen for r in report(m)}
    assert rows == {"rfc822; deny@two.example": "5.1.1", "rfc822; a@deaf.example": "5.3.2"}
    submit(server, "user1@example.test", ["a@dead.example"])
    replies = lambda: [r["last_reply"] or "" for m in json.loads(server.command("queue", "list", "--json").stdout) for r in m["recipients"]]
    wait_for(lambda: any("connect" in r for r in replies()))
    submit(server, "user1@example.test", ["b@dead.example"])
    wait_for(lambda: any("a moment ago" in r for r in replies()))
    late = Sink(at=("127.0.0.2", sink.port))
    assert server.command("queue", "retry").returncode == 0
    wait_for(lambda: len(late.got) == 2)


def test_one_copy_for_a_smarthost(server, sink):
    """All domains of a message in one transaction: RFC 5321 4.5.4.1."""
    submit(server, "user1@example.test", [f"ok@{d}.example" for d in "abcdefg"])
    got = wait_for(lambda: sink.got)[0]
    assert len(got.recipients) == 7
    quiet(server)
    assert len(sink.got) == 1
