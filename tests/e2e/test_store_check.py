"""`carbonado store check --repair` on stores damaged at random: packs, databases, both. What can be
read is kept, byte for byte; what cannot is named; afterwards the store is sound and the server
serves it."""
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest

import serving
from wire import Imap, Literal, Smtp

USERS = ["user1@example.test", "user2@example.test"]
COUNT = 120


def make_message(rng, n):
    words = [b"%x" % rng.getrandbits(rng.choice((8, 16, 60))) for _ in range(int(rng.lognormvariate(5, 1.4)) + 5)]
    lines = b"\r\n".join(b" ".join(words[i:i + 9]) for i in range(0, len(words), 9))
    return b"Message-ID: <%d@check.example.org>\r\nSubject: check %d\r\n\r\n" % (n, n) + lines + b"\r\n"


class Filled:
    """A state directory with mail in it, and no server on it."""

    def __init__(self, folder):
        rng = random.Random(7)
        self.folder = folder
        server = serving.start(len(USERS))
        try:
            self.bytes = {}
            with Smtp(server, "LMTP") as lmtp:
                for n in range(COUNT):
                    self.bytes[n] = make_message(rng, n)
                    to = USERS if n % 10 == 0 else USERS[n % 2:][:1]
                    assert all(code == 250 for code, _ in lmtp.deliver("a@example.org", to, self.bytes[n]))
            with Imap(server, USERS[0]) as imap:
                imap.ok("CREATE", "Kept")
                for n in range(COUNT, COUNT + 30):
                    self.bytes[n] = make_message(rng, n)
                    imap.ok("APPEND", "Kept", "(\\Flagged)", Literal(self.bytes[n]))
                imap.ok("SELECT", "INBOX")
                imap.ok("STORE", "1:5", "+FLAGS", "(\\Deleted)")
                imap.ok("EXPUNGE")
            server.end()
            shutil.copytree(server.state, folder / "whole", symlinks=True,
                            ignore=lambda d, names: [n for n in names if is_socket(pathlib.Path(d, n))])
            self.program = server.exe
            self.env = server.env
        finally:
            server.stop()
        state = self.copy("reference")
        with self.serving(state) as running:
            self.content = contents(running)
        assert sum(map(len, self.content.values())) > COUNT

    def copy(self, name):
        shutil.copytree(self.folder / "whole", self.folder / name, symlinks=True)
        return self.folder / name

    def run(self, state, *args):
        return subprocess.run([self.program, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=300,
                              env={**self.env, **moved(self.env, state)})

    def serving(self, state):
        return Running(self, state)


def moved(env, state):
    return {"CARBONADO_STATE": str(state)}


def is_socket(path):
    return not path.is_file() and not path.is_dir()


class Running:
    """The server on one copy of the state."""

    def __init__(self, filled, state):
        self.server = serving.Serving({**filled.env, "CARBONADO_STATE": str(state)})
        self.server.exe = filled.program

    def __enter__(self):
        self.server.serve()
        return self.server

    def __exit__(self, *_):
        self.server.end(signal.SIGTERM)


LOST = b"lost on a damaged disk]"


def contents(server):
    """{user: {message number: [bytes]}} of all mailboxes, from the Message-ID on (a repair without
    the database cannot know the lines that delivery put on top). What repair marked as lost, or what
    cannot be read, is not in it."""
    out = {}
    for user in USERS:
        mine = out[user] = {}
        with Imap(server, user) as imap:
            boxes = [re.match(rb'LIST \([^)]*\) \S+ "?([^"]*)"?$', r.text).group(1)
                     for r in imap.ok("LIST", '""', "*") if r.text.startswith(b"LIST")]
            for box in boxes:
                imap.ok("SELECT", b'"' + box + b'"')
                uids = [u for r in imap.ok("UID SEARCH", "ALL") if r.text.startswith(b"SEARCH")
                        for u in r.text.split()[1:]]
                for uid in uids:
                    untagged, text = imap.run("UID FETCH", uid, "(BODY.PEEK[])")
                    data = next((bytes(r.literals[0]) for r in untagged if r.literals), b"")
                    if LOST in data or not text.startswith(b"OK"):
                        continue
                    m = re.search(rb"Message-ID: <(\d+)@check", data)
                    assert m, (uid, text, data)
                    mine.setdefault(int(m.group(1)), []).append(data[m.start():])
    return out


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    if serving.inherited():
        pytest.skip("needs servers of its own")
    if not serving.WITH_SERVER.exists():
        pytest.skip("scripts/with-server is not there")
    return Filled(tmp_path_factory.mktemp("check"))


def files(state, kind):
    names = {"packs": "packs/**/*.pack", "databases": "shards/*.db"}[kind]
    return sorted(p for p in state.glob(names) if p.stat().st_size)


def damage(rng, path):
    """One of the ways in which disks and people harm files; says which."""
    data = bytearray(path.read_bytes())
    how = rng.choice(("flip", "zero", "noise", "cut", "hole", "gone"))
    at = rng.randrange(len(data))
    size = min(rng.choice((1, 16, 512, 4096, 20000)), len(data) - at)
    if how == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif how == "zero":
        data[at:at + size] = bytes(size)
    elif how == "noise":
        data[at:at + size] = rng.randbytes(size)
    elif how == "cut":
        del data[at:]
    elif how == "hole":
        del data[at:at + size]
    else:
        path.unlink()
        return f"{path.name}: gone"
    path.write_bytes(data)
    return f"{path.name}: {how} {size} bytes at {at}"


def test_a_whole_store_is_clean(filled):
    state = filled.copy("clean")
    done = filled.run(state, "store", "check")
    assert done.returncode == 0, done.stdout
    before = {p: p.read_bytes() for p in files(state, "packs")}
    done = filled.run(state, "store", "check", "--repair")
    assert done.returncode == 0, done.stdout
    assert {p: p.read_bytes() for p in files(state, "packs")} == before, "repair changed a sound pack"
    with filled.serving(state) as server:
        assert contents(server) == filled.content
    shutil.rmtree(state)


def compare(filled, after, lost_allowed):
    """Everything there is what was sent; what is missing counts."""
    lost = 0
    for user, messages in filled.content.items():
        for n, copies in messages.items():
            got = after.get(user, {}).get(n, [])
            assert set(got) <= set(copies), f"{user}: message {n} is there with other bytes"
            lost += len(copies) - min(len(got), len(copies))
    assert lost <= lost_allowed, f"{lost} messages are gone"
    return lost


def repair_round(filled, kinds, seed):
    rng = random.Random(seed)
    state = filled.copy(f"damaged-{'-'.join(kinds)}-{seed}")
    done = [damage(rng, rng.choice(files(state, kind))) for kind in kinds for _ in range(rng.choice((1, 1, 3)))
            if files(state, kind)]
    context = f"seed {seed}: {'; '.join(done)}"
    repaired = filled.run(state, "store", "check", "--repair")
    assert repaired.returncode >= 0, f"{context}: ended by signal {-repaired.returncode}\n{repaired.stdout[-3000:]}"
    again = filled.run(state, "store", "check")
    assert again.returncode == 0, f"{context}: not sound after the repair\n{repaired.stdout[-3000:]}\n{again.stdout[-3000:]}"
    with filled.serving(state) as server:
        after = contents(server)
    lost = compare(filled, after, sum(len(c) for m in filled.content.values() for c in m.values()))
    if lost:
        assert repaired.stdout.strip(), f"{context}: {lost} messages lost and nothing said"
    shutil.rmtree(state)
    return lost, context, repaired.stdout


QUICK = 4


@pytest.mark.parametrize("kinds", [("packs",), ("databases",), ("packs", "databases")], ids="-".join)
@pytest.mark.parametrize("seed", range(QUICK))
def test_repair(filled, kinds, seed):
    repair_round(filled, kinds, seed)


@pytest.mark.deep
@pytest.mark.parametrize("kinds", [("packs",), ("databases",), ("packs", "databases")], ids="-".join)
@pytest.mark.parametrize("seed", range(QUICK, 60))
def test_repair_deep(filled, kinds, seed):
    repair_round(filled, kinds, seed)


def test_one_bit_in_a_pack_costs_one_message(filled):
    """A flipped bit inside a record loses that message (of each mailbox it is in), names it, and
    nothing else."""
    state = filled.copy("bit")
    pack = max(files(state, "packs"), key=lambda p: p.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 4
    pack.write_bytes(data)
    found = filled.run(state, "store", "check")
    assert found.returncode not in (0, 2), found.stdout
    repaired = filled.run(state, "store", "check", "--repair")
    assert filled.run(state, "store", "check").returncode == 0, repaired.stdout
    with filled.serving(state) as server:
        lost = compare(filled, contents(server), len(USERS))
    assert lost >= 1
    shutil.rmtree(state)


def test_databases_all_gone(filled):
    """Without any shard database, the messages come back from the packs."""
    state = filled.copy("no-databases")
    for path in files(state, "databases"):
        for other in path.parent.glob(path.name + "*"):
            other.unlink()
    repaired = filled.run(state, "store", "check", "--repair")
    assert filled.run(state, "store", "check").returncode == 0, repaired.stdout
    with filled.serving(state) as server:
        after = contents(server)
    # Expunged messages may come back with the rest; what was there is there.
    compare(filled, {u: {n: c[:len(filled.content[u].get(n, []))] for n, c in m.items()} for u, m in after.items()}, 0)
    shutil.rmtree(state)
