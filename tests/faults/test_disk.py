"""The disk is full, over quota or read-only; descriptors run out; calls fail while the server starts,
makes accounts and takes mail for elsewhere. Clients hear of temporary errors, what is there can be read,
and everything works again without a restart."""
import base64
import errno
import json
import re
import resource
import shutil
import socket
import time

import pytest

import faults
from serving import wait_for as until
from wire import Closed, Imap, Literal, Smtp
from workload import (USERS, Book, Load, Reader, append, compare, deliver, expunged, make_boxes, numbers, stored)

USER = USERS[0]
MORE_SETTINGS = ("mail.smarthost=127.0.0.1:1", "store.checkpoint_interval=100ms")


class Client:
    """A user with mail in the mailbox Kept."""

    def __init__(self, server, messages=6):
        self.server, self.book = server, Book(11)
        make_boxes(server, [USER])
        self.lmtp = Smtp(server, "LMTP")
        self.imap = Imap(server, USER)
        self.reader = Reader(self.imap, self.book, USER)
        for _ in range(messages):
            append(self.imap, self.book, USER, box="Kept")
        self.reader.select("Kept")
        self.rows = self.reader.rows()

    def change(self, step, *command):
        return self.reader.change([name for name, _ in self.rows.values()], step, *command)

    def flag(self):
        return self.change(stored("Kept", "\\Flagged", True), "UID STORE", numbers(self.rows), "+FLAGS", "(\\Flagged)")

    def all_refused(self):
        """Each change is, by a temporary error, and reading works, also for who comes now."""
        refused = self.book.refused
        assert all(400 <= code < 500 for code in deliver(self.lmtp, self.book, [USER]))
        append(self.imap, self.book, USER)
        assert not self.flag()
        text = self.imap.run("APPEND", "INBOX", Literal(b"Subject: x\r\n\r\n" + b"large\r\n" * 40000))[1]
        assert text.startswith(b"NO ["), text
        assert b"BUG" not in text and b"CORRUPT" not in text, text
        assert self.book.refused == refused + 3
        compare(self.server, self.book, [USER])

    def all_works(self):
        refused = self.book.refused
        deliver(self.lmtp, self.book, [USER])
        append(self.imap, self.book, USER)
        assert self.flag()
        assert self.book.refused == refused
        compare(self.server, self.book, [USER])


@pytest.fixture
def served(machine):
    server = machine()
    server.serve()
    client = Client(server)
    pids = server.pids()
    yield client
    assert server.pids() == pids, "it was restarted\n" + server.said()[-3000:]
    server.end()
    server.check()
    server.serve()
    compare(server, client.book, [USER])


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT], ids=["ENOSPC", "EDQUOT"])
def test_no_room_at_all(served, why):
    page = served.server.faults.page
    page.room, page.full = 0, why
    # The log may have room left in its file, so that the first ones still go through.
    for _ in range(300):
        if any(code != 250 for code in deliver(served.lmtp, served.book, [USER])):
            break
    else:
        raise AssertionError("the disk is full and does not say so")
    assert not any(code == 250 for code in deliver(served.lmtp, served.book, [USER]))
    compare(served.server, served.book, [USER])
    served.server.faults.clear()
    until(lambda: deliver(served.lmtp, served.book, [USER]) == [250])
    served.all_works()


def test_deletion_works_on_a_full_disk(served):
    """The reserve is for that; new mail has to wait."""
    server, reserve = served.server, served.server.state / "reserve"
    until(reserve.exists)
    server.faults.page.room = 100_000
    server.faults.page.full = errno.ENOSPC
    until(lambda: not reserve.exists())
    assert [400 <= code < 500 for code in deliver(served.lmtp, served.book, [USER])] == [True]
    refused = served.book.refused
    append(served.imap, served.book, USER)
    assert served.book.refused == refused + 1
    assert served.flag()
    assert served.imap.run("UID STORE", numbers(served.rows), "+FLAGS.SILENT", "(\\Deleted)")[1].startswith(b"OK")
    assert served.change(expunged("Kept"), "EXPUNGE")
    compare(server, served.book, [USER])
    server.faults.clear()
    until(lambda: deliver(served.lmtp, served.book, [USER]) == [250])
    until(reserve.exists)


def test_read_only(served):
    served.server.faults.page.readonly = 1
    served.all_refused()
    served.server.faults.clear()
    served.all_works()


@pytest.mark.parametrize("ops", ["SYNC", "WRITE"])
def test_nothing_can_be_written_for_a_while(served, ops):
    served.server.faults.fail(getattr(faults, ops), errno.EIO, times=faults.FOREVER)
    served.all_refused()
    served.server.faults.clear()
    served.all_works()


@pytest.mark.parametrize("why", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ECONNABORTED])
def test_accept_fails(served, why):
    rule = served.server.faults.page.rules[0]
    served.server.faults.fail(faults.ACCEPT, why, times=3)
    for _ in range(8):
        try:
            Imap(served.server, timeout=5).close()
        except (Closed, OSError, AssertionError):
            pass
        if rule.fired >= 3:
            break
    assert rule.fired >= 1
    served.server.faults.clear()
    time.sleep(0.6)
    served.all_works()
    with Imap(served.server, USER):
        pass


def test_descriptors_run_out(machine):
    """With few descriptors: who is there goes on or hears of a temporary error, who comes is turned away,
    and when they are free again all is well."""
    server = machine()
    server.serve(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (140, 140)))
    client = Client(server)
    pids = server.pids()
    many, others = [], server.descriptors()[1]
    for _ in range(200):
        s = socket.create_connection((server.host, server.ports["IMAP"]), 5)
        s.settimeout(2)
        many.append(s)
    time.sleep(1)
    for _ in range(5):
        deliver(client.lmtp, client.book, [USER])
        append(client.imap, client.book, USER)
        client.flag()
        text = client.imap.run("APPEND", "INBOX", Literal(b"Subject: x\r\n\r\n" + b"large\r\n" * 40000))[1]
        assert text[:2] in (b"OK", b"NO"), text
    for s in many:
        s.close()
    until(lambda: server.descriptors()[1] < others + 5)
    client.imap.ok("SELECT", "INBOX")
    for uid, (name, _) in numbered(client.imap):
        if not name:
            client.imap.ok("UID STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
    client.imap.ok("EXPUNGE")
    client.reader.select("Kept")
    client.all_works()
    assert server.pids() == pids, "it was restarted\n" + server.said()[-3000:]
    server.end()
    server.check()


def numbered(imap):
    """Messages without a Message-ID are none of the book's."""
    for uid, row in imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])").items():
        text = next(v for k, v in row.items() if k.startswith(b"BODY["))
        yield uid, (b"<" in text, None)


# --- start -----------------------------------------------------------------------------------------------

def settled(server, seconds=120):
    """Waits until it serves (True) or has ended (False)."""
    end = time.monotonic() + seconds
    while server.running():
        try:
            with socket.create_connection((server.host, server.ports["IMAP"]), 30) as s:
                s.settimeout(30)
                if s.recv(4) == b"* OK":
                    return True
        except OSError:
            pass
        assert time.monotonic() < end, "neither serves nor ends\n" + server.said()[-3000:]
        time.sleep(0.02)
    return False


def starts(machine, points, first):
    """The n-th call of a start fails. It ends with an error or serves; the next start is as if nothing had
    been. `first`: the start that makes the store."""
    server = machine()
    book = Book(12)
    if not first:
        server.serve()
        make_boxes(server)
        with Load(server, book) as load:
            load.begun(0, 20)
            server.kill()  # so that there is something to recover
            load.stop.set()
    with server.faults.counting() as calls:
        server.serve()
    total = calls()
    server.kill()
    ended = 0
    for n in [i * total // points for i in range(points)] if points else range(total):
        if first:
            remove_store(server)
        server.faults.fail(faults.DISK, errno.EIO, after=n)
        server.spawn()
        serves = settled(server)
        ended += not serves
        if not serves:
            assert server.again.returncode > 0, f"call {n}: ended by signal {-server.again.returncode}\n{server.said()[-3000:]}"
        server.faults.clear()
        server.kill()
    print(f"{total} calls, ended {ended} times")
    assert ended, "no failure matters"
    server.serve()
    if first:
        make_boxes(server)
    compare(server, book)
    with Smtp(server, "LMTP") as lmtp:
        assert deliver(lmtp, book, USERS) == [250] * len(USERS)
    compare(server, book)
    server.end()
    server.check()


def remove_store(server):
    for name in ("shards", "packs"):
        shutil.rmtree(server.state / name, ignore_errors=True)


@pytest.mark.parametrize("first", [True, False], ids=["first", "again"])
def test_start(machine, first):
    starts(machine, 4, first)


@pytest.mark.deep
@pytest.mark.parametrize("first", [True, False], ids=["first", "again"])
def test_start_deep(machine, first):
    starts(machine, 0, first)


def test_start_on_a_read_only_disk(machine):
    server = machine()
    server.faults.page.readonly = 1
    server.spawn()
    assert not settled(server), "it serves what it cannot write"
    assert server.again.returncode > 0
    server.faults.clear()
    server.serve()


# --- accounts and the queue ------------------------------------------------------------------------------

def accounts(machine, points):
    server = machine()
    server.serve()
    pids = server.pids()

    said = []

    def add(name):
        done = server.command("account", "add", name, "--password", "pass")
        said.append(done.stdout)
        return done.returncode == 0

    def listed():
        return {row["address"] for row in json.loads(server.command("account", "list", "--json").stdout)}

    assert add("zero@example.test")
    with server.faults.counting() as calls:
        assert add("one@example.test")
    total = calls()
    failed = 0
    for n in [i * total // points for i in range(points)] if points else range(total):
        name = f"new{n}@example.test"
        server.faults.fail(faults.DISK, errno.EIO, after=n)
        done = add(name)
        server.faults.clear()
        assert (name in listed()) == done, f"call {n} of {total}: {said[-1]}"
        if not done:
            failed += 1
            # A sync that failed is told to each descriptor of the file once: to the checkpointer, and to the writer.
            assert add(name) or add(name), f"after call {n} of {total}: {said[-3:]}"
        with Imap(server, name) as imap:
            imap.ok("SELECT", "INBOX")
    assert failed, "no failure matters"
    assert server.pids() == pids
    server.end()
    server.check()


def test_accounts(machine):
    accounts(machine, 9)


@pytest.mark.deep
def test_accounts_deep(machine):
    accounts(machine, 0)


def submissions(machine, points):
    """Mail for elsewhere is in the queue when 250 was said, and else not, once."""
    server = machine()
    server.serve()
    login = base64.b64encode(f"\0{USER}\0pass".encode()).decode()

    def send(smtp, n):
        data = f"Message-ID: <{n}@out.example.org>\r\nSubject: {n}\r\n\r\nhello\r\n".encode()
        return smtp.deliver(USER, [f"r{n}@elsewhere.example"], data)[0][0]

    def queued():
        rows = json.loads(server.command("queue", "list", "--json").stdout)
        return sorted(re.findall(r"r\d+@elsewhere.example", json.dumps(rows)))

    def send_faulty(n, **fault):
        """By a connection of its own: one that is refused too often is closed."""
        with Smtp(server, "SUBMISSION") as smtp:
            assert smtp.ask(f"AUTH PLAIN {login}")[0] == 235
            server.faults.fail(**fault)
            code = send(smtp, n)
            server.faults.clear()
        assert code == 250 or 400 <= code < 500, code
        return code

    with Smtp(server, "SUBMISSION") as smtp:
        assert smtp.ask(f"AUTH PLAIN {login}")[0] == 235
        sent, refused = [10000, 10001], {"r20000@elsewhere.example"}
        assert send(smtp, 10000) == 250
        with server.faults.counting() as calls:
            assert send(smtp, 10001) == 250
        total = calls()
    for n in [i * total // points for i in range(points)] if points else range(total):
        if send_faulty(n, ops=faults.DISK, action=errno.EIO, after=n) == 250:
            sent.append(n)
        else:
            refused.add(f"r{n}@elsewhere.example")
    # Which of the calls was the message's own depends on what else the server did: these are.
    assert send_faulty(20000, ops=faults.WRITE | faults.SYNC, action=errno.EIO, times=faults.FOREVER) != 250
    want = sorted(f"r{n}@elsewhere.example" for n in sent)
    assert queued() == want
    # The log may hold a commit whose sync failed: refused may mean done when there is a crash before the next one.
    server.kill()
    server.check()
    server.serve()
    found = queued()
    assert len(found) == len(set(found)) and set(want) <= set(found) <= set(want) | refused


def test_submission(machine):
    submissions(machine, 8)


@pytest.mark.deep
def test_submission_deep(machine):
    submissions(machine, 0)
