"""Golden transcripts: what a client says and, line by line, what the server answers.

    # a remark
    C: a SELECT INBOX           sent with CRLF; C2: and so on for further connections
    C: b APPEND INBOX <<one>>   <<name>> is a literal+ of the message of that name (below), <<~name>> a
                                literal8+
    S: * 1 EXISTS               the next response, exactly
    S: * OK [UIDVALIDITY {{v=\\d+}}] {{.*}}     {{regex}}; {{v=regex}} is kept, $v puts it in again
    S*: a OK {{.*}}             responses are passed over until this one comes
    S!: EXPUNGE                 no response up to the next S* line of this connection may match

A literal in a response is written <5>hello, a literal8 ~<5>hello, CR and LF as \\r and \\n. Connection N logs in as the
test's user first, unless the file begins with `login: no`."""
import re

import wire

MESSAGES = {
    "one": b"From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: first\r\n"
           b"Date: Mon, 02 Jan 2006 15:04:05 +0100\r\n\r\nbody one\r\n",
    "two": b"From: Bob <bob@example.test>\r\nTo: ann@example.test\r\nCc: Carol <carol@example.test>\r\n"
           b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Tue, 03 Jan 2006 23:30:00 -0500\r\n"
           b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n"
           b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable"
           b"\r\n\r\nSch=F6ne Gr=FC=DFe\r\n--b\r\nContent-Type: application/octet-stream\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--b--\r\n",
    "tiny": b"Subject: t\r\n\r\nx\r\n",
    "nul": b"Subject: nul\r\n\r\na\0b\r\n",
    "report": b"From: x@example.test\r\nMIME-Version: 1.0\r\n"
              b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
              b"Content-Type: text/plain; name=inside-name\r\n\r\nsorry\r\n--b\r\n"
              b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a.test\r\n\r\n"
              b"Diagnostic-Code: x-y; mailbox-was-full\r\n--b--\r\n",
    "bad": b"Subject: cte\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
           b"Content-Transfer-Encoding: x-unknown\r\n\r\nzzz\r\n",
}


def literals(text):
    def one(m):
        body = MESSAGES[m.group(2)]
        return (b"~" if m.group(1) else b"") + b"{%d+}\r\n" % len(body) + body

    out, at = b"", 0
    for m in re.finditer(r"<<(~?)(\w+)>>", text):
        out += text[at:m.start()].encode() + one(m)
        at = m.end()
    return out + text[at:].encode()


def pattern(text, kept):
    out, at = "", 0
    for name, value in kept.items():
        text = re.sub(r"\$" + name + r"\b", lambda _: value, text)
    for m in re.finditer(r"\{\{(?:(\w+)=)?(.*?)\}\}", text):
        out += re.escape(text[at:m.start()]) + (f"(?P<{m.group(1)}>{m.group(2)})" if m.group(1) else f"(?:{m.group(2)})")
        at = m.end()
    return re.compile(out + re.escape(text[at:]))


class Player:
    def __init__(self, server, user, path):
        self.server, self.user, self.path = server, user, path
        self.kept, self.connections, self.never = {}, {}, {}
        self.login = True

    def connection(self, n):
        if n not in self.connections:
            self.connections[n] = wire.Imap(self.server, self.user if self.login else None)
        return self.connections[n]

    def next(self, n):
        tag, r = self.connection(n).response()
        text = (tag + b" " + r.text).decode("utf-8", "backslashreplace")
        for body in r.literals:
            shown = body.decode("utf-8", "backslashreplace").replace("\r", "\\r").replace("\n", "\\n")
            mark = "~" if isinstance(body, wire.Literal8) else ""
            text = text.replace("\0", f"{mark}<{len(body)}>{shown}".replace("\0", "\\0"), 1)
        return text

    def expect(self, n, text, skip, where):
        want = pattern(text, self.kept)
        seen = []
        while True:
            try:
                got = self.next(n)
            except (TimeoutError, wire.Closed) as e:
                raise AssertionError(f"{where}: want {text!r}, got {seen} and then {e!r}") from e
            m = want.fullmatch(got)
            if m:
                self.kept.update(m.groupdict())
                break
            seen.append(got)
            assert skip, f"{where}:\n want {text!r}\n  got {got!r}"
            for no in self.never.get(n, []):
                assert not re.search(no, got), f"{where}: {got!r} must not come"
        if skip:
            self.never.pop(n, None)

    def play(self):
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            where = f"{self.path.name}:{number}"
            if not line.strip() or line.startswith("#"):
                continue
            m = re.fullmatch(r"([CS])(\d*)([*!]?): ?(.*)", line)
            if line == "login: no":
                self.login = False
                continue
            assert m, f"{where}: what is this?"
            n, text = int(m.group(2) or 1), m.group(4)
            for name, value in self.kept.items():
                if m.group(1) == "C":
                    text = re.sub(r"\$" + name + r"\b", lambda _: value, text)
            if m.group(1) == "C":
                self.connection(n).send(literals(text) + b"\r\n")
            elif m.group(3) == "!":
                self.never.setdefault(n, []).append(text)
            else:
                self.expect(n, text, m.group(3) == "*", where)

    def close(self):
        for c in self.connections.values():
            c.close()
