"""What SORT and THREAD may take (RFC 5256), and what a long search says (RFC 9585), on a server with small
limits; and UNAUTHENTICATE where it is not wanted (RFC 8437 8)."""
import re
import time

import pytest
import serving
import wire
from wire import Literal, Refused

USER = "user1@example.test"


@pytest.fixture(scope="module")
def server():
    own = serving.start(1, "--set", "imap.sort_memory=1M", "--set", "imap.progress_interval=1ms",
                        "--set", "imap.unauthenticate=no")
    yield own
    own.stop()


@pytest.fixture(scope="module")
def full(server):
    """1,200 messages with long subjects and long references."""
    with wire.Imap(server, USER) as imap:
        imap.ok("CREATE", "Full")
        for first in range(0, 1200, 100):
            imap.ok("APPEND", "Full", *(Literal(
                b"Subject: %d %s\r\nMessage-ID: <%d@x>\r\nReferences: %s\r\n\r\nx\r\n" % (
                    n, b"s" * 950, n, b" ".join(b"<%d.%d@%s>" % (n, k, b"y" * 60) for k in range(10))))
                for n in range(first, first + 100)))


@pytest.fixture
def imap(server, full):
    with wire.Imap(server, USER) as connection:
        connection.ok("SELECT", "Full")
        yield connection


@pytest.mark.parametrize("line", ["SORT (SUBJECT) UTF-8 ALL", "UID SORT RETURN (COUNT) (SUBJECT) UTF-8 ALL",
                                  "THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
                                  "THREAD REFS UTF-8 ALL"])
def test_more_than_its_share(imap, line):
    with pytest.raises(Refused) as e:
        imap.ok(line)
    assert e.value.args[0].startswith(b"NO [LIMIT]"), e.value
    # What fits is done, on the same connection.
    assert imap.ok(line.replace("ALL", "1:100"))
    imap.ok("SORT (ARRIVAL SIZE) UTF-8 ALL")


def test_a_refused_sort_saves_nothing(imap):
    imap.ok("SEARCH RETURN (SAVE) 1:3")
    with pytest.raises(Refused):
        imap.ok("SORT RETURN (SAVE) (SUBJECT) UTF-8 ALL")
    assert imap.fetch("$", "UID") == {}


def test_a_long_search_tells_how_far_it_is(imap):
    keys = " ".join(f"NOT TEXT n{n}" for n in range(60))
    began = time.monotonic()
    tag = imap.start("SEARCH " + keys)
    got, text = imap.finish(tag)
    took = time.monotonic() - began
    assert text.startswith(b"OK"), text
    told = [re.fullmatch(rb'OK \[INPROGRESS \("' + tag + rb'" (\d+) 1200\)\] .*', r.text) for r in got
            if b"INPROGRESS" in r.text]
    assert all(told)
    steps = [int(m[1]) for m in told]
    assert steps == sorted(steps) and all(n < 1200 for n in steps)
    assert steps or took < 2  # a step takes 200 ms at most


def test_unauthenticate_is_off(imap):
    assert b"UNAUTHENTICATE" not in imap.ok("CAPABILITY")[0].text
    with pytest.raises(Refused) as e:
        imap.ok("UNAUTHENTICATE")
    assert e.value.args[0].startswith(b"BAD")
    assert imap.fetch("1", "UID")
