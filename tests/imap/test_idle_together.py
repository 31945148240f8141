"""Many sessions that idle in one mailbox: one looks for all that know the same, and each is told what
it would have found by itself."""
import re
import threading
import time
import urllib.request

from wire import Imap, Literal

MAIL = b"Subject: i\r\n\r\nx\r\n"


class Idler:
    """A session in IDLE that replays what it is told."""

    def __init__(self, server, user, enable="", examine=False):
        self.imap = Imap(server, user)
        if enable:
            self.imap.ok("ENABLE", enable)
        rows = self.imap.ok("EXAMINE" if examine else "SELECT", "INBOX")
        self.exists = next(int(row.text.split()[0]) for row in rows if row.text.endswith(b" EXISTS"))
        self.recent = 0
        self.flags = {}
        self.vanished = []
        self.qresync = enable == "QRESYNC"
        self.rev2 = enable == "IMAP4rev2"
        self.tag = self.imap.start("IDLE")
        assert self.imap.line().startswith(b"+")
        self.imap.sock.settimeout(60)

    def until(self, said):
        while not said(self):
            self.hear(self.imap.line())

    def hear(self, line):
        if m := re.fullmatch(rb"\* (\d+) EXISTS", line):
            assert int(m[1]) >= self.exists
            self.exists = int(m[1])
        elif m := re.fullmatch(rb"\* (\d+) RECENT", line):
            assert not self.rev2
            self.recent = int(m[1])
        elif m := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            assert not self.qresync and 1 <= int(m[1]) <= self.exists
            self.exists -= 1
            self.flags = {n - (n > int(m[1])): f for n, f in self.flags.items() if n != int(m[1])}
        elif m := re.fullmatch(rb"\* VANISHED (.*)", line):
            assert self.qresync
            self.vanished.append(m[1])
            self.exists -= sum(1 if b":" not in r else int(r.split(b":")[1]) - int(r.split(b":")[0]) + 1
                               for r in m[1].split(b","))
        elif m := re.fullmatch(rb"\* (\d+) FETCH \((.*)\)", line):
            self.flags[int(m[1])] = set(re.search(rb"FLAGS \(([^)]*)\)", m[2])[1].split())
            assert (b"MODSEQ" in m[2]) == self.qresync
        else:
            assert line.startswith((b"* FLAGS", b"* OK [PERMANENTFLAGS")), line

    def done(self):
        self.imap.send(b"DONE\r\n")
        rows, text = self.imap.finish(self.tag)
        assert text.startswith(b"OK")
        for row in rows:
            self.hear(b"* " + row.text)

    def end(self):
        self.done()
        self.imap.close()


def read_jobs(server):
    url = f"http://{server.host}:{server.ports['METRICS']}/metrics"
    text = urllib.request.urlopen(url, timeout=60).read().decode()
    return int(re.search(r'^carbonado_jobs\w*\{place="read"\} (\d+)', text, re.M)[1])


def open_all(server, user, n):
    kinds = [{}, {}, {"enable": "IMAP4rev2"}, {"enable": "QRESYNC"}, {"examine": True}]
    return [Idler(server, user, **kinds[i % len(kinds)]) for i in range(n)]


def test_all_hear_of_mail_flags_and_expunges(server, user):
    with Imap(server, user) as other:
        for _ in range(3):
            other.ok("APPEND", "INBOX", Literal(MAIL))
        other.ok("SELECT", "INBOX")
        idlers = open_all(server, user, 40)
        for n in (4, 5):
            other.ok("APPEND", "INBOX", Literal(MAIL))
            for i in idlers:
                i.until(lambda i, n=n: i.exists == n)
        other.ok("STORE", "2", "+FLAGS", "(\\Flagged $New)")
        for i in idlers:
            i.until(lambda i: i.flags.get(2, set()) >= {b"\\Flagged", b"$New"})
        other.ok("STORE", "1,3", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
        for i in idlers:
            i.until(lambda i: i.exists == 3)
            if i.qresync:  # whose flags stand under the numbers before
                assert b",".join(i.vanished) in (b"1,3", b"3,1")
            else:
                assert i.flags[1] >= {b"\\Flagged", b"$New"}  # what was 2
        for i in idlers:
            i.end()


def test_one_looks_for_all(server, user):
    with Imap(server, user) as other:
        idlers = [Idler(server, user, enable="IMAP4rev2") for _ in range(40)]
        looks = [0]
        while looks[-3:] != looks[-1:] * 3:  # those at the beginning
            time.sleep(0.3)
            looks.append(read_jobs(server))
        before = looks[-1]
        other.ok("APPEND", "INBOX", Literal(MAIL))
        for i in idlers:
            i.until(lambda i: i.exists == 1)
        assert read_jobs(server) - before <= 10  # one a loop
        for i in idlers:
            i.end()


def test_one_session_has_it_as_recent(server, user):
    """RFC 3501 2.3.2: only the first session that is told."""
    with Imap(server, user) as other:
        idlers = [Idler(server, user) for _ in range(20)]
        for n in range(1, 4):
            other.ok("APPEND", "INBOX", Literal(MAIL))
            for i in idlers:
                i.until(lambda i, n=n: i.exists == n)
        for i in idlers:
            i.done()
        assert sum(i.recent for i in idlers) == 3
        for i in idlers:
            i.imap.close()


def test_who_leaves_meanwhile_misses_nothing(server, user):
    """DONE and a command while others look; connections that break off; the rest hears of all."""
    stop = threading.Event()
    count = 60

    def deliver():
        with Imap(server, user) as other:
            for _ in range(count):
                other.ok("APPEND", "INBOX", Literal(MAIL))
        stop.set()

    idlers = open_all(server, user, 30)
    going = threading.Thread(target=deliver)
    going.start()
    turns = 0
    while not stop.is_set() or turns < 5:
        i = idlers[turns % len(idlers)]
        i.done()
        for row in i.imap.ok("NOOP"):
            i.hear(b"* " + row.text)
        i.tag = i.imap.start("IDLE")
        assert i.imap.line().startswith(b"+")
        if turns % 7 == 3:
            i.imap.sock.close()
            idlers.remove(i)
            idlers.append(Idler(server, user))
        turns += 1
    going.join()
    for i in idlers:
        i.until(lambda i: i.exists == count)
        i.end()
