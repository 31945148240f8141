"""carbonado sessions: who is connected, seen by the operator."""
import imaplib
import json
import poplib
import ssl

from serving import wait_for

ANY = ssl._create_unverified_context()


def rows(server, *args):
    done = server.command("sessions", "--json", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sessions_are_listed_with_login_and_tls(server):
    imap = imaplib.IMAP4_SSL(server.host, server.ports["IMAPS"], ssl_context=ANY)
    pop = poplib.POP3(server.host, server.ports["POP3"])
    try:
        # what a test before has just left may still be listed
        wait_for(lambda: [r["login"] for r in rows(server)["sessions"] if r["service"] in ("imaps", "pop3")] == ["", ""])
        imap.login("user4@example.test", "pass")
        imap.select("INBOX")
        pop.user("user5@example.test")
        pop.pass_("pass")
        mine = {r["service"]: r for r in rows(server, "--login", "user4@example.test")["sessions"]}
        assert list(mine) == ["imaps"]
        assert mine["imaps"]["tls"].startswith("TLSv1.")
        assert mine["imaps"]["bytes_in"] > 100 and mine["imaps"]["bytes_out"] > 100
        other = rows(server, "--login", "USER5@example.test")["sessions"]
        assert [(r["service"], r["tls"]) for r in other] == [("pop3", "")]
    finally:
        imap.logout()
        pop.quit()
    wait_for(lambda: rows(server, "--login", "user4@example.test")["total"] == 0)


def test_who_asks_is_not_counted():
    import serving
    server = serving.start(1)
    try:
        wait_for(lambda: rows(server)["total"] == 0)  # whoever looked whether it serves
        for _ in range(3):
            assert json.loads(server.command("status", "--json").stdout)["connections"] == 0
            assert rows(server) == {"sessions": [], "total": 0}
        imap = imaplib.IMAP4(server.host, server.ports["IMAP"])
        assert json.loads(server.command("status", "--json").stdout)["connections"] == 1
        assert [r["service"] for r in rows(server)["sessions"]] == ["imap"]
        imap.logout()
    finally:
        server.stop()


def test_watch_needs_a_terminal(server):
    done = server.command("sessions", "--watch")
    assert done.returncode == 2
    assert b"terminal" in done.stderr


def test_watch_fits_the_terminal(server):
    """Each session is one line, and there is news every two seconds."""
    import fcntl
    import os
    import pty
    import re
    import struct
    import subprocess
    import termios
    imap = imaplib.IMAP4(server.host, server.ports["IMAP"])
    imap.login("user4@example.test", "pass")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 100, 0, 0))
    watch = subprocess.Popen([server.program(), "sessions", "--watch"], env={**os.environ, **server.env}, stdout=theirs)
    try:
        said = b""
        while said.count(b"\x1b[2J") < 3:
            said += os.read(ours, 65536)
    finally:
        watch.terminate()
        watch.wait(60)
        os.close(theirs)
        os.close(ours)
        imap.logout()
    screens = [s.decode().splitlines() for s in said.split(b"\x1b[H\x1b[2J")[1:3]]
    for lines in screens:
        assert lines[0].split() == ["SERVICE", "LOGIN", "FROM", "TLS", "OPEN", "SILENT", "IN", "OUT"]
        assert any(re.match(r"imap +user4@example\.test +127\.0\.0\.1 ", line) for line in lines), lines
        assert max(map(len, lines)) <= 100, lines


def test_sessions_without_a_server_say_so(offline):
    out = offline("sessions", status=69)
    assert "server" in out.err
