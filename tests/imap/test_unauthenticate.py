"""UNAUTHENTICATE (RFC 8437): the connection is as it was before the login."""
import base64
import re

import pytest
import wire
from wire import Literal, Refused

MAIL = Literal(b"Subject: s\r\n\r\nx\r\n")


def enter(imap, user, password="pass"):
    imap.ok("LOGIN", user, password)


def test_nothing_is_left(server, imap, user):
    assert b" UNAUTHENTICATE" in imap.ok("CAPABILITY")[0].text
    imap.ok("ENABLE", "QRESYNC", "UTF8=ACCEPT")
    imap.ok("APPEND", "INBOX", MAIL)
    imap.ok("SELECT", "INBOX")
    imap.ok("STORE", "1", "+FLAGS", "(\\Deleted)")
    imap.ok("SEARCH", "RETURN (SAVE)", "ALL")
    assert imap.ok("UNAUTHENTICATE") == []
    capability = imap.ok("CAPABILITY")[0].text
    assert b" AUTH=" in capability and b" UNAUTHENTICATE" not in capability
    for command in ("SELECT INBOX", "LIST \"\" *", "UNAUTHENTICATE", "FETCH 1 FLAGS", "ENABLE CONDSTORE"):
        with pytest.raises(Refused) as e:
            imap.ok(command)
        assert e.value.args[0].startswith(b"BAD")
        imap.ok("NOOP")
    enter(imap, user)
    with pytest.raises(Refused):
        imap.ok("FETCH 1 FLAGS")  # no mailbox is selected
    imap.ok("SELECT", "INBOX")  # no expunge took place; neither CONDSTORE nor UTF-8 is on
    got = imap.ok("FETCH", "1:*", "FLAGS")
    assert len(got) == 1 and b"\\Deleted" in got[0].text and b"MODSEQ" not in got[0].text
    assert imap.ok("SEARCH", "$")[0].text == b"SEARCH"
    with pytest.raises(Refused):
        imap.ok("UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)")


def test_another_person_sees_nothing_of_the_one_before(server, user, imap):
    imap.ok("CREATE", "Secret")
    imap.ok("APPEND", "Secret", MAIL)
    imap.ok("SELECT", "Secret")
    imap.ok("UNAUTHENTICATE")
    enter(imap, "user1@example.test" if user != "user1@example.test" else "user2@example.test")
    assert not any(b"Secret" in r.text for r in imap.ok("LIST", '""', "*"))
    with pytest.raises(Refused):
        imap.ok("SELECT", "Secret")


def test_pipelined_with_the_next_login(server, user):
    word = base64.b64encode(b"\0" + user.encode() + b"\0pass")
    with wire.Imap(server, user) as imap:
        imap.send(b"a UNAUTHENTICATE\r\nb AUTHENTICATE PLAIN " + word + b"\r\nc SELECT INBOX\r\nd UNAUTHENTICATE\r\n"
                  b"e NOOP\r\nf SELECT INBOX\r\n")
        for tag, says in ((b"a", b"OK"), (b"b", b"OK"), (b"c", b"OK"), (b"d", b"OK"), (b"e", b"OK"), (b"f", b"BAD")):
            assert imap.finish(tag)[1].startswith(says), tag


def test_behind_work_that_is_under_way(server, user, imap):
    """Writes that share a commit are answered first."""
    for n in range(3):
        imap.send(b"w%d APPEND INBOX {%d+}\r\n%s\r\n" % (n, len(MAIL), MAIL))
    imap.send(b"u UNAUTHENTICATE\r\nn NOOP\r\n")
    for tag in (b"w0", b"w1", b"w2", b"u", b"n"):
        untagged, text = imap.finish(tag)
        assert text.startswith(b"OK"), (tag, text)
    enter(imap, user)
    assert re.search(rb"MESSAGES 3\b", imap.ok("STATUS", "INBOX", "(MESSAGES)")[0].text)


def test_over_tls_the_tls_stays(server, user):
    with wire.Imap(server, user, tls=True) as imap:
        imap.ok("UNAUTHENTICATE")
        assert b"STARTTLS" not in imap.ok("CAPABILITY")[0].text
        enter(imap, user)
        imap.ok("SELECT", "INBOX")


def test_the_syntax_and_the_states(server, imap):
    with pytest.raises(Refused) as e:
        imap.ok("UNAUTHENTICATE now")
    assert e.value.args[0].startswith(b"BAD")
    imap.ok("NOOP")
    imap.ok("LIST", '""', '""')  # still somebody's


def test_failed_logins_still_end_it(server, user, imap):
    imap.ok("UNAUTHENTICATE")
    with pytest.raises((Refused, wire.Closed)):
        for _ in range(50):
            try:
                enter(imap, user, "wrong")
            except Refused as e:
                assert b"AUTHENTICATIONFAILED" in e.args[0]
                raise


def test_not_while_compressed(server, user):
    """4.1: who asks all the same gets BAD, never NO."""
    import zlib
    with wire.Imap(server, user) as imap:
        imap.ok("COMPRESS", "DEFLATE")
        out, into = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)

        def ask(line):
            imap.send(out.compress(line + b"\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
            text = b""
            while b"\r\nz " not in b"\r\n" + text or not text.endswith(b"\r\n"):
                text += into.decompress(imap.sock.recv(1 << 16))
            return text

        assert b"UNAUTHENTICATE" not in ask(b"z CAPABILITY")
        assert ask(b"z UNAUTHENTICATE").startswith(b"z BAD")
        assert b"z OK" in ask(b"z SELECT INBOX")
