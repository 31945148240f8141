"""Hostile log-ins over IMAP, POP3 and submission, and POP3's commands as a table. Passwords without TLS, other
identities, SCRAM's numbers, memory before anybody is known, and what time tells."""
import base64
import re
import socket
import time

import pytest

import harness
from harness import VICTIM, Imap, Literal, Pop3, Smtp


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


@pytest.fixture(scope="module")
def server():
    own = harness.start(3, "auth.failures_free=1000")
    with Imap(own, VICTIM) as imap:
        for n in range(3):
            imap.ok("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\nx\r\n" % n))
    yield own
    own.stop()


@pytest.fixture(scope="module", autouse=True)
def watch(server):
    with harness.Watch(server) as w:
        yield w


# --- 3: nothing is asked or taken without TLS -----------------------------------------------------

def test_no_password_without_tls():
    """The right password in plain text is refused, before it is looked at; over TLS it is right."""
    own = harness.serving.start(1, "--set", "auth.plain_on_loopback=no")
    user = "user1@example.test"
    plain = b64(f"\0{user}\0pass")
    try:
        with Imap(own) as imap:
            assert b"LOGINDISABLED" in imap.greeting and b"AUTH=PLAIN" not in imap.greeting
            assert imap.run("LOGIN", user, "pass")[1].startswith(b"NO [PRIVACYREQUIRED]")
            assert imap.run("AUTHENTICATE", "PLAIN", plain)[1].startswith(b"NO")
            assert imap.run("SELECT", "INBOX")[1].startswith((b"NO", b"BAD"))
        with Pop3(own) as pop3:
            first = pop3.ask(f"USER {user}")
            assert first.startswith(b"-ERR") or pop3.ask("PASS pass").startswith(b"-ERR")
            assert pop3.ask(f"AUTH PLAIN {plain}").startswith(b"-ERR")
            assert pop3.ask("STAT").startswith(b"-ERR")
        with Smtp(own, "SUBMISSION") as smtp:
            assert not any(x.startswith("AUTH") and "PLAIN" in x for x in smtp.extensions)
            assert smtp.ask(f"AUTH PLAIN {plain}")[0] in (504, 523, 530, 538)
            assert smtp.ask("MAIL FROM:<user1@example.test>")[0] == 530
        Imap(own, user, tls=True).close()
        Pop3(own, user, tls=True).close()
    finally:
        own.stop()


# --- 12 ---------------------------------------------------------------------------------------------

RESPONSES = [b"\0", b"\0\0", b"\0\0\0", b"user2@example.test\0user1@example.test\0pass", b"\0user2@example.test\0",
             b"\0user2@example.test\0pass\0", b"\0user2@example.test", b"\0" + b"u" * 8000 + b"\0p",
             b"\0user2@example.test\0" + b"p" * 8000, b"\0\xff\xfe\0pass", b"\0user2@example.test\0pa\xc2\xadss\0x"]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: repr(r[:30]))
def test_plain_that_is_not(server, watch, response):
    with Imap(server) as imap:
        text = imap.run("AUTHENTICATE", "PLAIN", b64(response))[1]
        assert text.startswith((b"NO", b"BAD")), text
        assert imap.run("SELECT", "INBOX")[1].startswith((b"NO", b"BAD"))
    with Pop3(server) as pop3:
        pop3.send(b"AUTH PLAIN\r\n")
        assert pop3.line().startswith(b"+")
        assert pop3.ask(b64(response)).startswith(b"-ERR")
        assert pop3.ask("STAT").startswith(b"-ERR")
    watch.lives()


@pytest.mark.parametrize("line", ["*", "=", "====", "AAA", "A" * 12000, "\xff", "AAAA AAAA", "AA==AA=="])
def test_base64_that_is_not(server, watch, line):
    with Imap(server) as imap:
        harness.push(imap.sock, b"a AUTHENTICATE PLAIN\r\n" + line.encode("latin-1") + b"\r\n")
        imap.sock.settimeout(60)
        while True:
            got = imap.line()
            if not got.startswith(b"+"):
                break
        assert re.match(rb"a (BAD|NO)|\* BYE", got), got
    watch.lives()


def scram(server, first):
    """(imap, the server's first message, or None and the refusal)."""
    imap = Imap(server)
    imap.send(f"a AUTHENTICATE SCRAM-SHA-256 {b64(first)}\r\n".encode())
    line = imap.line()
    if not line.startswith(b"+"):
        return imap, None, line
    return imap, base64.b64decode(line[2:]).decode(), line


FIRST = ["", "n,,", "n,,n=user2@example.test", "n,,r=abc", "n,,n=,r=abc", "n,,n=a=b,r=abc", "n,,n=user2@example.test,r=",
         "n,,m=x,n=user2@example.test,r=abc", "y,,n=user2@example.test,r=abc\0", "p=tls-unique,,n=user2@example.test,r=abc",
         "n,a=user1@example.test,n=user2@example.test,r=abc", "x,,n=user2@example.test,r=abc", "n,,n=user2@example.test,r=a,b",
         "n,,n=" + "u" * 5000 + ",r=abc", "n,,n=user2@example.test,r=" + "r" * 8000]


@pytest.mark.parametrize("first", FIRST, ids=lambda f: f[:40])
def test_scram_tricks(server, watch, first):
    """A first message that is not right ends it; else the rest must be right in every part."""
    imap, told, line = scram(server, first)
    with imap:
        if told is not None:
            nonce = re.match(r"r=([^,]+),", told).group(1)
            proof = b64(bytes(32))
            imap.send(b64(f"c=biws,r={nonce},p={proof}").encode() + b"\r\n")
            line = imap.line()
        assert re.match(rb"a (NO|BAD)|\* BYE", line), line
    watch.lives()


def test_scram_nonce_and_iterations(server):
    """The nonce of the server is new each time and long, ours is its beginning, iterations are not few, and an account
    that is not there has a salt that stays."""
    seen, salts = set(), set()
    for user in ("user2@example.test", "nobody@example.test", "nobody@example.test"):
        imap, told, line = scram(server, f"n,,n={user},r=client")
        imap.close()
        assert told, line
        m = re.fullmatch(r"r=client([^,]{16,}),s=([^,]+),i=(\d+)", told)
        assert m and int(m.group(3)) >= 4096, told
        seen.add(m.group(1))
        salts.add((user, m.group(2)))
    assert len(seen) == 3 and len(salts) == 2
    imap, told, _ = scram(server, "n,,n=user2@example.test,r=client")
    with imap:
        imap.send(b64(f"c=biws,r=clientother,p={b64(bytes(32))}").encode() + b"\r\n")
        assert re.match(rb"a (NO|BAD)", imap.line())


def test_sasl_memory_before_login(server, watch):
    """A hundred clients that have begun to log in with all that the limits let them hold."""
    memory = server.memory()
    socks = []
    for n in range(100):
        sock = socket.create_connection((server.host, server.ports["IMAP" if n % 2 else "POP3"]), 60)
        harness.push(sock, b"a AUTHENTICATE PLAIN\r\n" + b"A" * 8000 if n % 4 == 1 else
                     b"a LOGIN {8000+}\r\n" + b"A" * 7990 if n % 2 else b"AUTH PLAIN\r\n" + b"A" * 8000)
        socks.append(sock)
    time.sleep(0.5)
    grown = server.memory() - memory
    assert grown < (100 if watch.asan else 64) * 100, f"{grown} KiB for a hundred log-ins that do not end"
    for sock in socks:
        sock.close()


def test_wrong_name_and_wrong_password_cost_the_same(server):
    """One password hash each, which is what a log-in takes. (Its time is compared by a unit test, in processor
    time: the answer itself is held back for longer with each failure of a name.) The least of three counts: the
    canary logs in meanwhile."""
    def hashes(user):
        before = harness.metric(server, "carbonado_auth_hash_seconds_count")
        with Imap(server) as imap:
            assert imap.run("LOGIN", user, "wrong")[1].startswith(b"NO")
        return harness.metric(server, "carbonado_auth_hash_seconds_count") - before

    for user in ("user2@example.test", "nobody-here@example.test", "user2@elsewhere.test", "nobody"):
        assert min(hashes(user) for _ in range(3)) == 1, user


# --- POP3, one row a case ---------------------------------------------------------------------------

POP3 = [  # state, line, does the session go on
    *(("new", line, True) for line in (b"", b" ", b"\0", b"STAT", b"RETR 1", b"USER", b"PASS x", b"APOP a b",
                                       b"USER a\0b", b"CAPA x", b"AUTH NONE", b"AUTH PLAIN " + b"A" * 900,
                                       b"STLS now", b"UTF8 x", b"LANG \0", b"X" * 900)),
    ("new", b"X" * 5000, True),
    *(("in", line, True) for line in (b"RETR 0", b"RETR 4", b"RETR -1", b"RETR +1", b"RETR 1.0", b"RETR 01x", b"RETR 99999999999999999999",
                                      b"RETR 4294967297", b"RETR 18446744073709551617", b"RETR", b"RETR 1 2", b"RETR 1\0", b"TOP 1",
                                      b"TOP 1 -1", b"TOP 1 99999999999999999999", b"TOP 0 0", b"LIST 0", b"UIDL 4", b"DELE 0",
                                      b"DELE 18446744073709551617", b"NOOP x", b"STAT x", b"QUIT x", b"\xff", b"(" * 900, b"USER x",
                                      b"STLS", b"AUTH PLAIN")),
]


@pytest.mark.parametrize("state,line,lives", POP3, ids=[f"{s}-{x[:20]!r}" for s, x, _ in POP3])
def test_pop3_answers(server, watch, state, line, lives):
    with Pop3(server, VICTIM if state == "in" else None) as pop3:
        assert pop3.ask(line).startswith(b"-ERR")
        assert pop3.ask("CAPA").startswith(b"+OK") == lives
    watch.lives()


@pytest.mark.parametrize("name", [b"u" * 900, b"../../x", b"a@b@c", b"';DROP/**/TABLE/**/account;--"])
def test_pop3_names_nobody_has(server, watch, name):
    """USER says nothing about a name; PASS says the same as for a wrong password."""
    with Pop3(server) as pop3:
        assert pop3.ask(b"USER " + name).startswith(b"+OK")
        refused = pop3.ask("PASS pass")
    with Pop3(server) as pop3:
        pop3.ok(f"USER {VICTIM}")
        assert pop3.ask("PASS wrong") == refused and refused.startswith(b"-ERR [AUTH]")
    watch.lives()


def test_pop3_bytes_that_are_no_name(server, watch):
    """What no account can be called is refused at USER, whoever asks (RFC 6856 2.2)."""
    with Pop3(server) as pop3:
        assert pop3.ask(b"USER \xff\xfe").startswith(b"-ERR [AUTH]")
        assert pop3.ask("CAPA").startswith(b"+OK")
    watch.lives()


def test_pop3_line_without_end(server, watch):
    with Pop3(server) as pop3:
        memory = server.memory()
        harness.push(pop3.sock, b"USER " + b"x" * (8 << 20))
        assert server.memory() - memory < (20 if watch.asan else 4) << 10
        harness.push(pop3.sock, b"\r\n")
        assert pop3.line().startswith(b"-ERR")
    watch.lives()
