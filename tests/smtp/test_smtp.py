"""SMTP, submission and LMTP as a client sees them: extensions, replies, recipients, trace lines."""
import base64
import itertools
import re
import smtplib
import ssl

import pytest

import serving
from serving import wait_for
from wire import Closed, Pop3, Smtp

SETS = ["--set", "io.loops=3", "--set", "smtp.trusted=127.0.0.0/8", "--set", "smtp.recipients_max=100",
        "--set", "smtp.messages_max=3", "--set", "mail.detail_folder=yes", "--set", "smtp.message_max=100K",
        "--set", "mail.postmaster=user1@example.test", "--set", "smtp.errors_max=10"]


@pytest.fixture(scope="module")
def server():
    own = serving.start(5, *SETS)
    for args in (["alias", "add", "both@example.test", "user2@example.test"],
                 ["list", "add", "team@example.test"],
                 ["list", "join", "team@example.test", "user2@example.test"],
                 ["list", "join", "team@example.test", "user3@example.test"],
                 ["alias", "add", "away@example.test", "else@remote.example"]):
        done = own.command(*args)
        assert done.returncode == 0, done.stderr
    yield own
    own.stop()


subjects = (f"subject {n}" for n in itertools.count())


def message(subject, more=""):
    return f"From: a@b.example\r\nSubject: {subject}\r\n{more}\r\ntext\r\n".encode()


def boxes(server, user):
    """The messages of INBOX; they are removed."""
    with Pop3(server) as pop3:
        pop3.ok("UTF8")  # as they are stored
        pop3.ok(f"USER {user}@example.test")
        pop3.ok("PASS pass")
        count = int(pop3.ok("STAT").split()[1])
        out = [pop3.retr(n + 1) for n in range(count)]
        for n in range(count):
            pop3.ok(f"DELE {n + 1}")
        pop3.ok("QUIT")
    return out


@pytest.fixture(autouse=True)
def empty(server):
    for n in range(1, 4):
        with Pop3(server, f"user{n}@example.test") as pop3:
            for i in range(int(pop3.ok("STAT").split()[1])):
                pop3.ok(f"DELE {i + 1}")
            pop3.ok("QUIT")


def login(smtp, user="user1@example.test"):
    text = base64.b64encode(f"\0{user}\0pass".encode()).decode()
    assert smtp.ask(f"AUTH PLAIN {text}")[0] == 235


# What is offered

def test_extensions(server):
    offered = {port: [e.split()[0] for e in Smtp(server, port).extensions] for port in ("SMTP", "SUBMISSION", "LMTP")}
    common = ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "LIMITS", "STARTTLS",
              "ENHANCEDSTATUSCODES", "HELP"]
    for port, list_ in offered.items():
        assert set(common) <= set(list_), port
    assert "AUTH" in offered["SUBMISSION"] and "AUTH" not in offered["SMTP"] and "AUTH" not in offered["LMTP"]
    assert "DSN" in offered["SMTP"] and "DSN" not in offered["LMTP"]


def test_verify_for_those_who_have_logged_in():
    """VRFY and EXPN tell nobody anything (252) until smtp.verify says so, and then only people of ours."""
    own = serving.start(3, "--set", "smtp.verify=login", "--set", "smtp.show_version=no")
    try:
        assert own.command("list", "add", "team@example.test", "user2@example.test", "guest@far.example").returncode == 0
        assert own.command("alias", "add", "second@example.test", "user2@example.test").returncode == 0
        with Smtp(own, "SMTP") as smtp:
            assert "EXPN" not in smtp.extensions
            assert smtp.ask("VRFY user2@example.test")[0] == 252
        with Smtp(own, "SUBMISSION") as smtp:
            assert smtp.ask("VRFY user2")[0] == 252
            login(smtp)
            offered = str(smtp.ask("EHLO x.example"))
            assert all(word in offered for word in ("VRFY", "EXPN", "HELP"))
            for line, code, text in (("VRFY user2", 250, "<user2@example.test>"), ("VRFY <USER2@example.test>", 250, "@example.test>"),
                                     ("VRFY user2+x@example.test", 250, "<user2+x@example.test>"),
                                     ("VRFY team", 250, "<team@example.test>"), ("VRFY second", 250, "<second@example.test>"),
                                     ("EXPN second", 250, "<user2@example.test>"), ("VRFY none", 550, "5.1.1"),
                                     ("EXPN none@example.test", 550, "5.1.1"), ("VRFY a@far.example", 252, ""),
                                     ("EXPN a@far.example", 252, ""), ("VRFY a b", 501, ""), ("VRFY @", 501, ""),
                                     ("VRFY <>", 501, ""), ("EXPN", 501, ""), ("HELP", 214, "Carbonado")):
                got = smtp.ask(line)
                assert got[0] == code and text in str(got[1]), (line, got)
            members = smtp.ask("EXPN team@example.test")
            assert members[0] == 250 and "<user2@example.test>" in str(members) and "<guest@far.example>" in str(members)
    finally:
        own.stop()


def test_each_profile_has_its_own_hello(server):
    with Smtp(server, "LMTP", hello=False) as lmtp:
        assert lmtp.ask("EHLO x.example")[0] == 500
        assert lmtp.ask("MAIL FROM:<>")[0] == 503
    with Smtp(server, "SMTP", hello=False) as smtp:
        assert smtp.ask("LHLO x.example")[0] == 500
        assert smtp.ask("HELO x.example")[0] == 250
        assert smtp.ask("MAIL FROM:<a@b.example> SIZE=10")[0] == 555  # nothing was offered to HELO


def test_tls_from_the_first_byte_and_by_command(server):
    with Smtp(server, "SUBMISSIONS", tls=True) as smtp:
        assert "STARTTLS" not in smtp.extensions
        login(smtp)
    with smtplib.SMTP(server.host, server.ports["SUBMISSION"]) as s:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        s.starttls(context=context)
        s.login("user1@example.test", "pass")
        s.sendmail("user1@example.test", ["user2@example.test"], b"Subject: tls\r\n\r\n")
    [got] = boxes(server, "user2")
    assert re.search(rb"with ESMTPSA \(TLSv1\.3 [A-Z0-9_]+\)", got)


# Logging in

@pytest.mark.parametrize("mechanism", ["PLAIN", "PLAIN in two", "LOGIN"])
def test_auth(server, mechanism):
    def b64(text):
        return base64.b64encode(text.encode()).decode()

    with Smtp(server, "SUBMISSION") as smtp:
        assert smtp.ask("MAIL FROM:<user1@example.test>")[0] == 530
        if mechanism == "LOGIN":
            assert smtp.ask("AUTH LOGIN")[0] == 334
            assert smtp.ask(b64("user1@example.test"))[0] == 334
            assert smtp.ask(b64("pass"))[0] == 235
        elif mechanism == "PLAIN":
            login(smtp)
        else:
            assert smtp.ask("AUTH PLAIN") == (334, "")
            assert smtp.ask(b64("\0user1@example.test\0pass"))[0] == 235
        assert smtp.ask("AUTH PLAIN")[0] == 503
        assert smtp.ask("MAIL FROM:<user1@example.test>")[0] == 250


def test_auth_failures(server):
    with Smtp(server, "SUBMISSION") as smtp:
        wrong = base64.b64encode(b"\0user4@example.test\0no").decode()
        assert smtp.ask(f"AUTH PLAIN {wrong}")[0] == 535
        assert smtp.ask("AUTH NOTHING")[0] == 504
        assert smtp.ask("AUTH PLAIN ***")[0] == 501
        assert smtp.ask("AUTH PLAIN")[0] == 334
        assert smtp.ask("*")[0] == 501
        assert smtp.ask("MAIL FROM:<user1@example.test>")[0] == 530
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("AUTH PLAIN")[0] == 500


def test_senders_are_checked(server):
    with Smtp(server, "SUBMISSION") as smtp:
        login(smtp)
        smtp.ask("MAIL FROM:<user1@example.test>")
        assert smtp.ask("RCPT TO:<sales@intern>") == (554, "5.1.2 The domain is not fully qualified")
        smtp.ask("RSET")
        code, text = smtp.ask("MAIL FROM:<user2@example.test>")
        assert (code, text[:5]) == (550, "5.7.1")
        [reply] = smtp.deliver("user1@example.test", ["user2@example.test"], b"From: user3@example.test\r\n\r\nx\r\n")
        assert reply[0] == 550 and reply[1].startswith("5.7.1")
        # and an address behind another one, or in Sender
        for header in (b"From: user1@example.test, user3@example.test", b"From: user1@example.test\r\nSender: a@b.c"):
            [reply] = smtp.deliver("user1@example.test", ["user2@example.test"], header + b"\r\n\r\nx\r\n")
            assert reply[0] == 550, header
        [reply] = smtp.deliver("user1@example.test", ["user2@example.test"], b"From: USER1@example.test\r\n\r\nx\r\n")
        assert reply[0] == 250


# Recipients

def test_recipients(server):
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("MAIL FROM:<a@b.example>")[0] == 250
        for address, want in (("nobody@example.test", "550 5.1.1"), ("a@remote.example", "550 5.7.1"),
                              ("user1@example.test", "250 2.1.5"), ("USER1@EXAMPLE.TEST", "250 2.1.5"),
                              ("user1+x@example.test", "250 2.1.5"), ("\"user1\"@example.test", "250 2.1.5"),
                              ("postmaster", "250 2.1.5"), ("postmaster@example.test", "250 2.1.5")):
            code, text = smtp.ask(f"RCPT TO:<{address}>")
            assert f"{code} {text[:5]}" == want, address


def test_aliases_and_lists_deliver_once(server):
    subject = next(subjects)
    with Smtp(server, "SMTP") as smtp:
        [reply] = smtp.deliver("a@b.example", ["both@example.test", "team@example.test", "user2@example.test"],
                               message(subject))
        assert reply[0] == 250
    wait_for(lambda: boxes(server, "user3"))
    assert len(wait_for(lambda: boxes(server, "user2"))) == 1


def test_a_forward_that_comes_back_is_a_loop(server):
    with Smtp(server, "SMTP") as smtp:
        text = message("loop", "Delivered-To: away@example.test\r\n")
        [reply] = smtp.deliver("a@b.example", ["away@example.test"], text)
        assert reply[0] == 554 and reply[1].startswith("5.4.6")
        received = "".join(f"Received: from a by b; {n}\r\n" for n in range(100))
        [reply] = smtp.deliver("a@b.example", ["user1@example.test"], message("hops", received))
        assert reply[0] == 554 and reply[1].startswith("5.4.6")


def test_too_many_recipients_and_messages(server):
    with Smtp(server, "SMTP") as smtp:
        smtp.ask("MAIL FROM:<a@b.example>")
        codes = [smtp.ask("RCPT TO:<user1@example.test>") for _ in range(101)]
        assert [c for c, _ in codes] == [250] * 100 + [452] and codes[-1][1].startswith("4.5.3")
        smtp.ask("RSET")
        for _ in range(3):
            assert smtp.deliver("a@b.example", ["user1@example.test"], message("n"))[0][0] == 250
        assert smtp.ask("MAIL FROM:<a@b.example>")[0] == 452


def test_over_quota(server):
    assert server.command("account", "set", "user5@example.test", "--quota", "10K").returncode == 0
    with Smtp(server, "SMTP") as smtp:
        smtp.ask("MAIL FROM:<a@b.example> SIZE=50000")
        code, text = smtp.ask("RCPT TO:<user5@example.test>")
        assert (code, text[:5]) == (552, "5.2.2")
    with Smtp(server, "LMTP") as lmtp:
        big = message("big") + b"x" * 60 + b"\r\n" + (b"y" * 60 + b"\r\n") * 200
        replies = lmtp.deliver("a@b.example", ["user5@example.test", "user1@example.test"], big)
        assert [r[0] for r in replies] == [552, 250]
    assert server.command("account", "set", "user5@example.test", "--quota", "none").returncode == 0


# LMTP: RFC 2033 4.2

def test_lmtp_answers_for_each(server):
    subject = next(subjects)
    with Smtp(server, "LMTP") as lmtp:
        replies = lmtp.deliver("a@b.example", [f"user{n}@example.test" for n in (1, 2, 3)], message(subject))
        assert [r[0] for r in replies] == [250] * 3
        assert all(r[1].startswith(f"2.1.5 <user{n}@example.test>") for n, r in enumerate(replies, 1))
        assert lmtp.ask("DATA")[0] == 503
    for n in (1, 2, 3):
        [got] = boxes(server, f"user{n}")
        assert got.startswith(b"Return-Path: <a@b.example>\r\nDelivered-To: user%d@example.test\r\nReceived: from "
                              b"client.example.org ([127.0.0.1])\r\n\tby mail.example.test with LMTP\r\n" % n)


def test_lmtp_with_bdat_answers_for_each(server):
    with Smtp(server, "LMTP") as lmtp:
        lmtp.ask("MAIL FROM:<a@b.example>")
        lmtp.ask("RCPT TO:<user1@example.test>")
        lmtp.ask("RCPT TO:<user2@example.test>")
        lmtp.send(b"BDAT 12\r\nSubject: x\r\nBDAT 8 LAST\r\n\r\n.\r\n.b\r")
        assert lmtp.reply()[0] == 250
        assert [lmtp.reply()[0], lmtp.reply()[0]] == [250, 250]
        assert lmtp.ask("NOOP")[0] == 250
    [got] = boxes(server, "user1")
    assert got.endswith(b"Subject: x\r\n\r\n.\r\n.b\r\n")


def test_lmtp_bdat_without_recipients(server):
    """RFC 2033 4.3: no reply to BDAT LAST without recipients; one for each after a refused chunk."""
    with Smtp(server, "LMTP") as lmtp:
        lmtp.ask("MAIL FROM:<a@b.example>")
        lmtp.ask("RCPT TO:<nobody@example.test>")
        lmtp.send(b"BDAT 3\r\nabcBDAT 3 LAST\r\nabcNOOP\r\n")
        assert [lmtp.reply()[0], lmtp.reply()[0]] == [503, 250]
        lmtp.ask("MAIL FROM:<a@b.example>")
        lmtp.ask("RCPT TO:<user1@example.test>")
        lmtp.ask("RCPT TO:<user1@example.test>")
        lmtp.send(b"BDAT 150000\r\n" + b"x" * 150000 + b"BDAT 3 LAST\r\nabcBDAT 0 LAST\r\nNOOP\r\n")
        assert [lmtp.reply()[0] for _ in range(4)] == [552, 503, 503, 250]


# Text

def test_bdat_and_binarymime(server):
    data = b"Subject: b\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\rc\r\n.\r\n\xff"
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("MAIL FROM:<a@b.example> BODY=BINARYMIME")[0] == 250
        assert smtp.ask("RCPT TO:<user1@example.test>")[0] == 250
        assert smtp.ask("DATA")[0] == 503
        smtp.send(b"BDAT %d\r\n" % 20 + data[:20] + b"BDAT %d LAST\r\n" % (len(data) - 20) + data[20:])
        assert [smtp.reply()[0], smtp.reply()[0]] == [250, 250]
    with Pop3(server, "user1@example.test") as pop3:
        pop3.send(b"RETR 1\r\nQUIT\r\n")
        assert data.replace(b"\r\n.\r\n", b"\r\n..\r\n") in pop3.rest()
    # without BINARYMIME a bare line end is refused, and nothing of the transaction is left
    with Smtp(server, "SMTP") as smtp:
        smtp.ask("MAIL FROM:<a@b.example>")
        smtp.ask("RCPT TO:<user1@example.test>")
        smtp.send(b"BDAT 6\r\na\nb\r\n\r")
        assert smtp.reply()[0] == 554
        smtp.send(b"BDAT 2 LAST\r\n\r\n")
        assert smtp.reply()[0] == 503
        assert smtp.ask("DATA")[0] == 503


def test_limits_of_text(server):
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("MAIL FROM:<a@b.example> SIZE=200000")[0] == 552
        [reply] = smtp.deliver("a@b.example", ["user1@example.test"], message("x") + (b"y" * 70 + b"\r\n") * 2000)
        assert reply[0] == 552 and reply[1].startswith("5.3.4")
        [reply] = smtp.deliver("a@b.example", ["user1@example.test"], message("x") + (b"y" * 70 + b"\r\n") * 1300)
        assert reply[0] == 250  # through a temporary file
    [got] = boxes(server, "user1")
    assert got.endswith(b"y" * 70 + b"\r\n") and len(got) > 65536


def test_smtputf8(server):
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("MAIL FROM:<j\u00fcrgen@b.example>".encode()) == (
            550, "5.6.7 An address that is not ASCII needs SMTPUTF8")
        smtp.ask("MAIL FROM:<a@b.example>")
        assert smtp.ask("RCPT TO:<j\u00fcrgen@example.test>".encode())[0] == 553
        smtp.ask("RSET")
        assert smtp.ask("VRFY j\u00fcrgen".encode())[0] == 501
        assert smtp.ask("VRFY j\u00fcrgen SMTPUTF8".encode())[0] == 252
        assert smtp.ask("MAIL FROM:<j\u00fcrgen@b\u00fccher.example> SMTPUTF8 BODY=8BITMIME".encode())[0] == 250
        assert smtp.ask("RCPT TO:<user1@example.test>")[0] == 250
        assert smtp.ask("DATA")[0] == 354
        smtp.send("Subject: \u00fc\r\n\r\n\u00fc\r\n.\r\n".encode())
        assert smtp.reply()[0] == 250
    [got] = boxes(server, "user1")
    assert "Return-Path: <j\u00fcrgen@b\u00fccher.example>".encode() in got and b"with UTF8SMTP\r\n" in got


def test_pipelining(server):
    subject = next(subjects)
    with Smtp(server, "SMTP") as smtp:
        smtp.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@example.test>\r\nRCPT TO:<user1@example.test>\r\nDATA\r\n")
        assert [smtp.reply()[0] for _ in range(4)] == [250, 550, 250, 354]
        smtp.send(message(subject) + b".\r\nMAIL FROM:<a@b.example>\r\nRSET\r\nQUIT\r\n")
        assert [smtp.reply()[0] for _ in range(4)] == [250, 250, 250, 221]
    assert len(boxes(server, "user1")) == 1


# Sessions

def test_order_of_commands(server):
    with Smtp(server, "SMTP", hello=False) as smtp:
        assert smtp.ask("MAIL FROM:<>")[0] == 503
        smtp.hello()
        assert smtp.ask("RCPT TO:<user1@example.test>")[0] == 503
        assert smtp.ask("MAIL FROM:<>")[0] == 250
        assert smtp.ask("MAIL FROM:<>")[0] == 503
        assert smtp.ask("DATA")[0] == 503
        assert smtp.ask("RCPT TO:<user1@example.test>")[0] == 250
        smtp.hello()  # RFC 5321 4.1.4: ends the transaction
        assert smtp.ask("RCPT TO:<user1@example.test>")[0] == 503
        for line, code in (("VRFY user1", 252), ("EXPN team", 252), ("EXPN", 501), ("VRFY", 501), ("HELP MAIL", 214), ("RSET x", 501), ("DATA x", 503), ("HELP", 214), ("NOOP x", 250), ("RSET", 250)):
            assert smtp.ask(line)[0] == code
        assert smtp.ask("QUIT")[0] == 221 and smtp.is_closed()


def test_errors_end_a_session(server):
    with Smtp(server, "SMTP") as smtp:
        codes = []
        with pytest.raises(Closed):
            while True:
                codes.append(smtp.ask("NONSENSE")[0])
                if codes[-1] == 421:
                    smtp.fill()
        assert codes[-2:] == [500, 421] or codes[-1] == 500, codes


def test_browsers_are_sent_away(server):
    with Smtp(server, "SMTP", hello=False) as smtp:
        smtp.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.example>\r\n")
        assert smtp.reply()[0] == 421 and smtp.is_closed()


def test_xclient(server):
    with Smtp(server, "SMTP") as smtp:
        assert any(e.startswith("XCLIENT") for e in smtp.extensions)
        assert smtp.ask("XCLIENT ADDR=not-an-address")[0] == 501
        assert smtp.ask("XCLIENT NAME=a+0D+0Ab")[0] == 501
        assert smtp.ask("XCLIENT NAME=client.example ADDR=IPV6:2001:db8::7")[0] == 220
        smtp.hello()
        assert smtp.ask("XFORWARD ADDR=192.0.2.9 NAME=[UNAVAILABLE]")[0] == 250
        assert smtp.deliver("a@b.example", ["user1@example.test"], message("x"))[0][0] == 250
    [got] = boxes(server, "user1")
    assert b"from client.example.org (client.example [IPv6:2001:db8::7])" in got


def test_stopping_says_so(server):
    own = serving.start(1)
    try:
        with Smtp(own, "SMTP") as smtp:
            own.end()
            assert smtp.reply()[0] == 421
    finally:
        own.stop()


def test_clients_from_outside_are_not_trusted():
    own = serving.start(1)
    try:
        with Smtp(own, "SMTP") as smtp:
            assert not any(e.startswith("XCLIENT") for e in smtp.extensions)
            assert smtp.ask("XCLIENT ADDR=192.0.2.1")[0] == 550
            assert smtp.ask("XFORWARD ADDR=192.0.2.1")[0] == 550
    finally:
        own.stop()
