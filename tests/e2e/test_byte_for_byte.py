"""What goes in comes out, byte for byte: every message of the corpus, its line ends made CRLF, by
APPEND and LMTP in, by IMAP, POP3 and export out, and put together again from its parts."""
import datetime
import re

import pytest

import corpus
from wire import Imap, Literal, Pop3, Refused, Smtp, crlf

MESSAGES = [(name, crlf(data)) for name, data in corpus.messages()]
BATCH = 50
SESSION = 500  # messages in one LMTP session: servers limit them

if not MESSAGES:
    pytest.skip("no corpus and no tests/data: nothing to compare", allow_module_level=True)


def append_all(imap, box, rows):
    """Pipelined APPENDs. {uid: name}, {name: refusal}."""
    uids, refused = {}, {}
    for at in range(0, len(rows), BATCH):
        part = rows[at:at + BATCH]
        tags = [imap.start("APPEND", box, Literal(data)) for _, data in part]
        for tag, (name, _) in zip(tags, part):
            _, text = imap.finish(tag)
            m = re.match(rb"OK \[APPENDUID \d+ (\d+)\]", text)
            if m:
                uids[int(m.group(1))] = name
            else:
                refused[name] = text
    return uids, refused


def read_all(imap, uids, item="BODY"):
    """{uid: bytes} of BODY.PEEK[], or of BINARY.PEEK[]."""
    out = {}
    uids = sorted(uids)
    for at in range(0, len(uids), BATCH):
        part = ",".join(map(str, uids[at:at + BATCH]))
        for uid, row in imap.fetch(part, f"(UID {item}.PEEK[])").items():
            out[uid] = row[f"{item}[]".encode()]
    return out


def differences(expected, got):
    """Names of what is not the same, with the place of the first difference."""
    out = []
    for name, data in expected.items():
        other = got.get(name)
        if other is None:
            out.append(f"{name}: missing")
        elif other != data:
            at = next((i for i, (a, b) in enumerate(zip(data, other)) if a != b),
                      min(len(data), len(other)))
            out.append(f"{name}: {len(data)} and {len(other)} bytes, at {at}: "
                       f"{data[max(at - 20, 0):at + 20]!r} / {other[max(at - 20, 0):at + 20]!r}")
    return out


class Stored:
    """All messages of the corpus in the INBOX of one account."""

    def __init__(self, server, user):
        self.user = user
        with Imap(server, user) as imap:
            self.uids, self.refused = append_all(imap, "INBOX", MESSAGES)
        self.bytes = {name: data for name, data in MESSAGES if name not in self.refused}


@pytest.fixture(scope="module")
def stored(server):
    return Stored(server, "user1@example.test")


def test_append_takes_everything(stored):
    assert stored.refused == {}


def test_imap_gives_the_same(server, stored):
    with Imap(server, stored.user) as imap:
        imap.ok("SELECT", "INBOX")
        nul = {uid for uid, name in stored.uids.items() if b"\0" in stored.bytes[name]}
        rows = read_all(imap, stored.uids.keys() - nul) | read_all(imap, nul, "BINARY")
        got = {stored.uids[uid]: data for uid, data in rows.items()}
    assert differences(stored.bytes, got) == []


def test_sizes_are_those_of_the_bytes(server, stored):
    with Imap(server, stored.user) as imap:
        imap.ok("SELECT", "INBOX")
        got = imap.fetch("1:*", "(UID RFC822.SIZE)")
    wrong = [name for uid, name in stored.uids.items()
             if int(got[uid][b"RFC822.SIZE"]) != len(stored.bytes[name])]
    assert wrong == []


def test_pop3_gives_the_same(server, stored):
    with Pop3(server) as pop3:
        if server.peer == "carbonado":
            pop3.ok("UTF8")  # RFC 6856 2.1: else header fields in UTF-8 come in another form
        pop3.ok(f"USER {stored.user}")
        pop3.ok("PASS pass")
        count = int(pop3.ok("STAT").split()[1])
        assert count == len(stored.uids)
        names = [stored.uids[uid] for uid in sorted(stored.uids)]
        got = {name: pop3.retr(i + 1) for i, name in enumerate(names)}
        pop3.ok("QUIT")
    expected = {name: data if data.endswith(b"\r\n") else data + b"\r\n"
                for name, data in stored.bytes.items()}
    assert differences(expected, got) == []


def test_export_gives_the_same(server, stored, tmp_path):
    """A Maildir of `carbonado export` has exactly the messages of the account, byte for byte."""
    if server.peer != "carbonado":
        pytest.skip("this server has no export")
    done = server.command("export", stored.user, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    got = sorted(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.parent.name in ("cur", "new"))
    assert got == sorted(stored.bytes.values())


def test_import_and_export_keep_flags_and_dates(server, user, tmp_path):
    if server.peer != "carbonado":
        pytest.skip("this server has no import")
    with Imap(server, user) as imap:
        imap.ok("CREATE", "Deep/Er")
        imap.ok("APPEND", "Deep/Er", "(\\Seen \\Flagged)", '"05-Mar-2014 10:20:30 +0100"',
                Literal(b"Subject: a\r\n\r\nx\r\n"))
        imap.ok("APPEND", "Deep/Er", "(\\Answered)", '"06-Mar-2015 10:20:30 +0000"',
                Literal(b"Subject: no line end\r\n\r\nx"))
    assert server.command("export", user, tmp_path / "out").returncode == 0
    done = server.command("import", user, tmp_path / "out", "--into", "Back")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {}
    with Imap(server, user) as imap:
        for box in ("Deep/Er", "Back/Deep/Er"):
            imap.ok("SELECT", box)
            rows[box] = sorted((row[b"BODY[]"], row[b"INTERNALDATE"], sorted(set(row[b"FLAGS"]) - {b"\\Recent"}))
                               for row in imap.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])").values())
    # A date is a moment: the zone in which it was given is not kept by files.
    moments = {box: [(body, parsed(date), flags) for body, date, flags in r] for box, r in rows.items()}
    assert moments["Deep/Er"] == moments["Back/Deep/Er"] and len(moments["Deep/Er"]) == 2


def parsed(date):
    return datetime.datetime.strptime(date.decode().strip(), "%d-%b-%Y %H:%M:%S %z")


def test_partial_reads_make_the_whole(server, stored):
    """BODY.PEEK[]<offset.count> in odd pieces, of the largest messages."""
    with Imap(server, stored.user) as imap:
        imap.ok("SELECT", "INBOX")
        largest = sorted(stored.uids, key=lambda u: -len(stored.bytes[stored.uids[u]]))[:5]
        for uid in largest:
            data = stored.bytes[stored.uids[uid]]
            step = max(65521, len(data) // 12)
            out = b""
            for at in range(0, len(data), step):
                row = imap.fetch(str(uid), f"(UID BODY.PEEK[]<{at}.{step}>)")[uid]
                out += row[b"BODY[]<%d>" % at]
            assert out == data, stored.uids[uid]
            past = imap.fetch(str(uid), f"(UID BODY.PEEK[]<{len(data) + 5}.10>)")[uid]
            assert past[b"BODY[]<%d>" % (len(data) + 5)] in (b"", None)


def test_a_nul_needs_literal8(server, user):
    """RFC 9051 4.3.1: a NUL only in literal8; in a plain literal the message is refused."""
    if server.peer != "carbonado":
        pytest.skip("other servers take it")
    data = b"Subject: nul\r\n\r\na\0b\r\n"
    with Imap(server, user) as imap:
        tag = imap.tag()
        imap.send(tag + b" APPEND INBOX {%d+}\r\n" % len(data) + data + b"\r\n")
        _, text = imap.finish(tag)
        assert re.match(rb"(NO|BAD) ", text), text
        assert imap.run("NOOP")[1].startswith(b"OK")
        imap.ok("APPEND", "INBOX", Literal(data))
        imap.ok("SELECT", "INBOX")
        row = list(imap.fetch("1:*", "(UID BINARY.PEEK[1] BINARY.PEEK[])").values())[0]
        assert row[b"BINARY[1]"] == b"a\0b\r\n"
        assert row[b"BINARY[]"] == data
        assert imap.run("FETCH 1 BODY.PEEK[]")[1].startswith(b"NO [UNKNOWN-CTE] ")


TRACE = re.compile(rb"\A(?:(?:Return-Path|Delivered-To|X-Original-To|Received):[^\r\n]*\r\n"
                   rb"(?:[ \t][^\r\n]*\r\n)*)+", re.I)


def without_trace(got, original):
    """The message without the lines that delivery put on top of it; None when it is not that."""
    top = got[:len(got) - len(original)]
    if not got.endswith(original) or TRACE.fullmatch(top) is None:
        return None
    return got[len(top):]


def test_lmtp_keeps_every_byte(server, user):
    refused, sent = {}, []
    rows = [(name, data) for name, data in MESSAGES if b"\0" not in data]
    for at in range(0, len(rows), SESSION):
        with Smtp(server, "LMTP") as lmtp:
            for name, data in rows[at:at + SESSION]:
                reply = lmtp.deliver("sender@example.org", [user], data)[0]
                if reply[0] == 250:
                    sent.append((name, data if data.endswith(b"\r\n") else data + b"\r\n"))
                else:
                    refused[name] = reply
    # A message that has been through a hundred hops is a loop and is refused (RFC 5321 6.3).
    unexpected = {name: reply for name, reply in refused.items() if "5.4.6" not in reply[1]}
    assert unexpected == {}
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        uids = sorted(imap.fetch("1:*", "(UID)"))
        assert len(uids) == len(sent)
        got = read_all(imap, uids)
    wrong = [name for uid, (name, data) in zip(uids, sent) if without_trace(got[uid], data) is None]
    assert wrong == []


def test_lmtp_makes_bare_line_ends_crlf(server, user):
    if server.peer != "carbonado":
        pytest.skip("how a server treats them is its own")
    for text in (b"Subject: a\n\nbare LF\n", b"Subject: b\r\rbare CR\r", b"Subject: c\r\n\r\na\rb\nc\r\n"):
        with Smtp(server, "LMTP") as lmtp:
            assert lmtp.ask("MAIL FROM:<a@example.org>")[0] == 250
            assert lmtp.ask(f"RCPT TO:<{user}>")[0] == 250
            assert lmtp.ask("DATA")[0] == 354
            lmtp.send(text + b"\r\n.\r\n")
            assert lmtp.reply()[0] == 250
        with Imap(server, user) as imap:
            imap.ok("SELECT", "INBOX")
            row = list(imap.fetch("*", "(UID BODY.PEEK[])").values())[0]
            assert without_trace(row[b"BODY[]"], crlf(text + b"\r\n")) is not None, row


def test_long_lines_are_kept(server, user):
    with Smtp(server, "LMTP") as lmtp:
        data = b"Subject: long\r\n\r\n" + b"x" * 998 + b"\r\n" + b"y" * 999 + b"\r\n" + \
            b"z" * 500000 + b"\r\n" + b"." * 70000 + b"\r\n"
        assert lmtp.deliver("", [user], data)[0][0] == 250
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        row = list(imap.fetch("1:*", "(UID BODY.PEEK[])").values())[0]
        assert without_trace(row[b"BODY[]"], data) is not None
