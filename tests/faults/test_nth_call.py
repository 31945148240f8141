"""The n-th system call of an operation fails, for every n: the client hears of a temporary error or the
operation is done, nothing is half there, and the next one works without a restart."""
import errno
import threading
import time

import pytest

import faults
from wire import Imap, Refused, Smtp
from workload import (USERS, Book, Reader, append, compare, copied, deliver, expunged, make_boxes, moved, numbers,
                      stored, until_lost)

MORE_SETTINGS = ("store.checkpoint_interval=1h", "store.maintenance_interval=1d")
USER = USERS[0]


class Session:
    """One user's connections, kept open over the faults."""

    def __init__(self, server):
        self.server, self.book = server, Book(3)
        make_boxes(server, [USER])
        self.connect()
        for box in ("INBOX", "Kept"):
            append(self.imap, self.book, USER, box=box)
            append(self.imap, self.book, USER, box=box)

    def connect(self):
        self.lmtp = Smtp(self.server, "LMTP")
        self.imap = Imap(self.server, USER)
        self.reader = Reader(self.imap, self.book, USER)

    def lmtp_one(self):
        deliver(self.lmtp, self.book, [USER])

    def lmtp_two_shards(self):
        deliver(self.lmtp, self.book, USERS[:2])

    def append_one(self):
        append(self.imap, self.book, USER, flags=frozenset(["\\Seen"]))

    def append_four(self):
        append(self.imap, self.book, USER, 4)

    def some(self, box):
        self.reader.select(box)
        rows = self.reader.rows()
        uids = sorted(rows)[-2:]
        return numbers(uids), [rows[u][0] for u in uids]

    def prepare_change(self):
        append(self.imap, self.book, USER, 2)
        self.uids, self.names = self.some("INBOX")

    def store(self):
        """They are new, so that there is something to change."""
        self.reader.change(self.names, stored("INBOX", "\\Flagged", True), "UID STORE", self.uids, "+FLAGS",
                           "(\\Flagged)")

    def copy(self):
        self.reader.change(self.names, copied("INBOX", "Copies"), "UID COPY", self.uids, "Copies")

    def move(self):
        self.reader.change(self.names, moved("INBOX", "Kept"), "UID MOVE", self.uids, "Kept")

    def prepare_expunge(self):
        self.prepare_change()
        self.imap.ok("UID STORE", self.uids, "+FLAGS.SILENT", "(\\Deleted)")

    def expunge(self):
        self.reader.change(self.names, expunged("INBOX"), "UID EXPUNGE", self.uids)

    def fetch(self):
        """Reading fails in part or whole, and the session lives."""
        self.reader.select("INBOX")
        text = self.imap.run("UID FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
        assert text[:2] in (b"OK", b"NO"), text

    def select(self):
        try:
            self.reader.select("Kept")
            self.reader.rows()
        except Refused as e:
            assert e.args[0].startswith(b"NO"), e
        self.imap.ok("NOOP")


OPERATIONS = {"lmtp_one": None, "lmtp_two_shards": None, "append_one": None, "append_four": None,
              "store": "prepare_change", "copy": "prepare_change", "move": "prepare_change",
              "expunge": "prepare_expunge", "fetch": None, "select": None}
LARGEST = 400


def run(server, operation, actions, step, ops=faults.DISK):
    session = Session(server)
    act, prepare = getattr(session, operation), OPERATIONS[operation]
    users = session.users = USERS[:2] if operation == "lmtp_two_shards" else USERS[:1]
    if users == USERS[:2]:
        make_boxes(server, users[1:])
    total = 0
    for _ in range(2):  # the second time statements are prepared and files open
        if prepare:
            getattr(session, prepare)()
        with server.faults.counting(ops) as calls:
            act()
        total = max(calls(), 1)
    fired = 0
    for action in actions:
        for n in range(0, min(total + 2, LARGEST), step):
            if prepare:
                getattr(session, prepare)()
            server.faults.fail(ops, action, after=n)
            try:
                act()
            except Exception as e:
                raise AssertionError(f"{operation}, call {n} of {total}, {errno.errorcode.get(action, action)}: {e!r}\n"
                                     + server.said()[-2000:]) from e
            fired += server.faults.fired()
            server.faults.clear()
            try:
                compare(server, session.book, users)
            except Exception as e:
                raise AssertionError(f"after {operation}, call {n} of {total}, "
                                     f"{errno.errorcode.get(action, action)}: {e!r}") from e
            refused = session.book.refused
            if not prepare:
                act()
            append(session.imap, session.book, USER, box="Kept")
            assert session.book.refused == refused, f"does not work again after call {n}\n{server.said()[-2000:]}"
    print(f"{operation}: {total} calls, {fired} failed, {session.book.refused} refused")
    assert fired, "nothing has failed"
    session.lmtp.close()
    session.imap.close()
    return session


def whole(machine, operation, actions, step, **more):
    server = machine()
    server.serve()
    pids = server.pids()
    session = run(server, operation, actions, step, **more)
    assert server.pids() == pids, "the server was restarted\n" + server.said()[-3000:]
    server.end()
    server.check()
    server.serve()
    compare(server, session.book, session.users)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nth_call(machine, operation):
    whole(machine, operation, [errno.EIO], 2)


ACTIONS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM, errno.EINTR, errno.EMFILE, faults.SHORT]
READING = {"fetch", "select"}  # from files that are open: they open nothing, and write nothing


@pytest.mark.deep
@pytest.mark.parametrize("operation, action", [
    (operation, action) for operation in OPERATIONS for action in ACTIONS
    if operation not in READING or action not in (errno.EMFILE, faults.SHORT)])
def test_nth_call_deep(machine, operation, action):
    ops = {errno.EINTR: faults.WRITE | faults.READ, faults.SHORT: faults.WRITE, errno.EMFILE: faults.OPEN | faults.SYNC}
    whole(machine, operation, [action], 1, ops=ops.get(action, faults.DISK))


CRASHES = {"lmtp_one": None, "append_four": None, "move": "prepare_change", "copy": "prepare_change",
           "expunge": "prepare_expunge"}


def crashes(machine, operation, points, before):
    """The power goes at the n-th call, or (`before`) an operation is refused because of that call and the
    power goes then: refused may mean done, and nothing else is in doubt."""
    server = machine(journal=True)
    server.serve()
    session = Session(server)
    session.users = [USER]
    act, prepare = getattr(session, operation), CRASHES[operation]
    if prepare:
        getattr(session, prepare)()
    with server.faults.counting(faults.WRITES) as calls:
        act()
    total = calls()
    for n in range(total) if points is None else [i * total // points for i in range(points)]:
        if prepare:
            getattr(session, prepare)()
        states = {key: set(m.states) for key, m in session.book.messages.items()}
        server.faults.fail(faults.WRITES, errno.EIO if before else faults.CUT, after=n)
        thread = threading.Thread(target=until_lost, args=([], act))
        thread.start()
        if before:
            thread.join(20)
        else:
            end = time.monotonic() + 20
            while not server.faults.page.cut and thread.is_alive() and time.monotonic() < end:
                time.sleep(0.002)
        for key, m in session.book.messages.items():
            if before:
                m.states |= states.get(key, {frozenset()}) | getattr(m, "after", set())
        server.power_cut(f"{operation} {n}")
        thread.join(20)
        assert not thread.is_alive(), "the client hangs"
        server.check()
        server.serve()
        try:
            compare(server, session.book, [USER])
        except AssertionError as e:
            raise AssertionError(f"{operation}, call {n} of {total}: {e}") from e
        session.connect()


@pytest.mark.parametrize("before", [False, True], ids=["cut", "refused-then-cut"])
@pytest.mark.parametrize("operation", ["lmtp_one", "move"])
def test_crash_at_nth_call(machine, operation, before):
    crashes(machine, operation, 3, before)


@pytest.mark.deep
@pytest.mark.parametrize("before", [False, True], ids=["cut", "refused-then-cut"])
@pytest.mark.parametrize("operation", CRASHES)
def test_crash_at_nth_call_deep(machine, operation, before):
    crashes(machine, operation, None, before)
