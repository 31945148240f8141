"""parts.py - what `make bench` runs: each part works on a fresh server, and each of its loads leaves a
row under its label. tables.py says what becomes of the rows."""
import collections
import os
import pathlib
import time

Part = collections.namedtuple("Part", "name about minutes users peers work")
PARTS = {}
EVERYBODY = ("dovecot", "cyrus", "carbonado")
BOTH_WAYS = (*EVERYBODY, "carbonado-plain")
SMALL = "1800:2500"  # where the number of messages matters and their bytes do not
SESSIONS = 5000
SESSIONS_CYRUS = 500  # a process of 3 MB each: more do not fit


def part(about, minutes, users=1, peers=EVERYBODY):
    def add(work):
        name = work.__name__
        PARTS[name] = Part(name, about, minutes, users, peers, work)
        return work
    return add


@part("the server after its start, nothing connected: memory", 0.6)
def rest(b):
    b.restart()
    time.sleep(3)
    b.load("rest", "idle --conns 1 --no-select --seconds 1")


@part("LMTP, median 12 KB, mean 40 KB: 32, 1 and 64 connections, all to one", 4.5, users=64, peers=BOTH_WAYS)
def lmtp(b):
    b.prepare("lmtp --count 128 --users 64")
    b.load("lmtp-32", f"lmtp --conns 32 --users 32 --seconds {max(2, 15 * b.scale)}")
    b.load("lmtp-1", f"lmtp --conns 1 --users 32 --seconds {max(2, 10 * b.scale)}")
    b.load("lmtp-64", f"lmtp --conns 64 --users 64 --seconds {max(2, 10 * b.scale)}")
    b.load("lmtp-32-to-1", f"lmtp --conns 32 --users 1 --seconds {max(2, 8 * b.scale)}")


@part("FETCH of metadata of 100,000, first time after start and again", 4)
def fetch(b):
    b.fill("Big", 100_000, "2500:4000")
    b.restart()
    b.load("meta-first", "meta --box Big --count 1")
    b.load("meta-again", "meta --box Big --count 3")


@part("start after SIGKILL in the middle of deliveries, with 100,000 messages", 1, users=32, peers=("carbonado",))
def crash(b):
    b.fill("Big", 100_000, SMALL)
    b.note("crash", p50_ms=b.crash("lmtp --conns 32 --users 32 --seconds 20"))


@part("FETCH of whole messages, warm", 2, peers=BOTH_WAYS)
def bodies(b):
    b.fill("Mixed", 5_000, "12000:40000")
    b.run("bodies --box Mixed --count 1")
    b.load("bodies", "bodies --box Mixed --count 4")


@part("SELECT of 1,000,000, first time after start and again", 7)
def select(b):
    b.fill("Big", 20_000, SMALL)
    b.prepare("change --what copy --box Big --to Million --count 50")
    b.restart()
    b.load("select-first", "change --what select --box Million --count 1")
    b.load("select-again", "change --what select --box Million --count 20")


@part("STORE on 100,000; COPY, MOVE, EXPUNGE of 50,000", 5)
def change(b):
    n = b.number(50_000, 50)
    b.fill("Some", 20_000, SMALL)
    b.prepare("change --what copy --box Some --to Big --count 5")
    b.load("store", "change --what store --box Big --count 4")
    for turn in ("One", "Two"):  # the better of two counts
        b.load("copy", f"change --what copy --box Big --to Copied{turn} --messages {n} --count 1")
        b.load("move", f"change --what move --box Copied{turn} --to Moved{turn} --messages {n} --count 1")
        b.load("expunge", f"change --what expunge --box Moved{turn} --messages {n} --count 1")


@part("APPEND at 4 connections; MULTIAPPEND", 1.5, users=4)
def append(b):
    b.prepare("append --count 8 --conns 4 --users 4 --box Sent")
    b.load("append-4", f"append --conns 4 --users 4 --box Sent --seconds {max(2, 12 * b.scale)}")
    b.load("multiappend", f"append --box Big --multi 100 --count {b.number(4000, 200)}")


@part("POP3 RETR, one after the other and pipelined", 1.5, users=4, peers=BOTH_WAYS)
def pop3(b):
    b.prepare("lmtp --users 4 --count 4")
    b.prepare(f"lmtp --conns 4 --users 4 --count {b.number(2000, 40)}")
    b.run("pop3 --conns 4 --users 4 --pipeline 16 --count 2000")
    b.load("pop3-pipelined", f"pop3 --conns 4 --users 4 --pipeline 16 --seconds {max(2, 8 * b.scale)}")
    b.load("pop3-single", f"pop3 --conns 4 --users 4 --seconds {max(2, 6 * b.scale)}")


@part("LOGIN, SELECT, LOGOUT", 1.2, users=16)
def login(b):
    b.prepare("lmtp --count 160 --users 16")
    b.run("login --conns 16 --users 16 --count 64")  # passwords are verified and remembered
    b.load("login", f"login --conns 16 --users 16 --seconds {max(2, 10 * b.scale)}")


def sessions(b):
    return b.number(SESSIONS_CYRUS if b.peer == "cyrus" else SESSIONS, 10)


@part("sessions in IDLE, plain and TLS: memory of the processes and of the kernel", 5, users=100)
def idle(b):
    n = sessions(b)
    for label, tls in (("idle-plain", ""), ("idle-tls", " --tls")):
        b.restart()
        b.run("login --conns 50 --users 100 --count 50")
        time.sleep(2)
        b.load(label, f"idle --conns {n} --users 100 --seconds {max(3, 15 * b.scale)}{tls}")


@part("one new message announced to all sessions that idle in the mailbox", 3)
def announce(b):
    b.prepare("lmtp --count 10")
    b.run("login --count 2")
    b.load("announce", f"announce --conns {sessions(b) + 1} --count 5 --sizes 2000:2000")


@part("disk bytes per stored byte, on a folder of real messages", 1.5, peers=BOTH_WAYS)
def disk(b):
    corpus = pathlib.Path(os.environ.get("CARBONADO_CORPUS", b.result.parents[3] / "shared" / "corpus")) / "eml"
    count = len(list(corpus.glob("*.eml"))) if corpus.is_dir() else 0
    if not count:
        print(f"disk: skipped: no messages in {corpus} (CARBONADO_CORPUS)", flush=True)
        return
    count = b.number(count, 50)
    b.prepare("lmtp --count 1")
    b.restart()
    time.sleep(2)
    before = b.disk()
    if b.load("corpus", f"lmtp --eml {corpus} --count {count} --conns 4 --refusals") == 0:
        time.sleep(5)
        b.note("disk", disk=b.disk() - before)


@part("a client's small commands, 8 connections in one mailbox", 0.8)
def small(b):
    b.fill("Big", 2_000, SMALL)
    b.load("small", f"mix --box Big --conns 8 --seconds {max(2, 6 * b.scale)}")


@part("SMTP, 32 connections, beside Postfix with Dovecot", 1, users=32, peers=("postfix", "carbonado"))
def smtp(b):
    b.prepare("smtp --count 32 --users 32")
    b.load("smtp-32", f"smtp --conns 32 --users 32 --seconds {max(2, 10 * b.scale)}")
