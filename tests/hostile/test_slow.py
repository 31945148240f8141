"""Class 15: silence, a byte now and then, answers that nobody reads, half-closed sockets, thousands of
connections, no descriptors left, too many from one address. The server here has short times."""
import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest

import harness
import serving
from harness import VICTIM, Imap, Literal, Pop3, Smtp, metric
from serving import wait_for

TIMES = ("io.handshake_timeout=2s", "imap.login_timeout=5s", "pop3.idle_timeout=2s", "smtp.idle_timeout=2s",
         "io.write_timeout=3s", "io.linger_timeout=1s", "listen.proxy=inner_imap", "io.per_address_max=20",
         "imap.user_connections=200")
SLACK = 30.0  # seconds that a busy machine may be late; nothing that has no end ends within them
# port, what is said first, what comes a byte at a time, seconds until the end when silent, and when dripping
STATES = [
    ("IMAP", b"", b"a LOGIN user1@example.test pass", 5, 15),
    ("IMAP", b"a NOOP\r\n", b"b NOOP\r\n" * 9, 5, 15),
    ("IMAP", b"a LOGIN {5}\r\n", b"user1", 5, 15),
    ("IMAP", b"a AUTHENTICATE PLAIN\r\n", b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 5, 15),
    ("IMAPS", b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 2, 2),
    ("IMAP", b"a STARTTLS\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 2, 2),
    ("INNER_IMAP", b"", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", 2, 2),
    ("POP3", b"", b"USER user1@example.test\r\n" * 9, 2, 6),
    ("POP3", b"USER user1@example.test\r\n", b"PASS " + b"x" * 99, 2, 6),
    ("POP3", b"AUTH PLAIN\r\n", b"A" * 99, 2, 6),
    ("POP3S", b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 2, 2),
    ("SMTP", b"", None, 2, None),
    ("SMTP", b"EHLO x\r\nMAIL FROM:<>\r\n", None, 2, None),
    ("SMTP", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user2@example.test>\r\nDATA\r\nSubject: x", None, 2, None),
    ("LMTP", b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user2@example.test>\r\nBDAT 100\r\nabc", None, 2, None),
    ("SUBMISSION", b"EHLO x\r\n", None, 2, None),
    ("SUBMISSIONS", b"", None, 2, None),
]


@pytest.fixture(scope="module")
def server():
    own = harness.start(3, *TIMES)
    with Imap(own, VICTIM) as imap:
        for n in range(5):
            imap.ok("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\n" % n + (b"x" * 76 + b"\r\n") * 5000))
    yield own
    own.stop()


@pytest.fixture
def watch(server):
    with harness.Watch(server) as w:
        yield w


def until_closed(server, port, first, drip):
    """(seconds until the server ends it, the longest silence of this client); a byte of `drip` every 0.4 s."""
    begun = spoke = time.monotonic()
    at, silence = 0, 0.0
    with socket.create_connection((server.host, server.ports[port]), 60) as sock:
        harness.push(sock, first)
        sock.settimeout(0.4)
        while time.monotonic() - begun < 90:
            try:
                if not sock.recv(65536):
                    break
                continue
            except TimeoutError:
                pass
            except OSError:
                break
            if drip:
                silence, spoke = max(silence, time.monotonic() - spoke), time.monotonic()
                if not harness.push(sock, drip[at:at + 1]):
                    break
                at = (at + 1) % len(drip)
        return time.monotonic() - begun, silence


def test_silence_and_drips_end(server, watch):
    """In every state before login there is an end, also for who sends a byte now and then."""
    rows = [(port, first, b"", silent, silent) for port, first, _, silent, _ in STATES]
    rows += [(port, first, drip, silent, whole) for port, first, drip, silent, whole in STATES if drip]
    took = [None] * len(rows)

    def one(n):
        port, first, drip, silent, whole = rows[n]
        seconds, silence = until_closed(server, port, first, drip)
        # a client that the machine kept from dripping was silent
        took[n] = (silent if silence > silent - 0.5 else whole) - 1.0 < seconds < whole + SLACK or seconds

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(rows))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    wrong = [(row, seconds) for row, seconds in zip(rows, took) if seconds is not True]
    assert not wrong, wrong


def test_drips_of_a_message_end(watch):
    """DATA, BDAT and literals: a byte now and then is below io.rate_min, and io.upload_time ends what is not."""
    own = harness.start(2, "smtp.idle_timeout=3s", "io.upload_time=8s")
    mail = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user2@example.test>\r\n"
    lines = b"123456789 123456789 123456789\r\n"
    rows = [("SMTP", mail + b"DATA\r\n", b"x", 3), ("SMTP", mail + b"BDAT 5000\r\n", b"x", 3),
            ("LMTP", b"LHLO x\r\nBDAT 5000\r\n", b"x", 3), ("SMTP", mail + b"DATA\r\n", lines * 2, 8),
            ("SMTP", mail, b"NOOP\r\n", 8), ("LMTP", b"LHLO x\r\n" + mail[8:] + b"BDAT 9\r\n123456789", lines, 8),
            ("IMAP", b"a LOGIN user2@example.test pass\r\nb APPEND INBOX {50000}\r\n", lines * 2, 8),
            ("IMAP", b"a LOGIN user2@example.test pass\r\n", b"b SEARCH SUBJECT xxxx", 8)]
    said = [b""] * len(rows)
    took = [0.0] * len(rows)

    def one(n):
        port, first, drip, _ = rows[n]
        begun = time.monotonic()
        with socket.create_connection((own.host, own.ports[port]), 60) as sock:
            harness.push(sock, first)
            sock.settimeout(0.4)
            while time.monotonic() - begun < 90:
                try:
                    got = sock.recv(65536)
                    if not got:
                        break
                    said[n] += got
                    continue
                except TimeoutError:
                    pass
                except OSError:
                    break
                if not harness.push(sock, drip if len(drip) > 1 and b"b S" not in drip else drip[:1]):
                    break
            took[n] = time.monotonic() - begun

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(rows))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    own.stop()
    wrong = [(row, seconds, text[-200:]) for row, seconds, text in zip(rows, took, said)
             if not row[3] - 1 < seconds < row[3] + SLACK
             or (b"* BYE Too slow" if row[0] == "IMAP" else b"421 4.4.2") not in text]
    assert not wrong, wrong


def small_window(server, port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(0.5)
    sock.connect((server.host, server.ports[port]))
    return sock


HUNGRY = [
    ("IMAP", b"a LOGIN user2@example.test pass\r\nb SELECT INBOX\r\n", b"x FETCH 1:* (BODY.PEEK[])\r\n"),
    ("IMAP", b"", b"a CAPABILITY\r\n"),
    ("POP3", b"", b"CAPA\r\n"),
    ("LMTP", b"LHLO x\r\n", b"LHLO x\r\n"),
    ("SMTP", b"EHLO x\r\n", b"EHLO x\r\n"),
    ("METRICS", b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
]


@pytest.mark.parametrize("port,first,again", HUNGRY, ids=[f"{p}-{a[:12].decode().strip()}" for p, _, a in HUNGRY])
def test_who_never_reads(server, watch, port, first, again):
    """Four clients ask for megabytes and take nothing: what waits for them is bounded, and they are ended."""
    before = metric(server, "carbonado_connections")
    memory = server.memory()
    socks = [small_window(server, port) for _ in range(4)]
    for sock in socks:
        harness.push(sock, first)
        for _ in range(50):
            if not harness.push(sock, again * 200):
                break
    grown = server.memory() - memory
    assert grown < (60 if watch.asan else 12) << 10, f"{grown} KiB for four clients that do not read"
    # the canary may come once more
    wait_for(lambda: metric(server, "carbonado_connections") <= before + 1, why="they are still there")
    for sock in socks:
        sock.close()


def test_who_idles_and_never_reads(server, watch):
    """IDLE, and another session changes flags without end: nothing piles up."""
    with Imap(server, VICTIM) as busy:
        busy.ok("SELECT", "INBOX")
        sleepers = []
        for _ in range(5):
            sock = small_window(server, "IMAP")
            harness.push(sock, b"a LOGIN user2@example.test pass\r\nb SELECT INBOX\r\nc IDLE\r\n")
            sleepers.append(sock)
        wait_for(lambda: metric(server, "carbonado_imap_sessions", 'state="authenticated"') >= 2 + len(sleepers),
                 why="not all have logged in")  # and the canary
        time.sleep(0.5)
        memory = server.memory()
        words = " ".join(f"k{'x' * 150}{n}" for n in range(100))
        for n in range(150):
            busy.ok("STORE", "1:5", "+FLAGS.SILENT" if n % 2 else "-FLAGS.SILENT", f"({words})")
        grown = server.memory() - memory
        for sock in sleepers:
            sock.close()
    assert grown < (120 if watch.asan else 24) << 10, f"{grown} KiB"


@pytest.mark.parametrize("port", ["IMAP", "IMAPS", "POP3", "POP3S", "SMTP", "SUBMISSION", "LMTP", "METRICS"])
def test_half_closed_at_once(server, watch, port):
    with socket.create_connection((server.host, server.ports[port]), 60) as sock:
        sock.shutdown(socket.SHUT_WR)
        _, closed = harness.read_all(sock)
        assert closed


def test_half_closed_with_work(server, watch):
    """The answers to everything that was said still come, then the end."""
    asked = {"IMAP": (b"a LOGIN user2@example.test pass\r\nb SELECT INBOX\r\nc FETCH 1:* (BODY.PEEK[])\r\n", b"\r\nc OK"),
             "POP3": (b"USER user2@example.test\r\nPASS pass\r\nRETR 1\r\nRETR 2\r\nNOOP\r\n", b"\r\n.\r\n+OK"),
             "LMTP": (b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user3@example.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n",
                      b"\r\n250 2")}
    for port, (data, wanted) in asked.items():
        got, closed = harness.attack(server, port, data, half=True)
        assert closed and wanted in got, (port, got[-300:])


def test_too_many_from_one_address(server, watch):
    """Counted for clients behind a proxy; the others of that proxy go on."""
    def limited():
        return metric(server, "carbonado_proxy_headers_total", 'result="limit"')

    for _ in range(5):
        refused, began = limited(), time.monotonic()
        with contextlib.ExitStack() as stack:
            def connect(address):
                sock = stack.enter_context(socket.create_connection((server.host, server.ports["INNER_IMAP"]), 60))
                sock.sendall(f"PROXY TCP4 {address} 192.0.2.99 1000 143\r\n".encode())
                return harness.read_all(sock, 60, harness.re.compile(rb"\r\n"))[0]
            answers = [connect("192.0.2.1") for _ in range(30)]
            other = connect("192.0.2.2")
        if time.monotonic() - began < 4:
            break  # else the first of them were ended by imap.login_timeout meanwhile
        wait_for(lambda: metric(server, "carbonado_connections") <= watch.connections + 1)
    assert sum(a.startswith(b"* OK") for a in answers) == 20
    assert other.startswith(b"* OK")
    assert limited() == refused + 10


def worker_of(server):
    """The process that serves: the one with the most descriptors."""
    return max(server.pids(), key=lambda pid: len(os.listdir(f"/proc/{pid}/fd")))


def test_no_descriptors_left(server, watch):
    """EMFILE while accepting: who is there goes on, who comes is let in or sees an end, and afterwards all is
    as before, without a restart."""
    pid = worker_of(server)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    now = len(os.listdir(f"/proc/{pid}/fd"))
    refused = metric(server, "carbonado_connections_refused_total", 'why="descriptors"')
    with Imap(server, VICTIM) as there:
        there.ok("SELECT", "INBOX")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (now + 30, limits[1]))
        try:
            socks = []
            for _ in range(80):
                socks.append(socket.create_connection((server.host, server.ports["IMAP"]), 60))
            wait_for(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= now + 28, why="it has descriptors yet")
            time.sleep(0.7)
            there.ok("NOOP")
            there.ok("FETCH", "1:*", "(FLAGS)")
            for sock in socks:
                sock.close()
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        time.sleep(0.7)
        with Imap(server, VICTIM) as new:
            new.ok("APPEND", "INBOX", Literal(b"Subject: after\r\n\r\nx\r\n"))
        there.ok("NOOP")
    assert metric(server, "carbonado_connections_refused_total", 'why="descriptors"') > refused


CROWD = """
import resource, socket, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
host, port, source, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
socks = []
for n in range(count):
    s = socket.socket()
    s.bind((source, 0))
    s.connect((host, port))
    socks.append(s)
print(len(socks), flush=True)
sys.stdin.read()
"""


def crowd(server, port, count, processes):
    """Connections that say nothing, made by children: descriptors and ports are not unlimited."""
    children = []
    for n in range(processes):
        children.append(subprocess.Popen(
            [sys.executable, "-c", CROWD, server.host, str(server.ports[port]), f"127.0.1.{n + 1}",
             str(count // processes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    made = sum(int(child.stdout.readline() or 0) for child in children)
    return made, children


@pytest.mark.parametrize("count", [600, pytest.param(50_000, marks=pytest.mark.deep)])
def test_connections_that_say_nothing(count):
    """They cost little, nobody waits for them, and they end by themselves."""
    own = harness.start(2, "imap.login_timeout=30m", "io.handshake_timeout=10m")
    try:
        room = resource.prlimit(worker_of(own), resource.RLIMIT_NOFILE)[0] - 200
        count = min(count, room)
        with harness.Watch(own) as watch:
            before = own.memory()
            made, children = crowd(own, "IMAP", count, 10)
            assert made >= count - 10
            wait_for(lambda: metric(own, "carbonado_connections") >= made, why="not all were accepted")
            each = (own.memory() - before) / made
            assert each < (24 if watch.asan else 4), f"{each:.1f} KiB for a connection that says nothing"
            with Imap(own, VICTIM) as imap:
                imap.ok("SELECT", "INBOX")
            with Pop3(own, VICTIM) as pop3:
                pop3.ok("NOOP")
            with Smtp(own, "LMTP") as lmtp:
                assert lmtp.ask("NOOP")[0] == 250
            for child in children:
                child.stdin.close()
                child.wait(serving.PATIENCE)
    finally:
        own.stop()
