"""What every hostile test shares. `Watch` is the server before the attack, to be compared with it
afterwards: the same processes, no report of a sanitizer in its log, no connection and no descriptor left
over, its memory back. `Canary` is another session that works meanwhile and notices when it must wait.
`attack` sends bytes and gives what came back."""
import os
import re
import socket
import threading
import time
import urllib.request

import serving
from wire import Closed, Imap, Literal, Pop3, Refused as wire_refused, Smtp

CANARY = "user1@example.test"
VICTIM = "user2@example.test"
LATENCY = 5.0  # seconds of waiting, of which the server was at work for as many: a loop or thread is held
FOREVER = 30.0  # seconds of waiting, whatever the machine has to do besides
STORE_FILES = 60  # a database, its log and a pack, times the threads that read, times the shards that were asked
REPORTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|ThreadSanitizer|\bBUG\b|serve\.worker_(died|killed|ended)")
WITH_ASAN = "detect_leaks=0:quarantine_size_mb=1:malloc_context_size=4:allocator_release_to_os_interval_ms=100"


def start(users=4, *settings):
    """A server whose sanitizer, if it has one, gives memory back soon."""
    os.environ.setdefault("ASAN_OPTIONS", WITH_ASAN)
    server = serving.start(users, *(x for s in settings for x in ("--set", s)))
    with Imap(server, CANARY) as imap:
        imap.ok("APPEND", "INBOX", Literal(b"Subject: canary\r\n\r\nstill here\r\n"))
    return server


def processor(pids):
    """Seconds of processor time that the processes have taken."""
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
        except OSError:
            pass  # it has ended
    return ticks / os.sysconf("SC_CLK_TCK")


class Canary(threading.Thread):
    """NOOP and FETCH, again and again, and a new login now and then."""

    def __init__(self, server, pause=0.05):
        super().__init__(daemon=True)
        self.server, self.pause = server, pause
        self.worst, self.worked, self.rounds, self.what, self.failure = 0.0, 0.0, 0, "", None
        self.pids = server.pids()
        self.ending = threading.Event()

    def timed(self, what, call):
        begun, before = time.monotonic(), processor(self.pids)
        got = call()
        took, worked = time.monotonic() - begun, processor(self.pids) - before
        if (took > LATENCY and worked > LATENCY, took) > (self.worst > LATENCY and self.worked > LATENCY, self.worst):
            self.worst, self.worked, self.what = took, worked, what
        return got

    def run(self):
        try:
            with Imap(self.server, CANARY, timeout=60) as imap:
                imap.ok("SELECT", "INBOX")
                while not self.ending.wait(self.pause):
                    self.timed("NOOP", lambda: imap.ok("NOOP"))
                    rows = self.timed("FETCH", lambda: imap.fetch("1:*", "(UID FLAGS BODY.PEEK[TEXT])"))
                    assert any(b"still here" in row[b"BODY[TEXT]"] for row in rows.values())
                    if self.rounds % 20 == 19:
                        self.timed("LOGIN", lambda: Imap(self.server, CANARY, timeout=60).close())
                    self.rounds += 1
        except Exception as e:  # pylint: disable=broad-except
            self.failure = f"{type(e).__name__}: {e}"

    def stop(self):
        self.ending.set()
        self.join(70)

    def check(self):
        assert self.failure is None, f"another session noticed: {self.failure}"
        waited = f"another session waited {self.worst:.1f} s for {self.what}, the server worked for {self.worked:.1f} s"
        assert self.worst < LATENCY or self.worked < LATENCY and self.worst < FOREVER, waited


def metric(server, name, label=None):
    """The value of one series, from the port for metrics."""
    with urllib.request.urlopen(f"http://{server.host}:{server.ports['METRICS']}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    where = name if label is None else f"{name}{{{label}}}"
    return float(re.search(rf"^{re.escape(where)} (\S+)$", text, re.M).group(1))


class Watch:
    """`with Watch(server):` around an attack."""

    def __init__(self, server, kib=None, canary=True):
        self.server = server
        maps = open(f"/proc/{server.pid}/maps", encoding="utf-8").read()
        self.asan = "libasan" in maps or "__asan" in maps
        self.kib = kib or ((160 if self.asan else 48) << 10)
        self.log = server.state / "serve.log"
        self.canary = Canary(server) if canary else None

    def __enter__(self):
        self.at = self.log.stat().st_size
        self.pids = self.server.pids()
        self.memory = self.server.memory()
        self.descriptors = self.server.descriptors()
        self.connections = metric(self.server, "carbonado_connections")
        if self.canary:
            self.canary.start()
        return self

    def lives(self):
        """Cheap: after each blow."""
        assert self.server.pids() == self.pids, f"a process has ended\n{self.said()[-3000:]}"
        report = REPORTS.search(self.said())
        assert not report, self.said()[max(report.start() - 200, 0):][:6000]

    def said(self):
        with open(self.log, "rb") as f:
            f.seek(self.at)
            return f.read().decode("utf-8", "replace")

    def settled(self, seconds=serving.PATIENCE):
        """Waits until what was taken is given back."""
        end = time.monotonic() + seconds
        while True:
            grown = self.server.memory() - self.memory
            left = metric(self.server, "carbonado_connections") - self.connections
            store, others = (now - then for now, then in zip(self.server.descriptors(), self.descriptors))
            # Each thread that reads opens the databases and packs of a shard when it first needs them.
            if grown < self.kib and left <= 0 and store <= STORE_FILES and others <= 2:
                return
            assert time.monotonic() < end, \
                f"left over: {grown} KiB of {self.kib}, {left:.0f} connections, {store} files, {others} descriptors"
            time.sleep(0.2)

    def __exit__(self, kind, value, trace):
        if self.canary:
            self.canary.stop()
        if kind:
            return
        self.lives()
        if self.canary:
            self.canary.check()
        self.settled()


def push(sock, data):
    """Sends what the server takes; it may close before all is sent."""
    try:
        sock.sendall(data)
        return True
    except OSError:
        return False


def read_all(sock, seconds=60, enough=None):
    """What comes until the end, or until `enough` (a pattern) is in it. (bytes, closed)"""
    sock.settimeout(seconds)
    got = bytearray()
    try:
        while not (enough and enough.search(got)):
            part = sock.recv(1 << 16)
            if not part:
                return bytes(got), True
            got += part
    except TimeoutError as e:
        raise AssertionError(f"nothing within {seconds} s, neither answer nor end: {bytes(got[-300:])!r}") from e
    except OSError:
        return bytes(got), True
    return bytes(got), False


def attack(server, port, data, enough=None, half=False, seconds=60):
    """On a connection of its own: (what came, whether the server closed)."""
    with socket.create_connection((server.host, server.ports[port]), 60) as sock:
        push(sock, data)
        if half:
            sock.shutdown(socket.SHUT_WR)
        return read_all(sock, seconds, enough)


def reset(sock):
    """Away without a goodbye."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


ANSWER = re.compile(rb"^(a (?:OK|NO|BAD)|\* (?:BYE|BAD))[^\r\n]*", re.M)


def imap_answer(imap, data, seconds=120):
    """Sends one command with tag "a": its tagged line, or the BYE, or b"" when it was closed. The rest of
    what came is in imap.before."""
    push(imap.sock, data)
    imap.sock.settimeout(seconds)
    imap.before = []
    try:
        while True:
            line = imap.line()
            if ANSWER.match(line):
                return line
            imap.before.append(line)
    except Closed:
        return b""


def imap_alive(imap):
    push(imap.sock, b"zz NOOP\r\n")
    try:
        while True:
            line = imap.line()
            if line.startswith(b"zz "):
                return line.startswith(b"zz OK")
    except Closed:
        return False


__all__ = ["ANSWER", "CANARY", "Canary", "Closed", "Imap", "Literal", "Pop3", "Smtp", "VICTIM", "Watch", "attack",
           "imap_alive", "imap_answer", "metric", "push", "re", "read_all", "reset", "start", "wire_refused"]
