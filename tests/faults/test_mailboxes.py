"""CREATE, RENAME and DELETE of mailboxes with messages and children: the n-th call of each fails, or the
power goes at it. The mailbox is as before or as after, whole, and what was acknowledged stays."""
import errno
import itertools
import threading
import time

import pytest

import faults
from wire import Closed, Imap, Literal
from workload import USERS

MORE_SETTINGS = ("store.checkpoint_interval=1h", "store.maintenance_interval=1d")
USER = USERS[0]
KINDS = ("create", "rename", "delete")


class Tree:
    """What mailboxes there are, and how many messages each has."""

    def __init__(self, server):
        self.server, self.count = server, itertools.count(1)
        self.imap = Imap(server, USER)

    def look(self):
        rows = self.imap.ok("LIST", '""', "T*", "RETURN (STATUS (MESSAGES))")
        out = {}
        for row in rows:
            words = row.text.replace(b'"', b"").replace(b"(", b"").replace(b")", b"").split()
            if words[0] == b"LIST":
                out.setdefault(words[-1].decode(), 0)
            elif words[0] == b"STATUS":
                out[words[1].decode()] = int(words[3])
        return out

    def prepare(self, kind):
        """(command, what is there afterwards if it is done)"""
        n = next(self.count)
        name, other = f"T{n}", f"T{n}new"
        before = self.look()
        if kind == "create":
            return ("CREATE", name), {**before, name: 0}
        if kind == "rename":
            self.imap.ok("CREATE", name)
            self.imap.ok("CREATE", f"{name}/child")
            for box in (name, f"{name}/child"):
                self.imap.ok("APPEND", box, Literal(b"Subject: x\r\n\r\nx\r\n"))
            return ("RENAME", name, other), {**before, other: 1, f"{other}/child": 1}
        self.imap.ok("CREATE", name)
        self.imap.ok("APPEND", name, Literal(b"Subject: x\r\n\r\nx\r\n"))
        return ("DELETE", name), before

    def calls(self, kind, ops):
        for _ in range(2):
            command, _ = self.prepare(kind)
            with self.server.faults.counting(ops) as calls:
                self.imap.ok(*command)
        return calls()


def failing(machine, kind, actions, step):
    server = machine()
    server.serve()
    pids = server.pids()
    tree = Tree(server)
    fired = 0
    total = tree.calls(kind, faults.DISK)
    for action in actions:
        for n in range(0, total + 1, step):
            command, after = tree.prepare(kind)
            before = tree.look()
            server.faults.fail(faults.DISK, action, after=n)
            told = tree.imap.run(*command)[1]
            fired += server.faults.fired()
            server.faults.clear()
            assert told[:2] in (b"OK", b"NO"), told
            want = after if told.startswith(b"OK") else before
            assert tree.look() == want, f"{kind}, call {n} of {total}: {told}"
            if told.startswith(b"NO"):
                tree.imap.ok(*command)
                assert tree.look() == after
    assert fired, "nothing has failed"
    assert server.pids() == pids, "the server was restarted"
    after = tree.look()
    tree.imap.close()
    server.end()
    server.check()
    server.serve()
    tree.imap = Imap(server, USER)
    assert tree.look() == after
    tree.imap.close()


def cutting(machine, kind, points):
    server = machine(journal=True)
    server.serve()
    tree = Tree(server)
    total = tree.calls(kind, faults.WRITES)
    for n in range(total + 1) if points is None else [i * total // points for i in range(points)]:
        command, after = tree.prepare(kind)
        before, told = tree.look(), []

        def run(imap=tree.imap, command=command, told=told):
            try:
                told.append(imap.run(*command)[1])
            except (Closed, OSError):
                pass

        server.faults.fail(faults.WRITES, faults.CUT, after=n)
        thread = threading.Thread(target=run)
        thread.start()
        end = time.monotonic() + 20
        while not server.faults.page.cut and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.002)
        server.power_cut(f"{kind} {n}")
        thread.join(20)
        assert not thread.is_alive(), "the client hangs"
        server.check()
        server.serve()
        tree.imap = Imap(server, USER)
        seen = tree.look()
        assert seen in ([after] if told and told[0].startswith(b"OK") else [before, after]), \
            f"{kind}, call {n} of {total}: {told}"
    tree.imap.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nth_call(machine, kind):
    failing(machine, kind, [errno.EIO], 3)


@pytest.mark.parametrize("kind", KINDS)
def test_power_cut(machine, kind):
    cutting(machine, kind, 2)


@pytest.mark.deep
@pytest.mark.parametrize("kind", KINDS)
def test_nth_call_deep(machine, kind):
    failing(machine, kind, [errno.EIO, errno.ENOSPC, errno.EMFILE], 1)


@pytest.mark.deep
@pytest.mark.parametrize("kind", KINDS)
def test_power_cut_deep(machine, kind):
    cutting(machine, kind, None)
