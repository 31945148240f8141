"""Ctrl-C ends a busy server within a second: nobody who talks, downloads, uploads or waits can hold it.
The shortest of three stops counts, because other work on the machine must not."""
import signal
import time

import pytest

import serving
from wire import Imap, Wire

MESSAGE = b"From: a@b.test\r\nSubject: large\r\n\r\n" + b"a line of some length, again and again\r\n" * 50000


def sanitized(server):
    return b"__asan_" in open(server.program(), "rb").read()


def busy(server):
    """Connections in the middle of everything. They are kept open, and not read."""
    held = []
    lmtp = Wire(server.host, server.ports["LMTP"])
    lmtp.send(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user1@example.test>\r\nDATA\r\n")
    while not (line := lmtp.line()).startswith(b"354"):
        assert line.startswith(b"2"), line
    lmtp.send(MESSAGE + b".\r\n")
    assert (line := lmtp.line()).startswith(b"250"), line
    for n in range(10):
        imap = Imap(server, f"user{n % 2 + 1}@example.test")
        imap.ok("SELECT", "INBOX")
        imap.send([b"i IDLE\r\n", b"f FETCH 1:* BODY.PEEK[]\r\n" * 50, b"a APPEND INBOX {100000}\r\n",
                   b"n NOOP\r\n" * 1000, b"s SEARCH TEXT zebra\r\n" * 20][n % 5])
        held.append(imap)
    for n in range(5):
        smtp = Wire(server.host, server.ports["LMTP"])
        smtp.line()
        smtp.send(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user1@example.test>\r\nDATA\r\nSubject: half\r\n\r\n" + b"x" * 30000)
        held.append(smtp)
        pop3 = Wire(server.host, server.ports["POP3"])
        pop3.line()
        pop3.send(b"USER user2@example.test\r\nPASS wrong\r\n" * 3)
        held.append(pop3)
    held += [Wire(server.host, server.ports[name]) for name in ("IMAPS", "SUBMISSIONS", "POP3S", "SMTP", "METRICS")]
    return held


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_busy_server_stops_within_a_second(sig):
    if serving.inherited():
        pytest.skip("needs a server of its own")
    server = serving.start(2)
    took = []
    try:
        limit = 4 if sanitized(server) else 1
        while len(took) < 3 and (not took or min(took) > limit):
            if took:
                server.serve()
            held = busy(server)
            began = time.monotonic()
            server.end(sig)
            took.append(time.monotonic() - began)
            for one in held:
                one.sock.close()
        log = (server.state / "serve.log").read_text(errors="replace")
        assert "serve.worker_killed" not in log, log[-3000:]
        assert min(took) <= limit, took
    finally:
        server.stop()
