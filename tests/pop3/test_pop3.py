"""POP3 as clients use it: capabilities, listings, UIDL, TOP, DELE and QUIT, long answers, TLS."""
import base64
import email
import email.policy
import itertools
import poplib
import re
import shutil
import ssl
import subprocess

import pytest

from wire import Imap, Literal, Pop3, Smtp

users = itertools.cycle(["user4@example.test", "user5@example.test"])


def append(server, user, *messages):
    with Imap(server, user) as imap:
        for m in messages:
            imap.ok("APPEND", "INBOX", Literal(m))


@pytest.fixture
def user(server):
    """An account whose INBOX is empty."""
    name = next(users)
    with Imap(server, name) as imap:
        imap.ok("SELECT", "INBOX")
        imap.ok("UID STORE", "1:*", "+FLAGS.SILENT (\\Deleted)")
        imap.ok("EXPUNGE")
    with Pop3(server, name) as pop3:
        pop3.ok("QUIT")
    return name


THREE = [b"Subject: one\r\n\r\n.\r\n..two\r\nthree\r\n", b"Subject: two\r\n\r\n", b"Subject: three\r\n\r\nlast line"]


def test_capabilities(server):
    with Pop3(server) as pop3:
        pop3.ok("CAPA")
        names = [line.split()[0] for line in pop3.lines().split(b"\r\n") if line]
        assert {b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING", b"EXPIRE", b"UTF8", b"LANG", b"STLS",
                b"USER", b"SASL", b"IMPLEMENTATION"} == set(names)
        pop3.ok("LANG en")
        pop3.ok("LANG")
        pop3.lines()
        assert pop3.ask("LANG xx").startswith(b"-ERR")
        assert pop3.ok("LANG *").startswith(b"+OK en ") and pop3.ok("LANG EN").startswith(b"+OK en ")
        pop3.ok("UTF8")
    with Pop3(server, "user1@example.test") as pop3:
        pop3.ok("CAPA")  # RFC 2449 5: what there is before the login is there after it; STLS is not (RFC 2595 4)
        assert {line.split()[0] for line in pop3.lines().split(b"\r\n") if line} == set(names) - {b"STLS"}
        assert pop3.ask("STLS").startswith(b"-ERR") and pop3.ask("UTF8").startswith(b"-ERR")


def test_pass_comes_right_after_user(server):
    """RFC 1939 7."""
    with Pop3(server) as pop3:
        assert pop3.ask("PASS pass").startswith(b"-ERR")
        pop3.ok("USER user1@example.test")
        pop3.ok("CAPA")
        pop3.lines()
        assert pop3.ask("PASS pass").startswith(b"-ERR")
        pop3.log_in("user1@example.test")


def test_names_and_passwords_that_cannot_be(server):
    """RFC 6856 2.2: not UTF-8, or with characters that SASLprep forbids; soft hyphens are nothing."""
    with Pop3(server) as pop3:
        assert pop3.ask(b"USER user\xff@example.test").startswith(b"-ERR [AUTH]")
        assert pop3.ask("USER user\ufffd@example.test").startswith(b"-ERR [AUTH]")
        pop3.ok("USER user1@example.test")
        assert pop3.ask(b"PASS pass\xff").startswith(b"-ERR [AUTH]")
        pop3.ok("USER user1@example.test")
        assert pop3.ask("PASS pass\ue000").startswith(b"-ERR [AUTH]")
        pop3.log_in("us\u00ader1@example.test", "pa\u00adss")


GLOBAL = ("From: Jürgen <jürgen@münchen.example>\r\nTo: Zoë <z@example.test>\r\nSubject: Grüße an alle\r\n"
          "Message-ID: <ü@münchen.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
          "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
          "--b\r\nContent-Disposition: attachment; filename=\"Grüße.txt\"\r\n\r\n.dots\r\n--b--\r\n").encode()
UNKNOWN = b"Subject: Gr\xfc\xdfe\r\n\r\nbody\r\n"


def test_utf8_headers(server, user):
    """RFC 6856 2.1, RFC 6858: as it is to who said UTF8, in ASCII to others; bodies are never touched, nor are
    bytes that are not UTF-8."""
    append(server, user, GLOBAL, UNKNOWN, THREE[0])
    with Pop3(server) as pop3:
        pop3.ok("UTF8")
        pop3.ok(f"USER {user}")
        pop3.ok("PASS pass")
        pop3.send(b"RETR 1\r\nRETR 2\r\nRETR 3\r\n")
        for want in (GLOBAL, UNKNOWN, THREE[0]):
            assert pop3.line() == b"+OK %d octets" % len(want)
            assert pop3.lines() == want
        pop3.ok("QUIT")
    with Pop3(server, user) as pop3:
        pop3.send(b"RETR 2\r\nRETR 1\r\nRETR 3\r\nTOP 1 2\r\nLIST 1\r\n")
        assert pop3.line().startswith(b"+OK") and pop3.lines() == UNKNOWN
        size, got = pop3.line(), pop3.lines()
        assert pop3.line().startswith(b"+OK") and pop3.lines() == THREE[0]
        assert pop3.line().startswith(b"+OK") and pop3.lines() == b"".join(
            got.partition(b"\r\n\r\n")[:2]) + b"\r\n".join(
                got.partition(b"\r\n\r\n")[2].split(b"\r\n")[:2]) + b"\r\n"
        assert pop3.line() == b"+OK 1 %d" % len(GLOBAL)  # RFC 6858 4: of either form
    assert size == b"+OK %d octets" % len(got)
    message = email.message_from_bytes(got, policy=email.policy.default)
    assert all(name.isascii() and value.isascii() for name, value in
               email.message_from_bytes(got, policy=email.policy.compat32).items())
    assert message["Subject"] == "Grüße an alle" and "Message-ID" not in message
    assert str(message["Downgraded-Message-ID"]) == "<ü@münchen.example>"
    assert message["To"].addresses[0].addr_spec == "z@example.test"
    assert message["To"].addresses[0].display_name == "Zoë"
    sender = message["From"].addresses[0]
    assert sender.domain == "internationalized-address.invalid" and "jürgen@münchen.example" in sender.display_name
    text, attached = message.iter_parts()
    assert text.get_content() == "Grüße" and attached.get_filename() == "Grüße.txt"
    assert attached.get_content() == ".dots"


def test_utf8_in_the_lines_of_the_final_hop(server, user):
    with Smtp(server, "LMTP") as lmtp:
        assert "SMTPUTF8" in lmtp.extensions
        assert lmtp.ask("MAIL FROM:<ü@example.org> SMTPUTF8")[0] == 250
        assert lmtp.ask(f"RCPT TO:<{user}>")[0] == 250 and lmtp.ask("DATA")[0] == 354
        lmtp.send(b"Subject: plain\r\n\r\nx\r\n.\r\n")
        assert lmtp.reply()[0] == 250
    with Pop3(server, user) as pop3:
        got = pop3.retr(1)
    assert got.isascii() and got.startswith(b"Return-Path: <invalid@internationalized-address.invalid>\r\n")
    assert got.endswith(b"Subject: plain\r\n\r\nx\r\n")


def test_a_header_too_large_to_be_written_anew(server, user):
    """RFC 6856 5."""
    append(server, user, "Subject: ü\r\n".encode() + b"X-Filler: %090d\r\n" % 0 * 12000 + b"\r\nx\r\n")
    with Pop3(server, user) as pop3:
        assert pop3.ask("RETR 1").startswith(b"-ERR [UTF8] ")
        pop3.ok("NOOP")


def test_a_session(server, user):
    append(server, user, *THREE)
    sizes = [len(m) for m in THREE]
    with Pop3(server, user) as pop3:
        assert pop3.ok("STAT") == b"+OK 3 %d" % sum(sizes)
        pop3.ok("LIST")
        assert pop3.lines() == b"".join(b"%d %d\r\n" % (n, s) for n, s in enumerate(sizes, 1))
        assert pop3.ok("LIST 2") == b"+OK 2 %d" % sizes[1]
        assert pop3.retr(1) == THREE[0] and pop3.retr(2) == THREE[1]
        assert pop3.retr(3) == THREE[2] + b"\r\n"  # the answer ends with a whole line
        pop3.ok("TOP 1 0")
        assert pop3.lines() == b"Subject: one\r\n\r\n"
        pop3.ok("TOP 1 2")
        assert pop3.lines() == b"Subject: one\r\n\r\n.\r\n..two\r\n"
        pop3.ok("DELE 2")
        assert pop3.ok("STAT") == b"+OK 2 %d" % (sizes[0] + sizes[2])
        pop3.ok("LIST")
        assert [line.split()[0] for line in pop3.lines().split(b"\r\n") if line] == [b"1", b"3"]
        pop3.ok("RSET")
        assert pop3.ok("STAT").split()[1] == b"3"
        pop3.ok("DELE 1")
        pop3.ok("DELE 3")
        pop3.ok("QUIT")
    with Pop3(server, user) as pop3:
        assert pop3.ok("STAT").split()[1] == b"1" and pop3.retr(1) == THREE[1]


def test_uidl_is_for_ever(server, user):
    append(server, user, *THREE)

    def uidl():
        with Pop3(server, user) as pop3:
            pop3.ok("UIDL")
            lines = pop3.lines().split(b"\r\n")[:-1]
            assert all(pop3.ok(f"UIDL {n + 1}")[4:] == line for n, line in enumerate(lines))
            pop3.ok("QUIT")
        return [line.split()[1] for line in lines]

    first = uidl()
    assert len(set(first)) == 3 and all(re.fullmatch(rb"[!-~]{1,70}", u) for u in first)
    with Imap(server, user) as imap:  # away and back, and a copy of one
        imap.ok("SELECT", "INBOX")
        imap.ok("MOVE", "1", "Archive")
        imap.ok("COPY", "1", "INBOX")
        imap.ok("SELECT", "Archive")
        imap.ok("MOVE", "1:*", "INBOX")
    again = uidl()
    assert len(set(again)) == 4
    assert set(first) <= set(again)


def test_a_message_that_goes_meanwhile(server, user):
    append(server, user, *THREE)
    with Pop3(server, user) as pop3:
        with Imap(server, user) as imap:
            imap.ok("SELECT", "INBOX")
            imap.ok("STORE", "1", "+FLAGS (\\Deleted)")
            imap.ok("EXPUNGE")
        assert pop3.ask("RETR 1").startswith(b"-ERR")
        assert pop3.retr(2) == THREE[1]
        pop3.ok("DELE 1")
        pop3.ok("QUIT")
    with Pop3(server, user) as pop3:
        assert pop3.ok("STAT").split()[1] == b"2"


def test_a_large_message_and_a_slow_client(server, user):
    large = b"Subject: large\r\n\r\n" + b"".join(b".%070d\r\n" % n for n in range(100_000))
    append(server, user, large)
    with Pop3(server, user) as pop3:
        pop3.send(b"RETR 1\r\nSTAT\r\nRETR 1\r\n")
        assert pop3.line().startswith(b"+OK") and pop3.lines() == large
        assert pop3.line().startswith(b"+OK 1 ")
        assert pop3.line().startswith(b"+OK") and pop3.lines() == large


def test_retr_in_a_row(server, user):
    """Pipelined RETRs are read together and answered one by one, in order, errors too."""
    large = b"Subject: large\r\n\r\n" + b".stuffed\r\n0123456789\r\n" * 30000
    messages = [*THREE, large, b"Subject: last\r\n\r\nx\r\n"]
    append(server, user, *messages)
    with Pop3(server, user) as pop3:
        pop3.ok("DELE 2")
        wanted = [1, 2, 3, 4, 99, 5, 0, 4, 1]
        pop3.send(b"".join(b"retr %d\r\n" % n for n in wanted) + b"STAT\r\nRETR 5 x\r\nRETR 1")
        for n in wanted:
            line = pop3.line()
            if n in (0, 2, 99):
                assert line == b"-ERR no such message"
                continue
            assert line == b"+OK %d octets" % len(messages[n - 1])
            got = pop3.lines()
            assert got == (messages[n - 1] if messages[n - 1].endswith(b"\n") else messages[n - 1] + b"\r\n")
        assert pop3.line().startswith(b"+OK 4 ")
        assert pop3.line().startswith(b"-ERR")
        pop3.send(b"\r\nQUIT\r\n")
        assert pop3.line().startswith(b"+OK")
        pop3.lines()
        assert pop3.line().startswith(b"+OK")


def test_auth(server):
    for lines in ([b"AUTH PLAIN " + base64.b64encode(b"\0user1@example.test\0pass")],
                  [b"AUTH PLAIN", base64.b64encode(b"\0user1@example.test\0pass")],
                  [b"AUTH LOGIN", base64.b64encode(b"user1@example.test"), base64.b64encode(b"pass")]):
        with Pop3(server) as pop3:
            for line in lines[:-1]:
                assert pop3.ask(line).startswith(b"+ ")
            pop3.ok(lines[-1])
            pop3.ok("STAT")
            pop3.ok("QUIT")
    with Pop3(server) as pop3:
        wrong = base64.b64encode(b"\0user2@example.test\0no").decode()
        assert pop3.ask(f"AUTH PLAIN {wrong}").startswith(b"-ERR [AUTH]")
        assert pop3.ask("AUTH NOTHING").startswith(b"-ERR")
        assert pop3.ask("AUTH PLAIN").startswith(b"+ ")
        assert pop3.ask("*").startswith(b"-ERR")
        assert pop3.ask("STAT").startswith(b"-ERR")


def test_poplib_over_tls(server, user):
    append(server, user, THREE[0])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = poplib.POP3(server.host, server.ports["POP3"])
    plain.stls(context)
    for pop3 in (plain, poplib.POP3_SSL(server.host, server.ports["POP3S"], context=context)):
        assert "STLS" not in pop3.capa()
        pop3.user(user)
        pop3.pass_("pass")
        assert pop3.stat()[0] == 1
        pop3.quit()


def test_back_at_once(server, user):
    """The answer to QUIT means that the mailbox is free, whether or not something was removed."""
    append(server, user, *THREE)
    for left, wanted in ((3, "NOOP"), (3, "NOOP"), (3, "DELE 1"), (2, "DELE 1"), (1, "NOOP"), (1, "DELE 1"), (0, "NOOP")):
        with Pop3(server, user) as pop3:
            assert pop3.ok("STAT").startswith(b"+OK %d " % left)
            pop3.ok(wanted)
            pop3.ok("QUIT")


def test_fetchmail(server, user, tmp_path):
    """From one account over POP3 into another over LMTP."""
    if not shutil.which("fetchmail"):
        pytest.skip("fetchmail is not installed")
    append(server, user, *THREE)
    rc = tmp_path / "rc"
    rc.write_text(f"""poll {server.host} protocol pop3 port {server.ports['POP3']} uidl
    user "{user}" password "pass" sslproto ''
    lmtp smtphost {server.host}/{server.ports['LMTP']} smtpname user1@example.test
""")
    rc.chmod(0o600)
    done = subprocess.run(["fetchmail", "-f", rc, "--pidfile", tmp_path / "pid", "-i", tmp_path / "ids", "-v"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          env={"HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path)})
    assert done.returncode == 0, done.stdout.decode()
    with Pop3(server, "user1@example.test") as pop3:
        count = int(pop3.ok("STAT").split()[1])
        got = [pop3.retr(n + 1) for n in range(count)]
        for n in range(count):
            pop3.ok(f"DELE {n + 1}")
        pop3.ok("QUIT")
    assert sorted(re.search(rb"Subject: (\w+)", m).group(1) for m in got) == [b"one", b"three", b"two"]
    with Pop3(server, user) as pop3:
        assert pop3.ok("STAT") == b"+OK 0 0"


def test_byte_stuffing_of_what_came_by_lmtp(server, user):
    text = b"Subject: dots\r\n\r\n.\r\n.\r\n..\r\n...x\r\n"
    with Smtp(server, "LMTP") as lmtp:
        assert lmtp.deliver("a@b.example", [user], text)[0][0] == 250
    with Pop3(server, user) as pop3:
        assert pop3.retr(1).endswith(b"\r\n" + text)
