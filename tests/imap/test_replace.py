"""REPLACE and UID REPLACE (RFC 8508) on the wire."""
import re

import pytest
import wire
from wire import Literal, Refused

MESSAGE = b"From: Ann <ann@example.test>\r\nSubject: %s\r\nMessage-ID: <%s@example.test>\r\n\r\n%s\r\n"

BOX = object()


def message(subject, body=b"text"):
    return Literal(MESSAGE % (subject, subject, body))


@pytest.fixture
def drafts(client):
    for n in (b"one", b"two", b"three"):
        client.ok("APPEND", client.box, "(\\Draft)", message(n))
    client.ok("SELECT", client.box)
    return client


def test_both_are_told_in_order(drafts):
    assert b" REPLACE" in drafts.ok("CAPABILITY")[0].text
    got = [r.text for r in drafts.ok("REPLACE", "2", drafts.box, "(\\Seen)", '"01-Jan-2001 00:00:00 +0000"',
                                     message(b"new"))]
    assert re.match(rb"OK \[APPENDUID \d+ 4\]", got[0])
    assert b"2 EXPUNGE" in got and b"3 EXISTS" in got
    assert got.index(b"2 EXPUNGE") > 0
    row = drafts.fetch("4", "(FLAGS INTERNALDATE ENVELOPE EMAILID)")[4]
    assert b"\\Seen" in row[b"FLAGS"] and b"\\Draft" not in row[b"FLAGS"]  # 1: nothing is inherited
    assert row[b"INTERNALDATE"] == b"01-Jan-2001 00:00:00 +0000" and row[b"ENVELOPE"][1] == b"new"
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 3, 4]


def test_by_uid_and_into_another_mailbox(server, person, drafts):
    drafts.ok("CREATE", "Out")
    with wire.Imap(server, person) as other:
        other.ok("SELECT", "Out")
        got = [r.text for r in drafts.ok("UID", "REPLACE", "3", "Out", message(b"sent"))]
        assert re.match(rb"OK \[APPENDUID \d+ 1\]", got[0]) and b"3 EXPUNGE" in got
        other.ok("NOOP")
        assert other.fetch("1", "ENVELOPE")[1][b"ENVELOPE"][1] == b"sent"
    got = drafts.ok("UID", "REPLACE", "*", drafts.box, message(b"last"))
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 4]


def test_only_the_one_goes(drafts):
    drafts.ok("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
    drafts.ok("REPLACE", "3", drafts.box, message(b"x"))
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 2, 4]


def test_condstore_and_qresync(drafts):
    drafts.ok("ENABLE", "QRESYNC")
    got = [r.text for r in drafts.ok("UID", "REPLACE", "1", drafts.box, message(b"x"))]
    assert b"VANISHED 1" in got and b"[HIGHESTMODSEQ " in drafts.tagged


@pytest.mark.parametrize("args, says", [
    (("REPLACE", "9", BOX), b"BAD"),
    (("REPLACE", "0", BOX), b"BAD"),
    (("REPLACE", "1:2", BOX), b"BAD"),
    (("REPLACE", "1,2", BOX), b"BAD"),
    (("REPLACE", "$", BOX), b"BAD"),
    (("REPLACE", "1"), b"BAD"),
    (("UID REPLACE", "4294967295", BOX), b"NO [NONEXISTENT]"),
    (("REPLACE", "1", "Nowhere"), b"NO [TRYCREATE]"),
])
def test_refused_and_nothing_changes(drafts, args, says):
    with pytest.raises(Refused) as e:
        drafts.ok(*(drafts.box if arg is BOX else arg for arg in args), message(b"x"))
    assert e.value.args[0].startswith(says), e.value
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 2, 3]
    assert drafts.ok("NOOP") == []


def test_more_than_one_message_or_none(drafts):
    for tail in ((message(b"x"), message(b"y")), (Literal(b""),)):
        with pytest.raises(Refused):
            drafts.ok("REPLACE", "1", drafts.box, *tail)
    with pytest.raises(Refused):
        drafts.ok("REPLACE", "1", drafts.box)
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 2, 3]


def test_states(server, person, drafts):
    drafts.ok("EXAMINE", drafts.box)
    with pytest.raises(Refused) as e:
        drafts.ok("REPLACE", "1", drafts.box, message(b"x"))
    assert e.value.args[0].startswith(b"NO [READ-ONLY]")
    drafts.ok("UNSELECT")
    with pytest.raises(Refused) as e:
        drafts.ok("UID REPLACE", "1", drafts.box, message(b"x"))
    assert e.value.args[0].startswith(b"BAD")


def test_a_message_that_another_session_took(server, person, drafts):
    with wire.Imap(server, person) as other:
        other.ok("SELECT", drafts.box)
        other.ok("STORE", "2", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
    with pytest.raises(Refused) as e:
        drafts.ok("REPLACE", "2", drafts.box, message(b"x"))
    assert e.value.args[0].startswith(b"NO [EXPUNGEISSUED]")
    drafts.ok("NOOP")
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 3]


def test_the_quota_sees_both_together(server, person, drafts):
    big = b"x" * 300000
    drafts.ok("UID REPLACE", "1", drafts.box, message(b"big", big))
    assert server.command("quota", "set", person, "400000").returncode == 0
    with pytest.raises(Refused) as e:
        drafts.ok("APPEND", drafts.box, message(b"more", big))
    assert e.value.args[0].startswith(b"NO [OVERQUOTA]")
    drafts.ok("UID REPLACE", "4", drafts.box, message(b"again", big))
    with pytest.raises(Refused) as e:
        drafts.ok("UID REPLACE", "2", drafts.box, message(b"again", big))
    assert e.value.args[0].startswith(b"NO [OVERQUOTA]")
    assert sorted(drafts.fetch("1:*", "UID")) == [2, 3, 5]
    assert server.command("quota", "set", person, "none").returncode == 0


def test_pipelined_client(drafts):
    tags = [drafts.start("UID REPLACE", str(uid), drafts.box, message(b"v%d" % uid)) for uid in (1, 4, 5)]
    for tag in tags:
        assert drafts.finish(tag)[1].startswith(b"OK")
    assert sorted(drafts.fetch("1:*", "UID")) == [2, 3, 6]


def test_limits_of_the_literal(drafts):
    tag = drafts.tag()
    drafts.send(tag + b" UID REPLACE 1 Papers {4294967296}\r\n")
    assert drafts.finish(tag)[1].startswith(b"NO [TOOBIG]")
    tag = drafts.tag()
    drafts.send(tag + b" REPLACE 1 Papers {18446744073709551616}\r\n")
    assert drafts.finish(tag)[1].startswith((b"BAD", b"NO"))
    assert sorted(drafts.fetch("1:*", "UID")) == [1, 2, 3]
