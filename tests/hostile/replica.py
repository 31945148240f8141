"""A client that believes what it is told: the view of a mailbox, made of untagged responses alone. It
does things at random, notes what the server says, and fails when that breaks the rules (an EXPUNGE where
none is allowed, a number that does not exist, a uid that changes)."""
import collections
import random
import re

from wire import Closed, Imap, Literal, parse

KINDS = ("rev1", "rev2", "condstore", "qresync")
FLAGS = (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"$one", b"$two", b"three")
NO_EXPUNGE = (b"FETCH", b"STORE", b"SEARCH")
SIDE = "Side"


def numbers(text):
    """The numbers of a sequence set without stars."""
    out = []
    for part in text.decode().split(","):
        first, _, last = part.partition(":")
        a, b = int(first), int(last or first)
        out.extend(range(min(a, b), max(a, b) + 1))
    return out


def chosen(values):
    return ",".join(str(v) for v in values)


class Message:
    """What is known of one message; what is not is None."""

    def __init__(self):
        self.uid = self.flags = self.modseq = None

    def __repr__(self):
        return f"<{self.uid} {sorted(self.flags or ())} {self.modseq}>"


class Replica:
    def __init__(self, server, user, kind, seed):
        self.server, self.user, self.kind = server, user, kind
        self.random = random.Random(seed)
        self.list = []
        self.told = collections.deque(maxlen=400)  # for the report of a failure
        self.highest = self.seen_modseq = 0
        self.validity = None
        self.done = collections.Counter()
        self.open()

    @property
    def modseqs(self):
        return self.kind in ("condstore", "qresync")

    # --- the connection ----------------------------------------------------------------------

    def open(self):
        self.imap = Imap(self.server, self.user, timeout=60)
        if self.kind == "rev2":
            self.run("ENABLE IMAP4rev2")
        elif self.modseqs:
            self.run(f"ENABLE {self.kind.upper()}")
        if self.kind == "qresync" and self.validity and self.list:
            blank = next((n for n, m in enumerate(self.list) if not m.uid), len(self.list))
            self.list = self.list[:blank]  # what stands behind a message not known is asked for again
            known = [m.uid for m in self.list]
            more = f" {chosen(known)}" if known and self.random.random() < 0.5 else ""
            self.resync = True
            self.run(f"SELECT INBOX (QRESYNC ({self.validity} {self.highest}{more}))")
            self.resync = False
            self.settle_count()
        else:
            self.list = []
            self.run("SELECT INBOX")

    resync = False

    def settle_count(self):
        """After SELECT: EXISTS came before VANISHED (EARLIER), so the number is applied now."""
        assert len(self.list) <= self.exists, f"{len(self.list)} known, {self.exists} exist"
        while len(self.list) < self.exists:
            self.list.append(Message())
        for seq, values in self.later:
            self.fetched(seq, values)
        self.later = []

    # --- responses ---------------------------------------------------------------------------

    def fetched(self, seq, values):
        row = {values[i].upper(): values[i + 1] for i in range(0, len(values), 2)}
        assert 1 <= seq <= len(self.list), f"FETCH of {seq} of {len(self.list)}"
        message = self.list[seq - 1]
        if b"UID" in row:
            uid = int(row[b"UID"])
            assert message.uid in (None, uid), f"{seq} was {message.uid} and is {uid}"
            message.uid = uid
        if b"FLAGS" in row:
            message.flags = frozenset(f.lower() for f in row[b"FLAGS"] if f.lower() != b"\\recent")
            self.reported.add(id(message))
        if b"MODSEQ" in row:
            value = int(row[b"MODSEQ"][0])
            assert message.modseq is None or message.modseq <= value, "MODSEQ went back"
            message.modseq = value
            self.seen_modseq = max(self.seen_modseq, value)

    def vanished(self, uids, earlier):
        gone = set(uids)
        if not earlier:
            assert self.may_expunge, f"VANISHED in {self.command}"
        rest = [m for m in self.list if m.uid not in gone]
        unknown = gone - {m.uid for m in self.list}
        self.list = rest
        if not earlier:
            for uid in sorted(unknown):  # of those that EXISTS named and we have not fetched
                last = max((n for n, m in enumerate(self.list) if m.uid and m.uid < uid), default=-1)
                assert last + 1 < len(self.list) and self.list[last + 1].uid is None, \
                    f"VANISHED of {uid} which was never here"
                del self.list[last + 1]

    def untagged(self, response):
        text = response.text
        self.told.append(text[:300])
        m = re.match(rb"(\d+) (EXISTS|EXPUNGE|FETCH)\b ?", text)
        if m and m.group(2) == b"EXISTS":
            count = self.exists = int(m.group(1))
            if self.resync:
                return
            assert count >= len(self.list), f"EXISTS {count} of {len(self.list)}"
            while len(self.list) < count:
                self.list.append(Message())
        elif m and m.group(2) == b"EXPUNGE":
            assert self.kind != "qresync", "EXPUNGE with QRESYNC"
            assert self.may_expunge, f"EXPUNGE in {self.command}"
            seq = int(m.group(1))
            assert 1 <= seq <= len(self.list), f"EXPUNGE of {seq} of {len(self.list)}"
            del self.list[seq - 1]
        elif m:
            values = parse(text[m.end():], response.literals)[0]
            if self.resync:
                self.later.append((int(m.group(1)), values))
            else:
                self.fetched(int(m.group(1)), values)
        elif text.startswith(b"VANISHED"):
            earlier = b"(EARLIER)" in text
            self.vanished(numbers(text.rpartition(b" ")[2]), earlier)
        self.codes(text)

    later = []

    def codes(self, text):
        m = re.search(rb"\[HIGHESTMODSEQ (\d+)\]", text)
        if m:
            self.seen_modseq = max(self.seen_modseq, int(m.group(1)))
        m = re.search(rb"\[UIDVALIDITY (\d+)\]", text)
        if m:
            self.validity = int(m.group(1))

    def run(self, command, literal=None):
        """The tagged text. What the server may say meanwhile depends on the command."""
        words = command.encode().split()
        self.command = command
        self.may_expunge = words[0] not in NO_EXPUNGE
        self.reported = set()
        self.later = []
        self.told.append(b"> " + command.encode()[:200])
        args = [command] + ([Literal(literal)] if literal is not None else [])
        tag = self.imap.start(*args)
        while True:
            got, response = self.imap.response()
            if got == tag:
                break
            if got == b"*":
                self.untagged(response)
        self.told.append(response.text[:200])
        self.codes(response.text)
        if self.may_expunge and words[0] not in (b"SELECT", b"ENABLE"):
            self.highest = max(self.highest, self.seen_modseq)
        elif words[0] == b"SELECT":
            self.highest = max(self.highest, self.seen_modseq) if not self.resync else self.highest
        return response.text

    # --- what it does ------------------------------------------------------------------------

    def some(self, uid):
        """A few messages, and the set that names them."""
        known = [m for m in self.list if m.uid] if uid else self.list
        if not known:
            return [], ""
        if self.random.random() < 0.6:
            known = known[:8]  # where others are at work too
        some = self.random.sample(known, min(len(known), self.random.randint(1, 6)))
        if uid:
            return some, chosen(m.uid for m in some)
        place = {id(m): n for n, m in enumerate(self.list, 1)}
        return some, chosen(place[id(m)] for m in some)

    def act_append(self):
        if len(self.list) > 200:
            return self.act_expunge()
        flags = " ".join(f.decode() for f in self.random.sample(FLAGS, 2))
        text = b"Subject: %d\r\n\r\n" % self.random.getrandbits(60)
        assert self.run(f"APPEND INBOX ({flags})", text).startswith(b"OK")

    def act_store(self):
        uid = self.random.random() < 0.5
        some, names = self.some(uid)
        if not some:
            return
        op = self.random.choice("+-") if self.random.random() < 0.8 else ""
        silent = self.random.random() < 0.5
        flags = self.random.sample(FLAGS, 2)
        since = ""
        if self.modseqs and self.random.random() < 0.3:
            since = f" (UNCHANGEDSINCE {self.seen_modseq})"
        before = {id(m): m.flags for m in some}
        text = self.run(f"{'UID ' if uid else ''}STORE {names}{since} {op}FLAGS{'.SILENT' if silent else ''} "
                        f"({b' '.join(flags).decode()})")
        if not text.startswith(b"OK") or not silent:
            return
        m = re.search(rb"\[MODIFIED ([\d,:]+)\]", text)
        modified = set(numbers(m.group(1))) if m else set()
        place = {id(x): n for n, x in enumerate(self.list, 1)}
        given = {f.lower() for f in flags}
        for message in some:
            number = message.uid if uid else place.get(id(message))
            old = before[id(message)]
            if number in modified or id(message) in self.reported or old is None:
                continue
            message.flags = frozenset(old | given if op == "+" else old - given if op == "-" else given)

    def act_delete(self):
        some, names = self.some(False)
        if some:
            self.run(f"STORE {names} +FLAGS (\\Deleted)")

    def act_expunge(self):
        some, names = self.some(True)
        if some and self.random.random() < 0.5:
            self.run(f"UID STORE {names} +FLAGS (\\Deleted)")
            self.run(f"UID EXPUNGE {names}")
        else:
            self.run("EXPUNGE")

    def act_copy(self):
        uid = self.random.random() < 0.5
        some, names = self.some(uid)
        if some:
            to = "INBOX" if len(self.list) < 150 else SIDE
            self.run(f"{'UID ' if uid else ''}COPY {names} {to}")

    def act_move(self):
        uid = self.random.random() < 0.5
        some, names = self.some(uid)
        if some:
            to = "INBOX" if self.random.random() < 0.2 else SIDE
            self.run(f"{'UID ' if uid else ''}MOVE {names} {to}")

    def act_fetch(self):
        uid = self.random.random() < 0.5
        some, names = self.some(uid)
        if some:
            item = self.random.choice(("FLAGS", "BODY[]", "(UID FLAGS BODY.PEEK[HEADER])"))
            self.run(f"{'UID ' if uid else ''}FETCH {names} {item}")

    def act_changed(self):
        if self.modseqs:
            more = " VANISHED" if self.kind == "qresync" else ""
            self.run(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {self.highest}{more})")

    def act_search(self):
        self.run(self.random.choice(("SEARCH UNSEEN", "UID SEARCH FLAGGED", "SEARCH DELETED")))

    def act_noop(self):
        self.run("NOOP")

    def act_idle(self):
        tag = self.imap.start("IDLE")
        self.command, self.may_expunge, self.reported = "IDLE", True, set()
        self.told.append(b"> IDLE")
        wait = self.random.randint(0, 8)
        self.imap.sock.settimeout(0.3)
        try:
            while True:
                got, response = self.imap.response()
                if got == b"*":
                    self.untagged(response)
                wait -= 1
                if wait < 0:
                    break
        except TimeoutError:
            pass
        self.imap.sock.settimeout(60)
        self.imap.send(b"DONE\r\n")
        while True:
            got, response = self.imap.response()
            if got == tag:
                break
            if got == b"*":
                self.untagged(response)
        assert response.text.startswith(b"OK"), response
        self.highest = max(self.highest, self.seen_modseq)

    def act_again(self):
        """Goes away without a word and comes back: QRESYNC with what it had, the others anew."""
        self.imap.close()
        self.open()

    ACTS = ((act_append, 8), (act_store, 14), (act_delete, 3), (act_expunge, 2), (act_copy, 5), (act_move, 3),
            (act_fetch, 8), (act_changed, 3), (act_search, 3), (act_noop, 6), (act_idle, 5), (act_again, 1))

    def act(self):
        acts, weights = zip(*self.ACTS)
        which = self.random.choices(acts, weights)[0]
        which(self)
        self.done[which.__name__[4:]] += 1
        if self.random.random() < 0.6:
            self.learn()

    def learn(self):
        """Asks about what was only announced."""
        while any(m.uid is None or m.flags is None for m in self.list):
            first = next(n for n, m in enumerate(self.list, 1) if m.uid is None or m.flags is None)
            before = len(self.list)
            self.run(f"FETCH {first}:{before} (UID FLAGS{' MODSEQ' if self.modseqs else ''})")
            self.run("NOOP")

    def finish(self):
        """[(uid, flags, modseq)] after a last look."""
        self.run("NOOP")
        self.learn()
        return [(m.uid, m.flags, m.modseq if self.modseqs else None) for m in self.list]


def truth(server, user):
    """The same by a client that comes new."""
    with Imap(server, user) as imap:
        imap.ok("ENABLE", "CONDSTORE")
        imap.ok("SELECT", "INBOX")
        rows = []
        for r in imap.ok("FETCH", "1:*", "(UID FLAGS MODSEQ)"):
            m = re.match(rb"(\d+) FETCH ", r.text)
            if m:
                values = parse(r.text[m.end():], r.literals)[0]
                row = {values[i]: values[i + 1] for i in range(0, len(values), 2)}
                rows.append((int(row[b"UID"]), frozenset(f.lower() for f in row[b"FLAGS"] if f != b"\\Recent"),
                             int(row[b"MODSEQ"][0])))
    return rows


__all__ = ["Closed", "KINDS", "Replica", "SIDE", "truth"]
