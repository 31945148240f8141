"""Many sessions change one mailbox at random. What each of them believes afterwards, from nothing but
what it was told, is what the server has: uids, flags and, with CONDSTORE or QRESYNC, mod-sequences."""
import threading
import time

import pytest

import serving
from replica import KINDS, SIDE, Replica, truth
from wire import Imap, Literal

USER = "user1@example.test"


@pytest.fixture(scope="module")
def crowd():
    """A server on which an account may have many connections."""
    server = serving.start(1, "--set", "imap.user_connections=1000", "--set", "io.loops=2")
    with Imap(server, USER) as imap:
        imap.ok("CREATE", SIDE)
        for n in range(40):
            imap.ok("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\nx\r\n" % n))
    yield server
    server.stop()


def explain(replica, why):
    lines = b"\n".join(replica.told).decode("latin-1")
    return f"{replica.kind}: {why}\n{lines[-12000:]}"


class Client(threading.Thread):
    def __init__(self, server, kind, seed):
        super().__init__(daemon=True)
        self.replica = Replica(server, USER, kind, seed)
        self.over = False
        self.failure = None

    def run(self):
        try:
            while not self.over:
                self.replica.act()
        except Exception as e:  # pylint: disable=broad-except
            self.failure = explain(self.replica, f"{type(e).__name__}: {e}")


def counted(clients):
    """Of all; they go on meanwhile, so that each is copied in one step."""
    kind = type(clients[0].replica.done)
    return sum((kind(dict(client.replica.done)) for client in clients), start=kind())


def storm(server, sessions, seconds, seed, enough):
    """For so many seconds, and until that is done which makes it worth something."""
    pid, start = server.pids(), time.monotonic()
    clients = [Client(server, KINDS[n % len(KINDS)], seed * 1000 + n) for n in range(sessions)]
    for client in clients:
        client.start()
    time.sleep(seconds)
    serving.wait_for(lambda: enough(counted(clients)) or any(client.failure for client in clients))
    for client in clients:
        client.over = True
    for client in clients:
        client.join(180)
        assert not client.is_alive(), explain(client.replica, "it hangs")
    for client in clients:
        assert client.failure is None, client.failure
    assert server.pids() == pid, "the worker has died"
    views = [(client.replica, client.replica.finish()) for client in clients]
    rows = truth(server, USER)
    for replica, view in views:
        wanted = [(uid, flags, modseq if replica.modseqs else None) for uid, flags, modseq in rows]
        wrong = [(a, b) for a, b in zip(view, wanted) if a != b][:5]
        assert [v[0] for v in view] == [w[0] for w in wanted], explain(replica, "other messages")
        assert not wrong, explain(replica, f"believed and true: {wrong}")
        replica.imap.close()
    done = counted(clients)
    print(f"{sessions} sessions, {time.monotonic() - start:.1f} s: {dict(done)}")


def test_views_are_the_same(crowd):
    storm(crowd, 20, 5, 1, lambda done: min(done[k] for k in ("append", "store", "copy", "move", "idle", "noop")) > 0)


@pytest.mark.deep
@pytest.mark.parametrize("seed", [2, 3])
def test_views_are_the_same_deep(crowd, seed):
    storm(crowd, 200, 60, seed, lambda done: done["store"] > 200)
