"""backup and restore: beside a server that takes mail, only what has grown, whole, one account, one mailbox, and
what happens to damage."""
import imaplib
import json
import os
import re
import subprocess
import threading
import time

import pytest

import serving

pytestmark = pytest.mark.skipif(not serving.WITH_SERVER.exists(), reason="scripts/with-server is not there")


@pytest.fixture(scope="module")
def own():
    server = serving.start(3, "--set", "io.loops=3")
    yield server
    server.stop()


def message(n):
    return b"Subject: %d\r\nX-Big: %s\r\n\r\n%s\r\n" % (n, b"a" * (n % 50), (b"line %d\r\n" % n) * (n * 7 % 400))


def login(server, user):
    connection = imaplib.IMAP4(server.host, server.ports["IMAP"])
    connection.login(user, "pass")
    return connection


def fill(server, user, numbers, mailbox="INBOX"):
    connection = login(server, user)
    for n in numbers:
        assert connection.append(mailbox, r"(\Seen mark%d)" % (n % 3), None, message(n))[0] == "OK"
    connection.logout()


def contents(server, user, mailbox="INBOX"):
    """number -> (bytes, flags) of every message."""
    connection = login(server, user)
    assert connection.select(f'"{mailbox}"', readonly=True)[0] == "OK"
    rows = connection.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]
    connection.logout()
    found = {}
    for row in rows:
        if isinstance(row, tuple):
            number = int(re.match(rb"Subject: (\d+)", row[1]).group(1))
            assert number not in found, "twice"
            found[number] = (row[1], frozenset(re.search(rb"FLAGS \(([^)]*)\)", row[0]).group(1).split()) - {b"\\Recent"})
    return found


def ok(done):
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def restore(server, folder, *args):
    """Of the whole, into a directory of whoever runs the tests."""
    owner = ["--owner", "root"] if os.geteuid() == 0 else []
    return server.command("restore", folder, *args, *owner)


class Restored:
    """A server on a restored state directory, on the ports of the first, which has ended."""

    def __init__(self, own, state):
        self.host, self.ports, self.state = own.host, own.ports, state
        self.process = subprocess.Popen([own.program(), "--state", state, "serve"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        serving.wait_for(self.serves, why="it does not serve")

    def serves(self):
        try:
            login(self, "user1@example.test").logout()
        except (OSError, imaplib.IMAP4.abort):
            return False
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait(serving.PATIENCE)


def test_beside_a_server_that_takes_mail(own, tmp_path):
    fill(own, "user1@example.test", range(100))
    acknowledged, stop = [], threading.Event()

    def load():
        for n in range(1000, 5000):
            if stop.is_set():
                return
            fill(own, "user2@example.test", [n])
            acknowledged.append(n)

    writer = threading.Thread(target=load)
    writer.start()
    folder, counts = tmp_path / "backups", []
    try:
        for _ in range(3):
            counts.append(len(acknowledged))
            done = json.loads(ok(own.command("backup", folder, "--json")))
            time.sleep(1.1)  # a name is a second
    finally:
        stop.set()
        writer.join()
    ok(own.command("backup", folder, "--check"))
    before = contents(own, "user1@example.test")
    assert len(before) == 100

    state = tmp_path / "state"
    ok(restore(own, folder, "--state", state))
    assert b" 0 problems" in own.command("--state", state, "store", "check").stdout
    taken = contents(own, "user2@example.test")
    own.end()
    again = Restored(own, state)
    try:
        assert contents(again, "user1@example.test") == before
        found = contents(again, "user2@example.test")
    finally:
        again.stop()
        own.serve()
    # All that was acknowledged before the last backup began, and nothing that was never sent.
    assert set(acknowledged[:counts[-1]]) <= set(found)
    assert all(taken[n] == value for n, value in found.items())
    # An older one has its own moment.
    names = [row["backup"] for row in json.loads(ok(own.command("backup", folder, "--list", "--json")))]
    assert len(names) == 3 and done["backup"] == names[-1]


def test_only_what_has_grown_is_copied(own, tmp_path):
    fill(own, "user3@example.test", range(200, 260))
    folder = tmp_path / "backups"
    first = json.loads(ok(own.command("backup", folder, "--json")))
    packs = {p.relative_to(folder): p.stat().st_size for p in folder.glob("packs/*/*.pack")}
    fill(own, "user3@example.test", [300])
    time.sleep(1.1)
    second = json.loads(ok(own.command("backup", folder, "--json")))
    grown = sum(p.stat().st_size for p in folder.glob("packs/*/*.pack")) - sum(packs.values())
    assert 0 < grown < 4096
    time.sleep(1.1)
    third = json.loads(ok(own.command("backup", folder, "--keep", 1, "--json")))
    assert third["removed"] == 2
    rows = json.loads(ok(own.command("backup", folder, "--check", "--json")))
    assert [r["backup"] for r in rows] == [third["backup"]] and first["backup"] < second["backup"] < third["backup"]


def test_an_account_and_a_mailbox_come_beside(own, tmp_path):
    user = "user3@example.test"
    connection = login(own, user)
    connection.create("Work/Old")
    connection.create("Play")
    connection.logout()
    fill(own, user, range(400, 420), "Work/Old")
    fill(own, user, range(420, 430), "Play")
    wanted = contents(own, user, "Work/Old")
    folder = tmp_path / "backups"
    ok(own.command("backup", folder))
    connection = login(own, user)
    connection.delete("Work/Old")
    connection.logout()
    out = json.loads(ok(own.command("restore", folder, "--account", user, "--mailbox", "Work", "--json")))
    assert (out["restored"], out["left_out"]) == (20, 0)
    day = out["backup"]
    assert contents(own, user, f"Restored {day[:4]}-{day[4:6]}-{day[6:8]}/Work/Old") == wanted
    ok(own.command("restore", folder, "--account", user, "--mailbox", "Play", "--into", "", "--to",
                   "user1@example.test"))
    assert contents(own, "user1@example.test", "Play") == contents(own, user, "Play")
    assert not list(own.state.glob("restore.*")), "what was unpacked is still there"


def test_damage_is_found_and_not_restored(own, tmp_path):
    folder, state = tmp_path / "backups", tmp_path / "state"
    ok(own.command("backup", folder))
    pack = max(folder.glob("packs/*/*.pack"), key=lambda p: p.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    for done in (own.command("backup", folder, "--check"), restore(own, folder, "--state", state)):
        assert done.returncode == 1 and pack.name.encode() in done.stderr and b"damaged" in done.stderr
    refused = own.command("--state", state, "account", "list")
    assert refused.returncode != 0 and b"restore" in refused.stderr
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    ok(restore(own, folder, "--state", state))  # goes over what the first try left
    manifest = next(folder.glob("2*/manifest.json"))
    manifest.write_text(manifest.read_text().replace("packs", "Packs"))
    assert b"damaged" in own.command("backup", folder, "--check").stderr


def test_backups_in_one_second(offline, tmp_path):
    names = [offline.data("backup", tmp_path / "b")["backup"] for _ in range(3)]
    assert names == sorted(set(names))
    assert [row["backup"] for row in offline.data("backup", tmp_path / "b", "--list")] == names


def test_what_cannot_be_is_refused(own, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_text("x")
    assert b"not empty" in own.command("backup", tmp_path / "photos").stderr
    assert b"no backups" in restore(own, tmp_path / "photos", "--state", tmp_path / "s").stderr
    folder, state = tmp_path / "backups", tmp_path / "state"
    ok(own.command("backup", folder))
    assert b"has an installation" in own.command("restore", folder).stderr or \
        b"in use" in own.command("restore", folder).stderr
    assert b"no backup that old" in restore(own, folder, "--at", "2001-01-01", "--state", state).stderr
    ok(restore(own, folder, "--state", state))
    other = own.command("--state", state, "backup", folder)  # it went on elsewhere
    assert other.returncode == 1 and b"another installation" in other.stderr
    assert b"no account" in own.command("restore", folder, "--account", "nobody@example.test").stderr


def test_a_stream_goes_from_one_to_the_other(own):
    user = "user1@example.test"
    out = own.command("export", user, "-", "--mailbox", "INBOX")
    assert out.returncode == 0 and out.stdout.startswith(b"carbonado messages 1\n")
    ok(own.command("import", "user2@example.test", "-", "--into", "Stream", input=out.stdout))
    assert contents(own, "user2@example.test", "Stream/INBOX") == contents(own, user)
    short = own.command("import", "user2@example.test", "-", "--into", "Short", input=out.stdout[:-9])
    assert short.returncode == 1 and b"breaks off" in short.stderr
    wrong = own.command("import", "user2@example.test", "-", input=b"From me\n\n")
    assert wrong.returncode != 0 and b"not a stream of ours" in wrong.stderr


def moment(server):
    """Now, as --at wants it; nothing else happens in this second."""
    time.sleep(1.1)
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    time.sleep(1.1)
    return now


def test_one_moment(own, tmp_path):
    """As it was at a time: out of the log of the running server, and out of a backup made later."""
    user, target = "user2@example.test", "user1@example.test"
    connection = login(own, user)
    connection.create("Time")
    connection.logout()
    fill(own, user, range(500, 520), "Time")
    wanted = contents(own, user, "Time")
    then = moment(own)
    connection = login(own, user)
    connection.select("Time")
    connection.store("1:10", "+FLAGS", r"(\Deleted \Flagged)")
    connection.expunge()
    connection.store("1:*", "-FLAGS", r"(\Seen)")
    connection.rename("Time", "Gone")
    connection.logout()
    fill(own, user, range(520, 523), "Gone")
    later = moment(own)
    connection = login(own, user)
    connection.delete("Gone")
    connection.logout()
    folder = tmp_path / "backups"
    ok(own.command("backup", folder))
    for name, source in (("Log", []), ("Backup", [folder])):
        ok(own.command("restore", *source, "--account", user, "--mailbox", "Time", "--at", then, "--into", name,
                       "--to", target))
        assert contents(own, target, f"{name}/Time") == wanted
        ok(own.command("restore", *source, "--account", user, "--mailbox", "Gone", "--at", later, "--into", name,
                       "--to", target))
        assert set(contents(own, target, f"{name}/Gone")) == set(range(510, 523))
    assert b"no such mailbox" in own.command("restore", "--account", user, "--mailbox", "Gone", "--at", then).stderr
    assert b"--account and --at" in own.command("restore").stderr
    assert b"--at is a date" in own.command("restore", "--account", user, "--at", "yesterday").stderr
