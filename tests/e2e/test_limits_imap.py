"""Hostile IMAP at the connection: literals, endless lines, nesting, numbers, names, NUL, injection
before TLS, slow and silent clients. Each is answered or closed, and the server goes on unharmed."""
import base64
import re
import socket
import time

import pytest

from wire import Closed, Imap, Literal

pytestmark = pytest.mark.usefixtures("unharmed")


AT_ONCE = 30  # seconds, where everybody else would wait for minutes


def answer(imap, tag=b"a", seconds=60):
    """The tagged line, or the BYE, or None when the connection was closed without a word."""
    imap.sock.settimeout(seconds)
    try:
        while True:
            line = imap.line()
            if line.startswith(tag + b" ") or line.startswith(b"* BYE") or line.startswith(b"* BAD"):
                return line
    except Closed:
        return None


def refused(line):
    return line is None or re.match(rb"(\S+ (NO|BAD)|\* (BYE|BAD))\b", line) is not None


LITERALS = ["{4294967295}", "{4294967296}", "{2147483648+}", "{99999999999999999999}",
            "{99999999999999999999+}", "{-1}", "{}", "{+}", "{0x10}", "{1 }", "{100000000+}", "{1-}{",
            "~{4294967295}", "{18446744073709551616}", "{18446744073709551615+}"]


@pytest.mark.parametrize("literal", LITERALS)
def test_literals_before_login(server, literal):
    with Imap(server) as imap:
        imap.send(f"a LOGIN {literal}\r\n".encode())
        assert refused(answer(imap))


@pytest.mark.parametrize("literal", LITERALS)
def test_literals_after_login(server, user_of_module, literal):
    with Imap(server, user_of_module) as imap:
        imap.send(f"a APPEND INBOX {literal}\r\n".encode())
        assert refused(answer(imap))


def test_thousands_of_literals(server):
    with Imap(server) as imap:
        try:
            imap.send(b"a LOGIN " + b"{1+}\r\nx" * 20000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert refused(answer(imap))


def test_unfinished_literal_then_silence(server):
    for half in (False, True):
        with Imap(server) as imap:
            imap.send(b"a LOGIN {100+}\r\nabc")
            if half:
                imap.sock.shutdown(socket.SHUT_WR)
                assert refused(answer(imap))


@pytest.mark.parametrize("start", [b"", b"a ", b"a NOOP ", b'a LOGIN "', b"a LOGIN user1 ", b"a SEARCH ",
                                   b"a AUTHENTICATE PLAIN "])
def test_a_line_without_end(server, start):
    with Imap(server) as imap:
        try:
            imap.send(start)
            for _ in range(200):
                imap.send(b"x" * 65536)
        except OSError:
            pass
        assert refused(answer(imap, b"a"))


def test_sasl_response_without_end(server):
    with Imap(server) as imap:
        imap.send(b"a AUTHENTICATE PLAIN\r\n")
        assert imap.line().startswith(b"+")
        try:
            for _ in range(100):
                imap.send(b"QUFB" * 16384)
        except OSError:
            pass
        assert refused(answer(imap))


COMMANDS = ["SELECT INBOX", "FETCH 1 FLAGS", "UID FETCH 1 FLAGS", 'LIST "" *', "APPEND INBOX {3+}\r\nabc",
            "STATUS INBOX (MESSAGES)", "IDLE", "CLOSE", "STORE 1 FLAGS ()", "ENABLE CONDSTORE",
            "NAMESPACE", "CREATE x", "EXPUNGE", "COPY 1 x", "MOVE 1 x", "SEARCH ALL", "UNSELECT"]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_works_before_login(server, command):
    with Imap(server) as imap:
        imap.send(f"a {command}\r\nb NOOP\r\n".encode())
        line = answer(imap)
        assert re.match(rb"a (NO|BAD)", line), line
        assert answer(imap, b"b").startswith(b"b OK")


def test_injection_before_tls(server):
    """What came in plain text with STARTTLS is not answered inside TLS (CVE-2021-33515)."""
    with Imap(server) as imap:
        imap.send(b"a STARTTLS\r\nb CAPABILITY\r\nc NOOP\r\n")
        assert answer(imap).startswith(b"a OK")
        assert not imap.data, "answered in plain text after STARTTLS"
        try:
            imap.start_tls()
        except OSError:
            return  # closed: as good
        imap.send(b"z NOOP\r\n")
        assert imap.line().startswith(b"z OK")


def test_starttls_twice_and_within_tls(server):
    with Imap(server) as imap:
        imap.ok("STARTTLS")
        imap.start_tls()
        assert re.match(rb"(NO|BAD)", imap.run("STARTTLS")[1])
        imap.ok("NOOP")
    with Imap(server, tls=True) as imap:
        assert re.match(rb"(NO|BAD)", imap.run("STARTTLS")[1])


@pytest.fixture(scope="module")
def user_of_module(server):
    user = "user11@example.test"
    with Imap(server, user) as imap:
        for n in range(5):
            imap.ok("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\n%d\r\n" % (n, n) + b"x" * 2000 + b"\r\n"))
    return user


DEEP = 100000
NESTED = ["FETCH 1 " + "(" * DEEP, "FETCH 1 " + "(" * DEEP + "FLAGS" + ")" * DEEP, "SEARCH " + "(" * DEEP,
          "SEARCH " + "(" * DEEP + "ALL" + ")" * DEEP, "SEARCH " + "NOT " * DEEP + "ALL",
          "SEARCH " + "OR ALL " * DEEP + "ALL", "STORE 1 FLAGS " + "(" * DEEP,
          'LIST "" ' + "(" * DEEP, "STATUS INBOX " + "(" * DEEP, "ID " + "(" * DEEP,
          "FETCH 1 BODY[" + "1." * DEEP + "1]", "APPEND INBOX " + "(" * DEEP,
          "FETCH 1 BODY[HEADER.FIELDS (" + "a " * DEEP + "a)]"]


@pytest.mark.parametrize("command", NESTED, ids=lambda c: c[:24].strip())
def test_nesting(server, user_of_module, command):
    with Imap(server, user_of_module) as imap:
        imap.ok("SELECT", "INBOX")
        try:
            imap.send(f"a {command}\r\n".encode())
        except OSError:
            pass
        line = answer(imap, seconds=120)
        assert line is None or line.startswith((b"a ", b"* BYE", b"* BAD")), line


NUMBERS = ["FETCH 0 FLAGS", "FETCH 4294967296 FLAGS", "UID FETCH 99999999999999999999 FLAGS",
           "FETCH 1:4294967296 FLAGS", "FETCH -1 FLAGS", "FETCH 1::2 FLAGS", "FETCH 1,,2 FLAGS",
           "FETCH , FLAGS", "FETCH 1: FLAGS", "SEARCH LARGER 99999999999999999999",
           "FETCH 1 BODY[]<99999999999999999999.1>", "FETCH 1 BODY[]<0.99999999999999999999>",
           "FETCH 1 BODY[99999999999999999999]", "STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()",
           "FETCH 1 (FLAGS) (CHANGEDSINCE 18446744073709551616)", "FETCH 1 BODY[0]", "FETCH 1 BODY[1.0]",
           "SEARCH ON 32-Jan-2020", "SEARCH ON 0-Jan-2020", "SEARCH SINCE 1-Foo-2020",
           "SEARCH ON 1-Jan-20200", 'APPEND INBOX "01-Jan-2020 25:00:00 +0000" {1+}\r\na',
           'APPEND INBOX "32-Jan-2020 00:00:00 +0000" {1+}\r\na',
           'APPEND INBOX "01-Jan-2020 00:00:00 +9999" {1+}\r\na',
           "SEARCH UID 4294967296", "UID EXPUNGE 0"]


@pytest.mark.parametrize("command", NUMBERS)
def test_numbers_and_dates_out_of_range(server, user_of_module, command):
    with Imap(server, user_of_module) as imap:
        imap.ok("SELECT", "INBOX")
        imap.send(f"a {command}\r\nb NOOP\r\n".encode())
        assert refused(answer(imap)), command
        assert answer(imap, b"b").startswith(b"b OK")


@pytest.mark.parametrize("command", [
    "UID FETCH " + ",".join(["1:4294967295", "*:1"] * 3000) + " FLAGS",
    "UID FETCH 4294967295 FLAGS", "UID FETCH *:4294967295 FLAGS",
    "SEARCH UID " + ",".join(f"{n}:{n + 1}" for n in range(1, 12000, 3)),
    'SEARCH SENTSINCE 1-Jan-0001', 'SEARCH SENTBEFORE 31-Dec-9999',
    'APPEND INBOX "31-Dec-9999 23:59:60 +0000" {1+}\r\na',
    'APPEND INBOX " 1-Jan-1970 00:00:00 +0000" {1+}\r\na'], ids=lambda c: c[:30])
def test_the_edges_are_answered(server, user_of_module, command):
    with Imap(server, user_of_module) as imap:
        imap.ok("SELECT", "INBOX")
        imap.send(f"a {command}\r\nb NOOP\r\n".encode())
        assert answer(imap, seconds=120).startswith(b"a ")
        assert answer(imap, b"b").startswith(b"b OK")


NAMES = [b'"../../../../etc/passwd"', b'"a/../../b"', b'"./x"', b'"*"', b'"%"', b'"a*b"', b'""', b'"/"', b'"//"',
         b'"a//b"', b'"/a"', b'"a/"', b'"' + b"x" * 4096 + b'"', b'"' + b"/".join([b"d"] * 200) + b'"',
         b'"&"', b'"&AAA"', b'"&AAA-"', b'"&2AA-"', b'"&Jjo"', b'"&AGE-"', b'"a&-b"', b'"\x80\xff"',
         b'"a\x01b"', b'"a\tb"', b'{3+}\r\na\0b', b'{4+}\r\na\r\nb', b'"~user"', b'"#news"', b'"NUL"',
         b'"inbox/x"', b'"INBOX"', b'"e\xcc\x81"', b'"&ZeVnLIqe-"', b'"a\\\\b"', b'"a\\"b"']


@pytest.mark.parametrize("name", NAMES, ids=lambda n: repr(n[:24]))
def test_mailbox_names(server, user_of_module, name):
    """Taken or refused, and a name that is taken can be listed, renamed and deleted again."""
    with Imap(server, user_of_module) as imap:
        imap.send(b"a CREATE " + name + b"\r\n")
        line = answer(imap)
        assert line and re.match(rb"a (OK|NO|BAD)", line), line
        if line.startswith(b"a OK"):
            bare = name.rstrip(b'"').rstrip(b"/") + b'"' if name.startswith(b'"') else name
            imap.send(b"b STATUS " + bare + b" (MESSAGES)\r\n")
            assert answer(imap, b"b").startswith(b"b OK")
            imap.send(b"c DELETE " + bare + b"\r\n")
            assert re.match(rb"c (OK|NO)", answer(imap, b"c"))
        imap.ok("LIST", '""', "*")


@pytest.mark.parametrize("raw", [
    b'a LOGIN "a\0b" x\r\n', b'a LOGIN "a\rb" x\r\n', b"a\0 NOOP\r\n", b"\0\r\n", b"\r\n", b" \r\n", b"a\r\n",
    b"\xff\xfe NOOP\r\n", b"* NOOP\r\n", b"+ NOOP\r\n", b"( NOOP\r\n", b"a  NOOP\r\n", b'a LOGIN "\\x" y\r\n',
    b'a LOGIN "unfinished\r\n', b"a NOOP x\r\n", b"a NOOP\0\r\n", b"%s NOOP\r\n" % (b"t" * 5000)],
    ids=lambda r: repr(r[:20]))
def test_odd_bytes(server, raw):
    with Imap(server) as imap:
        imap.send(raw + b"z NOOP\r\n")
        imap.sock.settimeout(60)
        lines = []
        try:
            while not lines or not lines[-1].startswith((b"z ", b"* BYE")):
                lines.append(imap.line())
        except Closed:
            pass
        assert not any(line.startswith(b"a OK") for line in lines), lines


def test_password_of_a_megabyte(server):
    with Imap(server) as imap:
        try:
            imap.send(b"a LOGIN user1@example.test {1000000+}\r\n" + b"p" * 1000000 + b"\r\n")
        except OSError:
            pass
        assert refused(answer(imap))


def test_byte_by_byte(server, user_of_module):
    """The same session, cut everywhere, is the same session."""
    with Imap(server) as imap:
        text = f"a LOGIN {user_of_module} {{4+}}\r\npass\r\nb SELECT INBOX\r\nc FETCH 1 (FLAGS)\r\nd NOOP\r\n"
        for byte in text.encode():
            imap.send(bytes([byte]))
        for tag in (b"a", b"b", b"c", b"d"):
            assert answer(imap, tag).startswith(tag + b" OK")


def test_half_closed(server, user_of_module):
    """The client has said everything and closed its side: it still gets its answers."""
    with Imap(server, user_of_module) as imap:
        imap.send(b"a SELECT INBOX\r\nb FETCH 1:* (BODY.PEEK[])\r\n")
        imap.sock.shutdown(socket.SHUT_WR)
        got = imap.rest()
        assert b"\r\nb OK" in got


def test_who_never_reads(server, user_of_module):
    """Megabytes of answers nobody takes: bounded memory, and others are served at once."""
    sleepers = []
    for _ in range(5):
        imap = Imap(server, user_of_module)
        imap.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        imap.ok("SELECT", "INBOX")
        imap.sock.settimeout(1)
        try:
            for n in range(3000):
                imap.send(b"x%d FETCH 1:* (BODY.PEEK[])\r\n" % n)
        except OSError:
            pass
        sleepers.append(imap)
    start = time.monotonic()
    with Imap(server, user_of_module) as imap:
        imap.ok("SELECT", "INBOX")
        imap.ok("FETCH", "1:*", "(FLAGS)")
    assert time.monotonic() - start < AT_ONCE
    for imap in sleepers:
        imap.close()


def test_silent_connections(server, user_of_module):
    silent = [socket.create_connection((server.host, server.ports[p]), 30)
              for p in ("IMAP", "IMAPS", "POP3", "LMTP") for _ in range(60)]
    start = time.monotonic()
    with Imap(server, user_of_module) as imap:
        imap.ok("SELECT", "INBOX")
    assert time.monotonic() - start < AT_ONCE
    for s in silent:
        s.close()


def test_pipelined_thousands(server, user_of_module):
    with Imap(server, user_of_module) as imap:
        imap.send(b"".join(b"n%d NOOP\r\n" % n for n in range(5000)))
        for n in range(5000):
            assert answer(imap, b"n%d" % n).startswith(b"n%d OK" % n)


def test_connections_that_vanish(server, user_of_module):
    """Closed by reset in the middle of an APPEND, a FETCH, a TLS handshake."""
    for n in range(30):
        if n % 3 == 2:
            sock = socket.create_connection((server.host, server.ports["IMAPS"]), 30)
            sock.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        else:
            imap = Imap(server, user_of_module)
            imap.ok("SELECT", "INBOX")
            imap.send(b"a APPEND INBOX {1000000+}\r\nabc" if n % 3 else b"a FETCH 1:* (BODY.PEEK[])\r\n" * 50)
            sock = imap.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    time.sleep(0.2)


def test_garbage_instead_of_tls(server):
    for data in (b"a NOOP\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 65535, b"\x80\x2e\x01\x00\x02", b"GET / HTTP/1.0\r\n\r\n"):
        with socket.create_connection((server.host, server.ports["IMAPS"]), 30) as s:
            s.settimeout(60)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                got = s.recv(100)
            except OSError as e:
                assert not isinstance(e, TimeoutError), "the server says nothing and stays"
                got = b""
            assert not got.startswith(b"* OK")


def test_login_failures_say_the_same(server):
    """Nobody learns from the text whether an account exists; another identity is refused."""
    texts = set()
    for user in ("user1@example.test", "nobody-here@example.test"):
        with Imap(server) as imap:
            texts.add(imap.run("LOGIN", user, "wrong")[1])
    assert len(texts) == 1
    with Imap(server) as imap:
        assert refused(b"a " + imap.run("LOGIN", "user1@example.test", '""')[1])
    with Imap(server) as imap:
        # authzid of another: base64 of user2\0user1\0pass
        token = base64.b64encode(b"user2@example.test\0user1@example.test\0pass").decode()
        assert refused(b"a " + imap.run("AUTHENTICATE", "PLAIN", token)[1])
