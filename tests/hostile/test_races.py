"""Class 16: what one session does to the mailbox that another has selected, and what happens at the same
moment. One test a race that can be laid out step by step, and hammers for those that cannot."""
import random
import re
import threading
import time

import pytest

import harness
import serving
from harness import Imap, Literal, Smtp
from wire import Closed, Refused

TEXT = b"Subject: x\r\n\r\nx\r\n"


@pytest.fixture(scope="module")
def server():
    own = harness.start(9, "imap.user_connections=200")
    yield own
    own.end()
    done = own.command("store", "check")
    own.stop()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def watch(server):
    with harness.Watch(server) as w:
        yield w


@pytest.fixture
def pair(server):
    """Two sessions of one account, in a mailbox of five messages that no other test has."""
    user = "user3@example.test"
    box = f"box{random.getrandbits(50)}"
    with Imap(server, user) as one, Imap(server, user) as two:
        one.ok("CREATE", box)
        for n in range(5):
            one.ok("APPEND", box, Literal(b"Subject: %d\r\n\r\n%d\r\n" % (n, n)))
        one.ok("SELECT", box)
        two.ok("SELECT", box)
        one.box = box
        yield one, two


def texts(untagged):
    return [r.text for r in untagged]


def test_silent_store_does_not_hide_what_others_did(pair):
    """RFC 9051 6.4.6: .SILENT is about our own change only."""
    one, two = pair
    two.ok("STORE", "1:2", "+FLAGS", "(\\Flagged)")
    told = texts(one.ok("STORE", "1", "+FLAGS.SILENT", "(\\Seen)"))
    first = [t for t in told if t.startswith(b"1 FETCH")]
    assert first and b"\\Flagged" in first[-1] and b"\\Seen" in first[-1], told
    assert any(t.startswith(b"2 FETCH") and b"\\Flagged" in t for t in told), told
    assert not any(b"FETCH" in t for t in texts(one.ok("STORE", "3", "+FLAGS.SILENT", "(\\Seen)")))


def test_expunge_under_a_reader(pair):
    one, two = pair
    two.ok("STORE", "2,4", "+FLAGS", "(\\Deleted)")
    two.ok("EXPUNGE")
    told, tagged = one.run("FETCH", "1:5", "(UID BODY.PEEK[TEXT])")
    assert not any(b"EXPUNGE" in r.text for r in told), told  # RFC 9051 7.5.1: never during FETCH
    numbers = {int(r.text.split()[0]) for r in told if b"FETCH" in r.text}
    assert numbers >= {1, 3, 5}
    assert tagged.startswith(b"OK") and numbers == {1, 2, 3, 4, 5} or b"[EXPUNGEISSUED]" in tagged, tagged
    one.run("STORE", "2", "+FLAGS", "(\\Seen)")
    one.ok("SEARCH", "ALL")
    told = texts(one.ok("NOOP"))
    assert [t for t in told if b"EXPUNGE" in t] == [b"4 EXPUNGE", b"2 EXPUNGE"], told


def test_copy_of_what_is_gone(pair):
    one, two = pair
    two.ok("STORE", "2", "+FLAGS", "(\\Deleted)")
    two.ok("EXPUNGE")
    _, tagged = one.run("COPY", "1:3", one.box)
    assert tagged.startswith(b"NO"), tagged  # RFC 9051 6.4.7: all or nothing
    assert b"4 EXISTS" not in texts(one.ok("NOOP")), "something was copied"


def test_all_is_moved_away(pair):
    one, two = pair
    two.ok("CREATE", one.box + "/to")
    tag = one.start("IDLE")
    assert one.line().startswith(b"+")
    two.ok("MOVE", "1:*", one.box + "/to")
    gone = 0
    while gone < 5:
        line = one.line()
        if line.endswith(b" EXPUNGE"):
            gone += 1
    one.send(b"DONE\r\n")
    assert one.finish(tag)[1].startswith(b"OK")
    _, tagged = one.run("FETCH", "1", "FLAGS")
    assert tagged.startswith(b"BAD"), tagged
    one.ok("UID FETCH", "1:*", "FLAGS")


def test_renamed_while_selected(pair):
    one, two = pair
    two.ok("RENAME", one.box, one.box + "new")
    one.ok("FETCH", "1:5", "FLAGS")
    one.ok("STORE", "1", "+FLAGS", "(\\Seen)")
    with pytest.raises(Refused, match="TRYCREATE"):
        one.ok("APPEND", one.box, Literal(TEXT))
    one.ok("APPEND", one.box + "new", Literal(TEXT))
    assert b"6 EXISTS" in texts(one.ok("NOOP") + two.ok("NOOP"))


@pytest.mark.parametrize("command", ["NOOP", "FETCH 1 FLAGS", "UID STORE 1 FLAGS ()", "EXPUNGE", "SEARCH ALL", "IDLE",
                                     "APPEND INBOX", "STATUS INBOX (MESSAGES)"])
def test_deleted_while_selected(server, pair, command):
    """RFC 9051 6.3.5 leaves open what the others are told: here each is sent away, whatever it does next."""
    one, two = pair
    two.ok("UNSELECT")
    two.ok("DELETE", one.box)
    one.sock.settimeout(60)
    one.start(*command.split(" ", 1), *([Literal(TEXT)] if command.startswith("APPEND") else []))
    lines = one.rest().split(b"\r\n")
    assert lines[-2].startswith(b"* BYE"), lines


def test_deleted_and_created_again(pair):
    one, two = pair
    validity = [int(re.search(rb"UIDVALIDITY (\d+)", t).group(1)) for t in texts(two.ok("SELECT", one.box))
                if b"UIDVALIDITY" in t]
    two.ok("UNSELECT")
    for _ in range(3):
        two.ok("DELETE", one.box)
        two.ok("CREATE", one.box)
        two.ok("APPEND", one.box, Literal(b"Subject: another\r\n\r\nsecret\r\n"))
        validity += [int(re.search(rb"UIDVALIDITY (\d+)", t).group(1)) for t in texts(two.ok("SELECT", one.box))
                     if b"UIDVALIDITY" in t]
        two.ok("UNSELECT")
    assert validity == sorted(set(validity)), validity
    one.sock.settimeout(60)
    one.start("FETCH", "1:*", "(BODY.PEEK[TEXT])")
    assert b"secret" not in one.rest()


def test_two_appends_at_quota(server):
    """Room for three of twenty: three get OK, and no more is kept."""
    user = "user4@example.test"
    Imap(server, user).close()
    size = 10_000
    message = b"Subject: q\r\n\r\n" + b"x" * (size - 18) + b"\r\n"
    assert server.command("account", "set", user, "--quota", str(3 * len(message) + 500)).returncode == 0
    answers, lock = [], threading.Lock()
    gate = threading.Barrier(20)

    def one(n):
        if n % 4 == 3:
            with Smtp(server, "LMTP") as lmtp:
                gate.wait(120)
                got = lmtp.deliver("a@example.org", [user], message)[0][0]
                assert got in (250, 552), got
                good = got == 250
        else:
            with Imap(server, user) as imap:
                gate.wait(120)
                text = imap.run("APPEND", "INBOX", Literal(message))[1]
                good = text.startswith(b"OK")
                assert good or b"[OVERQUOTA]" in text, text
        with lock:
            answers.append(good)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(180)
    assert len(answers) == 20, "some were not answered, or wrongly"
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        rows = imap.fetch("1:*", "(UID RFC822.SIZE)")
    assert len(rows) == sum(answers), (len(rows), answers)
    assert 2 <= sum(answers) <= 3, answers
    assert sum(int(r[b"RFC822.SIZE"]) for r in rows.values()) <= 3 * len(message) + 500


class Hammer(threading.Thread):
    """Makes, renames, deletes, fills and reads three mailboxes, whoever else does."""
    NAMES = ("a", "b", "a/c")

    def __init__(self, server, user, seed):
        super().__init__(daemon=True)
        self.server, self.user, self.over = server, user, False
        self.random = random.Random(seed)
        self.failure, self.count = None, 0
        self.validity = []  # (when it was asked, when it was answered, name, UIDVALIDITY, MAILBOXID)

    def select(self, imap, name):
        asked = time.monotonic()
        told, text = imap.run("SELECT", name)
        if text.startswith(b"OK"):
            all_of = b"\n".join(r.text for r in told)
            validity = int(re.search(rb"UIDVALIDITY (\d+)", all_of).group(1))
            identity = re.search(rb"MAILBOXID \((\w+)\)", all_of).group(1)
            self.validity.append((asked, time.monotonic(), name, validity, identity))

    def step(self, imap):
        name, other = self.random.sample(self.NAMES, 2)
        what = self.random.choice(("CREATE", "DELETE", "RENAME", "APPEND", "SELECT", "SELECT", "NOOP", "FETCH", "MOVE"))
        if what == "SELECT":
            self.select(imap, name)
            return
        args = {"CREATE": ("CREATE", name), "DELETE": ("DELETE", name), "RENAME": ("RENAME", name, other),
                "APPEND": ("APPEND", name, Literal(TEXT)), "NOOP": ("NOOP",), "FETCH": ("UID FETCH", "1:*", "(FLAGS)"),
                "MOVE": ("UID MOVE", "1:*", other)}[what]
        text = imap.run(*args)[1]
        assert text.startswith((b"OK", b"NO")) or what in ("FETCH", "MOVE") and text.startswith(b"BAD"), (args, text)
        assert b"SERVERBUG" not in text and b"CORRUPTION" not in text, (args, text)

    def run(self):
        while not self.over and not self.failure:
            try:
                with Imap(self.server, self.user) as imap:
                    while not self.over:
                        self.step(imap)
                        self.count += 1
            except Closed:
                pass  # what it had selected was deleted
            except Exception as e:  # pylint: disable=broad-except
                self.failure = f"{type(e).__name__}: {e}"


def hammer(server, user, clients, seconds):
    threads = [Hammer(server, user, n) for n in range(clients)]
    for t in threads:
        t.start()
    time.sleep(seconds)
    serving.wait_for(lambda: sum(t.count for t in threads) > 50 or any(t.failure for t in threads))
    for t in threads:
        t.over = True
    for t in threads:
        t.join(120)
    for t in threads:
        assert not t.is_alive() and not t.failure, t.failure or "it hangs"
    seen = sorted(row for t in threads for row in t.validity)
    latest = {}
    for asked, answered, name, validity, identity in seen:
        for before in latest.get(name, []):
            if before[0] < asked and before[2] != identity:  # answered before this was asked: it is older
                assert before[1] != validity, f"{name}: another mailbox with the same UIDVALIDITY {validity}"
        latest.setdefault(name, []).append((answered, validity, identity))


def test_mailboxes_come_and_go(server):
    hammer(server, "user5@example.test", 8, 3)


@pytest.mark.deep
def test_mailboxes_come_and_go_deep(server):
    hammer(server, "user6@example.test", 40, 60)
