"""Compaction whose calls fail, and that a crash ends: at any moment one of the two packs is the true
one."""
import errno
import time

import pytest

import faults
from wire import Imap
from workload import USERS, Book, Reader, append, compare, expunged, make_boxes, numbers

MORE_SETTINGS = ("store.retention=0", "store.compact_share=1", "store.maintenance_interval=1s",
                 "store.checkpoint_interval=1h")
USER = USERS[0]


class Halved:
    """An account half of whose mail is expunged, so that its pack will be compacted. The pack of a shard
    is sealed by making a batch fail."""

    def __init__(self, server, rest=10):
        self.server, self.book = server, Book(9)
        server.serve()
        make_boxes(server, [USER])
        self.more(rest)

    def more(self, rest=10):
        server = self.server
        with Imap(server, USER) as imap:
            for _ in range(10 + rest):
                append(imap, self.book, USER, box="Kept")
            server.faults.fail(faults.SYNC, match="-wal")
            append(imap, self.book, USER, box="Kept")
            server.faults.clear()
            append(imap, self.book, USER, box="Kept")
            reader = Reader(imap, self.book, USER)
            reader.select("Kept")
            rows = reader.rows()
            uids = sorted(rows)[:len(rows) - rest]
            imap.ok("UID STORE", numbers(uids), "+FLAGS.SILENT", "(\\Deleted)")
            names = [rows[u][0] for u in uids]
            self.expunge = lambda: reader.change(names, expunged("Kept"), "UID EXPUNGE", numbers(uids))
            self.expunge()

    def sealed(self):
        """The pack that is to be compacted. Of the two shards one has the account; its second pack has one message."""
        return max(self.server.state.glob("packs/*/*.pack"), key=lambda pack: pack.stat().st_size)


def until(what, seconds=120):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_commit_of_unknown_outcome(machine):
    """The commit that moves the rows fails in its sync, but its frames stay in the log; the server is
    killed before another commit. The next start finds them: what they say must be true."""
    server = machine()
    halved = Halved(server)
    # The first pack that is opened is the one to be copied; the next commit moves the rows.
    server.faults.fail(faults.OPEN, faults.PASS, match=".pack", slot=2)
    server.faults.fail(faults.SYNC, errno.EIO, match="-wal", slot=0, behind=2)
    server.faults.fail(faults.WRITE, faults.KILL, match="-wal", slot=1, behind=0)
    server.faults.low()
    assert until(lambda: server.faults.page.rules[1].fired), "compaction did not come\n" + server.said()[-2000:]
    server.faults.clear()
    server.wait_ready()
    compare(server, halved.book, [USER])
    server.end()
    server.check()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.deep), pytest.param(3, marks=pytest.mark.deep)])
def test_faults(machine, seed):
    """Calls fail for some rounds; later the work is done, and nobody noticed."""
    server = machine()
    halved = Halved(server)
    oldest = halved.sealed()
    server.faults.fail(faults.OPEN, faults.PASS, match=".pack", slot=2)
    server.faults.fail(faults.DISK, errno.EIO, times=faults.FOREVER, chance=0.1, seed=seed, slot=0, behind=2)
    server.faults.low()
    assert until(lambda: server.faults.page.rules[0].fired), "compaction did not come\n" + server.said()[-2000:]
    time.sleep(0.2)
    compare_after_clear(server, halved)
    server.faults.low()
    assert until(lambda: not oldest.exists()), "the old pack is still there"
    compare_after_clear(server, halved)
    server.end()
    server.check()
    server.serve()
    compare(server, halved.book, [USER])


def compare_after_clear(server, halved):
    server.faults.clear()
    compare(server, halved.book, [USER])


def cut_at(machine, n, nothing_left):
    """The power goes at the n-th call of compaction that writes; all is there, and the next rounds finish."""
    server = machine(journal=True)
    halved = Halved(server, 0 if nothing_left else 4)
    oldest = halved.sealed()
    server.faults.fail(faults.OPEN, faults.PASS, match=".pack", slot=2)
    server.faults.fail(faults.WRITES, faults.CUT, after=n, slot=0, behind=2)
    server.faults.low()
    if not until(lambda: server.faults.page.cut or not oldest.exists()):
        raise AssertionError("compaction did not come\n" + server.said()[-2000:])
    server.power_cut(n)
    server.check()
    server.serve()
    compare(server, halved.book, [USER])
    server.faults.low()
    assert until(lambda: not oldest.exists()), "the old pack is still there"
    server.faults.clear()
    compare(server, halved.book, [USER])
    server.end()
    server.check()


@pytest.mark.parametrize("n", [4])
def test_cut(machine, n):
    cut_at(machine, n, False)


@pytest.mark.deep
@pytest.mark.parametrize("nothing_left", [False, True], ids=["some", "none"])
@pytest.mark.parametrize("n", range(0, 24, 2))
def test_cut_deep(machine, n, nothing_left):
    cut_at(machine, n, nothing_left)
