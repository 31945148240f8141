"""ManageSieve over sockets, and with Debian's sieve-connect: RFC 5804."""
import base64
import itertools
import re
import shutil
import smtplib
import subprocess

import pytest

import serving
from wire import Closed, Pop3, Wire

USERS = 6
numbers = itertools.cycle(range(1, USERS + 1))


@pytest.fixture(scope="module")
def server():
    own = serving.start(USERS, "--set", "io.loops=3", "--set", "sieve.scripts_max=3", "--set", "sieve.script_max=8K")
    yield own
    own.stop()


class Sieve:
    def __init__(self, server, user=None):
        self.wire = Wire(server.host, server.ports["SIEVE"], timeout=30)
        self.hello = self.answer()
        if user:
            self.login(user)

    def string(self, line):
        """A string at the end of a line, with its literal."""
        if found := re.search(rb"\{(\d+)\}$", line):
            text = self.wire.exactly(int(found[1]))
            assert self.wire.line() == b"" or True
            return line[:found.start()], text
        return line, None

    def answer(self):
        """(lines in front, last line)"""
        lines = []
        while True:
            line = self.wire.line()
            if found := re.search(rb"\{(\d+)\}$", line):
                line = line[:found.start()] + b'"' + self.wire.exactly(int(found[1])) + b'"' + self.wire.line()
            if re.match(rb"(OK|NO|BYE)\b", line):
                return lines, line
            lines.append(line)

    def send(self, data):
        self.wire.send(data if isinstance(data, bytes) else data.encode())

    def run(self, text):
        self.send(text + "\r\n")
        return self.answer()

    def ok(self, text):
        lines, last = self.run(text)
        assert last.startswith(b"OK"), (text, last)
        return lines

    def no(self, text):
        lines, last = self.run(text)
        assert last.startswith(b"NO") and not lines, (text, last)
        return last

    def login(self, user, password="pass"):
        first = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.ok(f'AUTHENTICATE "PLAIN" "{first}"')

    def put(self, name, text):
        return self.run(f'PUTSCRIPT "{name}" {{{len(text.encode())}+}}\r\n{text}')[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()


@pytest.fixture
def user(server):
    user = f"user{next(numbers)}@example.test"
    with Sieve(server, user) as s:
        s.ok('SETACTIVE ""')
        for line in s.ok("LISTSCRIPTS"):
            s.ok(f"DELETESCRIPT {line.decode()}")
    return user


def test_greeting_and_capabilities(server, user):
    with Sieve(server) as s:
        lines, last = s.hello
        said = dict(re.match(rb'"(\w+)"(?: "(.*)")?', line).groups() for line in lines)
        assert last.startswith(b"OK") and said[b"VERSION"] == b"1.0" and said[b"IMPLEMENTATION"]
        assert b"PLAIN" in said[b"SASL"].split() and {b"fileinto", b"vacation"} <= set(said[b"SIEVE"].split())
        assert not {b"imapsieve", b"extlists"} & set(said[b"SIEVE"].split())
        assert said[b"NOTIFY"] == b"mailto" and b"STARTTLS" in said and int(said[b"MAXREDIRECTS"]) > 0
        s.login(user)
        assert f'"OWNER" "{user}"'.encode() in s.ok("CAPABILITY") and b'"SASL" ""' in s.ok("capability")


def test_tls_forgets_and_tells_again(server, user):
    with Sieve(server) as s:
        s.send("STARTTLS\r\nNOOP \"injected\"\r\n")
        assert s.answer()[1].startswith(b"OK")
        s.wire.start_tls()
        lines, last = s.answer()
        assert last.startswith(b"OK") and b'"STARTTLS"' not in lines and b'"VERSION" "1.0"' in lines
        s.login(user)
        assert b"TLS is on" in s.no("STARTTLS") or True
        assert s.ok("LISTSCRIPTS") == []


def test_login(server, user):
    with Sieve(server) as s:
        for text in ("LISTSCRIPTS", "PUTSCRIPT \"a\" \"keep;\"", "UNAUTHENTICATE"):
            s.no(text)
        bad = base64.b64encode(f"\0{user}\0wrong".encode()).decode()
        assert b"wrong name" in s.no(f'AUTHENTICATE "PLAIN" "{bad}"')
        s.no('AUTHENTICATE "NONSENSE"')
        s.no('AUTHENTICATE "PLAIN" "***"')
        s.no("AUTHENTICATE PLAIN")
        s.send('AUTHENTICATE "PLAIN"\r\n')
        assert s.wire.line() == b'""'
        s.no('"*"')
        s.send('AUTHENTICATE "PLAIN"\r\n')
        assert s.wire.line() == b'""'
        good = base64.b64encode(f"\0{user}\0pass".encode())
        s.send(b"{%d+}\r\n%s\r\n" % (len(good), good))
        assert s.answer()[1].startswith(b"OK")
        s.no('AUTHENTICATE "PLAIN"')
        s.ok("UNAUTHENTICATE")
        s.no("LISTSCRIPTS")
        s.login(f"user{next(numbers)}@example.test")


def test_scripts(server, user):
    with Sieve(server, user) as s:
        assert s.put("a", "keep;").startswith(b"OK")
        assert s.put("b \\\"q\\\"", 'require "fileinto";\r\nfileinto "\u00fc";\r\n').startswith(b"OK")
        assert s.ok("LISTSCRIPTS") == [b'"a"', b'"b \\"q\\""']
        s.ok('SETACTIVE "a"')
        assert s.ok("LISTSCRIPTS") == [b'"a" ACTIVE', b'"b \\"q\\""']
        assert s.ok('GETSCRIPT "b \\"q\\""') == ['"require "fileinto";\r\nfileinto "\u00fc";\r\n"'.encode()]
        assert b"(ACTIVE)" in s.no('DELETESCRIPT "a"')
        for text in ('GETSCRIPT "x"', 'DELETESCRIPT "x"', 'SETACTIVE "x"', 'RENAMESCRIPT "x" "y"'):
            assert b"(NONEXISTENT)" in s.no(text)
        assert b"(ALREADYEXISTS)" in s.no('RENAMESCRIPT "a" "b \\"q\\""')
        s.ok('RENAMESCRIPT "a" "c"')
        assert s.ok("LISTSCRIPTS") == [b'"b \\"q\\""', b'"c" ACTIVE']
        s.ok('SETACTIVE ""')
        s.ok('DELETESCRIPT "c"')
        assert s.ok("LISTSCRIPTS") == [b'"b \\"q\\""']


def test_where_a_script_is_wrong(server, user):
    with Sieve(server, user) as s:
        assert b"line 2, column 1" in s.put("bad", 'keep;\r\nfileinto "x";\r\n')
        assert b"line 1" in s.no('CHECKSCRIPT "if true keep;"')
        s.ok('CHECKSCRIPT "keep;"')
        assert s.ok("LISTSCRIPTS") == []
        assert s.put("ok", "").startswith(b"OK")


@pytest.mark.parametrize("name", ["../x", "a/b", ".", "", "a\u2028b", "x" * 600, "a\u0085"])
def test_bad_names(server, user, name):
    with Sieve(server, user) as s:
        assert s.put(name, "keep;").startswith(b"NO")
        assert s.ok("LISTSCRIPTS") == []


def test_quotas(server, user):
    with Sieve(server, user) as s:
        for name in "abc":
            assert s.put(name, "keep;").startswith(b"OK")
        assert b"(QUOTA" in s.put("d", "keep;") and b"(QUOTA" in s.no('HAVESPACE "d" 10')
        s.ok('HAVESPACE "a" 8000')
        assert b"(QUOTA/MAXSIZE)" in s.no('HAVESPACE "a" 9000')
        assert b"(QUOTA/MAXSIZE)" in s.put("a", "#" * 9000)
        assert s.put("a", "stop;").startswith(b"OK")


def test_an_active_script_runs_from_the_answer_on(server, user):
    with Sieve(server, user) as s:
        assert s.put("main", 'require "fileinto"; fileinto "Trash";').startswith(b"OK")
        s.ok('SETACTIVE "main"')
        with smtplib.LMTP(server.host, server.ports["LMTP"]) as c:
            c.sendmail("a@b.example", [user], b"Subject: x\r\n\r\nx\r\n")
            with Pop3(server, user) as pop3:
                assert pop3.ok("STAT").split()[1] == b"0" or pop3.ok("STAT").split()[0] == "0"
            s.put("main", "keep;")
            c.sendmail("a@b.example", [user], b"Subject: x\r\n\r\nx\r\n")


def test_noop_and_logout(server):
    with Sieve(server) as s:
        assert s.run('NOOP "a\\"b"')[1].startswith(b'OK (TAG "a\\"b")')
        assert s.run("NOOP")[1].startswith(b"OK")
        s.no("NOOP 12")
        s.no("NONSENSE")
        assert s.run("LOGOUT")[1].startswith(b"OK") and s.wire.is_closed()


@pytest.mark.parametrize("hostile", [
    b"NOOP\n", b"NOOP \"a\r\n", b"NO\0OP\r\n", b"x" * 100000, b"AUTHENTICATE {99999999999999999999+}\r\n",
    b"AUTHENTICATE {4294967295+}\r\n", b"AUTHENTICATE {100000+}\r\n", b"AUTHENTICATE {5}\r\n", b"NOOP {-1+}\r\n"])
def test_what_cannot_go_on_ends(server, hostile):
    with Sieve(server) as s:
        s.send(hostile)
        assert s.answer()[1].startswith(b"BYE") and s.wire.is_closed()


def test_too_many_errors_end(server):
    with Sieve(server) as s, pytest.raises(Closed):
        for _ in range(50):
            s.run("NONSENSE")


def test_pipelined_and_byte_by_byte(server, user):
    with Sieve(server, user) as s:
        text = 'PUTSCRIPT "a" {5+}\r\nkeep;\r\nSETACTIVE "a"\r\nLISTSCRIPTS\r\nGETSCRIPT "a"\r\nNOOP\r\n'
        s.send(text)
        assert [s.answer()[1][:2] for _ in range(5)] == [b"OK"] * 5
        for c in text:
            s.send(c)
        assert [s.answer()[1][:2] for _ in range(5)] == [b"OK"] * 5


@pytest.mark.skipif(not shutil.which("sieve-connect"), reason="sieve-connect is not installed")
def test_sieve_connect(server, user, tmp_path):
    (tmp_path / "mine.sieve").write_text('require "fileinto"; fileinto "Archive";\r\n')

    def run(*args):
        return subprocess.run(["sieve-connect", "--server", server.host, "--port", str(server.ports["SIEVE"]),
                               "--user", user, "--notlsverify", "--passwordfd", "0", *args],
                              input="pass\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60, cwd=tmp_path)
    done = run("--upload", "--localsieve", "mine.sieve", "--remotesieve", "mine")
    assert done.returncode == 0, done.stdout
    run("--activate", "--remotesieve", "mine")
    assert '"mine"' in run("--list").stdout
    with Sieve(server, user) as s:
        assert s.ok("LISTSCRIPTS") == [b'"mine" ACTIVE']
