"""RFC 9051 9, command by command: what the grammar allows is taken, what it forbids gets BAD and a text
that says at which column (of the command's line, from 1) it ends to be a command."""
import re

import pytest

from wire import Literal

MAIL = b"Subject: g\r\n\r\ng\r\n"

# after "t ": None is taken (OK or NO), a number is the column of the BAD
SELECTED = {
    # any state
    "NOOP": None, "noop": None, "NOOP ": 7, "NOOP x": 7, "CAPABILITY": None, "CAPABILITY x": 13, "CHECK": None,
    "XYZZY": 3, "UID": 6, "UID NOOP": 7, "UID UID FETCH 1 FLAGS": 7, "(": 3, "": 3, " NOOP": 3, "NOOP\tx": 7,
    # authenticated
    "ID NIL": None, "ID (\"name\" \"x\")": None, "ID (\"name\" NIL)": None, "ID": 5, "ID ()": None, "ID (\"a\")": 10,
    "NAMESPACE": None, "NAMESPACE x": 12, "ENABLE X": None, "ENABLE": 9, "ENABLE ": 10, "ENABLE (X)": 10,
    "CREATE a": None, "CREATE \"a b\"": None, "CREATE \"a\\\"b\\\\\"": None, "CREATE a b": 12, "CREATE": 9,
    "CREATE a (USE (\\Sent))": None, "CREATE a (USE ())": None, "CREATE b (USE (Sent))": 18, "CREATE a (X)": 13,
    "CREATE \"a": 12, "CREATE \"a\\x\"": 13, "CREATE a*": 11, "CREATE a]": None, "CREATE (a)": 10,
    "DELETE a": None, "DELETE": 9, "DELETE a ": 11, "RENAME a": 11, "RENAME a b": None, "RENAME a b c": 13,
    "SUBSCRIBE INBOX": None, "SUBSCRIBE": 12, "UNSUBSCRIBE a": None, "UNSUBSCRIBE": 14,
    "LIST \"\" *": None, "LIST \"\" %": None, "LIST \"\" \"\"": None, "LIST": 7, "LIST \"\"": 10, "LIST \"\" * x": 12,
    "LIST (SUBSCRIBED) \"\" (* %) RETURN (CHILDREN STATUS (MESSAGES))": None, "LIST () \"\" *": None,
    "LIST (RECURSIVEMATCH) \"\" *": "", "LIST (X) \"\" *": "", "LIST \"\" * RETURN (X)": "", "LIST \"\" (": 12,
    "LSUB \"\" *": None, "LSUB \"\"": 10,
    "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE RECENT HIGHESTMODSEQ MAILBOXID)": None,
    "STATUS INBOX ()": 17, "STATUS INBOX MESSAGES": 16, "STATUS INBOX": 15, "STATUS INBOX (X)": 17,
    "STATUS INBOX (MESSAGES ": 26, "APPEND INBOX": 15, "APPEND INBOX x": 16, "APPEND INBOX (\\Seen)": 16,
    "APPEND INBOX (\\Recent) {1+}\r\nx": 17, "APPEND INBOX \"1-Jan-2020 00:00:00 +0000\" {1+}\r\nx": "",
    "APPEND INBOX () {4+}\r\na\r\nb": None, "APPEND INBOX \" 1-Jan-2020 00:00:00 +0000\" {4+}\r\na\r\nb": None,
    "APPEND INBOX (\\Seen $Junk k) {4+}\r\na\r\nb": None, "APPEND INBOX {4+}\r\na\r\nb () {4+}\r\na\r\nb": None,
    "APPEND INBOX {4+}\r\na\r\nb x": "", "APPEND INBOX ~{4+}\r\na\r\nb": None,
    "IDLE x": 7, "LOGIN a b": "", "AUTHENTICATE PLAIN": "", "STARTTLS": "",
    # selected
    "FETCH 1 FLAGS": None, "FETCH 1 (FLAGS UID)": None, "FETCH 1 ALL": None, "FETCH 1 FAST": None, "FETCH 1 FULL": None,
    "FETCH 1:* FLAGS": None, "FETCH *:1,1 FLAGS": None, "FETCH $ FLAGS": None, "FETCH 1 (ALL)": 12, "FETCH 1 FLAGS UID": 17,
    "FETCH 1 ()": 12, "FETCH 0 FLAGS": 9, "FETCH 1: FLAGS": 11, "FETCH 1, FLAGS": 11, "FETCH": 8, "FETCH 1": 10,
    "FETCH 1 BODY[]": None, "FETCH 1 BODY.PEEK[1.MIME]": None, "FETCH 1 BODY[MIME]": "", "FETCH 1 BODY[": 16,
    "FETCH 1 BODY[TEXT]<0.10>": None, "FETCH 1 BODY[TEXT]<0.0>": "", "FETCH 1 BODY[TEXT]<0>": "",
    "FETCH 1 BODY[HEADER.FIELDS (From)]": None, "FETCH 1 BODY[HEADER.FIELDS ()]": "",
    "FETCH 1 BODY[HEADER.FIELDS.NOT (From To)]": None, "FETCH 1 BINARY.PEEK[1]": None, "FETCH 1 BINARY.SIZE[1]": None,
    "FETCH 1 RFC822.SIZE": None, "FETCH 1 FLAGS (CHANGEDSINCE 1)": None, "FETCH 1 FLAGS (CHANGEDSINCE)": "",
    "UID FETCH 1:* FLAGS": None, "UID FETCH 4294967295 FLAGS": None, "UID FETCH 4294967296 FLAGS": 13,
    "STORE 1 FLAGS ()": None, "STORE 1 FLAGS \\Seen": None, "STORE 1 FLAGS \\Seen k": None, "STORE 1 +FLAGS (k)": None,
    "STORE 1 -FLAGS.SILENT (\\Seen k)": None, "STORE 1 +FLAGS (\\Recent)": 19, "STORE 1 FLAGS": 16, "STORE 1 FLAG ()": 11,
    "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()": None, "STORE 1 () FLAGS ()": "", "STORE 1 FLAGS (\\Seen": 23,
    "STORE 1 FLAGS () x": "", "STORE 1 *FLAGS ()": 11, "STORE 1 FLAGS (\\*)": "", "STORE 99 FLAGS ()": "",
    "COPY 1 Trash": None, "COPY 1": 9, "COPY Trash 1": 8, "COPY 1 Trash x": 15, "UID COPY 9999 Trash": None,
    "MOVE 1": 9, "UID MOVE 9999 Trash": None, "UID EXPUNGE 1:*": None, "UID EXPUNGE": 14, "EXPUNGE 1": 10,
    "SEARCH ALL": None, "SEARCH": 9, "SEARCH X": 10, "SEARCH (ALL)": None, "SEARCH ()": "", "SEARCH NOT": "",
    "SEARCH OR ALL": "", "SEARCH OR ALL NOT SEEN": None, "SEARCH RETURN () ALL": None, "SEARCH RETURN (MIN MAX) 1": None,
    "SEARCH RETURN (X) ALL": "", "SEARCH CHARSET UTF-8 ALL": None, "SEARCH CHARSET X-NONE ALL": None,
    "SEARCH SUBJECT x": None, "SEARCH SUBJECT": "", "SEARCH HEADER X \"\"": None, "SEARCH ON 1-Jan-2020": None,
    "SEARCH ON \"01-Jan-2020\"": None, "SEARCH ON 2020-01-01": "", "SEARCH KEYWORD \\Seen": "", "SEARCH UID 1:*": None,
    "SEARCH LARGER x": "", "UID SEARCH RETURN (COUNT) UNSEEN": None, "SEARCH $": None,
    "EXAMINE INBOX": None, "SELECT INBOX (CONDSTORE)": None, "SELECT INBOX ()": "", "SELECT": 9, "SELECT INBOX x": "",
    "SELECT INBOX (X)": "", "SELECT INBOX": None, "SELECT {5+}\r\nINBOX": None, "SELECT \"inbox\"": None,
    "CLOSE x": 8, "UNSELECT x": 11, "LOGOUT x": 9, "COMPRESS": 11, "COMPRESS LZW": "", "EXPUNGE": None,
}


def test_each_command(imap):
    imap.ok("APPEND", "INBOX", Literal(MAIL))
    imap.ok("SELECT", "INBOX")
    wrong = []
    good = 0
    for text, column in SELECTED.items():
        imap.send(b"t " + text.encode() + b"\r\n")
        answer = imap.finish(b"t")[1].decode()
        taken = not answer.startswith("BAD")
        good += taken
        at = re.search(r"at column (\d+)$", answer)
        if taken != (column is None) or (isinstance(column, int) and (not at or int(at.group(1)) != column)):
            wrong.append((text, column, answer))
        if good == 20:  # a row of refusals ends a session; this one is not about that
            good = 0
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("line", [b"NOOP", b"t", b"\"t\" NOOP", b"t+ NOOP", b"( NOOP", b"\xc3\xbc NOOP", b"{1} NOOP"])
def test_without_a_tag(imap, line):
    imap.send(line + b"\r\nafter NOOP\r\n")
    answer = imap.line()
    assert re.match(rb"(\*|t|NOOP) BAD .*column \d+$", answer), answer
    assert imap.line() == b"after OK Completed"
