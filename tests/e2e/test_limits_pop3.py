"""Hostile POP3 at the connection."""
import re
import socket

import pytest

from wire import Closed, Imap, Literal, Pop3

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture(scope="module")
def box(server):
    user = "user9@example.test"
    with Imap(server, user) as imap:
        for n in range(3):
            imap.ok("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\n.dot\r\n..\r\nx\r\n" % n))
    return user


def refused(pop3, line):
    try:
        return pop3.ask(line).startswith(b"-ERR")
    except Closed:
        return True


@pytest.mark.parametrize("line", ["STAT", "LIST", "UIDL", "RETR 1", "DELE 1", "TOP 1 0", "NOOP", "RSET",
                                  "PASS pass", "LIST 1", "nothing", "", " ", "APOP a b"])
def test_nothing_works_before_login(server, line):
    with Pop3(server) as pop3:
        assert refused(pop3, line)


@pytest.mark.parametrize("line", ["RETR 0", "RETR 4", "RETR -1", "RETR 99999999999999999999", "RETR 4294967297",
                                  "RETR", "RETR x", "RETR 1 2", "TOP 1", "TOP 1 -1", "TOP 1 99999999999999999999",
                                  "TOP 18446744073709551617 0", "LIST 0", "UIDL 4", "DELE 0", "DELE 1 1",
                                  "RETR 1\0", "\xff\xfe", "STLS now", "USER x", "PASS x"])
def test_bad_arguments(server, box, line):
    with Pop3(server, box) as pop3:
        assert refused(pop3, line.encode("latin-1"))
        pop3.ok("NOOP")


def test_a_line_without_end(server):
    for start in (b"", b"USER ", b"PASS "):
        with Pop3(server) as pop3:
            try:
                pop3.send(start)
                for _ in range(200):
                    pop3.send(b"x" * 65536)
                pop3.send(b"\r\n")
                assert pop3.line().startswith(b"-ERR")
            except (OSError, Closed):
                pass


def test_injection_before_tls(server):
    """CVE-2021-33515's class: nothing of the plain text is answered inside TLS."""
    with Pop3(server) as pop3:
        pop3.send(b"STLS\r\nUSER user1@example.test\r\nCAPA\r\n")
        assert pop3.line().startswith(b"+OK")
        assert not pop3.data
        try:
            pop3.start_tls()
        except OSError:
            return
        pop3.send(b"CAPA\r\n")
        assert pop3.line().startswith(b"+OK")
        capabilities = pop3.lines().upper()
        assert b"STLS" not in capabilities
        assert refused(pop3, "STLS")
        pop3.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            pop3.fill()


def test_pipelined_and_byte_by_byte(server, box):
    text = f"USER {box}\r\nPASS pass\r\nSTAT\r\nRETR 1\r\nNOOP\r\n".encode()
    for pieces in ([text], [bytes([b]) for b in text]):
        with Pop3(server) as pop3:
            for piece in pieces:
                pop3.send(piece)
            for _ in range(4):
                assert pop3.line().startswith(b"+OK")
            assert b"\r\n.dot\r\n..\r\nx\r\n" in pop3.lines()
            assert pop3.line().startswith(b"+OK")
            pop3.ok("QUIT")


def test_half_closed(server, box):
    with Pop3(server, box) as pop3:
        pop3.send(b"RETR 1\r\nRETR 2\r\nRETR 3\r\n")
        pop3.sock.shutdown(socket.SHUT_WR)
        assert pop3.rest().count(b"\r\n.\r\n") == 3


def test_lost_connection_deletes_nothing(server, box):
    """RFC 1939 6: only QUIT in the transaction state removes."""
    pop3 = Pop3(server, box)
    pop3.ok("DELE 1")
    pop3.close()
    with Pop3(server, box) as again:
        assert again.ok("STAT").split()[1] == b"3"


def test_one_session_a_mailbox(server, box):
    with Pop3(server, box):
        if server.peer != "carbonado":
            pytest.skip("a peer may allow two")
        with Pop3(server) as other:
            other.ok(f"USER {box}")
            assert re.match(rb"-ERR \[IN-USE\]", other.ask("PASS pass"))


def test_long_password_and_failures_alike(server):
    texts = set()
    for user in ("user1@example.test", "nobody-here@example.test"):
        with Pop3(server) as pop3:
            pop3.ok(f"USER {user}")
            texts.add(pop3.ask("PASS wrong"))
    assert len(texts) == 1
    with Pop3(server) as pop3:
        try:
            pop3.send(b"USER user1@example.test\r\nPASS " + b"p" * 1_000_000 + b"\r\n")
            pop3.line()
            assert pop3.line().startswith(b"-ERR")
        except (OSError, Closed):
            pass
