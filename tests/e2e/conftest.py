"""Fixtures of the whole-path tests: a `server` for the tests of one file, and a `user` of it that no
other test has."""
import itertools

import pytest

import serving
import wire

NAMED = 12  # user1 to user12 are for those that tests name
USERS = 18  # a module that needs more says so with USERS of its own


@pytest.fixture(scope="module")
def server(request):
    yield from serving.lend(getattr(request.module, "USERS", USERS))


numbers = {}


@pytest.fixture
def user(server):
    """An account without mail."""
    count = numbers.setdefault(server.pid, itertools.count(NAMED + 1))
    return f"user{next(count)}@example.test"


class Health:
    """The server as it was before hostile input, to compare with afterwards."""

    def __init__(self, server):
        self.server = server
        self.pids = server.pids()
        self.memory = server.memory()
        maps = open(f"/proc/{server.pid}/maps").read()
        self.allowed = 1 << 20 if "libasan" in maps else 150 << 10  # KiB; ASan keeps what is freed

    def check(self):
        with wire.Imap(self.server) as imap:
            assert imap.run("NOOP")[1].startswith(b"OK")
        if self.server.peer == "carbonado":
            assert self.server.pids() == self.pids, "a process has ended and begun again"
        grown = self.server.memory() - self.memory
        assert grown < self.allowed, f"memory has grown by {grown} KiB"


@pytest.fixture(scope="module")
def health(server):
    return Health(server)


@pytest.fixture
def unharmed(health):
    """After the test the server answers, no process was restarted, and memory has not exploded."""
    yield
    health.check()
