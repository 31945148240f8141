"""Hostile SMTP and LMTP at the connection: smuggling, injection before TLS, state left over after
errors, endless lines and headers, NUL and 8-bit, slow and vanishing clients."""
import re
import socket
import time

import pytest

from wire import Closed, Imap, Smtp

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture(autouse=True)
def needs_smtp(server, request):
    if "SMTP" not in server.ports and "LMTP" not in request.node.name:
        pytest.skip("this server has no SMTP")


@pytest.fixture(scope="module")
def box():
    return "user10@example.test"


def subjects(server, user):
    """Subjects in INBOX, as one sorted list."""
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        rows = imap.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return sorted(v.strip() for row in rows.values() for k, v in row.items() if k.startswith(b"BODY["))


ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r.\n", b"\r\n\0.\r\n",
        b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n.\r\r\n", b"\n\n.\n\n", b"\r\n.\r\0\n"]


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_smuggling(server, box, port, end):
    """Only CRLF.CRLF ends DATA (RFC 5321 2.3.8, 4.1.1.4): what comes after anything else is text of
    this message, or the message is refused; it is never a command."""
    subject = f"Subject: smuggled by {port} {end.hex()}".encode()
    with Smtp(server, port) as smtp:
        assert smtp.ask("MAIL FROM:<a@example.org>")[0] == 250
        assert smtp.ask(f"RCPT TO:<{box}>")[0] == 250
        assert smtp.ask("DATA")[0] == 354
        smtp.send(b"Subject: outer\r\n\r\ntext" + end +
                  b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<" + box.encode() + b">\r\nDATA\r\n" +
                  subject + b"\r\n\r\nx\r\n.\r\n")
        first = smtp.reply()
        assert first[0] == 250 or first[0] >= 500, first
        # Nothing else was a command: the next answer is that of NOOP.
        smtp.send(b"NOOP\r\n")
        assert smtp.reply()[0] == 250
        smtp.send(b"QUIT\r\n")
        assert smtp.reply()[0] == 221
        assert smtp.rest() == b""
    assert subject not in subjects(server, box)


def test_bare_line_ends_are_refused_on_25(server, box):
    for text in (b"Subject: x\r\n\r\na\nb\r\n", b"Subject: x\r\n\r\na\rb\r\n"):
        with Smtp(server, "SMTP") as smtp:
            reply = smtp.deliver("a@example.org", [box], text)[0]
            assert 500 <= reply[0] < 600, reply
            assert smtp.ask("NOOP")[0] == 250


@pytest.mark.parametrize("port", ["SMTP", "SUBMISSION"])
def test_injection_before_tls(server, port):
    with Smtp(server, port) as smtp:
        assert "STARTTLS" in smtp.extensions
        smtp.send(b"STARTTLS\r\nMAIL FROM:<a@example.org>\r\nRSET\r\n")
        code, _ = smtp.reply()
        if code != 220:
            return  # refused because of what followed: as good
        assert not smtp.data, "answered in plain text after STARTTLS"
        try:
            smtp.start_tls()
        except OSError:
            return
        smtp.send(b"NOOP\r\n")
        assert smtp.reply()[0] == 250
        smtp.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            smtp.fill()


def test_starttls_forgets(server, box):
    """RFC 3207 4.2: after TLS began, the client must say EHLO again and no transaction is left."""
    with Smtp(server, "SMTP") as smtp:
        assert smtp.ask("MAIL FROM:<a@example.org>")[0] == 250
        code, _ = smtp.ask("STARTTLS")
        if code == 220:
            smtp.start_tls()
            assert smtp.ask(f"RCPT TO:<{box}>")[0] == 503
            extensions = smtp.hello()
            assert "STARTTLS" not in extensions
            assert smtp.ask(f"RCPT TO:<{box}>")[0] == 503
            assert smtp.ask("STARTTLS")[0] in (454, 502, 503)


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_transaction_ends_with_an_error(server, box, port):
    """A refused BDAT or end of DATA leaves neither sender nor recipients."""
    with Smtp(server, port) as smtp:
        if "CHUNKING" not in smtp.extensions:
            pytest.skip("no CHUNKING")
        smtp.send(b"BDAT 5\r\nabcde")
        assert smtp.reply()[0] == 503
        assert smtp.ask("NOOP")[0] == 250  # the five bytes were not commands
        assert smtp.ask("MAIL FROM:<a@example.org>")[0] == 250
        assert smtp.ask("RCPT TO:<nobody-here@example.test>")[0] == 550
        smtp.send(b"BDAT 16 LAST\r\nSubject: x\r\n\r\nyy")
        if port != "LMTP":  # there it has a reply for each recipient: none (RFC 2033 4.3)
            code = smtp.reply()[0]
            assert code in (503, 554), code
        assert smtp.ask("NOOP")[0] == 250
        smtp.ask("RSET")
        assert smtp.ask("MAIL FROM:<a@example.org>")[0] == 250
        assert smtp.ask("DATA")[0] == 503
        for size in ("99999999999999999999", "4294967296", "-1", "x", "", "1 2", "18446744073709551616 LAST"):
            with Smtp(server, port) as other:
                other.ask("MAIL FROM:<a@example.org>")
                other.ask(f"RCPT TO:<{box}>")
                try:
                    other.send(f"BDAT {size}\r\n".encode())
                    assert other.reply()[0] >= 500
                except Closed:
                    pass


def test_bdat_after_data_is_not_mixed(server, box):
    with Smtp(server, "LMTP") as smtp:
        if "CHUNKING" not in smtp.extensions:
            pytest.skip("no CHUNKING")
        smtp.ask("MAIL FROM:<a@example.org>")
        smtp.ask(f"RCPT TO:<{box}>")
        smtp.send(b"BDAT 12\r\nSubject: x\r\n")
        assert smtp.reply()[0] == 250
        assert smtp.ask("DATA")[0] == 503
        assert smtp.ask("RSET")[0] == 250
        smtp.send(b"BDAT 0 LAST\r\n")  # no recipient, no reply: RFC 2033 4.3
        assert smtp.ask("NOOP")[0] == 250
        assert smtp.ask("BDAT 0")[0] == 503


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_a_line_without_end(server, port):
    for start in (b"", b"MAIL FROM:<", b"EHLO "):
        with Smtp(server, port) as smtp:
            try:
                smtp.send(start)
                for _ in range(200):
                    smtp.send(b"x" * 65536)
                smtp.send(b"\r\n")
                assert smtp.reply()[0] >= 421
            except (OSError, Closed):
                pass


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_headers_beyond_reason(server, box, port):
    """10 MB in one line, 100,000 fields, 10,000 addresses: taken whole or refused, never a crash."""
    bodies = [b"Subject: " + b"x" * 10_000_000 + b"\r\n\r\nx\r\n",
              b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"\r\nx\r\n",
              b"To: " + b",\r\n ".join(b"a%d@example.org" % n for n in range(10_000)) + b"\r\n\r\nx\r\n",
              b"From: a" + b"(" * 100_000 + b"@example.org\r\n\r\nx\r\n",
              b"Subject: " + b"=?utf-7?B?" * 20_000 + b"\r\n\r\nx\r\n",
              b"x" * 3_000_000 + b"\r\n",
              b"Content-Type: text/plain" + b"".join(b";\r\n a*%d*=x" % n for n in range(50_000)) + b"\r\n\r\nx\r\n"]
    for body in bodies:
        with Smtp(server, port) as smtp:
            smtp.sock.settimeout(120)
            reply = smtp.deliver("a@example.org", [box], body)[0]
            assert reply[0] == 250 or 400 <= reply[0] < 600, reply
            assert smtp.ask("NOOP")[0] == 250
    with Imap(server, box) as imap:
        imap.sock.settimeout(120)
        imap.ok("SELECT", "INBOX")
        imap.ok("FETCH", "1:*", "(UID ENVELOPE BODYSTRUCTURE)")


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_nesting(server, box, port):
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000))
    same = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 10_000
    rfc822 = b"Content-Type: message/rfc822\r\n\r\n" * 10_000
    parts = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n"
    wide = b"Content-Type: multipart/mixed; boundary=\"" + b"b" * 100_000 + b"\"\r\n\r\n--" + b"b" * 100_000 + b"\r\n"
    for body in (nested, same, rfc822, parts, wide):
        with Smtp(server, port) as smtp:
            smtp.sock.settimeout(120)
            reply = smtp.deliver("a@example.org", [box], body)[0]
            assert reply[0] == 250 or reply[0] >= 500, reply
    with Imap(server, box) as imap:
        imap.sock.settimeout(120)
        imap.ok("SELECT", "INBOX")
        imap.ok("FETCH", "1:*", "(UID ENVELOPE BODYSTRUCTURE)")


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
@pytest.mark.parametrize("line", [
    b"MAIL FROM:<a\0@example.org>", b"MAIL FROM:<\xff\xfe@example.org>", b"NOOP \0", b"MAIL FROM:<a@example.org",
    b"MAIL FROM:a@example.org>", b"MAIL FROM:<a@example.org> SIZE=99999999999999999999",
    b"MAIL FROM:<a@example.org> SIZE=-1", b"MAIL FROM:<a@example.org> BODY=NONE", b"MAIL FROM:<a@example.org> X=Y",
    b"MAIL FROM:<" + b"a" * 70_000 + b"@example.org>", b"MAIL FROM:<a\rb@example.org>", b"MAIL", b"MAIL TO:<a@b>",
    b"RCPT TO:<x@example.test>", b"DATA", b"VRFY \xff", b"\0\0\0", b"MAIL FROM:<" + b"(" * 500 + b">",
    b"MAIL FROM:<a@[IPv6:::::::::]>", b"MAIL FROM:<\"unfinished@example.org>", b"MAIL FROM:<@a,@b:c@d"],
    ids=lambda line: repr(line[:40]) if isinstance(line, bytes) else line)
def test_bad_lines_are_refused(server, port, line):
    with Smtp(server, port) as smtp:
        try:
            code = smtp.ask(line)[0]
        except Closed:
            return
        assert 500 <= code < 600, code
        assert smtp.ask("NOOP")[0] == 250


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_too_many_recipients(server, box, port):
    with Smtp(server, port) as smtp:
        smtp.ask("MAIL FROM:<a@example.org>")
        smtp.send(b"".join(f"RCPT TO:<{box}>\r\n".encode() for _ in range(20_000)))
        codes = set()
        try:
            for _ in range(20_000):
                codes.add(smtp.reply()[0])
        except Closed:
            pass
        assert codes - {250}, "no limit on recipients"
        assert codes <= {250, 452, 421, 550, 554}, codes


def test_no_relay(server):
    """A stranger cannot send to another domain through 25, nor anybody without login through 587."""
    with Smtp(server, "SMTP") as smtp:
        smtp.ask("MAIL FROM:<a@example.org>")
        for to in ("x@example.net", "x%example.net@example.test", "@example.test:x@example.net",
                   "x@example.net@example.test", "\"x@example.net\"", "x!example.net", "x@[192.0.2.1]"):
            code = smtp.ask(f"RCPT TO:<{to}>")[0]
            assert 500 <= code < 600, (to, code)
    with Smtp(server, "SUBMISSION") as smtp:
        assert smtp.ask("MAIL FROM:<user1@example.test>")[0] == 530


def test_more_than_announced(server, box):
    with Smtp(server, "SMTP") as smtp:
        size = [int(x.split()[1]) for x in smtp.extensions if x.startswith("SIZE ")]
        assert size and size[0] > 0
        assert smtp.ask(f"MAIL FROM:<a@example.org> SIZE={size[0] + 1}")[0] == 552


def test_a_message_over_the_limit(server, box):
    """Sent without SIZE=: read to its end, refused with 552, and the connection lives."""
    with Smtp(server, "LMTP") as smtp:
        smtp.sock.settimeout(120)
        size = [int(x.split()[1]) for x in smtp.extensions if x.startswith("SIZE ")]
        if not size or size[0] > 200 << 20:
            pytest.skip("the limit is too large to be tried here")
        smtp.ask("MAIL FROM:<a@example.org>")
        smtp.ask(f"RCPT TO:<{box}>")
        assert smtp.ask("DATA")[0] == 354
        line = (b"x" * 998 + b"\r\n") * 1000
        try:
            for _ in range(size[0] // len(line) + 2):
                smtp.send(line)
            smtp.send(b".\r\n")
            assert smtp.reply()[0] == 552
            assert smtp.ask("NOOP")[0] == 250
        except (Closed, OSError):
            pass


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_byte_by_byte(server, box, port):
    hello = b"LHLO" if port == "LMTP" else b"EHLO"
    text = hello + b" x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<" + box.encode() + \
        b">\r\nDATA\r\nSubject: slow\r\n\r\n..x\r\n.\r\n"
    with Smtp(server, port, hello=False) as smtp:
        for byte in text:
            smtp.send(bytes([byte]))
        codes = [smtp.reply()[0] for _ in range(5)]
    assert codes == [250, 250, 250, 354, 250]


@pytest.mark.parametrize("port", ["SMTP", "LMTP"])
def test_half_closed_and_vanishing(server, box, port):
    before = subjects(server, box).count(b"Subject: cut")
    for how in ("half", "reset", "close"):
        smtp = Smtp(server, port)
        smtp.ask("MAIL FROM:<a@example.org>")
        smtp.ask(f"RCPT TO:<{box}>")
        smtp.ask("DATA")
        smtp.send(b"Subject: cut\r\n\r\nnever finished\r\n.")
        if how == "half":
            smtp.sock.shutdown(socket.SHUT_WR)
            assert b"250" not in smtp.rest()
        elif how == "reset":
            smtp.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        smtp.close()
    time.sleep(0.3)
    assert subjects(server, box).count(b"Subject: cut") == before


def test_http_and_tls_on_25(server):
    for data in (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nMAIL FROM:<a@b>\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600):
        with socket.create_connection((server.host, server.ports["SMTP"]), 60) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            got = b""
            while part := s.recv(65536):
                got += part
            assert not re.search(rb"^250", got[4:], re.M), got


def test_header_injection_in_parameters(server, box):
    """CR, LF and their xtext forms in DSN parameters do not reach the message as lines."""
    with Smtp(server, "SMTP") as smtp:
        code, _ = smtp.ask("MAIL FROM:<a@example.org> ENVID=x+0D+0AInjected:+20yes RET=HDRS")
        if code == 250:
            smtp.ask(f"RCPT TO:<{box}> ORCPT=rfc822;x+0D+0AInjected:+20yes")
            smtp.ask(f"RCPT TO:<{box}>")
            if smtp.ask("DATA")[0] == 354:
                smtp.send(b"Subject: params\r\n\r\nx\r\n.\r\n")
                smtp.reply()
    with Imap(server, box) as imap:
        imap.ok("SELECT", "INBOX")
        rows = imap.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (INJECTED)])")
        assert all(v.strip() == b"" for row in rows.values() for k, v in row.items() if k.startswith(b"BODY["))
