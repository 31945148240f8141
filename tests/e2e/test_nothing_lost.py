"""SIGKILL in the middle of concurrent LMTP and APPEND, again and again: everything acknowledged is
there exactly once and whole, nothing is there that was not sent, nothing that was there goes, and the
store is sound afterwards."""
import collections
import hashlib
import itertools
import os
import random
import re
import signal
import threading
import time

import pytest

import serving
from wire import Closed, Imap, Literal, Smtp

USERS = [f"user{n}@example.test" for n in range(1, 5)]
BOXES = [(user, "INBOX") for user in USERS]


@pytest.fixture
def own_server():
    """A server that may be killed: the one around (its processes only), or one of its own."""
    yield from serving.lend(len(USERS))


class Record:
    """What was sent and what was acknowledged: (user, message id) -> hash of the body."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.sent = {}
        self.acknowledged = set()
        self.numbers = itertools.count(1)

    def message(self):
        with self.lock:
            n = next(self.numbers)
            size = int(self.random.lognormvariate(8.5, 1.3)) + 50
            line = "%016x" % self.random.getrandbits(64) * 4 + "\r\n"
        name = f"{n}.{os.getpid()}@lost.example.org"
        body = (f"body {n}\r\n" + line * (size // len(line) + 1)).encode()
        return name, f"Message-ID: <{name}>\r\nSubject: {n}\r\n\r\n".encode() + body, \
            hashlib.sha256(body).hexdigest()

    def will(self, users, name, digest):
        with self.lock:
            for user in users:
                self.sent[user, name] = digest

    def did(self, user, name):
        with self.lock:
            self.acknowledged.add((user, name))


def send_lmtp(server, record, stop, users):
    with Smtp(server, "LMTP") as lmtp:
        while not stop.is_set():
            name, data, digest = record.message()
            record.will(users, name, digest)
            for user, (code, text) in zip(users, lmtp.deliver("a@example.org", users, data)):
                if code == 250:
                    record.did(user, name)
                else:
                    assert 400 <= code < 500, (code, text)


def send_append(server, record, stop, user, batch):
    with Imap(server, user) as imap:
        while not stop.is_set():
            rows = [record.message() for _ in range(batch)]
            for name, _, digest in rows:
                record.will([user], name, digest)
            tags = [imap.start("APPEND", "INBOX", Literal(data)) for _, data, _ in rows]
            for tag, (name, _, _) in zip(tags, rows):
                if imap.finish(tag)[1].startswith(b"OK"):
                    record.did(user, name)


def until_lost(send, failures, *args):
    """Runs one sender; losing the connection is how it ends."""
    try:
        send(*args)
    except (Closed, OSError):
        pass
    except Exception as e:  # pylint: disable=broad-except
        failures.append(repr(e))


class Seen:
    """What a mailbox held when it was last read."""

    def __init__(self):
        self.validity = None
        self.messages = {}  # uid -> (name, digest)


def read_new(server, user, box, seen):
    """Reads what is new in a mailbox; what was there must be there still."""
    with Imap(server, user) as imap:
        text = b" ".join(r.text for r in imap.ok("SELECT", box)) + imap.tagged
        validity = re.search(rb"UIDVALIDITY (\d+)", text).group(1)
        assert seen.validity in (None, validity), "UIDVALIDITY changed"
        seen.validity = validity
        uids = set()
        for r in imap.ok("UID SEARCH", "ALL"):
            if r.text.startswith(b"SEARCH"):
                uids |= {int(u) for u in r.text.split()[1:]}
        gone = set(seen.messages) - uids
        assert not gone, f"{user}: uids {sorted(gone)} were there before"
        new = sorted(uids - set(seen.messages))
        assert not new or not seen.messages or new[0] > max(seen.messages), "a UID was used again"
        for at in range(0, len(new), 200):
            part = ",".join(map(str, new[at:at + 200]))
            for uid, row in imap.fetch(part, "(UID BODY.PEEK[])").items():
                head, _, body = row[b"BODY[]"].partition(b"\r\n\r\n")
                name = re.search(rb"Message-ID: <([^>]*)>", head).group(1).decode()
                seen.messages[uid] = (name, hashlib.sha256(body).hexdigest())
        assert uids == set(seen.messages)


def problems(record, boxes):
    out = []
    for user, seen in boxes.items():
        count = collections.Counter(name for name, _ in seen.messages.values())
        out += [f"{user}: {name} is there {n} times" for name, n in count.items() if n > 1]
        out += [f"{user}: {name} was acknowledged and is not there"
                for who, name in record.acknowledged if who == user and name not in count]
        for name, digest in seen.messages.values():
            if record.sent.get((user, name)) != digest:
                out.append(f"{user}: {name} is not what was sent")
    return out


def one_round(server, record, boxes, n):
    stop, failures = threading.Event(), []
    senders = [threading.Thread(target=until_lost, args=(send_lmtp, failures, server, record, stop, who))
               for who in (USERS[:1], USERS[1:2], USERS[:2], USERS)]
    senders += [threading.Thread(target=until_lost,
                                 args=(send_append, failures, server, record, stop, user, batch))
                for user, batch in ((USERS[0], 1), (USERS[2], 5), (USERS[3], 1))]
    before = len(record.acknowledged)
    for thread in senders:
        thread.start()
    time.sleep(record.random.uniform(0.05, 1.0))
    workers = [pid for pid in server.pids() if pid != server.pid]
    whole = n % 3 == 2 and server.process is not None
    if whole:
        server.end(signal.SIGKILL)
    else:
        for pid in workers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    stop.set()
    for thread in senders:
        thread.join(serving.PATIENCE)
        assert not thread.is_alive(), "a sender hangs"
    assert failures == []
    if whole:
        server.serve()
    server.wait_ready()
    for user, box in BOXES:
        read_new(server, user, box, boxes[user])
    assert problems(record, boxes) == [], f"after round {n}"
    return len(record.acknowledged) - before


def rounds(server, count):
    record = Record(seed=count)
    boxes = {user: Seen() for user in USERS}
    acknowledged = [one_round(server, record, boxes, n) for n in range(count)]
    print(f"acknowledged: {acknowledged}")
    assert sum(acknowledged) > count, "too little was sent for this to say anything"
    if server.process is None:
        return
    server.end()
    check = server.command("store", "check")
    assert check.returncode == 0, check.stdout + check.stderr


def test_kill_quick(own_server):
    rounds(own_server, 6)


@pytest.mark.deep
def test_kill_deep(own_server):
    rounds(own_server, 50)


def test_the_check_can_fail():
    record, seen = Record(1), Seen()
    name, _, digest = record.message()
    record.will(["u"], name, digest)
    record.did("u", name)
    assert problems(record, {"u": seen})
    seen.messages = {1: (name, digest)}
    assert not problems(record, {"u": seen})
    seen.messages = {1: (name, digest), 2: (name, digest)}
    assert problems(record, {"u": seen})
    seen.messages = {1: (name, "other")}
    assert problems(record, {"u": seen})
