"""Sections of parts: only what they need is read, in whatever pieces the client takes it."""
import base64
import os
import pathlib
import time

from wire import Literal


def bytes_read(server):
    """What the server's processes have read from files so far."""
    return sum(int(pathlib.Path(f"/proc/{pid}/io").read_text().split("rchar:")[1].split()[0])
               for pid in server.pids())


def two_parts(raw):
    encoded = base64.encodebytes(raw).replace(b"\n", b"\r\n")
    quoted = b"a=3Db=\r\n c\r\n" * 40000
    return encoded, quoted, (
        b"Subject: two\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
        encoded + b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nX-Y: z\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted + b"\r\n--b--\r\n")


def test_a_part_is_read_without_the_rest(server, imap):
    raw = os.urandom(12 << 20)
    encoded, quoted, data = two_parts(raw)
    imap.ok("APPEND", "INBOX", Literal(data))
    imap.ok("SELECT", "INBOX")
    imap.fetch("1", "(BODY.PEEK[HEADER])")
    before = bytes_read(server)
    row = imap.fetch("1", "(BODY.PEEK[2]<0.1000> BODY.PEEK[2.MIME] BODY.PEEK[2.HEADER.FIELDS (X-Y)] "
                     "BODY.PEEK[2.1]<1000.100> BODY.PEEK[1]<8000000.10> BODY.PEEK[3])")[1]
    read = bytes_read(server) - before
    assert row[b"BODY[2]<0>"].startswith(b"Subject: inner\r\nX-Y: z\r\n")
    assert len(row[b"BODY[2]<0>"]) == 1000
    assert row[b"BODY[2.MIME]"] == b"Content-Type: message/rfc822\r\n\r\n"
    assert row[b"BODY[2.HEADER.FIELDS (X-Y)]"] == b"X-Y: z\r\n\r\n"
    assert row[b"BODY[2.1]<1000>"] == quoted[1000:1100]
    assert row[b"BODY[1]<8000000>"] == encoded[8000000:8000010]
    assert row[b"BODY[3]"] is None
    assert read < 1 << 20, f"{read} bytes were read for sections of 1,300"


def test_binary_of_large_parts(server, imap):
    raw = os.urandom(3 << 20)
    encoded, quoted, data = two_parts(raw)
    plain = b"a=b c\r\n" * 40000
    imap.ok("APPEND", "INBOX", Literal(data))
    imap.ok("SELECT", "INBOX")
    row = imap.fetch("1", "(BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[2.1] BINARY.PEEK[1]<1000000.50000> "
                     "BINARY.PEEK[2.1]<7.7> BINARY.PEEK[1]<9999999.5> UID)")[1]
    assert int(row[b"BINARY.SIZE[1]"]) == len(raw)
    assert int(row[b"BINARY.SIZE[2.1]"]) == len(plain)
    assert row[b"BINARY[1]<1000000>"] == raw[1000000:1050000]
    assert row[b"BINARY[2.1]<7>"] == b"a=b c\r\n"
    assert row[b"BINARY[1]<9999999>"] == b""
    # and to somebody who reads slowly
    imap.send(b"x FETCH 1 (BINARY.PEEK[1] BINARY.PEEK[2.1] BODY.PEEK[2.1])\r\n")
    time.sleep(0.3)
    got = b""
    while not got.endswith(b"x OK Completed\r\n"):
        got += imap.sock.recv(50000)
    assert raw in got and plain in got and quoted in got


def test_nul_in_one_part(server, imap):
    data = (b"Subject: nul\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n"
            b"Content-Transfer-Encoding: binary\r\n\r\nt\0o\r\n--b--\r\n")
    imap.ok("APPEND", "INBOX", Literal(data))
    imap.ok("SELECT", "INBOX")
    rows, status = imap.run("FETCH", "1", "(BODY.PEEK[1] BODY.PEEK[2])")
    assert status.startswith(b"NO [UNKNOWN-CTE]")
    assert rows[0].literals == [b"one"] and b"BODY[2] NIL" in rows[0].text
    rows, status = imap.run("FETCH", "1", "(BODY.PEEK[1] BINARY.PEEK[2])")
    assert status.startswith(b"OK")
    assert rows[0].literals == [b"one", b"t\0o"]
