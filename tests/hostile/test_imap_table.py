"""Hostile IMAP, one row a case: what is sent in which state, the answer that it must get, and whether
the session lives on. The whole table runs against one server under watch."""
import re

import pytest

import harness
from harness import VICTIM, Imap, Literal, imap_alive, imap_answer

DEEP = 100_000
MESSAGES = 5


class Case:
    def __init__(self, kind, state, data, answer, lives=True):
        self.kind, self.state, self.lives = kind, state, lives
        self.data = data if isinstance(data, bytes) else data.encode()
        self.answer = re.compile(answer.encode())

    def __repr__(self):
        return f"{self.kind}-{self.state}-{self.data[:28]!r}".replace("\\r\\n", "")


def row(kind, state, answer, *commands, lives=True):
    return [Case(kind, state, b"a " + (c if isinstance(c, bytes) else c.encode()) + b"\r\n", answer, lives)
            for c in commands]


BAD, NO, OK = r"^a BAD\b", r"^a NO\b", r"^a OK\b"
TOOBIG = r"^a (NO|BAD) \[TOOBIG\]"
BYE_BIG = r"^\* BYE \[TOOBIG\]"

CASES = [
    # 4: literals
    *row(4, "new", BAD, "LOGIN {4294967295}", "LOGIN {4294967296}", "LOGIN {8193}", "LOGIN {99999999999999999999}",
         "LOGIN {-1}", "LOGIN {}", "LOGIN {+}", "LOGIN {0x10}", "LOGIN {1 }", "LOGIN ~{4294967295}",
         "LOGIN {18446744073709551616}", "AUTHENTICATE {4294967295}"),
    *row(4, "new", BYE_BIG, "LOGIN {2147483648+}", "LOGIN {18446744073709551615+}", "LOGIN {100000000+}", lives=False),
    *row(4, "in", r"^a NO \[TOOBIG\]", "APPEND INBOX {4294967295}", "APPEND INBOX {52428801}",
         "APPEND INBOX ~{4294967295}", "APPEND INBOX {99999999999999999999}", "APPEND INBOX {18446744073709551616}"),
    *row(4, "in", BYE_BIG, "APPEND INBOX {2147483648+}", "APPEND INBOX {18446744073709551615+}", lives=False),
    *row(4, "in", BAD, "APPEND INBOX {-1}", "APPEND INBOX {}"),
    *row(4, "in", r"^a BAD \[TOOBIG\]", "CREATE {65537}", "LIST \"\" {4294967295}"),
    Case(4, "new", b"a LOGIN " + b"{1+}\r\nx" * 20_000 + b"\r\n", r"^(a BAD|\* BYE)", None),
    Case(4, "in", b"a SEARCH SUBJECT " + b"{1+}\r\nx" * 20_000 + b"\r\n", r"^(a BAD|\* BYE)", None),
    # 5: a line without end
    Case(5, "new", b"x" * 9_000 + b" NOOP\r\n", r"^\* BAD", True),
    Case(5, "new", b"a NOOP " + b"x" * 9_000 + b"\r\n", BAD),
    Case(5, "in", b"a NOOP " + b"x" * 70_000 + b"\r\n", BAD),
    Case(5, "new", b"a LOGIN " + b"x" * 300_000, r"^\* BYE", False),
    Case(5, "in", b"a SEARCH " + b"x" * 2_000_000, r"^\* BYE", False),
    # 7: nesting
    *row(7, "sel", BAD, "FETCH 1 " + "(" * DEEP, "FETCH 1 " + "(" * DEEP + "FLAGS" + ")" * DEEP,
         "SEARCH " + "(" * 30_000, "SEARCH " + "(" * 30_000 + "ALL" + ")" * 30_000, "SEARCH " + "NOT " * 16_000 + "ALL",
         "SEARCH " + "OR ALL " * 9_000 + "ALL", "STORE 1 FLAGS " + "(" * 30_000, "LIST \"\" " + "(" * 30_000,
         "STATUS INBOX " + "(" * 30_000, "ID " + "(" * 30_000, "APPEND INBOX " + "(" * 30_000,
         "FETCH 1 BODY[" + "1." * 30_000 + "1]", "SELECT INBOX " + "(" * 30_000, "ENABLE " + "(" * 30_000,
         "CREATE x " + "(" * 30_000),
    *row(7, "sel", OK, "FETCH 1 BODY.PEEK[HEADER.FIELDS (" + "a " * 20_000 + "a)]", "SEARCH (((((ALL)))))",
         "UID FETCH " + ",".join(["1:4294967295", "*:1"] * 3000) + " FLAGS",
         "SEARCH UID " + ",".join(f"{n}:{n + 1}" for n in range(1, 12_000, 3))),
    *row(7, "sel", BAD, "FETCH 1:4294967295,*:1 FLAGS", "FETCH " + ",".join(["1:4294967295,*:1"] * 2000) + " FLAGS"),
    # 9: numbers and dates
    *row(9, "sel", BAD, "FETCH 0 FLAGS", "FETCH 4294967296 FLAGS", "UID FETCH 99999999999999999999 FLAGS",
         "FETCH -1 FLAGS", "FETCH 1::2 FLAGS", "FETCH 1,,2 FLAGS", "FETCH , FLAGS", "FETCH 1: FLAGS",
         "SEARCH LARGER 99999999999999999999", "FETCH 1 BODY[]<99999999999999999999.1>",
         "FETCH 1 BODY[]<0.99999999999999999999>", "FETCH 1 BODY[99999999999999999999]", "FETCH 1 BODY[0]",
         "STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()",
         "FETCH 1 (FLAGS) (CHANGEDSINCE 9223372036854775808)",
         "FETCH 1 (FLAGS) (CHANGEDSINCE 18446744073709551616)", "SEARCH MODSEQ 18446744073709551616",
         "SEARCH ON 32-Jan-2020", "SEARCH ON 0-Jan-2020", "SEARCH ON 30-Feb-2020", "SEARCH SINCE 1-Foo-2020",
         "SEARCH ON 1-Jan-20200", "SEARCH UID 4294967296", "UID EXPUNGE 0", "FETCH 1 BODY[1.0]",
         "SEARCH OLDER 0", "SEARCH YOUNGER 4294967296"),
    *row(9, "sel", OK, "UID FETCH 4294967295 FLAGS", "UID FETCH *:4294967295 FLAGS", "SEARCH SENTSINCE 1-Jan-0001",
         "SEARCH SENTBEFORE 31-Dec-9999", "FETCH 1 (FLAGS) (CHANGEDSINCE 9223372036854775807)",
         "FETCH 1 BODY.PEEK[]<4294967294.4294967295>", "SEARCH LARGER 4294967295",
         "STORE 1 (UNCHANGEDSINCE 0) FLAGS ()"),
    *row(9, "in", BAD, 'APPEND INBOX "01-Jan-2020 25:00:00 +0000" {1+}\r\na',
         'APPEND INBOX "32-Jan-2020 00:00:00 +0000" {1+}\r\na', 'APPEND INBOX "01-Jan-2020 00:00:00 +9999" {1+}\r\na',
         'APPEND INBOX "29-Feb-2021 00:00:00 +0000" {1+}\r\na', 'APPEND INBOX " 1-Jan-20200 00:00:00 +0000" {1+}\r\na'),
    *row(9, "in", r"^a (OK|BAD)", 'APPEND INBOX "31-Dec-9999 23:59:60 +0000" {1+}\r\na',
         'APPEND INBOX "01-Jan-0000 00:00:00 +0000" {1+}\r\na'),
    # 10: NUL, 8-bit, bare CR and LF
    *row(10, "new", BAD, b'LOGIN "a\0b" x', b'LOGIN "a\rb" x', b"LOGIN a\0b x", b"NOOP\0", b'LOGIN "a\xff" x\0',
         b"LOGIN {3+}\r\na\0b x", b"LOGIN a \x80", b"ID (\"name\" \"a\0b\")"),
    *row(10, "sel", BAD, b'SEARCH SUBJECT "a\0b"', b"SEARCH SUBJECT {3+}\r\na\0b", b'STORE 1 FLAGS (a\0b)',
         b"STORE 1 FLAGS (\xff)", b'CREATE "a\0b"', b'COPY 1 "a\0b"', b"SEARCH CHARSET \xff ALL", b"FETCH 1 BODY[\0]",
         b"FETCH 1 BODY[HEADER.FIELDS (a\0b)]", b'LIST "" "\0"', b"STATUS \0 (MESSAGES)", b"SELECT {3+}\r\na\0b"),
    *row(10, "sel", r"^a NO \[CANNOT\]", b"APPEND INBOX {3+}\r\na\0b"),
    # 11: names of mailboxes
    *row(11, "in", NO, b'CREATE "../../../../etc/passwd"', b'CREATE "a/../../b"', b'CREATE "./x"', b'CREATE ""',
         b'CREATE "/"', b'CREATE "a//b"', b'CREATE "/a"',
         b'CREATE "' + b"x" * 4096 + b'"', b'CREATE "' + b"/".join([b"d"] * 200) + b'"', b"CREATE {4+}\r\na\r\nb",
         b'CREATE "a\x01b"', b'CREATE "a\tb"',
         b'CREATE "INBOX"', b'RENAME INBOX "../x"', b'SELECT "../user1/INBOX"', b'STATUS "../../x" (MESSAGES)',
         b'COPY 1 x', b'DELETE "**"', b'SUBSCRIBE "a\x7fb"'),
    *row(11, "in", NO, b'CREATE "&"', b'CREATE "&AAA-"', b'CREATE "&2AA-"', b'CREATE "&Jjo"'),
    *row(11, "in", BAD, b'CREATE "a\xc3"'),
    # Wildcards may be in a name, and match only as names in what takes no pattern.
    *row(11, "in", OK, b'CREATE "*"', b'CREATE "a%"', b'DELETE "*"', b'DELETE "a%"'),
    # 24: others' mailboxes: the same answer whether the account and mailbox exist or not
    *row(24, "in", r"^a NO \[NONEXISTENT\]|^a NO \[TRYCREATE\]|^a NO \[CANNOT\]", 'SELECT "user/user1/INBOX"',
         'SELECT "Other Users/user1@example.test/INBOX"', 'SELECT "Other Users/nobody@example.test/INBOX"',
         'SELECT "user1@example.test"', 'STATUS "#user/user1" (MESSAGES)', 'EXAMINE "Shared/INBOX"',
         'DELETE "Other Users/user1@example.test/INBOX"'),
    *row(24, "in", BAD, "GETACL INBOX", "MYRIGHTS INBOX", "LISTRIGHTS INBOX user1", "URLFETCH x", "GENURLAUTH x INTERNAL",
         "GETQUOTAROOT", "UNAUTHENTICATE x"),
]
# COPY needs a selected mailbox: with the names, but not "in".
for case in CASES:
    if case.kind == 11 and case.data.startswith(b"a COPY"):
        case.answer = re.compile(BAD.encode())


@pytest.fixture(scope="module")
def server():
    own = harness.start(4)
    with Imap(own, VICTIM) as imap:
        for n in range(MESSAGES):
            imap.ok("APPEND", "INBOX", Literal(b"Subject: %d\r\n\r\n%d\r\n" % (n, n) + b"x" * 2000 + b"\r\n"))
    yield own
    own.stop()


@pytest.fixture(scope="module")
def watch(server):
    with harness.Watch(server) as w:
        yield w


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_answer(server, watch, case):
    with Imap(server, None if case.state == "new" else VICTIM) as imap:
        if case.state == "sel":
            imap.ok("SELECT", "INBOX")
        answer = imap_answer(imap, case.data)
        assert case.answer.search(answer), answer[:200]
        if case.lives is not None:
            assert imap_alive(imap) == case.lives, answer[:200]
    watch.lives()
