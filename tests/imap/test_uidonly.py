"""UIDONLY (RFC 9586): after ENABLE no message number goes either way."""
import re

import pytest
import wire
from wire import Literal, Refused

MAIL = Literal(b"Subject: s\r\n\r\nx\r\n")


@pytest.fixture
def only(client):
    assert b" UIDONLY" in client.ok("CAPABILITY")[0].text
    client.ok("APPEND", client.box, *[MAIL] * 5)
    client.ok("SELECT", client.box)
    client.ok("STORE", "1:2", "+FLAGS.SILENT", "(\\Deleted)")
    client.ok("EXPUNGE")
    assert client.ok("ENABLE", "UIDONLY")[0].text == b"ENABLED UIDONLY"
    return client


def texts(client, *args):
    return [r.text for r in client.ok(*args)]


@pytest.mark.parametrize("line", [
    "FETCH 1 FLAGS", "STORE 1 +FLAGS (\\Seen)", "COPY 1 INBOX", "MOVE 1 INBOX", "SEARCH ALL", "SORT (DATE) UTF-8 ALL",
    "THREAD REFS UTF-8 ALL", "UID SEARCH 1:3", "UID SEARCH NOT (OR SEEN 1)", "UID SORT (DATE) UTF-8 *",
    "UID THREAD REFS UTF-8 1", "REPLACE 1 INBOX {0+}\r\n"])
def test_numbers_are_refused(only, line):
    with pytest.raises(Refused) as e:
        only.ok(line)
    assert e.value.args[0].startswith(b"BAD [UIDREQUIRED]"), e.value
    assert texts(only, "UID SEARCH ALL") == [b"SEARCH 3 4 5"]


def test_fetch_and_store(only):
    assert texts(only, "UID FETCH 3:4 RFC822.SIZE") == [b"3 UIDFETCH (RFC822.SIZE 17)", b"4 UIDFETCH (RFC822.SIZE 17)"]
    assert texts(only, "UID FETCH 5 (UID RFC822.SIZE)") == [b"5 UIDFETCH (UID 5 RFC822.SIZE 17)"]
    assert texts(only, "UID FETCH 5 UID") == [b"5 UIDFETCH (UID 5)"]
    assert texts(only, "UID FETCH 4 BODY.PEEK[TEXT]") == [b"4 UIDFETCH (BODY[TEXT] \0)"] or \
        texts(only, "UID FETCH 4 BODY.PEEK[TEXT]")[0].startswith(b"4 UIDFETCH (BODY[TEXT] ")
    got = texts(only, "UID STORE 4 +FLAGS (\\Seen)")
    assert len(got) == 1 and re.fullmatch(rb"4 UIDFETCH \(FLAGS \([^)]*\\Seen[^)]*\)\)", got[0])
    only.ok("ENABLE", "CONDSTORE")
    assert re.fullmatch(rb"3 UIDFETCH \(FLAGS \([^)]*\) MODSEQ \(\d+\)\)", texts(only, "UID FETCH 3 FLAGS")[0])
    assert re.fullmatch(rb"3 UIDFETCH \(MODSEQ \(\d+\)\)", texts(only, "UID STORE 3 +FLAGS.SILENT (\\Flagged)")[0])


def test_expunges_vanish(server, person, only):
    with wire.Imap(server, person) as other:
        other.ok("SELECT", only.box)
        other.ok("UID STORE", "4", "+FLAGS", "(\\Flagged)")
        other.ok("UID STORE", "3,5", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
        other.ok("APPEND", only.box, MAIL)
    got = texts(only, "NOOP")
    assert b"VANISHED 3,5" in got and b"2 EXISTS" in got and not any(b"EXPUNGE" in g for g in got)
    assert any(g.startswith(b"4 UIDFETCH (FLAGS (") for g in got)
    only.ok("UID STORE", "6", "+FLAGS.SILENT", "(\\Deleted)")
    assert b"VANISHED 6" in texts(only, "EXPUNGE")
    got = texts(only, "UID MOVE", "4", "INBOX")
    assert b"VANISHED 4" in got


def test_search_sort_thread_by_uid(only):
    assert texts(only, "UID SORT (REVERSE ARRIVAL SIZE) UTF-8 ALL")[0].startswith(b"SORT ")
    assert texts(only, "UID THREAD ORDEREDSUBJECT UTF-8 UID 3:4") == [b"THREAD (3 4)"]
    got = texts(only, "UID SEARCH RETURN (ALL) UID 4:*")
    assert got[0].endswith(b" UID ALL 4:5")
    only.ok("UID SEARCH RETURN (SAVE) UID 4")
    assert texts(only, "UID SEARCH $") == [b"SEARCH 4"]


def test_select_tells_no_number_but_exists(server, person, only):
    got = texts(only, "SELECT", only.box)
    assert not any(b"[UNSEEN" in g for g in got) and b"3 EXISTS" in got
    only.ok("UNSELECT")
    only.ok("ENABLE", "QRESYNC")
    with pytest.raises(Refused) as e:
        only.ok(f"SELECT {only.box} (QRESYNC (1 1 1:5 (1:2 1:2)))")
    assert e.value.args[0].startswith(b"BAD [UIDREQUIRED]")
    only.ok(f"SELECT {only.box} (QRESYNC (1 1 1:5))")
    got = texts(only, "UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)")
    assert got[0].startswith(b"VANISHED (EARLIER) 1:2") and got[1].startswith(b"3 UIDFETCH (FLAGS")


def test_idle(server, person, only):
    only.send(b"i IDLE\r\n")
    assert only.line().startswith(b"+")
    with wire.Imap(server, person) as other:
        other.ok("SELECT", only.box)
        other.ok("UID STORE", "5", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
    lines = []
    while not lines or not lines[-1].startswith(b"* VANISHED 5"):
        lines.append(only.line())
    assert not any(b" FETCH " in line for line in lines)
    only.send(b"DONE\r\n")
    while not only.line().startswith(b"i OK"):
        pass
