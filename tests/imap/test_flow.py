"""Large and many: literals that go to a file, answers that go out in steps, pipelines, COMPRESS, views
of several sessions."""
import os
import time
import zlib

import serving
from wire import Imap, Literal


def test_a_large_message_in_and_out(server, imap):
    body = b"".join(b"%07d abcdefghijklmnopqrstuvwxyz\r\n" % n for n in range(150000))
    data = b"Subject: large\r\n\r\n" + body
    imap.ok("APPEND", "INBOX", Literal(data))
    imap.ok("SELECT", "INBOX")
    row = imap.fetch("1", "(RFC822.SIZE BODY.PEEK[])")[1]
    assert int(row[b"RFC822.SIZE"]) == len(data)
    assert row[b"BODY[]"] == data
    row = imap.fetch("1", "(BODY.PEEK[HEADER] BODY.PEEK[TEXT]<1000000.300000> FLAGS)")[1]
    assert row[b"BODY[TEXT]<1000000>"] == body[1000000:1300000]
    assert row[b"BODY[HEADER]"] == b"Subject: large\r\n\r\n"
    assert imap.ok("SEARCH", "BODY", '"0149999 ABC"')[0].text == b"SEARCH 1"


def test_a_slow_reader_gets_all(server, imap, user):
    data = b"Subject: s\r\n\r\n" + os.urandom(600000).hex().encode() + b"\r\n"
    for _ in range(3):
        imap.ok("APPEND", "INBOX", Literal(data))
    imap.ok("SELECT", "INBOX")
    imap.send(b"x FETCH 1:3 (BODY.PEEK[] UID)\r\n")
    time.sleep(0.5)
    got = b""
    while not got.endswith(b"x OK Completed\r\n"):
        got += imap.sock.recv(20000)
    assert got.count(data) == 3


def test_thousands_of_messages(server, imap, user):
    for _ in range(10):
        imap.ok("APPEND", "INBOX", *[Literal(b"Subject: n\r\n\r\nx\r\n")] * 100)
    imap.ok("SELECT", "INBOX")
    for _ in range(3):
        imap.ok("COPY", "1:*", "INBOX")
    rows = imap.ok("FETCH", "1:*", "(UID FLAGS ENVELOPE BODYSTRUCTURE INTERNALDATE)")
    assert len(rows) == 8000
    assert rows[-1].text.startswith(b"8000 FETCH (FLAGS")
    with Imap(server, user) as other:
        other.ok("SELECT", "INBOX")
        other.ok("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
        told = imap.ok("NOOP")
        assert len(told) == 8000 and b"\\Deleted" in told[0].text
        assert len(other.ok("EXPUNGE")) == 8000
        gone = imap.ok("NOOP")
        assert len(gone) == 8000
    assert imap.ok("STATUS", "INBOX", "(MESSAGES)")[0].text == b"STATUS INBOX (MESSAGES 0)"
    assert imap.ok("SEARCH", "ALL")[0].text == b"SEARCH"


def test_pipelined_writes_keep_their_order(imap):
    tags = [imap.start("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\n\r\n" % n)) for n in range(60)]
    for n, tag in enumerate(tags):
        _, text = imap.finish(tag)
        assert text.startswith(b"OK [APPENDUID ") and text.split()[3] == b"%d]" % (n + 1), text
    imap.ok("SELECT", "INBOX")
    tags = [imap.start("STORE", "1", "FLAGS", f"(k{n})") for n in range(20)]
    for tag in tags:
        assert imap.finish(tag)[1].startswith(b"OK")
    assert b"(k19 " in imap.ok("FETCH", "1", "FLAGS")[0].text + b" "


class Deflated:
    """A socket with RFC 4978 on it."""

    def __init__(self, sock):
        self.sock = sock
        self.out = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.into = zlib.decompressobj(-15)

    def sendall(self, data):
        self.sock.sendall(self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH))

    def recv(self, n):
        while True:
            got = self.sock.recv(n)
            if not got:
                return b""
            plain = self.into.decompress(got)
            if plain:
                return plain

    def close(self):
        self.sock.close()


def test_a_long_list(server, imap, user):
    """More names than one step writes, to somebody who waits with reading; subscriptions without a
    mailbox at the end."""
    names = [b"many/%04d-%s" % (n, b"x" * 80) for n in range(1200)]
    imap.sock.sendall(b"".join(b"c%d CREATE %s\r\n" % (n, name) for n, name in enumerate(names)))
    for n in range(len(names)):
        assert imap.finish(b"c%d" % n)[1].startswith(b"OK")
    for name in ("none/of/these", "none/of/those"):
        imap.ok("CREATE", name)
        imap.ok("SUBSCRIBE", name)
        imap.ok("DELETE", name)
    for name in ("none/of", "none"):
        imap.ok("DELETE", name)
    imap.ok("SUBSCRIBE", names[700].decode())
    imap.send(b'x LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT) SUBSCRIBED)\r\n')
    time.sleep(0.5)
    rows = [row.text for row in imap.finish(b"x")[0]]
    assert [row.split(b'"/" ')[1] for row in rows if row.startswith(b"LIST") and b"many/" in row] == names
    assert sum(row.startswith(b"STATUS many/") for row in rows) == len(names)
    assert [row for row in rows if b"\\Subscribed" in row and b"many/" in row] == [
        b'LIST (\\HasNoChildren \\Subscribed) "/" ' + names[700]]
    rows = [row.text for row in imap.ok("LIST", "(SUBSCRIBED RECURSIVEMATCH)", '""', "(many none none/%)")]
    assert rows == [b'LIST (\\HasChildren) "/" many ("CHILDINFO" ("SUBSCRIBED"))',
                    b'LIST (\\NonExistent) "/" none ("CHILDINFO" ("SUBSCRIBED"))',
                    b'LIST (\\NonExistent) "/" none/of ("CHILDINFO" ("SUBSCRIBED"))']
    assert [row.text for row in imap.ok("LSUB", '""', "none/%")] == [b'LSUB (\\Noselect) "/" none/of']
    below = [row.text for row in imap.ok("LSUB", '""', "*")]
    assert sum(b"none/" in row or b"many/" in row for row in below) == 3


def test_compress(server, user):
    with Imap(server, user) as imap:
        assert imap.run("COMPRESS", "GZIP")[1].startswith(b"BAD")
        imap.ok("COMPRESS", "DEFLATE")
        imap.sock = Deflated(imap.sock)
        imap.ok("NOOP")
        assert b"COMPRESS=DEFLATE" not in imap.ok("CAPABILITY")[0].text
        assert imap.run("COMPRESS", "DEFLATE")[1].startswith(b"NO [COMPRESSIONACTIVE]")
        data = b"Subject: z\r\n\r\n" + b"0123456789abcdef\r\n" * 20000
        imap.ok("APPEND", "INBOX", Literal(data))
        imap.ok("SELECT", "INBOX")
        assert imap.fetch("1", "(BODY.PEEK[])")[1][b"BODY[]"] == data


def test_compress_after_tls(server, user):
    with Imap(server, user, tls=True) as imap:
        imap.ok("COMPRESS", "DEFLATE")
        imap.sock = Deflated(imap.sock)
        imap.ok("SELECT", "INBOX")


def test_idle_tells_of_mail_at_once(server, imap, user):
    imap.ok("SELECT", "INBOX")
    tag = imap.start("IDLE")
    assert imap.line().startswith(b"+")
    with Imap(server, user) as other:
        for n in range(1, 6):
            other.ok("APPEND", "INBOX", Literal(b"Subject: i\r\n\r\nx\r\n"))
            imap.sock.settimeout(60)
            assert imap.line() == b"* %d EXISTS" % n
            assert imap.line().endswith(b"RECENT")
    imap.send(b"DONE\r\n")
    assert imap.finish(tag)[1].startswith(b"OK")


def test_connections_of_one_account_are_limited(server, user):
    """imap.user_connections is 50."""
    open_ones = []
    try:
        for _ in range(50):
            open_ones.append(Imap(server, user))
        with Imap(server) as one_more:
            assert one_more.run("LOGIN", user, "pass")[1].startswith(b"NO [LIMIT]")
        open_ones.pop().close()

        def again():
            with Imap(server) as imap:
                return imap.run("LOGIN", user, "pass")[1].startswith(b"OK")

        serving.wait_for(again)
    finally:
        for c in open_ones:
            c.close()
