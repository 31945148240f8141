"""Clients that see every byte: raw connections, an IMAP client with a parser for responses, LMTP and
POP3. The standard library's clients hide line ends, limits and literals, which these tests are about.
They run against any server that the variables of scripts/with-server name."""
import re
import socket
import ssl
import time


class Closed(Exception):
    """The server closed the connection."""


class Wire:
    """A TCP or TLS connection read by lines and by counts."""

    def __init__(self, host, port, tls=False, timeout=60):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = bytearray()
        if tls:
            self.start_tls()

    def start_tls(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        try:
            part = self.sock.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as e:
            if isinstance(e, TimeoutError):
                raise
            raise Closed(str(e)) from e
        if not part:
            raise Closed("end of stream")
        self.data += part

    def line(self):
        """One line without its CRLF."""
        while True:
            at = self.data.find(b"\n")
            if at >= 0:
                line = bytes(self.data[:at + 1])
                del self.data[:at + 1]
                assert line.endswith(b"\r\n"), f"a bare LF from the server: {line[-80:]!r}"
                return line[:-2]
            self.fill()

    def exactly(self, n):
        while len(self.data) < n:
            self.fill()
        part = bytes(self.data[:n])
        del self.data[:n]
        return part

    def rest(self):
        """Everything until the server closes."""
        try:
            while True:
                self.fill()
        except Closed:
            part = bytes(self.data)
            self.data.clear()
            return part

    def is_closed(self):
        try:
            self.fill()
        except Closed:
            return True
        return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Literal(bytes):
    """A string that came as a literal."""


class Literal8(Literal):
    """One that may hold NUL."""


TOKEN = re.compile(rb'[^\s()"{}\[\]]+')


class Response:
    """One untagged response: its text, with the literals taken out and kept in order."""

    def __init__(self, text, literals):
        self.text = text
        self.literals = literals

    def __repr__(self):
        return f"<{self.text[:200]!r} {len(self.literals)} literals>"


class Refused(Exception):
    """A tagged NO or BAD; args[0] is the line."""


class Imap(Wire):
    def __init__(self, server, user=None, tls=False, timeout=60):
        super().__init__(server.host, server.ports["IMAPS" if tls else "IMAP"], tls, timeout)
        self.count = 0
        self.greeting = self.line()
        assert self.greeting.startswith(b"* OK"), self.greeting
        if user:
            self.ok("LOGIN", user, "pass")

    def tag(self):
        self.count += 1
        return b"t%d" % self.count

    def response(self):
        """(tag, Response) of the next response, literals read."""
        literals = []
        text = b""
        while True:
            line = self.line()
            text += line
            m = re.search(rb"~?\{(\d+)\}$", line)
            if not m:
                break
            kind = Literal8 if m.group(0).startswith(b"~") else Literal
            literals.append(kind(self.exactly(int(m.group(1)))))
            text = text[:len(text) - len(m.group(0))] + b"\0"
        tag, _, text = text.partition(b" ")
        return tag, Response(text, literals)

    def finish(self, tag):
        """The untagged responses up to the tagged one, and that one's text."""
        untagged = []
        while True:
            got, response = self.response()
            if got == tag:
                return untagged, response.text
            assert got in (b"*", b"+"), (got, response)
            untagged.append(response)

    @staticmethod
    def encode(args):
        out = []
        for arg in args:
            if isinstance(arg, Literal):
                binary = b"~" if b"\0" in arg else b""
                out.append(binary + b"{%d+}\r\n" % len(arg) + arg)
            else:
                out.append(arg.encode() if isinstance(arg, str) else arg)
        return b" ".join(out)

    def start(self, *args):
        tag = self.tag()
        self.send(tag + b" " + self.encode(args) + b"\r\n")
        return tag

    def run(self, *args):
        """(untagged, tagged text): whatever it says."""
        return self.finish(self.start(*args))

    def ok(self, *args):
        untagged, text = self.run(*args)
        if not text.upper().startswith(b"OK"):
            raise Refused(text)
        self.tagged = text
        return untagged

    def fetch(self, uids, items):
        """{uid: {item: value}} by UID FETCH."""
        out = {}
        for r in self.ok("UID FETCH", uids, items):
            m = re.match(rb"\d+ FETCH \(", r.text)
            if not m:
                continue
            values = parse(r.text[m.end() - 1:], r.literals)[0]
            row = {values[i].upper(): values[i + 1] for i in range(0, len(values), 2)}
            out.setdefault(int(row[b"UID"]), {}).update(row)  # an unsolicited one may follow
        return out


def parse(text, literals):
    """The s-expressions of a response: lists, byte strings (NIL is None). BODY[...] is one atom."""
    literals = iter(literals)
    stack = [[]]
    at = 0
    while at < len(text):
        c = text[at:at + 1]
        if c in (b" ", b"\r", b"\n"):
            at += 1
        elif c == b"(":
            stack.append([])
            at += 1
        elif c == b")":
            done = stack.pop()
            stack[-1].append(done)
            at += 1
        elif c == b"\0":
            stack[-1].append(next(literals))
            at += 1
        elif c == b'"':
            value = bytearray()
            at += 1
            while text[at:at + 1] != b'"':
                if text[at:at + 1] == b"\\":
                    at += 1
                value += text[at:at + 1]
                at += 1
                assert at < len(text), "unfinished quoted string"
            stack[-1].append(bytes(value))
            at += 1
        else:
            m = re.compile(rb'[^\s()"\0\[]*(\[[^\]]*\](<\d+>)?)?').match(text, at)
            assert m.group(0), f"cannot parse {text[at:at + 40]!r}"
            stack[-1].append(None if m.group(0).upper() == b"NIL" else m.group(0))
            at = m.end()
    assert len(stack) == 1, "parentheses do not match"
    return stack[0]


class Smtp(Wire):
    """SMTP or LMTP; replies as (code, text)."""

    def __init__(self, server, port="LMTP", tls=False, hello=True, timeout=60):
        super().__init__(server.host, server.ports[port], tls, timeout)
        self.lmtp = port == "LMTP"
        self.greeting = self.reply()
        if hello:
            self.extensions = self.hello()

    def hello(self):
        code, text = self.ask("LHLO client.example.org" if self.lmtp else "EHLO client.example.org")
        assert code == 250, (code, text)
        return [line.upper() for line in text.split("\n")[1:]]

    def reply(self):
        lines = []
        while True:
            line = self.line().decode("utf-8", "replace")
            assert re.match(r"\d\d\d([ -]|$)", line), line
            lines.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(lines)

    def ask(self, line):
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def deliver(self, sender, recipients, message):
        """Replies: one a recipient (LMTP), or one. A refused command's reply ends it."""
        for line in [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients)]:
            reply = self.ask(line)
            if reply[0] != 250:
                self.ask("RSET")
                return [reply]
        reply = self.ask("DATA")
        if reply[0] != 354:
            return [reply]
        self.send(dotted(message))
        return [self.reply() for _ in (recipients if self.lmtp else [1])]


def dotted(message):
    """As it goes after DATA: dots doubled after CRLF, a final CRLF where absent, and the end."""
    text = re.sub(rb"(?m)(\A|(?<=\r\n))\.", b"..", message)
    return text + (b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n"


class Pop3(Wire):
    def __init__(self, server, user=None, tls=False, timeout=60):
        super().__init__(server.host, server.ports["POP3S" if tls else "POP3"], tls, timeout)
        self.greeting = self.line()
        assert self.greeting.startswith(b"+OK"), self.greeting
        if user:
            self.log_in(user)

    def log_in(self, user, password="pass", seconds=60):
        """A session that ended without QUIT has the mailbox until the server has seen its end."""
        end = time.monotonic() + seconds
        while True:
            self.ok(f"USER {user}")
            got = self.ask(f"PASS {password}")
            if not got.startswith(b"-ERR [IN-USE]") or time.monotonic() > end:
                break
            time.sleep(0.05)
        assert got.startswith(b"+OK"), got

    def ask(self, line):
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.line()

    def ok(self, line):
        got = self.ask(line)
        assert got.startswith(b"+OK"), got
        return got

    def lines(self):
        """The lines of a multi-line answer as they came, dots removed, joined by CRLF."""
        out = bytearray()
        while True:
            line = self.line()
            if line == b".":
                return bytes(out)
            out += (line[1:] if line.startswith(b".") else line) + b"\r\n"

    def retr(self, n):
        self.ok(f"RETR {n}")
        return self.lines()


def crlf(data):
    """Every line end made CRLF: CRLF, bare CR and bare LF alike."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", data)
