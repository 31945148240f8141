"""Debian's own clients against the server: mbsync, fetchmail, swaks, curl, gsasl, and TLS as they do
it."""
import imaplib
import os
import poplib
import re
import shutil
import socket
import ssl
import subprocess

import pytest

import certificates
from wire import Imap, Literal, Pop3

USERS = 30


def run(*args, status=0, **more):
    """The program's output; it must end with `status`."""
    if not shutil.which(str(args[0])):
        pytest.skip(f"{args[0]} is not installed")
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300, text=True, errors="replace", **more)
    assert done.returncode == status, f"{' '.join(map(str, args))}: {done.returncode}\n{done.stdout}"
    return done.stdout


def needs(server, *ports):
    for port in ports:
        if port not in server.ports:
            pytest.skip(f"this server has no port for {port}")


def subjects(server, user, box="INBOX"):
    with Imap(server, user) as imap:
        imap.ok("SELECT", box)
        rows = imap.fetch("1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return sorted(v.strip().decode() for row in rows.values() for k, v in row.items() if k.startswith(b"BODY["))


# swaks

SWAKS = [("LMTP", ["--protocol", "LMTP"]),
         ("SMTP", []),
         ("SMTP", ["--tls"]),
         ("SMTP", ["--pipeline"]),
         ("SUBMISSION", ["--tls", "--auth", "PLAIN", "--auth-user", "{user}", "--auth-password", "pass"]),
         ("SUBMISSION", ["--tls", "--auth", "LOGIN", "--auth-user", "{user}", "--auth-password", "pass"]),
         ("SUBMISSIONS", ["--tlsc", "--auth", "PLAIN", "--auth-user", "{user}", "--auth-password", "pass"])]


@pytest.fixture(scope="module")
def sender():
    return "user1@example.test"


@pytest.mark.parametrize("n", range(len(SWAKS)), ids=lambda n: "-".join([SWAKS[n][0], *SWAKS[n][1][:3]]))
def test_swaks(server, sender, n):
    port, options = SWAKS[n]
    needs(server, port)
    subject = f"Subject: swaks {n}"
    run("swaks", "--server", server.host, "--port", server.ports[port], "--from", sender, "--to",
        "user2@example.test", "--header", subject, "--body", "by swaks", "--ehlo", "client.example.org",
        *[o.format(user=sender) for o in options])
    assert subject in subjects(server, "user2@example.test")


def test_swaks_with_a_wrong_password(server, sender):
    needs(server, "SUBMISSION")
    out = run("swaks", "--server", server.host, "--port", server.ports["SUBMISSION"], "--from", sender, "--to",
              "user2@example.test", "--tls", "--auth", "PLAIN", "--auth-user", sender, "--auth-password",
              "wrong", status=28)
    assert re.search(r"<[~*]+ +535 5\.7\.8", out), out


def test_swaks_as_somebody_else(server, sender):
    """Sent mail is checked against the sender's own addresses."""
    needs(server, "SUBMISSION")
    out = run("swaks", "--server", server.host, "--port", server.ports["SUBMISSION"], "--from",
              "user3@example.test", "--to", "user2@example.test", "--tls", "--auth", "PLAIN", "--auth-user",
              sender, "--auth-password", "pass", status=23)
    assert re.search(r" 5\d\d ", out), out


# curl

def curl(*args, status=0, **more):
    return run("curl", "-sS", "-k", "--max-time", "60", *args, status=status, **more)


@pytest.mark.parametrize("scheme, port, options", [
    ("smtp", "SMTP", []), ("smtp", "SMTP", ["--ssl-reqd"]),
    ("smtp", "SUBMISSION", ["--ssl-reqd", "-u", "user1@example.test:pass"]),
    ("smtps", "SUBMISSIONS", ["-u", "user1@example.test:pass"])])
def test_curl_sends(server, sender, tmp_path, scheme, port, options):
    needs(server, port)
    subject = f"Subject: curl {scheme} {port} {len(options)}"
    (tmp_path / "m").write_bytes(subject.encode() + b"\r\n\r\n.\r\nby curl\r\n")
    curl(f"{scheme}://{server.host}:{server.ports[port]}/client.example.org", "--mail-from", sender,
         "--mail-rcpt", "user3@example.test", "-T", tmp_path / "m", *options)
    assert subject in subjects(server, "user3@example.test")


@pytest.mark.parametrize("scheme, port, options", [
    ("imap", "IMAP", []), ("imap", "IMAP", ["--ssl-reqd"]), ("imaps", "IMAPS", []),
    ("imap", "IMAP", ["--login-options", "AUTH=PLAIN"]), ("imaps", "IMAPS", ["--login-options", "AUTH=LOGIN"])])
def test_curl_reads_imap(server, user, tmp_path, scheme, port, options):
    base = f"{scheme}://{server.host}:{server.ports[port]}/"
    text = b"Subject: by curl\r\n\r\nline\r\n"
    (tmp_path / "m").write_bytes(text)
    login = ["-u", f"{user}:pass", *options]
    curl(base + "INBOX", *login, "-T", tmp_path / "m")
    assert "INBOX" in curl(base, *login)
    assert curl(base + "INBOX;MAILINDEX=1", *login).replace("\r\n", "\n").encode() == text.replace(b"\r\n", b"\n")
    assert "EXISTS" in curl(base, *login, "-X", "EXAMINE INBOX")
    assert "SEARCH 1" in curl(base + "INBOX?SUBJECT%20curl", *login)


@pytest.mark.parametrize("scheme, port, options", [
    ("pop3", "POP3", []), ("pop3", "POP3", ["--ssl-reqd"]), ("pop3s", "POP3S", []),
    ("pop3s", "POP3S", ["--login-options", "AUTH=PLAIN"])])
def test_curl_reads_pop3(server, user, scheme, port, options):
    with Imap(server, user) as imap:
        imap.ok("APPEND", "INBOX", Literal(b"Subject: pop\r\n\r\n.line\r\n"))
    base = f"{scheme}://{server.host}:{server.ports[port]}/"
    login = ["-u", f"{user}:pass", *options]
    assert re.match(r"1 \d+", curl(base, *login))
    assert curl(base + "1", *login).replace("\r\n", "\n") == "Subject: pop\n\n.line\n"
    assert "nobody" not in curl(base, "-u", "user1@example.test:wrong", *options, status=67)


# mbsync

def trusted_name(server, folder):
    """A name that leads to this server, and folder/cert.pem with what it shows there: mbsync insists on
    both. Another server than ours must be set up so that its certificate has the name localhost."""
    if server.peer == "carbonado" and not (server.state / "tls/localhost.crt").exists():
        certificates.make(server, "localhost", "localhost")
        certificates.reload(server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((server.host, server.ports["IMAPS"]), 30) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as tls:
        (folder / "cert.pem").write_text(ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)))
    return "localhost"


def mbsync(server, user, folder, tls, *more):
    config = folder / "mbsyncrc"
    host = server.host
    secure = "SSLType IMAPS\nCertificateFile {}\n".format(folder / "cert.pem") if tls else "SSLType None\n"
    if tls:
        host = trusted_name(server, folder)
    config.write_text(
        f"IMAPAccount a\nHost {host}\nPort {server.ports['IMAPS' if tls else 'IMAP']}\n"
        f"User {user}\nPass pass\nAuthMechs PLAIN LOGIN\n{secure}\n"
        "IMAPStore remote\nAccount a\n\n"
        f"MaildirStore local\nPath {folder}/mail/\nInbox {folder}/mail/INBOX\nSubFolders Verbatim\n\n"
        "Channel c\nFar :remote:\nNear :local:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSync All\n"
        "CopyArrivalDate yes\nSyncState *\n")
    (folder / "mail").mkdir(exist_ok=True)
    return run("mbsync", "-c", config, "-a", *more)


def maildir(folder, box="INBOX"):
    return sorted(p for part in ("cur", "new") for p in (folder / "mail" / box / part).glob("*"))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_mbsync_both_ways(server, user, tmp_path, tls):
    with Imap(server, user) as imap:
        imap.ok("CREATE", "Projects")
        for n in range(20):
            imap.ok("APPEND", "INBOX", "(\\Seen)" if n % 2 else "()", '"05-Mar-2024 10:20:30 +0100"',
                    Literal(b"Message-ID: <m%d@x>\r\nSubject: m%d\r\n\r\nx\r\n" % (n, n)))
        imap.ok("APPEND", "Projects", Literal(b"Subject: old\r\n\r\nx\r\n"))
    mbsync(server, user, tmp_path, tls)
    files = maildir(tmp_path)
    assert len(files) == 20 and len(maildir(tmp_path, "Projects")) == 1
    assert sum("S" in p.name.rpartition(",")[2] for p in files) == 10
    # Here: one flagged, one deleted, one new, one new folder. There: one deleted, one flag gone.
    by_subject = {re.search(r"Subject: (\w+)", p.read_text()).group(1): p for p in files}
    path = by_subject["m0"]
    path.rename(tmp_path / "mail/INBOX/cur" / (path.name.partition(":")[0] + ":2,F"))
    by_subject["m2"].unlink()
    (tmp_path / "mail/INBOX/new/local.1").write_text("Subject: fromhere\n\nx\n")
    for part in ("cur", "new", "tmp"):
        (tmp_path / "mail/Made here" / part).mkdir(parents=True)
    (tmp_path / "mail/Made here/cur/l:2,S").write_text("Subject: filed\n\nx\n")
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        rows = imap.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        uid = {next(v for k, v in row.items() if k.startswith(b"BODY[")).strip()[9:]: u for u, row in rows.items()}
        imap.ok("UID STORE", str(uid[b"m4"]), "+FLAGS", "(\\Deleted)")
        imap.ok("UID EXPUNGE", str(uid[b"m4"]))
        imap.ok("UID STORE", str(uid[b"m5"]), "-FLAGS", "(\\Seen)")
    mbsync(server, user, tmp_path, tls)
    here = {re.search(r"Subject: (\w+)", p.read_text()).group(1): p.name.rpartition(",")[2]
            for p in maildir(tmp_path)}
    assert set(here) == {f"m{n}" for n in range(20) if n not in (2, 4)} | {"fromhere"}
    assert here["m5"] == "" or "S" not in here["m5"]
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        rows = imap.fetch("1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").values()
        there = {next(v for k, v in row.items() if k.startswith(b"BODY[")).strip()[9:].decode(): row[b"FLAGS"]
                 for row in rows}
        assert set(there) == set(here)
        assert b"\\Flagged" in there["m0"] and b"\\Seen" not in there["m5"]
    assert subjects(server, user, '"Made here"') == ["Subject: filed"]
    # Nothing more to do: a third run changes nothing.
    before = [(p.name, p.stat().st_mtime_ns) for p in maildir(tmp_path)]
    mbsync(server, user, tmp_path, tls)
    assert [(p.name, p.stat().st_mtime_ns) for p in maildir(tmp_path)] == before


# fetchmail

@pytest.mark.parametrize("protocol, port, tls", [("IMAP", "IMAP", ""), ("IMAP", "IMAP", "--sslproto TLS1.2+"),
                                                 ("IMAP", "IMAPS", "--ssl"), ("POP3", "POP3", ""),
                                                 ("POP3", "POP3", "--sslproto TLS1.2+"), ("POP3", "POP3S", "--ssl")])
def test_fetchmail(server, tmp_path, protocol, port, tls):
    user = "user8@example.test"
    with Imap(server, user) as imap:
        imap.ok("SELECT", "INBOX")
        for n in range(12):
            imap.ok("APPEND", "INBOX",
                    Literal(b"From: a@example.org\r\nMessage-ID: <%d@x>\r\nSubject: f%d\r\n\r\n.x\r\n" % (n, n)))
    rc = tmp_path / "rc"
    secure = {"": "sslproto ''", "--ssl": "ssl"}.get(tls, "sslproto 'TLS1.2+'")
    rc.write_text(f"poll {server.host} service {server.ports[port]} protocol {protocol} auth password\n"
                  f"  user '{user}' password 'pass' {secure} no sslcertck mda 'cat >> {tmp_path}/mbox'\n")
    rc.chmod(0o600)
    env = {**os.environ, "FETCHMAILHOME": str(tmp_path)}
    run("fetchmail", "-f", rc, "--nodetach", "--nosyslog", "-v", env=env)
    text = (tmp_path / "mbox").read_bytes()
    assert [s for s in re.findall(rb"(?m)^Subject: (f\d+)", text)] == [b"f%d" % n for n in range(12)]
    assert text.count(b"\n.x\n") == 12
    run("fetchmail", "-f", rc, "--nodetach", "--nosyslog", env=env, status=1)  # 1: there is no mail
    assert subjects(server, user) == []


# TLS

def handshake(server, port, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    session = options.pop("session", None)
    for name, value in options.items():
        if name == "ciphers":
            context.set_ciphers(value)
        else:
            setattr(context, name, value)
    sock = socket.create_connection((server.host, server.ports[port]), 20)
    return context, context.wrap_socket(sock, session=session)


@pytest.mark.parametrize("port", ["IMAPS", "POP3S", "SUBMISSIONS"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(server, port, version):
    needs(server, port)
    _, tls = handshake(server, port, minimum_version=version, maximum_version=version)
    with tls:
        assert tls.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        assert tls.recv(3) in (b"* O", b"+OK", b"220")
        name = tls.cipher()[0]
        assert "GCM" in name or "CHACHA20" in name, name


@pytest.mark.parametrize("options", [
    {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1,
     "ciphers": "ALL:@SECLEVEL=0"},
    {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "aNULL:eNULL:@SECLEVEL=0"}], ids=["TLS1.1", "anonymous"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weak_tls_is_refused(server, options):
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        handshake(server, "IMAPS", **options)


def test_tickets_stay_with_their_service(server):
    """A session of IMAPS goes on there, and is not accepted by POP3S (bug class 3)."""
    context, tls = handshake(server, "IMAPS")
    tls.recv(100)
    session = tls.session
    tls.close()
    reused = {}
    for port in ("IMAPS", "POP3S"):
        sock = socket.create_connection((server.host, server.ports[port]), 20)
        again = context.wrap_socket(sock, session=session)
        again.recv(100)
        reused[port] = again.session_reused
        again.close()
    assert reused["POP3S"] is False
    if server.peer == "carbonado":
        assert reused["IMAPS"] is True


def test_openssl_s_client(server):
    out = run("openssl", "s_client", "-connect", f"{server.host}:{server.ports['IMAP']}", "-starttls", "imap",
              "-verify_quiet", input="a LOGOUT\r\n")
    assert "BEGIN CERTIFICATE" in out


def test_python_clients(server, user):
    """imaplib and poplib as programs use them."""
    with imaplib.IMAP4(server.host, server.ports["IMAP"]) as imap:
        imap.login(user, "pass")
        assert imap.append("INBOX", "\\Seen", None, b"Subject: py\r\n\r\nx\r\n")[0] == "OK"
        imap.select()
        assert imap.search(None, "SUBJECT", "py")[1] == [b"1"]
        assert imap.fetch("1", "(RFC822)")[1][0][1] == b"Subject: py\r\n\r\nx\r\n"
        assert imap.create("Folder")[0] == "OK" and imap.copy("1", "Folder")[0] == "OK"
        imap.store("1", "+FLAGS", "\\Deleted")
        assert imap.expunge()[1] == [b"1"]
    with Imap(server, user) as imap:
        imap.ok("APPEND", "INBOX", Literal(b"Subject: py\r\n\r\nx\r\n"))
    pop3 = poplib.POP3(server.host, server.ports["POP3"])
    pop3.user(user)
    pop3.pass_("pass")
    assert pop3.stat()[0] == 1
    assert pop3.retr(1)[1] == [b"Subject: py", b"", b"x"]
    pop3.dele(1)
    pop3.quit()
    with Pop3(server, user) as again:
        assert again.ok("STAT").split()[1] == b"0"


# gsasl

@pytest.mark.parametrize("protocol, port", [("imap", "IMAP"), ("smtp", "SUBMISSION")])
@pytest.mark.parametrize("mechanism, more", [("SCRAM-SHA-256", ["--no-cb"]), ("SCRAM-SHA-256-PLUS", [])])
def test_gsasl_logs_in_by_scram(server, protocol, port, mechanism, more):
    """Both prove to each other that they know the password; -PLUS binds that to the TLS channel
    (RFC 5802, 7677, 9266)."""
    needs(server, port)
    word = ["gsasl", f"--{protocol}", "--starttls", "--x509-ca-file=", "--mechanism", mechanism, *more,
            "--authentication-id", "user1@example.test", "--connect",
            f"{server.host}:{server.ports[port]}"]
    said = run(*word, "--password", "pass", stdin=subprocess.DEVNULL)
    assert "server trusted" in said, said
    said = run(*word, "--password", "wrong", status=1, stdin=subprocess.DEVNULL)
    assert "server trusted" not in said, said
