"""Mail that comes and is changed by several clients at once, and what may be there afterwards.

`Book` knows for every message the states that it may be in: the set of (mailbox, flags) that it is
found with. An operation that is under way adds the states that it leads to; its acknowledgement leaves
only those. After a crash each message has to be in one of its states, exactly, and nothing else may be
there."""
import hashlib
import itertools
import random
import re
import threading
import time
import traceback

from wire import Closed, Imap, Literal, Refused, Smtp

USERS = [f"user{n}@example.test" for n in range(1, 5)]
BOXES = ("INBOX", "Kept", "Copies")
FLAGS = ("\\Flagged", "\\Seen", "$Work")
NAME = re.compile(rb"Message-ID:\s*<([^>]*)>", re.I)


class Message:
    def __init__(self, digest):
        self.digest = digest
        self.states = {frozenset()}
        self.taken = False  # somebody changes it
        self.before = self.after = set()  # of the last change


class Book:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.messages = {}   # (user, name) -> Message
        self.uids = {}       # (user, box, validity, uid) -> name
        self.done = 0
        self.refused = 0
        self.doubtful = False  # a refusal leaves open whether it was done; for crashes

    def make(self, users, size=None):
        """(name, bytes) of a new message that each user may get."""
        with self.lock:
            n = next(self.numbers)
            size = int(self.random.lognormvariate(7.5, 1.5)) + 50 if size is None else size
            line = "%016x" % self.random.getrandbits(64) * 4 + "\r\n"
        name = f"{n}@lost.example.org"
        body = (f"body {n}\r\n" + line * (size // len(line) + 1)).encode()
        data = f"Message-ID: <{name}>\r\nSubject: {n}\r\n\r\n".encode() + body
        with self.lock:
            for user in users:
                self.messages[user, name] = Message(hashlib.sha256(body).hexdigest())
        return name, data

    def will_come(self, user, name, state):
        with self.lock:
            self.messages[user, name].states.add(frozenset([state]))

    def has_come(self, user, name):
        with self.lock:
            self.done += 1
            m = self.messages[user, name]
            if not m.taken:  # who changes it has seen it
                m.states.discard(frozenset())

    def was_refused(self, user, name):
        with self.lock:
            self.refused += 1
            if not self.messages[user, name].taken:
                self.messages[user, name].after = self.messages[user, name].states
                if not self.doubtful:
                    self.messages[user, name].states = {frozenset()}

    def will(self, user, names, step):
        """`step` changes a state; what each may be in now."""
        with self.lock:
            for name in names:
                m = self.messages[user, name]
                m.taken = True
                m.states.discard(frozenset()) if len(m.states) > 1 else None
                m.before = set(m.states)
                m.after = {step(s) for s in m.states}
                m.states = m.states | m.after

    def did(self, user, names, step):
        with self.lock:
            self.done += 1
            for name in names:
                m = self.messages[user, name]
                m.states = {step(s) for s in m.before}

    def did_not(self, user, names):
        with self.lock:
            self.refused += 1
            for name in names if not self.doubtful else []:
                self.messages[user, name].states = self.messages[user, name].before

    def compare(self, seen):
        """`seen`: (user, name) -> (sorted list of (box, flags), digests). What is wrong; what is there
        becomes what is known."""
        wrong = []
        with self.lock:
            for key in seen.keys() - self.messages.keys():
                wrong.append(f"{key}: nobody sent it")
            for key, m in self.messages.items():
                places, digests = seen.get(key, ([], set()))
                state = frozenset(places)
                if len(places) != len(state):
                    wrong.append(f"{key}: twice in one mailbox: {places}")
                if state not in m.states:
                    wrong.append(f"{key}: is {sorted(state)}, may be {[sorted(s) for s in m.states]}")
                if digests - {m.digest}:
                    wrong.append(f"{key}: other bytes")
                m.states = {state}
                m.taken = bool(state)
        return wrong


def moved(box, to):
    return lambda state: frozenset((to if b == box else b, f) for b, f in state)


def copied(box, to):
    return lambda state: state | {(to, f) for b, f in state if b == box}


def stored(box, flag, add):
    return lambda state: frozenset((b, (f | {flag} if add else f - {flag}) if b == box else f) for b, f in state)


def expunged(box):
    return lambda state: frozenset((b, f) for b, f in state if b != box)


# --- clients -------------------------------------------------------------------------------------------

def temporary(code, text):
    assert 400 <= code < 500, f"not a temporary error: {code} {text}"


def deliver(lmtp, book, users):
    """One message by LMTP; the codes."""
    name, data = book.make(users)
    for user in users:
        book.will_come(user, name, ("INBOX", frozenset()))
    replies = lmtp.deliver("a@example.org", users, data)
    if len(replies) == 1 < len(users):
        replies *= len(users)
    for user, (code, text) in zip(users, replies):
        if code == 250:
            book.has_come(user, name)
        else:
            temporary(code, text)
            book.was_refused(user, name)
    return [code for code, _ in replies]


def told(text):
    """Is it done? A refusal has to be one that says "later"."""
    if text.upper().startswith(b"OK"):
        return True
    assert text.upper().startswith(b"NO"), text
    return False


def append(imap, book, user, batch=1, flags=frozenset(), box="INBOX"):
    rows = [book.make([user]) for _ in range(batch)]
    for name, _ in rows:
        book.will_come(user, name, (box, flags))
    tags = [imap.start("APPEND", box, f"({' '.join(sorted(flags))})", Literal(data)) for _, data in rows]
    for tag, (name, _) in zip(tags, rows):
        if told(imap.finish(tag)[1]):
            book.has_come(user, name)
        else:
            book.was_refused(user, name)


class Reader:
    """An IMAP session in one mailbox that knows which uid is which message."""

    def __init__(self, imap, book, user):
        self.imap, self.book, self.user = imap, book, user
        self.box = None

    def select(self, box):
        text = b" ".join(r.text for r in self.imap.ok("SELECT", box)) + self.imap.tagged
        self.validity = int(re.search(rb"UIDVALIDITY (\d+)", text).group(1))
        self.box = box

    def rows(self):
        """{uid: (name, flags)}"""
        out = {}
        for uid, row in self.imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])").items():
            text = next(v for k, v in row.items() if k.startswith(b"BODY["))
            assert text and NAME.search(text), (uid, row, self.imap.tagged)
            out[uid] = NAME.search(text).group(1).decode(), flags_of(row)
        return out

    def change(self, names, step, *command):
        """One command over these messages, noted before and after; was it done?"""
        self.book.will(self.user, names, step)
        if told(self.imap.run(*command)[1]):
            self.book.did(self.user, names, step)
            return True
        self.book.did_not(self.user, names)
        return False


def flags_of(row):
    return frozenset(f.decode() for f in row[b"FLAGS"] if f.decode() in FLAGS)


def numbers(uids):
    return ",".join(map(str, sorted(uids)))


def change_some(reader, rng):
    """One random change to some messages of the selected mailbox."""
    rows = reader.rows()
    if not rows:
        return
    some = rng.sample(sorted(rows), min(len(rows), rng.choice((1, 2, 5, 20))))
    names = [rows[uid][0] for uid in some]
    other = {"INBOX": "Kept", "Kept": "INBOX"}
    how = rng.choice(("store", "store", "move", "copy", "expunge"))
    if reader.box == "Copies" and how in ("move", "copy"):
        how = "store"
    if how == "copy":
        known = {r for r in names if all("Copies" not in (b for b, _ in s)
                                         for s in reader.book.messages[reader.user, r].states)}
        some = [uid for uid in some if rows[uid][0] in known]
        names = [rows[uid][0] for uid in some]
        if not some:
            return
    uids = numbers(some)
    if how == "store":
        flag, add = rng.choice(FLAGS), rng.random() < 0.7
        reader.change(names, stored(reader.box, flag, add), "UID STORE", uids,
                      ("+" if add else "-") + "FLAGS.SILENT", f"({flag})")
    elif how == "move":
        reader.change(names, moved(reader.box, other[reader.box]), "UID MOVE", uids, other[reader.box])
    elif how == "copy":
        reader.change(names, copied(reader.box, "Copies"), "UID COPY", uids, "Copies")
    else:
        if told(reader.imap.run("UID STORE", uids, "+FLAGS.SILENT", "(\\Deleted)")[1]):
            reader.change(names, expunged(reader.box), "UID EXPUNGE", uids)


def until_lost(failures, send, *args):
    """Runs one client; losing the connection is how it ends. One that is told "not now" begins again."""
    while True:
        try:
            return send(*args)
        except (Closed, OSError):
            return None
        except Refused as e:
            if not e.args[0].startswith(b"NO [UNAVAILABLE]"):
                failures.append(repr(e))
                return None
        except Exception:  # pylint: disable=broad-except
            failures.append(traceback.format_exc())
            return None
        time.sleep(0.01)


def keep_delivering(server, book, stop, users):
    with Smtp(server, "LMTP", timeout=20) as lmtp:
        while not stop.is_set():
            deliver(lmtp, book, users)


def keep_appending(server, book, stop, user, batch, seed):
    rng = random.Random(seed)
    with Imap(server, user, timeout=20) as imap:
        while not stop.is_set():
            append(imap, book, user, batch, frozenset(f for f in FLAGS if rng.random() < 0.2))


def keep_changing(server, book, stop, user, seed):
    rng = random.Random(seed)
    with Imap(server, user, timeout=20) as imap:
        reader = Reader(imap, book, user)
        while not stop.is_set():
            reader.select(rng.choice(BOXES))
            for _ in range(rng.randrange(1, 6)):
                if stop.is_set():
                    return
                change_some(reader, rng)


class Load:
    """Everything at once: `with Load(server, book): ...`; ends when the server does."""

    def __init__(self, server, book):
        self.stop, self.failures, self.book = threading.Event(), [], book
        seed = book.random.random()
        rows = [(keep_delivering, server, book, self.stop, who)
                for who in (USERS[:1], USERS[1:2], USERS[:2], USERS)]
        rows += [(keep_appending, server, book, self.stop, user, batch, f"{seed}{user}")
                 for user, batch in ((USERS[0], 1), (USERS[2], 5), (USERS[3], 1))]
        rows += [(keep_changing, server, book, self.stop, user, f"{seed}{user}") for user in USERS]
        self.threads = [threading.Thread(target=until_lost, args=(self.failures, *row)) for row in rows]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def begun(self, before, count=5):
        """Waits until something has been acknowledged since."""
        end = time.monotonic() + 60
        while self.book.done < before + count and time.monotonic() < end:
            time.sleep(0.005)

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"
        assert not self.failures, "\n".join(self.failures[:5])


def make_boxes(server, users=tuple(USERS)):
    for user in users:
        with Imap(server, user) as imap:
            for box in BOXES[1:]:
                imap.ok("CREATE", box)


def look(server, book, users=tuple(USERS)):
    """Everything that is there, for Book.compare; a uid means one message for ever."""
    seen = {}
    for user in users:
        with Imap(server, user) as imap:
            for box in BOXES:
                reader = Reader(imap, book, user)
                reader.select(box)
                rows = imap.fetch("1:*", "(FLAGS BODY.PEEK[])")
                for uid, row in rows.items():
                    head, _, body = row[b"BODY[]"].partition(b"\r\n\r\n")
                    name = NAME.search(head).group(1).decode()
                    was = book.uids.setdefault((user, box, reader.validity, uid), name)
                    assert was == name, f"{user} {box}: uid {uid} was {was} and is {name}"
                    places, digests = seen.setdefault((user, name), ([], set()))
                    places.append((box, flags_of(row)))
                    digests.add(hashlib.sha256(body).hexdigest())
    return seen


def compare(server, book, users=tuple(USERS)):
    assert not (wrong := book.compare(look(server, book, users))), "\n".join(wrong[:20])


def wait(seconds):
    time.sleep(seconds)
