"""Fixtures of the IMAP tests: the server of tests/e2e (inside scripts/with-server, or one of its own)
and a `user` without mail for each test."""
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import serving  # noqa: E402
import wire  # noqa: E402

USERS = 120


@pytest.fixture(scope="session")
def server():
    yield from serving.lend(USERS)


numbers = itertools.count(1)


def take_user():
    n = next(numbers)
    if n > USERS:
        pytest.fail("more accounts are needed: raise USERS")
    return f"user{n}@example.test"


@pytest.fixture
def user(server):
    return take_user()


@pytest.fixture
def imap(server, user):
    with wire.Imap(server, user) as connection:
        yield connection


MESSAGE = (b"From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: %s\r\n"
           b"Date: Mon, 02 Jan 2006 15:04:05 +0100\r\nMessage-ID: <%s@example.test>\r\n\r\n%s\r\n")


@pytest.fixture
def append(imap):
    """append("INBOX", "subject", body=b"...", flags="(\\Seen)") on the test's connection."""

    def add(mailbox, subject, body=b"text", flags="()"):
        imap.ok("APPEND", mailbox, flags,
                wire.Literal(MESSAGE % (subject.encode(), subject.encode(), body)))

    return add


@pytest.fixture(scope="module")
def person(server):
    """An account for all tests of a module, which make mailboxes of their own in it."""
    return take_user()


@pytest.fixture(scope="module")
def second_person(server):
    return take_user()


boxes = itertools.count(1)


@pytest.fixture
def client(server, person):
    """A connection of `person`, with the name of a mailbox that is this test's."""
    with wire.Imap(server, person) as connection:
        connection.box = f"Box{next(boxes)}"
        connection.ok("CREATE", connection.box)
        yield connection
