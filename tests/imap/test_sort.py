"""SORT, THREAD, ESORT and PARTIAL on the wire (RFC 5256, 5957, 5267, 9394), against the algorithms
written down once more in Python."""
import datetime
import email.utils
import imaplib
import random
import re

import pytest
import wire
from wire import Literal, Refused

DAY = 86400


class Mail:
    """One message as the test knows it."""

    def __init__(self, subject="", sender="", to="", cc="", sent=None, arrived=10 * DAY, size=10, id="", refs="",
                 reply=""):
        self.__dict__.update(locals())

    def bytes(self):
        fields = [("Subject", self.subject), ("From", self.sender), ("To", self.to), ("Cc", self.cc),
                  ("Date", email.utils.formatdate(self.sent) if self.sent else ""),
                  ("Message-ID", self.id and f"<{self.id}>"), ("In-Reply-To", self.reply), ("References", self.refs)]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
        return head.encode() + b"\r\n" + b"x" * self.size + b"\r\n"


def put(client, mails):
    args = []
    for m in mails:
        at = email.utils.format_datetime(datetime.datetime.fromtimestamp(m.arrived, datetime.timezone.utc))
        args += ['"%s"' % at.split(", ")[1].replace(" ", "-", 2), Literal(m.bytes())]
    client.ok("APPEND", client.box, *args)
    client.ok("SELECT", client.box)


def numbers(client, *args):
    """The numbers of the one SORT response."""
    got = [r.text for r in client.ok(*args) if r.text.startswith(b"SORT")]
    assert len(got) == 1
    return [int(n) for n in got[0].split()[1:]]


def esearch(client, *args):
    got = [r.text for r in client.ok(*args) if r.text.startswith(b"ESEARCH")]
    assert len(got) == 1, got
    return re.sub(rb'^ESEARCH \(TAG "t\d+"\)', b"", got[0]).strip()


def threads(client, *args):
    got = [r.text for r in client.ok(*args) if r.text.startswith(b"THREAD")]
    assert len(got) == 1
    return got[0][6:].strip()


PEOPLE = [
    Mail("b", "Zoe <m@x>", "one@x", "kk@x", sent=40 * DAY, arrived=3 * DAY, size=300),
    Mail("Re: a", "=?utf-8?q?=C3=84nne?= <c@x>", "two@x", "", sent=20 * DAY, arrived=9 * DAY, size=100),
    Mail("[list] A (fwd)", "b@x", "", "aa@x", sent=30 * DAY, arrived=1 * DAY, size=200),
    Mail("", "anne <K@x>", "One@y", "", sent=None, arrived=25 * DAY, size=400),
]


def test_each_criterion(client):
    put(client, PEOPLE)
    assert all(b" " + c in client.ok("CAPABILITY")[0].text for c in
               (b"SORT", b"SORT=DISPLAY", b"ESORT", b"PARTIAL", b"I18NLEVEL=1", b"THREAD=ORDEREDSUBJECT",
                b"THREAD=REFERENCES", b"THREAD=REFS"))
    expected = {"ARRIVAL": [3, 1, 2, 4], "CC": [2, 4, 3, 1], "DATE": [2, 4, 3, 1], "FROM": [3, 2, 4, 1],
                "SIZE": [2, 3, 1, 4], "SUBJECT": [4, 2, 3, 1], "TO": [3, 1, 4, 2],
                "DISPLAYFROM": [4, 2, 3, 1], "DISPLAYTO": [3, 1, 4, 2]}
    for key, order in expected.items():
        assert numbers(client, "SORT", f"({key})", "UTF-8", "ALL") == order, key
        ties = numbers(client, "SORT", f"(REVERSE {key})", "US-ASCII", "ALL")
        if key not in ("CC", "SUBJECT", "TO", "DISPLAYTO"):
            assert ties == order[::-1], key
    # REVERSE is of one criterion, and not of the order in the mailbox behind it
    assert numbers(client, "SORT", "(REVERSE SUBJECT)", "UTF-8", "ALL") == [1, 2, 3, 4]
    assert numbers(client, "SORT", "(SUBJECT REVERSE DATE)", "UTF-8", "ALL") == [4, 3, 2, 1]
    assert numbers(client, "SORT", "(CC REVERSE SIZE)", "UTF-8", "ALL") == [4, 2, 3, 1]


def test_uids_and_search_keys(client):
    put(client, PEOPLE)
    client.ok("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
    client.ok("EXPUNGE")
    assert numbers(client, "UID SORT", "(SIZE)", "UTF-8", "ALL") == [2, 3, 4]
    assert numbers(client, "SORT", "(SIZE)", "UTF-8", "ALL") == [1, 2, 3]
    assert numbers(client, "UID SORT", "(SIZE)", "UTF-8", "2:3") == [3, 4]
    assert numbers(client, "SORT", "(SIZE)", "UTF-8", "SUBJECT", "zzz") == []
    assert numbers(client, "SORT", "(SIZE)", '"utf-8"', "NOT", "FROM", Literal("\u00e4nn".encode())) == [2, 3]
    client.ok("ENABLE", "CONDSTORE")
    got = [r.text for r in client.ok("SORT", "(SIZE)", "UTF-8", "MODSEQ", "1")]
    assert any(re.fullmatch(rb"SORT 1 2 3 \(MODSEQ \d+\)", g) for g in got)


def test_python_library(server, person, client):
    put(client, PEOPLE)
    with imaplib.IMAP4(server.host, server.ports["IMAP"]) as c:
        c.login(person, "pass")
        c.select(client.box)
        assert c.sort("(REVERSE ARRIVAL)", "UTF-8", "ALL") == ("OK", [b"4 2 1 3"])
        assert c.uid("SORT", "(ARRIVAL)", "UTF-8", "ALL") == ("OK", [b"3 1 2 4"])
        assert c.thread("ORDEREDSUBJECT", "UTF-8", "ALL") == ("OK", [b"(2 3)(4)(1)"])


def test_esort_and_partial(client):
    put(client, PEOPLE)
    assert esearch(client, "SORT RETURN () (ARRIVAL) UTF-8 ALL") == b"ALL 3,1:2,4"
    assert esearch(client, "UID SORT RETURN (MIN MAX COUNT) (ARRIVAL) UTF-8 ALL") == b"UID MIN 3 MAX 4 COUNT 4"
    assert esearch(client, "SORT RETURN (ALL COUNT) (REVERSE ARRIVAL) UTF-8 ALL") == b"COUNT 4 ALL 4,2,1,3"
    assert esearch(client, "SORT RETURN (MIN COUNT) (ARRIVAL) UTF-8 SUBJECT nowhere") == b"COUNT 0"
    assert esearch(client, "UID SORT RETURN (PARTIAL 2:3) (ARRIVAL) UTF-8 ALL") == b"UID PARTIAL (2:3 1:2)"
    assert esearch(client, "UID SORT RETURN (PARTIAL -1:-2) (ARRIVAL) UTF-8 ALL") == b"UID PARTIAL (-1:-2 2,4)"
    assert esearch(client, "SORT RETURN (PARTIAL 5:9) (ARRIVAL) UTF-8 ALL") == b"PARTIAL (5:9 NIL)"
    assert esearch(client, "SEARCH RETURN (PARTIAL 3:2 COUNT) ALL") == b"COUNT 4 PARTIAL (3:2 2:3)"
    assert esearch(client, "UID SEARCH RETURN (PARTIAL -4294967295:-3) ALL") == b"UID PARTIAL (-4294967295:-3 1:2)"
    assert esearch(client, "SEARCH RETURN (PARTIAL 9:9) ALL") == b"PARTIAL (9:9 NIL)"
    assert esearch(client, "SEARCH RETURN (PARTIAL 1:1) SUBJECT nowhere") == b"PARTIAL (1:1 NIL)"


@pytest.mark.parametrize("returns, saved", [
    ("SAVE", {1, 2, 3, 4}), ("SAVE MIN", {3}), ("SAVE MAX", {4}), ("SAVE MIN COUNT", {1, 2, 3, 4}),
    ("SAVE PARTIAL 2:3", {1, 2}), ("SAVE PARTIAL 2:2 MAX", {1, 4}), ("SAVE PARTIAL -1:-1 MIN", {3, 4}),
    ("SAVE PARTIAL 7:9", set())])
def test_saved(client, returns, saved):
    put(client, PEOPLE)
    client.ok(f"UID SORT RETURN ({returns}) (ARRIVAL) UTF-8 ALL")
    assert set(client.fetch("$", "UID")) == saved
    client.ok(f"UID SEARCH RETURN ({returns}) ALL")
    count = client.fetch("$", "UID")
    if "PARTIAL" not in returns and "MIN" not in returns and "MAX" not in returns:
        assert set(count) == saved


def test_partial_of_fetch(client):
    put(client, [Mail(f"s{n}") for n in range(10)])
    uids = lambda *args: sorted(client.fetch(*args))
    assert uids("1:*", "(UID FLAGS) (PARTIAL 1:3)") == [1, 2, 3]
    assert uids("4:8", "FLAGS (PARTIAL -1:-2)") == [7, 8]
    assert uids("4:8", "FLAGS (PARTIAL -9:-4)") == [4, 5]
    assert uids("4:8", "FLAGS (PARTIAL 9:10)") == []
    client.ok("ENABLE", "CONDSTORE")
    row = client.fetch("10", "(MODSEQ)")[10]
    modseq = row[b"MODSEQ"][0].decode()
    client.ok("UID STORE", "2,4,6,8", "+FLAGS.SILENT", "(\\Flagged)")
    assert uids("1:*", f"FLAGS (PARTIAL 2:3 CHANGEDSINCE {modseq})") == [4, 6]
    assert uids("1:*", f"FLAGS (CHANGEDSINCE {modseq} PARTIAL -1:-1)") == [8]


@pytest.mark.parametrize("line", [
    "SORT", "SORT ()  UTF-8 ALL", "SORT () UTF-8 ALL", "SORT (BODY) UTF-8 ALL", "SORT (REVERSE) UTF-8 ALL",
    "SORT (REVERSE REVERSE DATE) UTF-8 ALL", "SORT (DATE) ALL", "SORT (DATE) UTF-8", "SORT DATE UTF-8 ALL",
    "SORT RETURN (DATE) UTF-8 ALL", "SORT RETURN (PARTIAL) (DATE) UTF-8 ALL",
    "THREAD REFERENCES UTF-8", "THREAD JWZ UTF-8 ALL", "THREAD UTF-8 ALL", "THREAD RETURN () REFS UTF-8 ALL",
    "SEARCH RETURN (PARTIAL 0:5) ALL", "SEARCH RETURN (PARTIAL 1:*) ALL", "SEARCH RETURN (PARTIAL -1:5) ALL",
    "SEARCH RETURN (PARTIAL 5) ALL", "SEARCH RETURN (PARTIAL 1:4294967296) ALL",
    "SEARCH RETURN (PARTIAL 1:2 ALL) ALL", "SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
    "FETCH 1 FLAGS (PARTIAL 1:1)", "UID FETCH 1 FLAGS (PARTIAL 1:1 PARTIAL 1:1)", "UID FETCH 1 FLAGS (PARTIAL)",
    "SORT (" + "REVERSE " * 1000 + "DATE) UTF-8 ALL"])
def test_bad(client, line):
    client.ok("SELECT", client.box)
    with pytest.raises(Refused) as e:
        client.ok(line)
    assert e.value.args[0].startswith(b"BAD"), e.value


def test_unknown_charset_and_long_lists(client):
    put(client, PEOPLE)
    for line in ("SORT (DATE) X-NONE ALL", "THREAD REFS X-NONE ALL", "SEARCH CHARSET X-NONE ALL"):
        with pytest.raises(Refused) as e:
            client.ok(line)
        assert e.value.args[0].startswith(b"NO [BADCHARSET"), e.value
    assert numbers(client, "SORT", "(" + "SUBJECT REVERSE DATE " * 300 + "DATE)", "UTF-8", "ALL") == [4, 3, 2, 1]


# --- base subjects -------------------------------------------------------------------------------

def base_subject(text):
    """RFC 5256 2.1 as it is written, on ASCII; (base, reply or forward)."""
    text = re.sub(r"[ \t\r\n]+", " ", text)
    reply = False
    blob = r"\[[^\[\]]*\] *"
    leader = re.compile(rf"(?:{blob})*(?:re|fwd?) *(?:{blob})?:| ", re.I)
    while True:
        while True:
            if text.endswith(" "):
                text = text[:-1]
            elif text.lower().endswith("(fwd)"):
                text, reply = text[:-5], True
            else:
                break
        changed = True
        while changed:
            changed = False
            while m := leader.match(text):
                reply |= m.group() != " "
                text, changed = text[m.end():], True
            m = re.match(blob, text)
            if m and text[m.end():]:
                text, changed = text[m.end():], True
        if text.lower().startswith("[fwd:") and text.endswith("]"):
            text, reply = text[5:-1], True
        else:
            return text, reply


PIECES = ["re: ", "Re:", "FWD:", "fw [x]:", "[list] ", "[a]", "(fwd)", "[fwd: ", "]", " ", "hello", "World", "[", "re"]


def subjects(seed, n):
    chance = random.Random(seed)
    return ["".join(chance.choice(PIECES) for _ in range(chance.randrange(6))) for _ in range(n)]


def test_sort_by_subject_differential(client):
    made = subjects(1, 300)
    put(client, [Mail(s.strip()) for s in made[:100]])
    for part in (made[100:200], made[200:]):
        put(client, [Mail(s.strip()) for s in part])
    keys = [base_subject(s.strip())[0].upper().encode() for s in made]
    want = sorted(range(1, 301), key=lambda n: (keys[n - 1], n))
    assert numbers(client, "SORT", "(SUBJECT)", "UTF-8", "ALL") == want
    assert [n for n in numbers(client, "SORT", "(REVERSE SUBJECT)", "UTF-8", "ALL")] == sorted(
        range(1, 301), key=lambda n: (tuple(-b for b in keys[n - 1]) + (1,), n))


# --- threads -------------------------------------------------------------------------------------

class Node:
    def __init__(self, mail=None, n=0):
        self.mail, self.n, self.parent, self.children = mail, n, None, []

    def date(self):
        return (self.mail.sent, self.n) if self.mail else min(c.date() for c in self.children)

    def text(self):
        out = str(self.n) if self.mail else ""
        kids = sorted(self.children, key=Node.date)
        if len(kids) == 1:
            return out + " " * bool(out) + kids[0].text()
        return out + " " * bool(out and kids) + "".join(f"({k.text()})" for k in kids)


def adopt(parent, child):
    if child.parent:
        child.parent.children.remove(child)
    child.parent = parent
    if parent:
        parent.children.append(child)


def above(a, b):
    while b:
        if a is b:
            return True
        b = b.parent
    return False


def references(mails):
    ids, every = {}, []
    for n, m in enumerate(mails, 1):
        node = ids.get(m.id) if m.id else None
        if node is None or node.mail:
            fresh = Node()
            if m.id and node is None:
                ids[m.id] = fresh
            node = fresh
            every.append(node)
        node.mail, node.n = m, n
        refs = list(dict.fromkeys(re.findall(r"<([^>]+)>", m.refs))) or re.findall(r"<([^>]+)>", m.reply)[:1]
        before = None
        for ref in refs:
            at = ids.get(ref)
            if at is None:
                at = ids[ref] = Node()
                every.append(at)
            if before and not at.parent and not above(at, before):
                adopt(before, at)
            before = at
        adopt(None, node)
        if before and not above(node, before):
            adopt(before, node)

    def prune(node):
        for c in list(node.children):
            prune(c)
            if not c.mail and (not c.children or node is not root or len(c.children) == 1):
                for k in list(c.children):
                    adopt(node, k)
                adopt(None, c)

    root = Node()
    for node in every:
        if not node.parent:
            adopt(root, node)
    prune(root)
    top = sorted(root.children, key=Node.date)

    def subject(node):
        return base_subject((node if node.mail else min(node.children, key=Node.date)).mail.subject)

    table = {}
    for node in top:
        text = subject(node)[0].upper()
        old = table.get(text)
        if text and (not old or (old.mail and (not node.mail or (subject(old)[1] and not subject(node)[1])))):
            table[text] = node
    names = {id(node): subject(node) for node in top}
    for node in top:
        text, reply = names[id(node)]
        old = table.get(text.upper())
        if not text or old is node:
            continue
        if not old.mail and not node.mail:
            for k in list(node.children):
                adopt(old, k)
            adopt(None, node)
        elif not old.mail or (reply and not subject(old)[1]):
            adopt(old, node)
        else:
            dummy = Node()
            adopt(root, dummy)
            adopt(dummy, node)
            adopt(dummy, old)
            table[text.upper()] = dummy
    return "".join(f"({c.text()})" for c in sorted(root.children, key=Node.date))


def some_mails(seed, n):
    chance = random.Random(seed)
    known = [f"id{i}@x" for i in range(n)]
    out = []
    for i in range(n):
        refs = " ".join(f"<{chance.choice(known)}>" for _ in range(chance.choice([0, 0, 1, 2, 4])))
        out.append(Mail(chance.choice(["", "a", "Re: a", "b", "Fwd: b", "c", f"s{i}"]), sent=chance.randrange(1, 60) * DAY,
                        arrived=chance.randrange(1, 60) * DAY, id=chance.choice(known + [""]), refs=refs,
                        reply=chance.choice(["", f"<{chance.choice(known)}> <other@x>"])))
    return out


@pytest.mark.parametrize("seed", range(6))
def test_references_differential(client, seed):
    mails = some_mails(seed, [6, 12, 20, 40, 60, 90][seed])
    put(client, mails)
    assert threads(client, "THREAD REFERENCES UTF-8 ALL").decode() == references(mails)
    assert threads(client, "UID THREAD REFERENCES UTF-8 ALL").decode() == references(mails)


def test_orderedsubject(client):
    mails = some_mails(7, 50)
    put(client, mails)
    groups = {}
    for n, m in enumerate(mails, 1):
        groups.setdefault(base_subject(m.subject)[0].upper(), []).append((m.sent, n))
    want = ""
    for group in sorted(sorted(g) for g in groups.values()):
        first, *rest = (str(n) for _, n in group)
        want += "(" + first + (" " + rest[0] if len(rest) == 1 else
                               " " + "".join(f"({n})" for n in rest) if rest else "") + ")"
    assert threads(client, "THREAD ORDEREDSUBJECT UTF-8 ALL").decode() == want
    assert threads(client, "THREAD ORDEREDSUBJECT US-ASCII SUBJECT nowhere") == b""


def test_refs_follows_the_newest_message(client):
    put(client, [Mail("a", sent=DAY, arrived=5 * DAY, id="1@x"), Mail("a", sent=2 * DAY, arrived=3 * DAY, id="2@x"),
                 Mail("x", sent=3 * DAY, arrived=9 * DAY, id="3@x", refs="<1@x>"),
                 Mail("y", sent=9 * DAY, arrived=2 * DAY, id="4@x", reply='<"1"@x> junk')])
    assert threads(client, "THREAD REFS UTF-8 ALL") == b"(2)(1 (4)(3))"
    assert threads(client, "THREAD REFERENCES UTF-8 ALL") == b"((1 (3)(4))(2))"


def test_search_compares_as_sort_does(client):
    """RFC 5255 4.2: substrings in i;unicode-casemap, where a letter is in the same letter with an accent."""
    put(client, [Mail("=?utf-8?q?H=C3=A4lfte?="), Mail("=?utf-8?q?D=C4=B1yarbak=C4=B1r?="), Mail("Half")])

    def found(text):
        return [int(n) for n in client.ok("SEARCH", "CHARSET", "UTF-8", "SUBJECT", Literal(text.encode()))[0].text.split()[1:]]

    assert found("HA") == [1, 3] and found("h\u00e4") == [1] and found("H\u00c4LF") == [1]
    assert found("diyarbakir") == [2] and found("DIYARBAKIR") == [2]


def test_a_very_deep_thread(client):
    depth = 1500
    for first in range(0, depth, 100):
        put(client, [Mail(f"s{n}", sent=(n + 1) * 60, id=f"{n}@x", refs=f"<{n - 1}@x>" if n else "")
                     for n in range(first, first + 100)])
    assert threads(client, "THREAD REFERENCES UTF-8 ALL") == b"(" + b" ".join(b"%d" % n for n in range(1, depth + 1)) + b")"
    client.ok("APPEND", client.box, Literal(Mail("loop", id="end@x", refs=" ".join(
        f"<{n}@x>" for n in range(depth, 0, -1))).bytes()))
    client.ok("NOOP")
    assert threads(client, "THREAD REFS UTF-8 ALL").count(b"(") >= 1


def test_expunge_is_told_behind_the_uid_forms_only(server, person, client):
    put(client, PEOPLE)

    def take_one():
        with wire.Imap(server, person) as other:
            other.ok("SELECT", client.box)
            other.ok("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
            other.ok("EXPUNGE")

    for plain, uid in (("SORT (SIZE) UTF-8 ALL", "UID SORT (SIZE) UTF-8 ALL"),
                       ("THREAD REFS UTF-8 ALL", "UID THREAD REFS UTF-8 ALL")):
        take_one()
        assert not any(b"EXPUNGE" in r.text for r in client.ok(plain))
        assert any(r.text == b"1 EXPUNGE" for r in client.ok(uid))
