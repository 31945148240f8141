"""Write commands that wait in the pipeline: one commit for many, replies in their order, and the same
answers as one by one. Then commands over so many messages that they go in slices, and what may be told
of other sessions' doing meanwhile."""
import re
import threading
import urllib.request

import pytest

import serving
from wire import Imap, Literal, Smtp

MAIL = b"Subject: %d\r\n\r\nx\r\n"


def metric(server, name):
    url = f"http://{server.host}:{server.ports['METRICS']}/metrics"
    text = urllib.request.urlopen(url, timeout=30).read().decode()
    return int(re.search(rf"^carbonado_{name} (\d+)", text, re.M).group(1))


def pipeline(imap, *commands):
    """Sends them at once; [(untagged, tagged text)] in the order of the commands, which is checked."""
    tags, data = [], b""
    for command in commands:
        tags.append(imap.tag())
        data += tags[-1] + b" " + imap.encode(command if isinstance(command, tuple) else (command,))
        data += b"\r\n"
    imap.send(data)
    return [imap.finish(tag) for tag in tags]


def fill(imap, n, mailbox="INBOX"):
    for at in range(0, n, 100):
        imap.ok("APPEND", mailbox, *[Literal(MAIL % i) for i in range(at, min(at + 100, n))])


def test_many_stores_share_commits(server, imap):
    fill(imap, 100)
    imap.ok("SELECT", "INBOX")
    names = ("imap_write_groups_total", "imap_write_group_commands_total", "store_commits_total")
    grown = []
    for again in range(3):  # the least counts: others of this server may still be writing
        before = [metric(server, name) for name in names]
        got = pipeline(imap, *[f"STORE {n} +FLAGS (\\Flagged k{again}{n % 7})" for n in range(1, 101)])
        grown.append([metric(server, name) - was for name, was in zip(names, before)])
        for n, (untagged, text) in enumerate(got, 1):
            assert text.startswith(b"OK"), text
            assert any(re.match(rb"%d FETCH .*\\Flagged.* k%d%d[ )]" % (n, again, n % 7), u.text) for u in untagged), n
    groups, commands, commits = map(min, zip(*grown))
    assert commands == 100 and groups <= 100 // 32 + 2 and commits <= 100 // 32 + 3, grown
    assert all(b"\\Flagged" in u.text for u in imap.ok("FETCH", "1:*", "FLAGS"))


def test_each_reply_has_its_own_fetch_and_no_other(imap):
    fill(imap, 5)
    imap.ok("SELECT", "INBOX")
    got = pipeline(imap, "STORE 1 +FLAGS (\\Seen)", "STORE 2 +FLAGS.SILENT (\\Seen)",
                   "STORE 3 +FLAGS (\\Seen)", "UID STORE 4 +FLAGS.SILENT (\\Seen)")
    assert [[u.text.split()[0] for u in untagged if b"FETCH" in u.text] for untagged, _ in got] == [
        [b"1"], [], [b"3"], []]


def test_an_error_in_the_middle_fails_only_its_command(imap):
    fill(imap, 4)
    imap.ok("SELECT", "INBOX")
    got = pipeline(imap, "STORE 1 +FLAGS (\\Seen)", "STORE 9 +FLAGS (\\Seen)", "STORE 2 FLAGS",
                   "COPY 1 nowhere", "CREATE INBOX", "STORE 3 +FLAGS (\\Seen)", "COPY 4 Trash",
                   ("APPEND", "nowhere", Literal(MAIL % 1)), ("APPEND", "Trash", Literal(MAIL % 2)))
    assert [text.split()[0] for _, text in got] == [
        b"OK", b"BAD", b"BAD", b"NO", b"NO", b"OK", b"OK", b"NO", b"OK"]
    assert got[3][1].startswith(b"NO [TRYCREATE]") and got[7][1].startswith(b"NO [TRYCREATE]")
    assert imap.ok("SEARCH", "SEEN")[0].text == b"SEARCH 1 3"
    assert imap.ok("STATUS", "Trash", "(MESSAGES)")[0].text == b"STATUS Trash (MESSAGES 2)"


def test_what_follows_sees_what_was_before(imap):
    """A mailbox is made, filled, selected and read in one go; uids are in the order of the commands."""
    got = pipeline(imap, "CREATE new", *[("APPEND", "new", Literal(MAIL % n)) for n in range(40)],
                   "SUBSCRIBE new", "SELECT new", "STORE 40 +FLAGS (\\Answered)", "FETCH 40 FLAGS",
                   "UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert all(text.startswith(b"OK") for _, text in got), got
    uids = [int(re.search(rb"APPENDUID \d+ (\d+)", text).group(1)) for _, text in got[1:41]]
    assert uids == list(range(1, 41))
    assert b"\\Answered" in got[-2][0][0].text
    subjects = [u.literals[0].strip() for u in got[-1][0] if u.literals]
    assert subjects == [b"Subject: %d" % n for n in range(40)]


def test_expunge_between_stores(imap):
    """Numbers behind EXPUNGE are the new ones, as when each waits for the one before."""
    fill(imap, 6)
    imap.ok("SELECT", "INBOX")
    got = pipeline(imap, "STORE 1:2 +FLAGS (\\Deleted)", "EXPUNGE", "STORE 1 +FLAGS (\\Flagged)",
                   "UID STORE 4 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 4", "UID MOVE 5 Trash",
                   "STORE 2 +FLAGS (\\Seen)")
    assert all(text.startswith(b"OK") for _, text in got), got
    assert [u.text for u in got[0][0]] == [b"1 FETCH (FLAGS (\\Deleted \\Recent))",
                                           b"2 FETCH (FLAGS (\\Deleted \\Recent))"]
    assert [u.text for u in got[1][0]] == [b"2 EXPUNGE", b"1 EXPUNGE"]
    assert b"\\Flagged" in got[2][0][0].text and got[2][0][0].text.startswith(b"1 ")
    rows = imap.fetch("1:*", "(FLAGS)")
    assert sorted(rows) == [3, 6]
    assert b"\\Flagged" in rows[3][b"FLAGS"] and b"\\Seen" in rows[6][b"FLAGS"]


def test_close_and_delete_in_a_pipeline(imap):
    imap.ok("CREATE", "box")
    fill(imap, 3, "box")
    imap.ok("SELECT", "box")
    got = pipeline(imap, "STORE 2 +FLAGS.SILENT (\\Deleted)", "CLOSE", "STORE 1 +FLAGS (\\Seen)",
                   "STATUS box (MESSAGES)", "RENAME box other", "DELETE other", "LIST \"\" other",
                   "CREATE a", "CREATE b", "UNSUBSCRIBE a", "NOOP")
    assert [text.split()[0] for _, text in got] == [b"OK", b"OK", b"BAD"] + [b"OK"] * 8
    assert got[3][0][0].text == b"STATUS box (MESSAGES 2)"
    assert got[6][0] == []


def test_a_literal_behind_waits_for_its_turn(imap):
    """The go-ahead for a literal comes behind the replies of what was sent before it."""
    fill(imap, 2)
    imap.ok("SELECT", "INBOX")
    imap.send(b"a STORE 1 +FLAGS.SILENT (\\Seen)\r\nb STORE 2 +FLAGS.SILENT (\\Seen)\r\n"
              b"c APPEND INBOX {%d}\r\n" % len(MAIL % 3))
    assert imap.line().startswith(b"a OK") and imap.line().startswith(b"b OK")
    assert imap.line().startswith(b"+ ")
    imap.send(MAIL % 3 + b"\r\n")
    assert imap.finish(b"c")[1].startswith(b"OK [APPENDUID")
    imap.send(b"d STORE 1 FLAGS.SILENT ()\r\ne STORE 1 +FLAGS (" + b"x" * 100000 + b" {999999999+}\r\n")
    assert imap.line().startswith(b"d OK")
    assert b"BYE" in imap.rest()


def test_idle_and_compress_behind_a_group(server, imap):
    import zlib
    fill(imap, 2)
    imap.ok("SELECT", "INBOX")
    imap.send(b"a STORE 1 +FLAGS.SILENT (\\Seen)\r\nb IDLE\r\n")
    assert imap.line().startswith(b"a OK") and imap.line().startswith(b"+ ")
    imap.send(b"DONE\r\n")
    imap.finish(b"b")
    imap.ok("CLOSE")
    imap.send(b"c CREATE one\r\nd IDLE\r\n")
    assert imap.line().startswith(b"c OK") and imap.line().startswith(b"+ ")
    imap.send(b"DONE\r\n")
    imap.finish(b"d")
    packed = zlib.compressobj(wbits=-15)
    imap.send(b"e CREATE two\r\nf COMPRESS DEFLATE\r\n" + packed.compress(b"g CREATE three\r\n") +
              packed.flush(zlib.Z_SYNC_FLUSH))
    assert imap.line().startswith(b"e OK") and imap.line().startswith(b"f OK")
    opened = zlib.decompressobj(wbits=-15)
    got = b""
    while b"\r\n" not in got:
        if not imap.data:  # it may have come together with the line before
            imap.fill()
        got += opened.decompress(bytes(imap.data))
        imap.data.clear()
    assert got.startswith(b"g OK")


def test_writes_of_one_that_hangs_up(server, imap, user):
    """The commands were complete: they are done although nobody reads the replies."""
    fill(imap, 64)
    imap.ok("SELECT", "INBOX")
    imap.send(b"".join(b"a%d STORE %d +FLAGS (\\Flagged)\r\n" % (n, n) for n in range(1, 65)) +
              b"z LOGOUT\r\n")
    imap.close()
    with Imap(server, user) as other:
        other.ok("SELECT", "INBOX")

        def found():
            other.ok("NOOP")
            numbers = other.ok("SEARCH", "FLAGGED")[-1].text.split()[1:]
            return numbers if len(numbers) >= 32 else None

        assert serving.wait_for(found)[:32] == [b"%d" % n for n in range(1, 33)]


def test_mixed_with_random_splits(server, user):
    """A long pipeline in pieces of any size gives the answers of one that waits for each."""
    import random
    draw = random.Random(7)
    commands = []
    for n in range(300):
        commands.append(draw.choice([
            lambda: ("APPEND", "m", "(\\Seen)", Literal(MAIL % n)),
            lambda: (f"STORE {draw.randint(1, 12)} +FLAGS (\\Flagged)",),
            lambda: (f"UID STORE 1:{draw.randint(1, 80)} FLAGS.SILENT (\\Answered)",),
            lambda: (f"STORE {draw.randint(1, 12)} +FLAGS.SILENT (\\Deleted)",),
            lambda: ("EXPUNGE",), lambda: (f"MOVE {draw.randint(1, 12)} to",),
            lambda: (f"COPY {draw.randint(1, 12)} m",), lambda: ("NOOP",),
            lambda: ("FETCH 1:* (UID FLAGS)",), lambda: (f"CREATE box{draw.randint(1, 5)}",)])())

    def play(imap, step):
        imap.ok("ENABLE", "IMAP4rev2")
        for n in range(1, 6):
            imap.run("DELETE", f"box{n}")
        for box in ("m", "to"):
            imap.run("DELETE", box)
            imap.ok("CREATE", box)
        imap.ok("SELECT", "m")
        results = step(imap)
        imap.ok("NOOP")
        return ([text for _, text in results], [u.text for u in imap.ok("FETCH", "1:*", "(UID FLAGS)")],
                imap.ok("STATUS", "to", "(MESSAGES UIDNEXT)")[0].text)

    def one_by_one(imap):
        return [imap.run(*c) for c in commands]

    def in_pieces(imap):
        tags, data = [], b""
        for c in commands:
            tags.append(imap.tag())
            data += tags[-1] + b" " + imap.encode(c) + b"\r\n"

        def push():
            at = 0
            while at < len(data):
                n = draw.choice([1, 7, 60, 1000, 5000])
                imap.send(data[at:at + n])
                at += n
        sender = threading.Thread(target=push)
        sender.start()
        got = [imap.finish(tag) for tag in tags]
        sender.join()
        return got

    with Imap(server, user) as first:
        a = play(first, one_by_one)
    with Imap(server, user) as second:
        b = play(second, in_pieces)
    varies = re.compile(rb"(UID|F)\d+|UID \d+ |HIGHESTMODSEQ \d+")
    for n, (one, two) in enumerate(zip(a[0], b[0])):
        assert varies.sub(b"", one) == varies.sub(b"", two), (n, commands[n])
    assert a[1] == b[1]
    assert a[2] == b[2]


# --- very many messages -------------------------------------------------------------------------

MANY = 51200


@pytest.fixture
def many(imap):
    fill(imap, 100)
    imap.ok("SELECT", "INBOX")
    for _ in range(9):
        imap.ok("COPY", "1:*", "INBOX")
    assert imap.ok("STATUS", "INBOX", "(MESSAGES)")[0].text == b"STATUS INBOX (MESSAGES %d)" % MANY
    return imap


def modseqs(untagged):
    return [int(m.group(1)) for u in untagged if (m := re.search(rb"MODSEQ \((\d+)\)", u.text))]


def test_store_in_slices_with_deliveries_between(server, many, user):
    many.ok("ENABLE", "CONDSTORE")
    with Imap(server, user) as other, Smtp(server) as lmtp:
        tag = many.start("STORE", "1:*", "+FLAGS", "(\\Flagged)")
        assert lmtp.deliver("a@example.org", [user], b"Subject: between\r\n\r\n")[0][0] == 250
        told, text = many.finish(tag)
        assert text.startswith(b"OK")
        fetched = [u for u in told if b"FETCH" in u.text]
        assert len(fetched) == MANY and all(b"\\Flagged" in u.text for u in fetched)
        numbers = modseqs(told)
        assert len(set(numbers)) == 3 and numbers == sorted(numbers)
        assert [numbers.count(n) for n in sorted(set(numbers))] == [25000, 25000, MANY - 50000]
        # somebody changes two: UNCHANGEDSINCE leaves them in whatever slice they are
        other.ok("SELECT", "INBOX")
        other.ok("STORE", "5,30000", "+FLAGS", "(other)")
        told, text = many.run("STORE", f"1:{MANY}", f"(UNCHANGEDSINCE {max(numbers)})", "-FLAGS.SILENT",
                              "(\\Flagged)")
        assert text.startswith(b"OK [MODIFIED 5,30000]"), text
        quiet = [u for u in told if re.match(rb"\d+ FETCH", u.text) and b"FLAGS" not in u.text]
        assert len(quiet) == MANY - 2
        loud = [u.text for u in told if b"FETCH" in u.text and b"FLAGS" in u.text]
        assert [t.split()[0] for t in loud] == [b"5", b"30000"] and all(b"other" in t for t in loud)


def test_expunge_in_slices(server, many, user):
    many.ok("ENABLE", "QRESYNC")
    before = metric(server, "store_commits_total")
    many.ok("STORE", "2:*", "+FLAGS.SILENT", "(\\Deleted)")
    with Imap(server, user) as other:
        other.ok("SELECT", "INBOX")
        told, text = many.run("EXPUNGE")
        code = re.match(rb"OK \[HIGHESTMODSEQ (\d+)\]", text)
        assert code, text
        assert [u.text for u in told if b"VANISHED" in u.text] == [b"VANISHED 2:%d" % MANY]
        assert metric(server, "store_commits_total") - before >= 6
        status = many.ok("STATUS", "INBOX", "(MESSAGES HIGHESTMODSEQ)")[0].text
        assert status == b"STATUS INBOX (MESSAGES 1 HIGHESTMODSEQ %s)" % code.group(1)
        assert [u.text for u in other.ok("NOOP")][:2] == [b"%d EXPUNGE" % MANY, b"%d EXPUNGE" % (MANY - 1)]


def test_close_in_slices(many):
    many.ok("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
    many.ok("CLOSE")
    assert many.ok("STATUS", "INBOX", "(MESSAGES)")[0].text == b"STATUS INBOX (MESSAGES 0)"


def test_move_in_slices(many):
    """Each slice names its uids, before any EXPUNGE; in a pipeline the next command waits for all."""
    got = pipeline(many, "UID MOVE 1:* Archive", "UID STORE 1:* +FLAGS (\\Seen)",
                   "STATUS Archive (MESSAGES)", "STATUS INBOX (MESSAGES)")
    told, text = got[0]
    assert text.startswith(b"OK")
    kinds = [b"COPYUID" in u.text for u in told]
    assert kinds[:3] == [True] * 3 and not any(kinds[3:])
    pairs = [re.search(rb"COPYUID \d+ (\d+):(\d+) (\d+):(\d+)", u.text).groups() for u in told[:3]]
    assert [p[0] for p in pairs] == [b"1", b"25001", b"50001"] and pairs[2][1] == b"%d" % MANY
    assert all(int(a) - int(b) == int(c) - int(d) for a, b, c, d in pairs)
    assert sum(u.text.endswith(b"EXPUNGE") for u in told) == MANY
    assert got[2][0][0].text == b"STATUS Archive (MESSAGES %d)" % MANY
    assert got[3][0][0].text == b"STATUS INBOX (MESSAGES 0)"


def test_slices_in_a_pipeline_keep_their_order(many):
    """The second STORE must not overtake the slices of the first."""
    got = pipeline(many, "STORE 1:* FLAGS.SILENT (\\Flagged)", "STORE 1:* FLAGS.SILENT (\\Seen)",
                   "STORE 7 +FLAGS.SILENT (last)", "UID EXPUNGE 1:*", "SEARCH FLAGGED", "SEARCH KEYWORD last")
    assert all(text.startswith(b"OK") for _, text in got)
    assert got[-2][0][-1].text == b"SEARCH" and got[-1][0][-1].text == b"SEARCH 7"


# --- what other sessions did --------------------------------------------------------------------

def test_exists_while_expunges_wait(server, imap, user):
    """RFC 9051 7.5.1: no EXPUNGE during FETCH, STORE and SEARCH; but new messages are told, and can be
    used, while old numbers stay what they were."""
    fill(imap, 5)
    imap.ok("SELECT", "INBOX")
    with Imap(server, user) as other:
        other.ok("SELECT", "INBOX")
        other.ok("STORE", "2", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
        fill(other, 2)
        told = [u.text for u in imap.ok("FETCH", "5", "(UID)")]
        assert b"7 EXISTS" in told and not any(b"EXPUNGE" in t for t in told)
        told = [u.text for u in imap.ok("FETCH", "1:7", "(UID)")]
        seen = dict(re.match(rb"(\d+) FETCH \(UID (\d+)", t).groups() for t in told)
        assert seen == {b"%d" % n: b"%d" % n for n in range(1, 8)} or \
            seen == {b"%d" % n: b"%d" % n for n in range(1, 8) if n != 2}
        fill(other, 1)
        told = [u.text for u in imap.ok("STORE", "7", "+FLAGS", "(\\Seen)")]
        assert b"8 EXISTS" in told and not any(b"EXPUNGE" in t for t in told)
        assert any(t.startswith(b"7 FETCH") and b"\\Seen" in t for t in told)
        other.ok("STORE", "7", "+FLAGS.SILENT", "(\\Deleted)")  # uid 8, which came meanwhile
        other.ok("EXPUNGE")
        fill(other, 1)
        told = [u.text for u in imap.ok("SEARCH", "ALL")]
        assert b"9 EXISTS" in told and not any(b"EXPUNGE" in t for t in told)
        told = [u.text for u in imap.ok("NOOP")]
        assert told == [b"8 EXPUNGE", b"2 EXPUNGE"]
        assert sorted(imap.fetch("1:*", "(FLAGS)")) == [1, 3, 4, 5, 6, 7, 9]
        assert [u.text for u in imap.ok("UID SEARCH", "ALL")] == [b"SEARCH 1 3 4 5 6 7 9"]


def test_vanished_while_expunges_wait(server, imap, user):
    fill(imap, 4)
    imap.ok("ENABLE", "QRESYNC")
    imap.ok("SELECT", "INBOX")
    with Imap(server, user) as other:
        other.ok("SELECT", "INBOX")
        other.ok("ENABLE", "CONDSTORE")
        other.ok("STORE", "1,3", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
        expunge_reply = other.tagged
        fill(other, 1)
        expunged = int(re.match(rb"OK \[HIGHESTMODSEQ (\d+)", expunge_reply).group(1))
        told = [u.text for u in imap.ok("STORE", "4", "+FLAGS.SILENT", "(\\Seen)")]
        assert b"5 EXISTS" in told and not any(b"VANISHED" in t for t in told)
        # RFC 7162 3.2: the client must not believe that it knows all up to the MODSEQ of this FETCH
        assert any(b"MODSEQ (" in t for t in told)
        highest = [int(re.search(rb"HIGHESTMODSEQ (\d+)", t).group(1)) for t in told if b"HIGHESTMODSEQ" in t]
        assert len(highest) == 1 and highest[0] < expunged
        told = [u.text for u in imap.ok("UID FETCH", "4", "(UID)")]
        assert b"VANISHED 1,3" in told
        highest = [int(re.search(rb"HIGHESTMODSEQ (\d+)", t).group(1)) for t in told if b"HIGHESTMODSEQ" in t]
        assert len(highest) == 1 and highest[0] > expunged
        assert [u.text for u in imap.ok("FETCH", "1:*", "(UID)")] == [
            b"1 FETCH (UID 2)", b"2 FETCH (UID 4)", b"3 FETCH (UID 5)"]


def test_silent_hides_only_what_the_command_did(server, imap, user):
    """RFC 9051 6.4.6: what somebody else changed is told in spite of .SILENT."""
    fill(imap, 3)
    imap.ok("SELECT", "INBOX")
    with Imap(server, user) as other:
        other.ok("SELECT", "INBOX")
        other.ok("STORE", "1", "+FLAGS.SILENT", "(theirs)")
        got = pipeline(imap, "STORE 1:2 +FLAGS.SILENT (\\Seen)", "STORE 1:3 +FLAGS.SILENT (\\Flagged)")
        told = [u.text for untagged, _ in got for u in untagged if b" FETCH " in u.text]
        assert [t.split()[0] for t in told] == [b"1"], told
        assert b"theirs" in told[0] and b"\\Seen" in told[0] and b"\\Flagged" in told[0]
