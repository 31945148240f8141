"""A server for other domains' mail that does as it is told: the local part of a recipient says what
happens to it (`ok`, `defer`, `deny`; `once-...` is deferred the first time)."""
import re
import socketserver
import ssl
import threading


class Transaction:
    def __init__(self, sender, recipients, data, tls):
        self.sender, self.recipients, self.data, self.tls = sender, recipients, data, tls


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()

    def rcpt(self, line):
        name = re.match(r"RCPT TO:<([^@>]*)", line, re.I).group(1)
        sink = self.server
        if name.startswith("deny"):
            return "550 5.1.1 no such user\r"
        if name.startswith("defer"):
            return "451 4.3.0 come back later"
        if name.startswith("once") and name not in sink.seen:
            sink.seen.add(name)
            return "450 4.2.1 greylisted"
        self.recipients.append(line)
        return "250 2.1.5 ok"

    def data(self):
        if not self.recipients:
            return self.say("554 5.5.1 no valid recipients")
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line.endswith(b"\n"):  # it broke off: nothing was sent
                return
            lines.append(line[1:] if line.startswith(b".") else line)
        if self.server.hold:  # it has the text and never says so
            self.server.held += 1
            return self.rfile.read()
        self.server.got.append(Transaction(self.sender, self.recipients, b"".join(lines), self.tls))
        self.say("250 2.0.0 taken")

    def bdat(self, line):
        words = line.split()
        self.chunks += self.rfile.read(int(words[1]))
        if len(words) < 3:
            return self.say("250 2.0.0 go on")
        self.server.got.append(Transaction(self.sender, self.recipients, self.chunks, self.tls))
        self.chunks = b""
        self.say("250 2.0.0 taken")

    def hello(self):
        for e in self.server.extensions:
            if not (e == "STARTTLS" and self.tls):
                self.say(f"250-{e}")
        self.say("250 SIZE 1000000")

    def starttls(self):
        self.say("220 go on")
        if self.server.broken_tls:
            self.connection.sendall(b"this is no handshake\r\n")
            return False
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.tls = True
        return True

    def handle(self):
        self.tls, self.sender, self.recipients, self.chunks = False, None, [], b""
        self.server.sessions += 1
        self.say(self.server.greeting)
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            verb = line[:4].upper()
            self.server.commands.append(line)
            if verb == "EHLO":
                self.hello()
            elif verb == "MAIL":
                self.sender, self.recipients = line, []
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                self.say(self.rcpt(line).strip("\r"))
            elif verb == "DATA":
                self.data()
            elif verb == "BDAT":
                self.bdat(line)
            elif verb == "STAR":
                if not self.starttls():
                    return
            elif verb == "QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN"), certificate=None, broken_tls=False,
                 at=("127.0.0.1", 0)):
        super().__init__(at, Session)
        self.port = self.server_address[1]
        self.extensions = list(extensions)
        self.got, self.seen, self.commands, self.sessions = [], set(), [], 0
        self.broken_tls = broken_tls
        self.hold, self.held, self.greeting = False, 0, "220 sink ESMTP"
        if certificate or broken_tls:
            self.extensions.append("STARTTLS")
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass
