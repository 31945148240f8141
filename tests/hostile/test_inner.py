"""The parsers that are not mail: PROXY headers, the control socket, HTTP for metrics, DEFLATE, names in
logs, exports. Classes 10, 13, 14, 19 to 21 as far as they are served, and 24."""
import contextlib
import itertools
import json
import re
import socket
import struct
import time
import zlib

import pytest

import harness
from harness import VICTIM, Imap, Literal, Pop3, Smtp, attack, metric

PROXIED = ("listen.proxy=inner_imap inner_pop3", "io.handshake_timeout=2s", "imap.append_max=4M")
V2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def server():
    own = harness.start(4, *PROXIED)
    yield own
    own.stop()


@pytest.fixture(scope="module", autouse=True)
def watch(server):
    with harness.Watch(server) as w:
        yield w


# --- PROXY (13) -------------------------------------------------------------------------------

BAD_HEADERS = [
    b"a NOOP\r\n", b"PROXY\r\n", b"PROXY TCP4\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
    b"PROXY TCP4 999.2.3.4 5.6.7.8 1 2\r\n", b"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", b"PROXY TCP4 ::1 ::2 1 2\r\n",
    b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", b"PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", b"PROXY " + b"x" * 5000 + b"\r\n",
    b"PROXY UNKNOWN " + b"x" * 5000 + b"\r\n", b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
    V2 + b"\x11\x11" + struct.pack("!H", 12) + bytes(12), V2 + b"\x31\x11" + struct.pack("!H", 12) + bytes(12),
    V2 + b"\x21\x11" + struct.pack("!H", 4) + bytes(4), V2 + b"\x21\x11" + struct.pack("!H", 65535) + bytes(65535),
    V2 + b"\x22\x11" + struct.pack("!H", 12) + bytes(12), V2 + b"\x21\x21" + struct.pack("!H", 12) + bytes(12),
    V2[:-1] + b"\r" + b"\x21\x11" + struct.pack("!H", 12) + bytes(12),
]


@pytest.mark.parametrize("header", BAD_HEADERS, ids=lambda h: repr(h[:36]))
@pytest.mark.parametrize("port", ["INNER_IMAP", "INNER_POP3"])
def test_a_bad_proxy_header_ends_it_without_a_word(server, watch, port, header):
    before = metric(server, "carbonado_proxy_headers_total", 'result="bad"')
    got, closed = attack(server, port, header)
    assert closed and got == b""
    assert metric(server, "carbonado_proxy_headers_total", 'result="bad"') == before + 1
    watch.lives()


def test_half_a_proxy_header_ends_in_time(server):
    with contextlib.ExitStack() as stack:
        socks = []
        for half in (b"", b"PRO", b"PROXY TCP4 1.2.3.4", V2 + b"\x21", V2 + b"\x21\x11\0\x0c" + bytes(5)):
            socks.append(stack.enter_context(socket.create_connection((server.host, server.ports["INNER_IMAP"]), 60)))
            harness.push(socks[-1], half)
        assert [harness.read_all(sock) for sock in socks] == [(b"", True)] * len(socks)


@pytest.mark.parametrize("port", ["IMAP", "POP3", "SMTP", "LMTP"])
def test_proxy_headers_elsewhere_are_commands(server, port):
    got, _ = attack(server, port, b"PROXY TCP4 192.0.2.77 192.0.2.2 1 2\r\n", enough=re.compile(rb"\r\n[^\r]+\r\n"))
    assert re.search(rb"(PROXY BAD|-ERR|\n50[0-9] )", got), got


def peers(server, login):
    rows = json.loads(server.command("sessions", "--json").stdout)
    rows = rows if isinstance(rows, list) else rows["sessions"]
    return {row["peer"] for row in rows if row.get("login") == login}


def test_nobody_says_who_he_is(server):
    """An address in ID, EHLO or XCLIENT is not believed (CVE class: ID that spoofs the client's address)."""
    with Imap(server, VICTIM) as imap:
        imap.run("ID", "(\"x-originating-ip\" \"192.0.2.66\" \"x-connected-ip\" \"192.0.2.66\" \"remote-host\" \"x\")")
        assert not any("192.0.2.66" in p for p in peers(server, VICTIM)), peers(server, VICTIM)
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("XCLIENT ADDR=192.0.2.66")[0] == 550
        assert smtp.ask("EHLO [192.0.2.66]")[0] == 250
        smtp.deliver("a@example.org", [VICTIM], b"Subject: who\r\n\r\nx\r\n")
    with Pop3(server, VICTIM) as pop3:
        n = int(pop3.ok("STAT").split()[1])
        received = pop3.retr(n)
    assert b"[127.0.0.1]" in received.split(b"\r\n\r\n")[0], received


def test_an_untrusted_proxy_is_a_client():
    own = harness.start(2, "listen.proxy=inner_imap", "io.proxy_from=192.0.2.7")
    try:
        got, _ = attack(own, "INNER_IMAP", b"PROXY TCP4 192.0.2.77 192.0.2.2 1 2\r\n",
                        enough=re.compile(rb"BAD[^\n]*\n"))
        assert got.startswith(b"* OK") and b"PROXY BAD" in got, got
    finally:
        own.stop()


# --- the control socket (19, 20) ----------------------------------------------------------------

def control(server, data, half=False):
    """The answer's JSON, or None when it was closed."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(str(server.state / "run/control.sock"))
        harness.push(sock, data)
        if half:
            sock.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while len(got) < 8 or len(got) < 8 + sum(struct.unpack("!II", got[:8])):
                part = sock.recv(65536)
                if not part:
                    return None
                got += part
        except ConnectionError:
            return None
        return json.loads(got[8:8 + struct.unpack("!I", got[:4])[0]])


def frame(text, payload=b""):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!II", len(text), len(payload)) + text + payload


NO_FRAMES = [b"\xff" * 8, struct.pack("!II", 16 * 1024 * 1024 + 1, 0), struct.pack("!II", 10, 0xFFFFFFFF), frame("[]"), frame("null"),
             frame(""), frame("{"), frame(b"\xff\xfe{}"), frame('{"op":"status","op":"status"}'), frame("[" * 100000),
             frame('{"op":' + "[" * 100000 + "]" * 100000 + "}"), frame('{"op":"\ud800"}'.encode("utf-8", "surrogatepass")),
             frame('{"op":"\\ud800"}'), frame('{"op":"a\\u0000b"}'), frame('{"op":1e999999}')]


@pytest.mark.parametrize("data", NO_FRAMES, ids=lambda d: repr(d[:24]))
def test_control_closes_on_nonsense(server, watch, data):
    assert control(server, data, half=True) is None
    watch.lives()


ANSWERED = [('{}', "not-found"), ('{"op":7}', "not-found"), ('{"op":"no.such"}', "not-found"), ('{"op":"x' + "y" * 100000 + '"}', "not-found"),
            ('{"op":"account.add","args":[]}', "syntax"), ('{"op":"account.add","args":{"address":5}}', "syntax"),
            ('{"op":"account.add","args":{"address":"a\\nb@example.test"}}', "syntax"),
            ('{"op":"account.add","args":{"address":"../x@example.test"}}', None),
            ('{"op":"account.add","args":{"address":"' + "a" * 1000000 + '@example.test"}}', None)]


@pytest.mark.parametrize("text,code", ANSWERED, ids=lambda t: str(t)[:40])
def test_control_answers_errors(server, watch, text, code):
    answer = control(server, frame(text))
    assert answer and "error" in answer, answer
    if code:
        assert answer["error"]["code"].replace("_", "-").replace("notfound", "not-found") == code, answer
    watch.lives()


def test_control_is_private(server):
    assert (server.state / "run/control.sock").stat().st_mode & 0o777 == 0o600


# --- HTTP (21) ------------------------------------------------------------------------------------

HTTP = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"404"), (b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
    (b"GET /metrics HTTP/1.1\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"400"),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", b"400"),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /", b"400"),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", b"400"),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", b"400"), (b"GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n", b"505"),
    (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"), (b"GET /metrics HTTP/1.9\r\nHost: x\r\nConnection: close\r\n\r\n", b"200"),
    (b"BREW /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"501"), (b"GET metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    (b"GET /metrics HTTP/1.1\r\nHost: x/y\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.10\r\nHost: x\r\n\r\n", b"400"),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\n A: b\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.1\r\n\r\n", b"400"), (b"GET\r\n\r\n", b"400"), (b"\0\r\n\r\n", b"400"),
    (b"GET /" + b"x" * 10000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100000 + b"\r\n", b"431"), (b"x" * 100000, b"414"),
    (b"\r\nGET http://x/nothing HTTP/1.1\r\nHost: x\r\n\r\n", b"404"), (b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
    (b"GET http://x:9256/healthz?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"200"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"), (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
]


@pytest.mark.parametrize("data,code", HTTP, ids=lambda d: repr(d[:40]))
def test_http(server, watch, data, code):
    got, closed = attack(server, "METRICS", data)
    assert closed and got.startswith(b"HTTP/1.1 " + code), got[:200]
    assert got.count(b"HTTP/1.1 ") == 1, "a second answer"
    watch.lives()


def test_http_drips_end(server, watch):
    """A request has ten seconds for all of it, however its bytes come."""
    with socket.create_connection((server.host, server.ports["METRICS"]), 60) as s:
        s.settimeout(0.5)
        began = time.monotonic()
        with pytest.raises(OSError):
            for byte in itertools.cycle(b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: "):
                s.sendall(bytes([byte]))
                try:
                    if s.recv(1000) == b"":
                        raise ConnectionError
                except TimeoutError:
                    pass
                assert time.monotonic() - began < 90
        assert time.monotonic() - began > 5
    watch.lives()


# --- DEFLATE (14) ---------------------------------------------------------------------------------

def compressed(server):
    imap = Imap(server, VICTIM)
    imap.ok("COMPRESS", "DEFLATE")
    return imap


def squeeze(megabytes, one=b"\0"):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = one * (1 << 20)
    return b"".join(z.compress(block) for _ in range(megabytes)) + z.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("megabytes", [16, pytest.param(4096, marks=pytest.mark.deep)])
def test_a_bomb_in_a_line(server, watch, megabytes):
    memory = server.memory()
    imap = compressed(server)
    harness.push(imap.sock, squeeze(megabytes, b"x"))
    got, closed = harness.read_all(imap.sock, 120)
    assert closed
    assert b"BYE" in zlib.decompressobj(-15).decompress(got)
    assert server.memory() - memory < (60 if watch.asan else 12) << 10
    watch.lives()


def test_a_bomb_in_a_literal(server, watch):
    """What is announced is what is counted: 6 MB of nothing, over the limit of APPEND."""
    imap = compressed(server)
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = z.compress(b"a APPEND INBOX {6291456+}\r\n") + z.flush(zlib.Z_SYNC_FLUSH)
    block = z.compress(b"x" * (6 << 20)) + z.compress(b"\r\nb NOOP\r\n") + z.flush(zlib.Z_SYNC_FLUSH)
    harness.push(imap.sock, head + block)
    plain = zlib.decompressobj(-15)
    text = b""
    imap.sock.settimeout(60)
    while b"b OK" not in text:
        part = imap.sock.recv(65536)
        assert part, text
        text += plain.decompress(part)
    assert b"a NO [TOOBIG]" in text
    imap.close()
    watch.lives()


def test_damaged_deflate(server, watch):
    for garbage in (b"\xff" * 100, b"\x07" * 5000, squeeze(1)[:-50] + b"\x06" * 100):
        imap = compressed(server)
        harness.push(imap.sock, garbage)
        imap.sock.shutdown(socket.SHUT_WR)
        assert harness.read_all(imap.sock)[1]
    watch.lives()


# --- what strangers write into logs and files (10, 20) ---------------------------------------------

def test_no_lines_in_the_log(server, watch):
    forged = "level=error event=forged"
    name = f"x\r\n{forged}\r\n\x1b[31m"
    with Imap(server) as imap:
        imap.run("LOGIN", Literal(name.encode()), "x")
        imap.run("ID", "(\"name\" \"x\")")
    for port in ("SMTP", "LMTP"):
        attack(server, port, f"EHLO x\x1b[31m\tlevel=error\r\nMAIL FROM:<\"{forged}\"@x>\r\nQUIT\r\n".encode(), half=True)
    with Pop3(server) as pop3:
        pop3.ask(f"USER x\x1b[31m {forged}")
    said = watch.said()
    assert not re.search(r"^level=error event=forged", said, re.M)
    assert "\x1b" not in said


def test_exports_stay_in_their_folder(server, tmp_path):
    """Names of mailboxes become names of folders: none leaves the folder of the export."""
    user = "user4@example.test"
    with Imap(server, user) as imap:
        taken = []
        for name in (b'"..&AC8-..&AC8-evil"', b'"a\\\\..\\\\b"', b'".hidden"', b'".. "', b'"...."', b'"-rf"', b'"$(touch evil)"',
                     b'"&AC4-&AC4-"', b'"a&AAo-b"', b'"%2e%2e%2fevil"', b'"' + b"n" * 250 + b'"'):
            if imap.run("CREATE", name)[1].startswith(b"OK"):
                taken.append(name)
                imap.ok("APPEND", name, Literal(b"Subject: x\r\n\r\nx\r\n"))
        assert taken
    out = tmp_path / "a" / "out"
    out.parent.mkdir()
    done = server.command("export", user, out)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"] and [p.name for p in out.parent.iterdir()] == ["out"]
    count = sum(1 for p in out.rglob("*") if p.is_file() and p.parent.name in ("cur", "new"))
    assert count == len(taken), (count, taken)


# --- what was revoked (24) -------------------------------------------------------------------------

def test_a_removed_account_reads_nothing_more(server):
    """A session that is open when its account is removed gets no further mail, nor do new log-ins."""
    user = "gone@example.test"
    assert server.command("account", "add", user, "--password", "pass").returncode == 0
    with Imap(server, user) as imap:
        imap.ok("APPEND", "INBOX", Literal(b"Subject: x\r\n\r\nsecret\r\n"))
        imap.ok("SELECT", "INBOX")
        assert server.command("account", "remove", user, "--yes").returncode == 0
        with pytest.raises((AssertionError, harness.wire_refused)):
            Imap(server, user)
        try:
            told, text = imap.run("FETCH", "1", "BODY.PEEK[TEXT]")
            assert not text.startswith(b"OK") and not any(b"secret" in x for r in told for x in r.literals), (told, text)
        except harness.Closed:
            pass
