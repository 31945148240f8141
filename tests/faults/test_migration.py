"""The tables of a store of an older release are brought up to date at the start: the power goes at the
n-th call of that, or the call fails. The next start goes on, and all mail is there."""
import errno
import sqlite3
import time

import pytest

import faults
from workload import USERS, Book, append, compare, make_boxes
from wire import Imap

MORE_SETTINGS = ("store.compress=no",)  # rows as they were: the older tables know no others
OLDER = ("ALTER TABLE outbox_recipient DROP COLUMN named", "DROP TABLE script", "DROP TABLE memory", "DROP TABLE pack_tail", "ALTER TABLE message DROP COLUMN parts",
         "ALTER TABLE message DROP COLUMN prefix_n",
         "ALTER TABLE message ADD COLUMN body BLOB NOT NULL DEFAULT x'2829'",
         "DELETE FROM migration WHERE module = 'store' AND version > 1")


def older(server):
    """The shards as the first release left them."""
    for path in sorted(server.state.glob("shards/*.db")):
        db = sqlite3.connect(path)
        for sql in OLDER:
            db.execute(sql)
        db.commit()
        db.close()
    if server.disk:
        server.disk = faults.Disk(server.state)
        server.journal.unlink(missing_ok=True)
        server.faults.page.seq = 0


def versions(server):
    out = set()
    for path in sorted(server.state.glob("shards/*.db")):
        db = sqlite3.connect(path)
        out.add(db.execute("SELECT MAX(version) FROM migration WHERE module = 'store'").fetchone()[0])
        db.close()
    return out


def filled(machine, **more):
    server, book = machine(**more), Book(6)
    server.serve()
    make_boxes(server)
    for user in USERS:
        with Imap(server, user) as imap:
            append(imap, book, user, 3, box="Kept")
    server.end()
    return server, book


def started(server, book, newest):
    server.serve()
    compare(server, book)
    server.end()
    server.check()
    assert versions(server) == newest


def migrating(machine, points, cut):
    server, book = filled(machine, journal=cut)
    newest = versions(server)
    older(server)
    assert versions(server) == {1}
    with server.faults.counting(faults.WRITES, ".db") as calls:
        server.serve()
    total = calls()
    server.end()
    assert total > 10
    for i in range(points):
        older(server)
        server.faults.fail(faults.WRITES, faults.CUT if cut else errno.EIO, after=i * total // points, match=".db")
        server.spawn()
        end = time.monotonic() + 30
        while not server.faults.fired() and server.running() and time.monotonic() < end:
            time.sleep(0.005)
        if cut:
            server.power_cut(i)
        else:
            time.sleep(0.2)
            server.faults.clear()
            server.kill()
        started(server, book, newest)


@pytest.mark.parametrize("cut", [False, True], ids=["fails", "cut"])
def test_migration(machine, cut):
    migrating(machine, 3, cut)


@pytest.mark.deep
@pytest.mark.parametrize("cut", [False, True], ids=["fails", "cut"])
def test_migration_deep(machine, cut):
    migrating(machine, 40, cut)
