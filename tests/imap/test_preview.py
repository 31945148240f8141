"""FETCH PREVIEW (RFC 8970), and a message that is encoded (RFC 6532 3.5)."""
import base64

from wire import Literal

HTML = (b"Subject: html\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n"
        b"<p>Gr\xfc\xdfe &amp; <b>more</b></p>\r\n")
PICTURE = b"Subject: picture\r\nContent-Type: image/png\r\n\r\nx\r\n"
LONG = b"Subject: long\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "\u20ac".encode() * 400 + b"\r\n"


def test_preview(server, imap):
    assert b" PREVIEW" in imap.ok("CAPABILITY")[0].text
    for message in (b"Subject: s\r\n\r\n> quoted\r\nHello\r\n  you\r\n", HTML, PICTURE, LONG):
        imap.ok("APPEND", "INBOX", Literal(message))
    imap.ok("SELECT", "INBOX")
    rows = imap.fetch("1:4", "(PREVIEW (LAZY) UID FLAGS)")
    assert rows[1][b"PREVIEW"] == b"Hello you"
    assert rows[2][b"PREVIEW"] == "Gr\u00fc\u00dfe & more".encode()
    assert rows[3][b"PREVIEW"] == b""  # 3.2: a string of no length
    assert rows[4][b"PREVIEW"] == "\u20ac".encode() * 200  # 3.3
    assert b"\\Seen" not in str(rows[1][b"FLAGS"]).encode()
    assert imap.fetch("1", "PREVIEW")[1][b"PREVIEW"] == b"Hello you"
    assert imap.fetch("1", "PREVIEW (CHANGEDSINCE 0)")[1][b"PREVIEW"] == b"Hello you"
    imap.ok("UID", "FETCH", "1", "PREVIEW (LAZY)")


def test_an_encoded_message_is_a_file(server, imap):
    inner = "Subject: \u00fc\r\n\r\ninside\r\n".encode()
    imap.ok("APPEND", "INBOX", Literal(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee\r\n--b\r\n"
        b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=a.u8msg\r\n\r\n" + base64.b64encode(inner) + b"\r\n--b--\r\n"))
    imap.ok("SELECT", "INBOX")
    imap.send(b"x FETCH 1 BODY\r\n")
    assert b'("application" "octet-stream" NIL NIL NIL "base64" %d)' % len(base64.b64encode(inner)) in imap.line()
    assert imap.line().startswith(b"x OK")
    row = imap.fetch("1", "(BINARY.PEEK[2] BINARY.SIZE[2] BODY.PEEK[2.1] PREVIEW)")[1]
    assert row[b"BINARY[2]"] == inner and int(row[b"BINARY.SIZE[2]"]) == len(inner)
    assert row[b"BODY[2.1]"] is None and row[b"PREVIEW"] == b"see"
