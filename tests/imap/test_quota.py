"""QUOTA and QUOTASET (RFC 9208): GETQUOTA, GETQUOTAROOT, SETQUOTA, DELETED-STORAGE, OVERQUOTA."""
import imaplib
import re

import pytest
import wire
from wire import Literal, Refused


@pytest.fixture(scope="module")
def admin(server, second_person):
    user = second_person
    assert server.command("account", "set", user, "--admin", "yes").returncode == 0
    yield user
    assert server.command("account", "set", user, "--admin", "no").returncode == 0


@pytest.fixture
def limited(server, person):
    """set(SIZE) for `person`; none behind the test."""

    def limit(size):
        assert server.command("quota", "set", person, size).returncode == 0

    yield limit
    limit("none")


def quota(client, *args):
    return [r.text for r in client.ok(*args) if r.text.startswith(b"QUOTA")]


def mail(n):
    return Literal(b"Subject: s\r\n\r\n" + b"x" * n + b"\r\n")


def test_no_limit_is_an_empty_list(client, person):
    text = client.ok("CAPABILITY")[0].text
    assert b" QUOTA " in text and b" QUOTA=RES-STORAGE" in text and b"QUOTASET" not in text
    name = b'%s' % person.encode()
    assert quota(client, "GETQUOTA", person) == [b"QUOTA " + name + b" ()"]
    assert quota(client, "GETQUOTAROOT", "INBOX") == [b"QUOTAROOT INBOX " + name, b"QUOTA " + name + b" ()"]


def test_usage_and_limit(client, person, limited):
    limited("1M")
    client.ok("APPEND", client.box, mail(10000))
    got = quota(client, "GETQUOTAROOT", '"no such mailbox"')
    assert got[0] == b'QUOTAROOT "no such mailbox" ' + person.encode()
    m = re.fullmatch(rb"QUOTA \S+ \(STORAGE (\d+) 1024\)", got[1])
    assert m and int(m[1]) >= 10
    assert quota(client, "GETQUOTA", '"%s"' % person.upper()) == [got[1]]
    client.ok("SELECT", client.box)
    client.ok("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
    status = client.ok("STATUS", client.box, "(MESSAGES DELETED DELETED-STORAGE SIZE)")[0].text
    assert re.search(rb"DELETED 1 SIZE (\d+) DELETED-STORAGE \1\)", status)
    rows = [r.text for r in client.ok("LIST", '""', client.box, "RETURN (STATUS (DELETED-STORAGE))")]
    assert any(re.search(rb"DELETED-STORAGE \d{5}\)", row) for row in rows)


def test_over_quota(client, person, limited):
    client.ok("APPEND", client.box, mail(5000))
    limited("20K")
    for n in range(10):
        try:
            client.ok("APPEND", client.box, mail(5000))
        except Refused as e:
            assert e.args[0].startswith(b"NO [OVERQUOTA]")
            break
    else:
        pytest.fail("there was no end")
    before = quota(client, "GETQUOTA", person)
    with pytest.raises(Refused) as e:  # all or nothing
        client.ok("APPEND", client.box, mail(1), mail(50000))
    assert e.value.args[0].startswith(b"NO [OVERQUOTA]") and quota(client, "GETQUOTA", person) == before
    client.ok("SELECT", client.box)
    client.ok("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
    client.ok("EXPUNGE")
    client.ok("APPEND", client.box, mail(100))


@pytest.mark.parametrize("name", ["ADMIN", "nobody@example.test", "\"\"", "x"])
def test_others_are_nobodys_business(client, admin, name):
    """The answer does not tell who exists."""
    name = admin if name == "ADMIN" else name
    for command in (f"GETQUOTA {name}", f"SETQUOTA {name} (STORAGE 5)"):
        with pytest.raises(Refused) as e:
            client.ok(command)
        assert e.value.args[0].startswith(b"NO [NOPERM]")


def test_administrators_set_limits(server, admin, person, client):
    with wire.Imap(server, admin) as boss:
        assert b" QUOTASET" in boss.ok("CAPABILITY")[0].text
        name = person.encode()
        m = re.fullmatch(rb"QUOTA " + name + rb" \(STORAGE \d+ 512\)", quota(boss, f"SETQUOTA {person} (STORAGE 512)")[0])
        assert m and quota(client, "GETQUOTA", person) == [m.group()]
        with pytest.raises(Refused) as e:
            client.ok("APPEND", client.box, mail(600 * 1024))
        assert e.value.args[0].startswith(b"NO [OVERQUOTA]")
        shown = server.command("quota", "show", person, "--json")
        assert b"524288" in shown.stdout
        boss.ok(f"SETQUOTA {person} (storage 0)")
        with pytest.raises(Refused):
            client.ok("APPEND", client.box, mail(5))
        for bad, says in ((f"SETQUOTA {person} (MESSAGE 5)", b"NO [CANNOT]"),
                          (f"SETQUOTA {person} (STORAGE 9223372036854775807)", b"NO [LIMIT]"),
                          ("SETQUOTA nobody@example.test (STORAGE 5)", b"NO [NONEXISTENT]"),
                          ("GETQUOTA nobody@example.test", b"NO [NONEXISTENT]")):
            with pytest.raises(Refused) as e:
                boss.ok(bad)
            assert e.value.args[0].startswith(says), e.value
        assert quota(boss, f"SETQUOTA {person} ()") == [b"QUOTA " + name + b" ()"]
        client.ok("APPEND", client.box, mail(5))
        assert server.command("account", "set", admin, "--admin", "no").returncode == 0
        for line in (f"SETQUOTA {person} (STORAGE 1)", f"GETQUOTA {person}"):  # at once, not at the next login
            with pytest.raises(Refused) as e:
                boss.ok(line)
            assert e.value.args[0].startswith(b"NO [NOPERM]")
        boss.ok("UNAUTHENTICATE")
        boss.ok("LOGIN", person, "pass")  # the rights of the one before are gone
        assert b"QUOTASET" not in boss.ok("CAPABILITY")[0].text
        with pytest.raises(Refused):
            boss.ok(f"SETQUOTA {person} ()")


@pytest.mark.parametrize("line", [
    "GETQUOTA", "GETQUOTA a b", "GETQUOTAROOT", "SETQUOTA x", "SETQUOTA x STORAGE 5", "SETQUOTA x (STORAGE)",
    "SETQUOTA x (STORAGE -1)", "SETQUOTA x (STORAGE 9223372036854775808)", "SETQUOTA x (STORAGE 1 STORAGE 2)",
    "SETQUOTA x (STORAGE 1 )", "STATUS INBOX (DELETED-STORAGES)"])
def test_bad(client, line):
    with pytest.raises(Refused) as e:
        client.ok(line)
    assert e.value.args[0].startswith(b"BAD")


def test_python_library(server, person, client):
    with imaplib.IMAP4(server.host, server.ports["IMAP"]) as c:
        c.login(person, "pass")
        kind, (roots, quotas) = c.getquotaroot("INBOX")
        assert kind == "OK" and person.encode() in roots[0] and person.encode() in quotas[0]
        assert c.getquota(person)[0] == "OK"
        assert c.setquota(person, "(STORAGE 5)")[0] == "NO"
