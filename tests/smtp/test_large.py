"""Messages of many megabytes: while one comes in, every other session is answered."""
import threading
import time

import pytest

import serving
from wire import Imap, Smtp, dotted

SIZE = 48_000_000
BOUND = 3.0  # seconds for a NOOP, in a build with sanitizers on a busy machine
LINE = b"%070d\r\n"


@pytest.fixture(scope="module")
def server():
    own = serving.start(2, "--set", "io.loops=3", "--set", "auth.plain_on_loopback=yes")
    yield own
    own.stop()


def large(subject):
    return f"Subject: {subject}\r\n\r\n".encode() + b"".join(LINE % n for n in range(SIZE // 72))


def by_data(client, text):
    assert client.ask("DATA")[0] == 354
    data = dotted(text)
    for at in range(0, len(data), 1 << 20):
        client.send(data[at:at + (1 << 20)])


def by_bdat(client, text):
    for at in range(0, len(text), 3_000_000):  # pipelined; the replies of the chunks come first
        chunk = text[at:at + 3_000_000]
        last = at + len(chunk) == len(text)
        client.send(b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if last else b"") + chunk)
        if not last:
            assert client.reply()[0] == 250


@pytest.mark.parametrize("send", [by_data, by_bdat])
def test_others_are_answered_meanwhile(server, send):
    """The message goes to its temporary file off the loops, which answer as ever. The best of three counts: what
    else the machine does comes and goes, a loop that is held is held each time."""
    waited = []
    while len(waited) < 3 and (not waited or min(waited) >= BOUND):
        waited.append(longest_wait(server, send))
    assert min(waited) < BOUND, waited


def longest_wait(server, send):
    """Seconds that a NOOP took while a message came in, without what the machine was late by itself."""
    text, took, late, over = large(send.__name__), [], [], threading.Event()

    def ask():
        with Imap(server, "user2@example.test") as imap:
            while not over.is_set():
                began = time.monotonic()
                imap.ok("NOOP")
                took.append(time.monotonic() - began)
                began = time.monotonic()
                time.sleep(0.02)
                late.append(time.monotonic() - began - 0.02)

    others = [threading.Thread(target=ask) for _ in range(6)]  # on all loops, most likely
    for t in others:
        t.start()
    try:
        with Smtp(server, "LMTP", timeout=240) as lmtp:
            assert lmtp.ask("MAIL FROM:<a@b.example>")[0] == 250
            assert lmtp.ask("RCPT TO:<user1@example.test>")[0] == 250
            send(lmtp, text)
            assert lmtp.reply()[0] == 250
    finally:
        over.set()
        for t in others:
            t.join()
    assert len(took) > len(others)
    with Imap(server, "user1@example.test") as imap:
        imap.ok("SELECT", "INBOX")
        row, = imap.fetch("*", "(BODY.PEEK[])").values()
        got = row[b"BODY[]"]
    assert got.endswith(text)
    with Imap(server, "user1@example.test") as imap:
        imap.ok("SELECT", "INBOX")
        imap.ok("STORE", "1:*", "+FLAGS.SILENT (\\Deleted)")
        imap.ok("EXPUNGE")
    return max(took) - 2 * max(late)  # a machine that is late for the test's own threads is late for the server's
