"""Fronts: processes without files that talk to strangers, beside the worker that has the mail
(docs/decisions/0016). What each has, what happens when one dies, and that nothing acknowledged is lost."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import threading
import time
import urllib.request

import pytest

import serving
from serving import wait_for
from wire import Closed, Imap, Pop3, Smtp

FRONTS = 2


@pytest.fixture(scope="module")
def server():
    own = serving.start(3, "--set", f"node.fronts={FRONTS}", "--set", "io.loops=2")
    yield own
    own.stop()


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def fronts(server):
    return [p for p in server.pids() if comm(p) == "carbonado-front" and serving.alive(p)]


def worker(server):
    """A process that is only beginning has no name of its own yet: until there is one."""
    def those():
        found = [p for p in server.pids() if p != server.pid and comm(p) not in ("carbonado-front", "")]
        return found if len(found) == 1 else None
    return wait_for(those)[0]


def files(pid):
    names = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return names


def deliver(server, port="LMTP", subject="x", tries=500):
    """A front that is on its way out refuses, or its listener has nobody for a moment: again."""
    for _ in range(tries):
        try:
            with Smtp(server, port) as client:
                [reply] = client.deliver("a@other.test", ["user1@example.test"],
                                         f"Subject: {subject}\r\n\r\ntext\r\n".encode())
                return reply
        except (Closed, OSError):
            time.sleep(0.1)
    raise AssertionError("nobody takes mail")


def test_who_has_what(server):
    wait_for(lambda: len(fronts(server)) == FRONTS)
    for pid in fronts(server):
        open_files = files(pid)
        assert not [f for f in open_files if f.startswith(str(server.state)) and not f.endswith(".log")], open_files
        assert not [f for f in open_files if ".db" in f or "/packs" in f or "/run/lock" in f], open_files
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^NoNewPrivs:\s1$", status, re.M)
    assert [f for f in files(worker(server)) if ".db" in f]


def test_mail_of_each_port(server):
    for port in ("LMTP", "SMTP"):
        assert deliver(server, port)[0] == 250
    with Smtp(server, "SUBMISSION") as client:
        assert client.ask("MAIL FROM:<user2@example.test>")[0] == 530
        assert client.ask("AUTH PLAIN AHVzZXIyQGV4YW1wbGUudGVzdAB3cm9uZw==")[0] == 535
        assert client.ask("AUTH PLAIN AHVzZXIyQGV4YW1wbGUudGVzdABwYXNz")[0] == 235
        [reply] = client.deliver("user2@example.test", ["user1@example.test"],
                                 b"From: user2@example.test\r\nSubject: y\r\n\r\nz\r\n")
        assert reply[0] == 250
        assert client.ask("MAIL FROM:<user3@example.test>")[0] == 550
    with Smtp(server, "SUBMISSION") as client:
        assert client.ask("STARTTLS")[0] == 220
        client.start_tls()
        assert "AUTH" in " ".join(client.hello())


def test_sessions_and_metrics(server):
    with Smtp(server, "SMTP"), Smtp(server, "LMTP"), Imap(server, "user3@example.test"), Pop3(server):
        rows = json.loads(server.command("sessions", "--json").stdout)["sessions"]
        assert {"smtp", "lmtp", "imap", "pop3"} <= {r["service"] for r in rows}
    with Smtp(server, "SUBMISSION") as client:
        assert client.ask("AUTH PLAIN AHVzZXIyQGV4YW1wbGUudGVzdABwYXNz")[0] == 235

        def of_user2():
            listed = server.command("sessions", "--json", "--login", "user2@example.test").stdout
            return [r["service"] for r in json.loads(listed)["sessions"]]

        wait_for(lambda: of_user2() == ["submission"])  # one that a client just left may still be listed

    def counted():
        text = urllib.request.urlopen(f"http://{server.host}:{server.ports['METRICS']}/metrics").read().decode()
        return int(re.search(r'^carbonado_smtp_sessions_total\{service="lmtp"\} (\d+)$', text, re.M).group(1))

    before = counted()
    for _ in range(10):  # over both fronts
        assert deliver(server)[0] == 250
    wait_for(lambda: counted() >= before + 10)
    assert counted() < before + 20  # each once; deliver() may have needed another try


def test_numbers_of_connections_differ(server):
    clients = [Smtp(server, port) for port in ("SMTP", "LMTP", "SUBMISSION") for _ in range(6)]
    with Imap(server, "user3@example.test"):
        rows = json.loads(server.command("sessions", "--json").stdout)["sessions"]
    for client in clients:
        client.close()
    assert len(rows) >= 19
    assert len({r["id"] for r in rows}) == len(rows)


def test_dump(server):
    run = server.state / "run"
    before = set(run.glob("dump-*.txt"))
    with Smtp(server, "LMTP") as client:
        client.hello()
        os.kill(server.pid, signal.SIGUSR1)
        wait_for(lambda: any("== settings" in d.read_text() for d in set(run.glob("dump-*.txt")) - before))
    [dump] = set(run.glob("dump-*.txt")) - before
    [part] = re.findall(r"== fronts ==\n(.*?)\n\n", dump.read_text(), re.S)
    assert f"wanted {FRONTS}, desks" in part
    assert re.search(r"^  #\d+ lmtp 127\.0\.0\.1 ", part, re.M)
    assert "no answer" not in part


def hello_over_tls(server, context, session):
    """Whether the session was resumed, and the session to go on with."""
    with socket.create_connection((server.host, server.ports["SUBMISSIONS"]), timeout=60) as plain:
        with context.wrap_socket(plain, session=session) as sock:
            assert sock.recv(1000).startswith(b"220 ")  # tickets of TLS 1.3 come with it
            return sock.session_reused, sock.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tickets_of_one_front_open_at_the_other(server, version):
    wait_for(lambda: len(fronts(server)) == FRONTS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    session, reused = None, []
    for _ in range(16):  # over both fronts
        again, session = hello_over_tls(server, context, session)
        reused.append(again)
    assert reused == [False] + 15 * [True]
    victim = fronts(server)[0]
    os.kill(victim, signal.SIGKILL)  # the next one has the keys too
    wait_for(lambda: len(fronts(server)) == FRONTS and victim not in fronts(server))

    def again():
        """A front that is gone may leave a connection that it never took; the next one is for the new front."""
        for _ in range(100):
            try:
                return hello_over_tls(server, context, session)[0]
            except OSError:
                time.sleep(0.1)
        raise AssertionError("nobody answers")

    assert all(again() for _ in range(16))


def test_a_front_dies(server):
    wait_for(lambda: len(fronts(server)) == FRONTS)
    victim = fronts(server)[0]
    clients = [Smtp(server, "LMTP") for _ in range(12)]
    os.kill(victim, signal.SIGKILL)
    alive = 0
    for client in clients:
        try:
            alive += client.ask("NOOP")[0] == 250
        except (Closed, OSError):
            pass
        client.close()
    assert alive > 0  # those of the other one did not notice
    wait_for(lambda: len(fronts(server)) == FRONTS and victim not in fronts(server))
    for _ in range(8):
        assert deliver(server)[0] == 250


def test_a_front_dies_that_has_an_inbox(server):
    """What was marked stays, and the mailbox is free for the next session."""
    assert deliver(server, subject="stays")[0] == 250
    pop3 = Pop3(server, "user1@example.test")
    before = int(pop3.ok("STAT").split()[1])
    pop3.ok("DELE 1")
    with Pop3(server) as other:
        other.ok("USER user1@example.test")
        assert other.ask("PASS pass").startswith(b"-ERR [IN-USE]")
    victims = fronts(server)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(fronts(server)) == FRONTS and not set(victims) & set(fronts(server)))
    with pytest.raises((Closed, OSError)):
        pop3.ok("NOOP")
    pop3.close()
    with Pop3(server, "user1@example.test") as again:
        assert int(again.ok("STAT").split()[1]) == before
        assert b"Subject: stays" in again.retr(before)
        again.ok("QUIT")


def test_the_worker_dies(server):
    before, victim = set(fronts(server)), worker(server)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(set(fronts(server)) - before) == FRONTS and not before & set(fronts(server)))
    assert worker(server) != victim
    assert deliver(server)[0] == 250


def test_reload(server):
    before = fronts(server)
    os.kill(server.pid, signal.SIGHUP)
    time.sleep(0.3)
    with Smtp(server, "SMTP") as client:
        assert client.ask("STARTTLS")[0] == 220
        client.start_tls()
        client.hello()
    assert fronts(server) == before


def test_nothing_acknowledged_is_lost(server):
    """Fronts are killed while mail comes in: what was acknowledged is there once, what was not at most once."""
    acknowledged, tried, over = set(), set(), threading.Event()
    lock = threading.Lock()

    def send(who):
        count = 0
        while not over.is_set():
            count += 1
            name = f"kill-{who}-{count}"
            with lock:
                tried.add(name)
            try:
                with Smtp(server, "LMTP") as client:
                    [reply] = client.deliver("a@other.test", ["user3@example.test"],
                                             f"Subject: {name}\r\n\r\n{'text' * 20000}\r\n".encode())
                    if reply[0] == 250:
                        with lock:
                            acknowledged.add(name)
            except (Closed, OSError):
                time.sleep(0.02)

    threads = [threading.Thread(target=send, args=[n]) for n in range(4)]
    for t in threads:
        t.start()
    for _ in range(10):
        time.sleep(0.4)
        pids = fronts(server)
        if pids:
            os.kill(pids[0], signal.SIGKILL)
    try:
        wait_for(lambda: len(acknowledged) > 20)
    finally:
        over.set()
    for t in threads:
        t.join()
    with Pop3(server, "user3@example.test") as pop3:
        got = []
        for n in range(1, int(pop3.ok("STAT").split()[1]) + 1):
            got += re.findall(rb"^Subject: (kill-\S+)", pop3.retr(n), re.M)
        pop3.ok("QUIT")
    names = [g.decode() for g in got]
    assert len(acknowledged) > 20
    assert acknowledged <= set(names) <= tried
    assert len(names) == len(set(names))


def test_stop(server):
    """A session in a front is told, and every process ends."""
    with Smtp(server, "LMTP") as client:
        server.end()
        assert client.reply()[0] == 421
