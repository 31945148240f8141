"""Addresses that stand for others: what goes on with the message and what its sender hears (RFC 5321 3.9,
RFC 3461 5.2.7)."""
import pytest

import serving
from serving import wait_for
from sink import Sink
from test_onward import FAST, mailbox, quiet, report, submit
from wire import Smtp


@pytest.fixture(scope="module")
def sink():
    return Sink()


@pytest.fixture(scope="module")
def server(sink):
    own = serving.start(4, *FAST, "--set", f"mail.smarthost=127.0.0.1:{sink.port}", "--set", "mail.queue_lifetime=6s")
    for args in (["alias", "add", "one@example.test", "Joe.Doe@else.example"],
                 ["list", "add", "several@example.test"], ["list", "join", "several@example.test", "Ann@else.example"],
                 ["list", "join", "several@example.test", "user3@example.test"],
                 ["list", "add", "owned@example.test"], ["list", "join", "owned@example.test", "Bea@else.example"],
                 ["list", "join", "owned@example.test", "deny@else.example"],
                 ["list", "join", "owned@example.test", "user3@example.test"],
                 ["alias", "add", "owner-owned@example.test", "user4@example.test"]):
        done = own.command(*args)
        assert done.returncode == 0, done.stderr
    yield own
    own.stop()


@pytest.fixture(autouse=True)
def clean(sink, server):
    quiet(server)
    sink.got.clear()
    sink.commands.clear()
    for n in (1, 2, 3, 4):
        mailbox(server, f"user{n}@example.test")


PARAMETERS = dict(mail=["RET=FULL", "ENVID=e1"], rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;First@old.example"])


def test_an_alias_of_one_passes_all_on(server, sink):
    """5.2.7.2, and RFC 5321 2.4: the local part of another domain keeps its case."""
    submit(server, "user1@example.test", ["one@example.test"], **PARAMETERS)
    got = wait_for(lambda: sink.got)[0]
    assert got.recipients == ["RCPT TO:<Joe.Doe@else.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;First@old.example"]
    assert "FROM:<user1@example.test>" in got.sender and "RET=FULL ENVID=e1" in got.sender
    quiet(server)
    assert mailbox(server, "user1@example.test") == []


def test_an_alias_of_several_says_expanded(server, sink):
    """5.2.7.3 c: everything but SUCCESS goes on, and who asked for it hears "expanded" once."""
    submit(server, "user1@example.test", ["several@example.test"], **PARAMETERS)
    got = wait_for(lambda: sink.got)[0]
    assert got.recipients == ["RCPT TO:<Ann@else.example> NOTIFY=FAILURE ORCPT=rfc822;First@old.example"]
    assert "FROM:<user1@example.test>" in got.sender and "RET=FULL ENVID=e1" in got.sender
    [copy] = wait_for(lambda: mailbox(server, "user3@example.test"))
    assert copy["Return-Path"] == "<user1@example.test>"
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    [row] = report(back)
    assert (row["Action"], row["Final-Recipient"]) == ("expanded", "rfc822; several@example.test")
    assert row["Original-Recipient"] == "rfc822;First@old.example" and b"Original-Envelope-Id: e1" in back.as_bytes()
    parts = list(back.iter_parts())
    assert parts[2].get_content_type() == "text/rfc822-headers"  # 4.3: RET=FULL is for failures
    quiet(server)
    assert mailbox(server, "user1@example.test") == []


def test_only_success_becomes_never(server, sink):
    submit(server, "user1@example.test", ["several@example.test"], rcpt=["NOTIFY=SUCCESS"])
    got = wait_for(lambda: sink.got)[0]
    assert got.recipients == ["RCPT TO:<Ann@else.example> NOTIFY=NEVER"]
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert report(back)[0]["Action"] == "expanded"


def test_nothing_is_said_that_was_not_asked_for(server, sink):
    for rcpt in ([], ["NOTIFY=FAILURE"], ["NOTIFY=NEVER"]):
        submit(server, "user1@example.test", ["several@example.test"], rcpt=rcpt)
    wait_for(lambda: len(sink.got) == 3)
    quiet(server)
    assert mailbox(server, "user1@example.test") == []


def test_a_list_with_an_owner_is_the_end_of_the_way(server, sink):
    """5.2.7.1, RFC 5321 3.9.2: "delivered" for the list; what goes to its members comes from the owner, who
    hears of those that fail, and has none of the old envelope."""
    submit(server, "user1@example.test", ["owned@example.test", "user2@example.test"], **PARAMETERS)
    got = wait_for(lambda: sink.got)[0]
    assert got.recipients == ["RCPT TO:<Bea@else.example>"]
    assert "FROM:<owner-owned@example.test>" in got.sender and "RET" not in got.sender and "ENVID" not in got.sender
    assert b"Delivered-To: owned@example.test\r\n" in got.data
    [copy] = wait_for(lambda: mailbox(server, "user3@example.test"))
    assert copy["Return-Path"] == "<owner-owned@example.test>"
    [copy] = wait_for(lambda: mailbox(server, "user2@example.test"))
    assert copy["Return-Path"] == "<user1@example.test>"
    back = []
    wait_for(lambda: back.extend(mailbox(server, "user1@example.test")) or len(back) >= 2)
    rows = {row["Final-Recipient"]: row["Action"] for m in back for row in report(m)}
    assert rows == {"rfc822; owned@example.test": "delivered", "rfc822; user2@example.test": "delivered"}
    [failed] = wait_for(lambda: mailbox(server, "user4@example.test"))
    [row] = report(failed)
    assert (row["Final-Recipient"], row["Action"]) == ("rfc822; deny@else.example", "failed")
    assert "Original-Recipient" not in row and b"Original-Envelope-Id" not in failed.as_bytes()
    quiet(server)
    assert mailbox(server, "user1@example.test") == []


def test_who_is_named_too_keeps_what_was_asked(server, sink):
    """A mailbox that is named and stands in the list as well gets one copy, by the recipient that names it."""
    with Smtp(server, "SMTP") as smtp:
        smtp.ask("MAIL FROM:<user1@example.test>")
        assert smtp.ask("RCPT TO:<several@example.test> NOTIFY=NEVER")[0] == 250
        assert smtp.ask("RCPT TO:<user3@example.test> NOTIFY=SUCCESS")[0] == 250
        smtp.ask("DATA")
        smtp.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert smtp.reply()[0] == 250
    [back] = wait_for(lambda: mailbox(server, "user1@example.test"))
    assert [(r["Final-Recipient"], r["Action"]) for r in report(back)] == [("rfc822; user3@example.test", "delivered")]
    assert len(wait_for(lambda: mailbox(server, "user3@example.test"))) == 1


def test_null_sender_stays_null(server, sink):
    with Smtp(server, "SMTP") as smtp:
        [reply] = smtp.deliver("", ["owned@example.test"], b"Subject: x\r\n\r\nx\r\n")
        assert reply[0] == 250
    wait_for(lambda: [got for got in sink.got if got.sender.startswith("MAIL FROM:<>")])
    quiet(server)
    assert mailbox(server, "user4@example.test") == []


def test_lmtp_and_one_mailbox_behind_an_owned_list(server):
    assert server.command("list", "leave", "owned@example.test", "Bea@else.example").returncode == 0
    assert server.command("list", "leave", "owned@example.test", "deny@else.example").returncode == 0
    for port in ("LMTP", "SMTP"):
        with Smtp(server, port) as smtp:
            [reply] = smtp.deliver("user1@example.test", ["owned@example.test"], b"Subject: x\r\n\r\nx\r\n")
            assert reply[0] == 250
        [copy] = wait_for(lambda: mailbox(server, "user3@example.test"))
        assert copy["Return-Path"] == "<owner-owned@example.test>"
