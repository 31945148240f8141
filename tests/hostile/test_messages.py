"""Hostile messages, all the way: LMTP takes each or refuses it with a permanent error, and then ENVELOPE,
BODYSTRUCTURE, parts, SEARCH and POP3 answer well-formed, the bytes are those that came, and nobody else
waits. `make check` sends a twentieth of each size, --deep the whole."""
import re

import pytest

import harness
import messages
from harness import VICTIM, Imap, Pop3, Smtp
from wire import parse

SMALL = messages.all_messages(0.05)
ITEMS = "(UID RFC822.SIZE INTERNALDATE ENVELOPE BODY BODYSTRUCTURE)"
PARTS = ("BODY.PEEK[HEADER.FIELDS (SUBJECT FROM CC)]", "BODY.PEEK[1]", "BODY.PEEK[1.MIME]", "BODY.PEEK[1.1.1.1.1.1]",
         "BODY.PEEK[99999]", "BODY.PEEK[2.HEADER]", "BODY.PEEK[]<0.10>", "BODY.PEEK[]<1000000.10>")


@pytest.fixture(scope="module")
def server():
    own = harness.start(3, "imap.memory_max=64M")
    yield own
    own.stop()


@pytest.fixture(scope="module")
def watch(server):
    with harness.Watch(server) as w:
        yield w


def deliver(server, message):
    with Smtp(server, "LMTP", timeout=120) as lmtp:
        reply = lmtp.deliver("a@example.org", [VICTIM], message)[0]
        assert lmtp.ask("NOOP")[0] == 250
        return reply


def well_formed(response):
    """The s-expression of a FETCH response, or an AssertionError."""
    m = re.match(rb"\d+ FETCH ", response.text)
    return parse(response.text[m.end():], response.literals)[0] if m else None


def read_everything(server, message):
    with Imap(server, VICTIM, timeout=120) as imap:
        imap.ok("SELECT", "INBOX")
        last = max(imap.fetch("*", "(UID)"))
        row = imap.fetch(str(last), ITEMS)[last]
        assert len(row[b"ENVELOPE"]) == 10, row[b"ENVELOPE"]
        for item in PARTS:
            untagged, text = imap.run("UID FETCH", str(last), item)
            assert text.startswith((b"OK", b"NO")), text
            for response in untagged:
                well_formed(response)
        assert imap.run("UID FETCH", str(last), "BINARY.PEEK[1]")[1].startswith((b"OK", b"NO"))
        whole = imap.fetch(str(last), "(UID BODY.PEEK[])")[last][b"BODY[]"]
        assert whole.endswith(message), "the bytes have changed"
        assert int(row[b"RFC822.SIZE"]) == len(whole)
        for key in ("TEXT zzz", "SUBJECT zzz", "FROM zzz", "BODY zzz", "SENTSINCE 1-Jan-2000", "HEADER X-1 y"):
            imap.ok("UID SEARCH", "UID", str(last), key)
    with Pop3(server, VICTIM, timeout=120) as pop3:  # UTF-8 in its headers comes in another form
        n = int(pop3.ok("STAT").split()[1])
        answer = pop3.ask(f"RETR {n}")
        assert answer.startswith((b"+OK ", b"-ERR [UTF8] ")), answer
        if answer.startswith(b"+OK "):
            pop3.lines()
        pop3.ok("QUIT")
    with Pop3(server, timeout=120) as pop3:
        pop3.ok("UTF8")
        pop3.ok(f"USER {VICTIM}")
        pop3.ok("PASS pass")
        assert pop3.retr(n) == whole
        pop3.ok(f"TOP {n} 3")
        assert whole.startswith(pop3.lines()[:-40])
        pop3.ok(f"DELE {n}")
        pop3.ok("QUIT")


def taken_or_refused(server, watch, message, big):
    reply = deliver(server, message)
    if big and reply[0] != 250:
        assert reply[0] in (552, 554), reply
    else:
        assert reply[0] == 250, reply
        read_everything(server, message)
    watch.lives()


@pytest.mark.parametrize("kind,name,message", SMALL, ids=[f"{k}-{n}" for k, n, _ in SMALL])
def test_message(server, watch, kind, name, message):
    del kind, name
    taken_or_refused(server, watch, message, big=False)


@pytest.mark.deep
@pytest.mark.parametrize("index", range(len(SMALL)), ids=[f"{k}-{n}" for k, n, _ in SMALL])
def test_message_deep(server, watch, index):
    taken_or_refused(server, watch, messages.all_messages(1)[index][2], big=True)


def flood(server, head, line, count):
    """DATA of count lines; the reply, after all is sent or when the server has had enough."""
    with Smtp(server, "LMTP", timeout=120) as lmtp:
        lmtp.ask("MAIL FROM:<a@example.org>")
        lmtp.ask(f"RCPT TO:<{VICTIM}>")
        assert lmtp.ask("DATA")[0] == 354
        if not harness.push(lmtp.sock, head):
            return 0
        block = line * 1000
        for _ in range(count // 1000):
            if not harness.push(lmtp.sock, block):
                break
        harness.push(lmtp.sock, b"\r\n\r\n.\r\n")
        try:
            return lmtp.reply()[0]
        except harness.Closed:
            return 0


@pytest.mark.parametrize("megabytes", [8, pytest.param(100, marks=pytest.mark.deep)])
def test_a_header_without_end(server, watch, megabytes):
    """Over smtp.header_max: read to its end and refused; nothing of it is kept."""
    code = flood(server, messages.HEAD, b"X-Filler: " + b"x" * 988 + b"\r\n", megabytes * 1000)
    assert code in (552, 554), code
    code = flood(server, b"X: ", b"x" * 1000, megabytes * 1000)
    assert code in (552, 554), code
    with Imap(server, VICTIM) as imap:
        assert any(re.match(rb"STATUS .*MESSAGES 0", r.text) for r in imap.ok("STATUS", "INBOX", "(MESSAGES)"))
    watch.lives()
