"""The load generator counts only what is acknowledged, and notices what is not whole: it runs here
against small servers that lie."""
import json
import os
import pathlib
import re
import socketserver
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def load():
    for folder in (os.environ.get("CARBONADO_BUILD", "build"), "build-check", "build-release"):
        path = ROOT / folder / "bench/carbonado-load"
        if path.exists():
            return path
    pytest.skip("carbonado-load is not built")


class Fake(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, talk):
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self):
                talk(outer, self.rfile, self.wfile)

        super().__init__(("127.0.0.1", 0), Handler)
        self.messages = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


def run(load, server, tmp_path, *args):
    """(exit status, result)"""
    out = tmp_path / "out.json"
    out.unlink(missing_ok=True)
    done = subprocess.run([load, *args, "--host", "127.0.0.1", "--port", str(server.server_address[1]), "--json", out],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return done.returncode, json.loads(out.read_text()) if out.exists() else done.stdout


def lmtp(refuse=()):
    def talk(server, r, w):
        w.write(b"220 hi\r\n")
        n = 0
        while line := r.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                w.write(b"354 go\r\n")
                text = b""
                while (line := r.readline()) != b".\r\n":
                    text += line[1:] if line.startswith(b".") else line
                n += 1
                if n in refuse:
                    w.write(b"451 4.3.0 no\r\n")
                else:
                    server.messages.append(text)
                    w.write(b"250 ok\r\n")
            elif verb == b"LHLO":
                w.write(b"250-hi\r\n250 PIPELINING\r\n")
            else:
                w.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")
    return talk


def pop3(messages):
    def talk(_server, r, w):
        w.write(b"+OK\r\n")
        while line := r.readline():
            if line.startswith(b"STAT"):
                w.write(b"+OK %d 1\r\n" % len(messages))
            elif line.startswith(b"RETR"):
                text = messages[int(line.split()[1]) - 1]
                w.write(b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", text) + b".\r\n")
            else:
                w.write(b"+OK\r\n")
    return talk


def test_messages_differ_and_are_counted(load, tmp_path):
    with Fake(lmtp()) as server:
        status, row = run(load, server, tmp_path, "lmtp", "--count", "300", "--conns", "3", "--users", "5")
        assert status == 0 and row["ops"] == 300 == len(set(server.messages))
        sizes = sorted(map(len, server.messages))
        assert sizes[0] >= 700 and sizes[-1] <= 2_200_000
        assert 8_000 < sizes[150] < 16_000
        assert 25_000 < sum(sizes) / 300 < 60_000
        assert all(m.endswith(b"\r\n") and not re.search(rb"\r(?!\n)|(?<!\r)\n", m) for m in server.messages)
        first = list(server.messages)
    with Fake(lmtp()) as server:
        run(load, server, tmp_path, "lmtp", "--count", "300")
        assert set(server.messages) == set(first), "the same seed gives other messages"


def test_a_refusal_is_an_error_and_does_not_count(load, tmp_path):
    with Fake(lmtp(refuse={5})) as server:
        status, row = run(load, server, tmp_path, "lmtp", "--count", "10")
        assert status == 1 and row["ops"] == 4 and row["errors"] == 1


def test_damaged_messages_are_noticed(load, tmp_path):
    with Fake(lmtp()) as server:
        run(load, server, tmp_path, "lmtp", "--count", "5")
        messages = list(server.messages)
    trace = b"Return-Path: <a@b>\r\nReceived: by here\r\n"
    with Fake(pop3([trace + m for m in messages])) as server:
        status, row = run(load, server, tmp_path, "pop3", "--count", "10")
        assert status == 0 and row["ops"] == 10
    for damage in (lambda m: m[:-3] + b"\r\n", lambda m: m + b"\r\n",
                   lambda m: m[:1500] + bytes([m[1500] ^ 1]) + m[1501:]):
        with Fake(pop3([*messages[:2], damage(messages[2]), *messages[3:]])) as server:
            status, row = run(load, server, tmp_path, "pop3", "--count", "10")
            assert status == 1 and row["ops"] == 2


def imap(exists, answered):
    def talk(_server, r, w):
        w.write(b"* OK hi\r\n")
        while line := r.readline():
            tag, _, rest = line.partition(b" ")
            if rest.startswith(b"SELECT"):
                w.write(b"* %d EXISTS\r\n" % exists)
            elif rest.startswith(b"FETCH"):
                for n in range(answered):
                    w.write(b"* %d FETCH (UID %d FLAGS () INTERNALDATE \"x\" RFC822.SIZE 1 "
                            b"ENVELOPE ({3}\r\nabc) BODYSTRUCTURE (\"text\"))\r\n" % (n + 1, n + 1))
            w.write(tag + b" OK\r\n")
    return talk


def test_missing_answers_are_noticed(load, tmp_path):
    with Fake(imap(5, 5)) as server:
        status, row = run(load, server, tmp_path, "meta", "--count", "3")
        assert status == 0 and row["items"] == 15
    with Fake(imap(5, 4)) as server:
        status, row = run(load, server, tmp_path, "meta", "--count", "3")
        assert status == 1 and row["ops"] == 0


class Mailbox:
    """Enough of an IMAP server for the loads that change something, and what it gets wrong."""

    def __init__(self, exists, gone=None, counted=None):
        self.exists, self.gone, self.counted = exists, exists if gone is None else gone, counted
        self.commands, self.logins, self.told = [], 0, threading.Event()

    def __call__(self, _server, r, w):
        w.write(b"* OK hi\r\n")
        while line := r.readline():
            tag, _, rest = line.strip().partition(b" ")
            self.commands.append(rest)
            if rest.startswith(b"SELECT"):
                w.write(b"* %d EXISTS\r\n" % self.exists)
            elif rest.startswith((b"MOVE", b"EXPUNGE")):
                w.write(b"* 1 EXPUNGE\r\n" * self.gone)
            elif rest.startswith(b"SEARCH"):
                w.write(b"* ESEARCH (TAG \"x\") COUNT %d\r\n" % (self.exists if self.counted is None else self.counted))
            elif rest.startswith(b"STATUS"):
                w.write(b"* STATUS x (MESSAGES %d)\r\n" % (self.exists if self.counted is None else self.counted))
            elif rest.startswith(b"APPEND"):
                r.read(int(rest[rest.rindex(b"{") + 1:-2]) + 2)
                self.told.set()
            elif rest.startswith(b"IDLE"):
                w.write(b"+ idling\r\n")
                self.told.wait(120)
                w.write(b"* %d EXISTS\r\n" % (self.exists + 1))
                continue
            self.logins += rest.startswith(b"LOGIN")
            w.write(tag + b" OK\r\n")
            if rest.startswith(b"LOGOUT"):
                return


@pytest.mark.parametrize("what, to", [("store", ()), ("copy", ("--to", "b")), ("move", ("--to", "b"))])
def test_a_change_is_asked_for_afterwards(load, tmp_path, what, to):
    args = ("change", "--what", what, "--box", "a", "--count", "1", *to)
    with Fake(Mailbox(7)) as server:
        status, row = run(load, server, tmp_path, *args)
        assert status == 0 and row["ops"] == 1 and row["items"] == 7
    with Fake(Mailbox(7, counted=6)) as server:
        status, row = run(load, server, tmp_path, *args)
        assert status == 1 and row["errors"] == 1


def test_messages_that_go_are_all_told(load, tmp_path):
    args = ("change", "--what", "expunge", "--box", "a", "--count", "1")
    with Fake(Mailbox(7, counted=0)) as server:
        status, row = run(load, server, tmp_path, *args)
        assert status == 0 and row["items"] == 7
    with Fake(Mailbox(7, gone=6, counted=1)) as server:
        status, row = run(load, server, tmp_path, *args)
        assert status == 1 and row["ops"] == 0


def test_a_login_is_a_connection_of_its_own(load, tmp_path):
    box = Mailbox(3)
    with Fake(box) as server:
        status, row = run(load, server, tmp_path, "login", "--conns", "2", "--count", "11")
        assert status == 0 and row["ops"] == 11 == box.logins
        assert box.commands.count(b"LOGOUT") == 11


def test_an_announcement_is_over_when_everybody_was_told(load, tmp_path):
    with Fake(Mailbox(3)) as server:
        status, row = run(load, server, tmp_path, "announce", "--conns", "6", "--count", "1")
        assert status == 0 and row["ops"] == 1 and row["ack_ms"] <= row["p50_ms"]


def test_retr_in_a_row(load, tmp_path):
    with Fake(lmtp()) as server:
        run(load, server, tmp_path, "lmtp", "--count", "5")
        messages = list(server.messages)
    with Fake(pop3(messages)) as server:
        status, row = run(load, server, tmp_path, "pop3", "--count", "23", "--pipeline", "8")
        assert status == 0 and row["ops"] == 23
    with Fake(pop3([*messages[:3], messages[3][:-40] + b"\r\n", messages[4]])) as server:
        status, row = run(load, server, tmp_path, "pop3", "--count", "23", "--pipeline", "8")
        assert status == 1 and row["ops"] == 3


def test_sizes_are_what_was_asked_for(load, tmp_path):
    with Fake(lmtp()) as server:
        run(load, server, tmp_path, "lmtp", "--count", "400", "--sizes", "3000:4000")
        sizes = sorted(map(len, server.messages))
        assert 2_300 < sizes[200] < 3_800 and 3_200 < sum(sizes) / 400 < 5_000


def sanitizer(library):
    """The runtime that a library built with ASan wants loaded before it."""
    linked = subprocess.run(["ldd", library], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.split()[2] for line in linked.splitlines() if "libasan" in line]


def test_the_library_counts_syncs_and_can_leave_them_out(load, tmp_path):
    library = load.parent / "libcarbonado-syncs.so"
    counts = tmp_path / "syncs"
    code = "import os; f = open('x', 'w'); os.fsync(f); os.fdatasync(f); os.fsync(f)"
    for off in (0, 1):
        counts.write_bytes(off.to_bytes(8, "little") + bytes(8))
        preload = " ".join(sanitizer(library) + [str(library)])
        subprocess.run(["/usr/bin/python3", "-c", code], check=True, cwd=tmp_path,
                       env={**os.environ, "LD_PRELOAD": preload, "BENCH_SYNCS": str(counts),
                            "ASAN_OPTIONS": "detect_leaks=0"})
        assert int.from_bytes(counts.read_bytes()[8:], "little") == 3
