"""Scripts at delivery, seen from outside: what a person finds in their mailboxes, what a sender hears, what
leaves the server. RFC 5228, 5230, 5232, 5293, 5429, 5436, 5490, 7352, 8579, 8580, 9042."""
import email
import email.policy
import imaplib
import itertools
import pathlib
import re
import smtplib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "smtp"))
import serving  # noqa: E402
from sink import Sink  # noqa: E402

USERS = 6
FROM = "anna@else.example"
MESSAGE = ("From: Anna <anna@else.example>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}@else.example>\r\n"
           "\r\nhello\r\n")
ids = itertools.count()
numbers = itertools.cycle(range(1, USERS + 1))


@pytest.fixture(scope="module")
def sink():
    return Sink()


@pytest.fixture(scope="module")
def server(sink):
    own = serving.start(USERS, "--set", "io.loops=3", "--set", "mail.retry_first=300ms", "--set", "mail.retry_max=1s",
                        "--set", f"mail.smarthost=127.0.0.1:{sink.port}", "--set", "sieve.vacation_min=0s")
    yield own
    own.stop()


def empty_user(server):
    """One whose turn it is, without mail and without an active script."""
    user = f"user{next(numbers)}@example.test"
    assert server.command("sieve", "activate", user).returncode == 0
    with imap(server, user) as c:
        for line in c.list()[1]:
            if b"\\Noselect" not in line and c.select(line.split(b' "/" ')[1].decode())[1] != [b"0"]:
                c.store("1:*", "+FLAGS.SILENT", "\\Deleted")
                c.expunge()
    return user


@pytest.fixture
def user(server):
    return empty_user(server)


@pytest.fixture(autouse=True)
def clean(sink):
    sink.got.clear()


@pytest.fixture
def put(server, tmp_path):
    def put(user, text, name="main"):
        file = tmp_path / f"{name}.sieve"
        file.write_text(text)
        done = server.command("sieve", "put", user, name, file, "--activate")
        assert done.returncode == 0, done.stderr
    return put


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def text_for(user, subject="x", id=None, extra=""):
    return extra + MESSAGE.format(to=user, subject=subject, id=id or f"m{next(ids)}")


def lmtp(server, *users, text=None, sender=FROM, **fields):
    """The refused recipients, as smtplib has them."""
    with smtplib.LMTP(server.host, server.ports["LMTP"]) as s:
        try:
            return s.sendmail(sender, users, (text or text_for(users[0], **fields)).encode())
        except smtplib.SMTPRecipientsRefused as e:
            return e.recipients
        except smtplib.SMTPDataError as e:
            return {users[0]: (e.smtp_code, e.smtp_error)}


def smtp(server, *users, text=None, sender=FROM, **fields):
    with smtplib.SMTP(server.host, server.ports["SMTP"]) as s:
        return s.sendmail(sender, users, (text or text_for(users[0], **fields)).encode())


def imap(server, user):
    c = imaplib.IMAP4(server.host, server.ports["IMAP"])
    c.login(user, "pass")
    return c


def mailbox(server, user, name="INBOX"):
    """[(message, flags)], or None when there is no such mailbox."""
    with imap(server, user) as c:
        if c.select(f'"{name}"', readonly=True)[0] != "OK":
            return None
        found = c.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]
        return [(email.message_from_bytes(row[1], policy=email.policy.SMTP),
                 re.search(rb"FLAGS \(([^)]*)\)", row[0]).group(1).decode().split())
                for row in found if isinstance(row, tuple)]


def subjects(server, user, name="INBOX"):
    found = mailbox(server, user, name)
    return found if found is None else [m["Subject"] for m, _ in found]


def test_no_script_changes_nothing(server, user):
    assert lmtp(server, user) == {}
    [(message, flags)] = mailbox(server, user)
    assert message.get_content().split() == ["hello"]
    assert "\\Seen" not in flags


def test_the_envelope_has_what_the_sender_named(server, put):
    """An alias, with detail, at once (LMTP) and through the spool (two mailboxes by SMTP)."""
    users = [empty_user(server), empty_user(server)]
    for n, user in enumerate(users):
        server.command("alias", "add", f"sales{n}@example.test", user)
        put(user, 'require ["envelope", "fileinto", "mailbox", "subaddress"];'
                  f'if envelope :localpart "to" "sales{n}+north" {{ fileinto :create "North"; }}'
                  f'elsif envelope "to" "sales{n}@example.test" {{ fileinto :create "Sales"; }}')
    names = [f"sales{n}@example.test" for n in range(2)]
    for name in names:
        assert lmtp(server, name, subject="direct") == {}
    assert lmtp(server, "sales0+north@example.test", subject="detail") == {}
    assert smtp(server, *names, subject="spooled") == {}
    for user in users:
        wait_for(lambda: sorted(subjects(server, user, "Sales") or []) == ["direct", "spooled"])
        assert subjects(server, user) == []
    assert subjects(server, users[0], "North") == ["detail"]


def test_fileinto_flags_copy_and_create(server, user, put):
    put(user, 'require ["fileinto", "imap4flags", "copy", "mailbox"];'
              'if header "subject" "one" { fileinto :create :flags ["\\\\Seen", "todo"] "Lists/one"; }'
              'if header "subject" "two" { fileinto :copy :flags "\\\\Flagged" "Archive"; setflag "\\\\Answered"; }'
              'if header "subject" "gone" { discard; } if header "subject" "nowhere" { fileinto "Nowhere"; }')
    for subject in ("one", "two", "gone", "nowhere"):
        assert lmtp(server, user, subject=subject) == {}
    [(one, flags)] = mailbox(server, user, "Lists/one")
    assert set(flags) - {"\\Recent"} == {"\\Seen", "todo"} and one["Return-Path"] == f"<{FROM}>"
    assert one["Delivered-To"] == user and one["Received"]
    [(_, flags)] = mailbox(server, user, "Archive")
    assert set(flags) - {"\\Recent"} == {"\\Flagged"}
    both = dict((m["Subject"], set(f) - {"\\Recent"}) for m, f in mailbox(server, user))
    assert both == {"two": {"\\Answered"}, "nowhere": set()}


def test_one_delivery_is_one_item_in_many_mailboxes(server, user, put):
    put(user, 'require ["fileinto", "copy"]; fileinto :copy "Archive"; fileinto :copy "Junk"; keep; keep;')
    lmtp(server, user)
    ids = set()
    with imap(server, user) as c:
        for name in ("INBOX", "Archive", "Junk"):
            assert c.select(name, readonly=True)[1] == [b"1"]
            ids.add(c.fetch("1", "(EMAILID)")[1][0].split(b"EMAILID")[1])
    assert len(ids) == 1


def test_special_use_and_mailbox_id(server, user, put):
    with imap(server, user) as c:
        c.create("Mine")
        status = c.status("Mine", "(MAILBOXID)")[1][0]
    id = re.search(rb"MAILBOXID \(([^)]*)\)", status).group(1).decode()
    put(user, 'require ["fileinto", "special-use", "mailboxid", "mailbox"];'
              'if header "subject" "use" { fileinto :specialuse "\\\\Junk" "Spam"; }'
              f'elsif allof(header "subject" "id", mailboxidexists "{id}") {{ fileinto :mailboxid "{id}" "Other"; }}')
    lmtp(server, user, subject="use")
    lmtp(server, user, subject="id")
    assert subjects(server, user, "Junk") == ["use"] and subjects(server, user, "Mine") == ["id"]
    assert subjects(server, user, "Spam") is None and subjects(server, user) == []


def test_editheader_is_stored_and_seen_by_who_comes_after(server, user, put, tmp_path):
    put(user, 'require ["editheader", "fileinto"]; addheader "X-Mine" "yes"; deleteheader "Subject";')
    after = tmp_path / "after.sieve"
    after.write_text('require "fileinto"; if header "x-mine" "yes" { fileinto "Archive"; }')
    assert server.command("sieve", "admin-put", "after", after, "--account", user).returncode == 0
    lmtp(server, user)
    [(message, _)] = mailbox(server, user, "Archive")
    assert message["X-Mine"] == "yes" and message["Subject"] is None and message["Return-Path"] == f"<{FROM}>"
    assert message["Received"] and mailbox(server, user) == []


def test_refused_in_the_protocol(server, user, put):
    put(user, 'require ["ereject", "reject"]; if header "subject" "plain" { ereject "no birdseed\r\nplease"; }'
              'elsif header "subject" "reject" { reject "go away"; } else { ereject "zu gro\u00df"; }')
    code, text = lmtp(server, user, subject="plain")[user]
    assert code == 550 and text == b"5.7.1 no birdseed please"
    code, text = lmtp(server, user, subject="reject")[user]
    assert (code, text) == (550, b"5.7.1 go away")
    with pytest.raises(smtplib.SMTPDataError) as e:
        smtp(server, user, subject="umlaut")
    assert e.value.smtp_code == 550 and e.value.smtp_error.isascii()
    assert mailbox(server, user) == []


def test_reject_with_its_own_words_is_a_disposition_notification(server, user, put, sink):
    put(user, 'require "reject"; reject "zu gro\u00df, und das in zwei\r\nZeilen";')
    assert lmtp(server, user, id="big") == {}
    [got] = wait_for(lambda: sink.got)
    report = email.message_from_bytes(got.data, policy=email.policy.SMTP)
    assert "FROM:<>" in got.sender and FROM in got.recipients[0] and "NOTIFY=NEVER" in got.recipients[0]
    assert report.get_content_type() == "multipart/report"
    parts = list(report.iter_parts())
    assert "zu gro\u00df" in parts[0].get_content()
    assert b"automatic-action/MDN-sent-automatically; deleted" in parts[1].as_bytes()
    assert b"Original-Message-ID: <big@else.example>" in parts[1].as_bytes()
    assert lmtp(server, user, sender="") == {}  # nobody to be told: nothing is sent, nothing bounces
    time.sleep(0.3)
    assert len(sink.got) == 1 and mailbox(server, user) == []


def test_refused_for_one_of_several_the_sender_is_told(server, user, put, sink):
    other = empty_user(server)
    put(user, 'require "ereject"; ereject "not here";')
    assert smtp(server, user, other) == {}
    assert wait_for(lambda: subjects(server, other)) == ["x"]
    [got] = wait_for(lambda: sink.got)
    assert b"Status: 5.7.1" in got.data and b"not here" in got.data and mailbox(server, user) == []


def test_redirect_goes_out_with_the_sender(server, user, put, sink):
    put(user, 'redirect "ok@else.example";')
    assert lmtp(server, user, id="r1") == {}
    [got] = wait_for(lambda: sink.got)
    assert f"FROM:<{FROM}>" in got.sender and got.data.startswith(b"Delivered-To: " + user.encode())
    assert mailbox(server, user) == []
    assert lmtp(server, user, id="r1") == {}  # the same again: not sent, not lost
    time.sleep(0.3)
    assert len(sink.got) == 1 and subjects(server, user) == ["x"]


def test_redirects_in_a_ring_end(server, put, sink):
    ring = [empty_user(server) for _ in range(3)]
    for i, one in enumerate(ring):
        put(one, f'require "copy"; redirect :copy "{ring[(i + 1) % 3]}"; redirect :copy "{one}";')
    assert lmtp(server, ring[0]) == {}
    wait_for(lambda: len(mailbox(server, ring[2])) >= 1 and len(mailbox(server, ring[0])) >= 2)

    def settled():
        before = [len(mailbox(server, one)) for one in ring]
        time.sleep(0.7)
        return before == [len(mailbox(server, one)) for one in ring]
    wait_for(settled)
    assert sum(len(mailbox(server, one)) for one in ring) <= 9


def test_redirect_to_nobody_and_to_too_many_keeps(server, user, put, sink):
    put(user, 'if header "subject" "nobody" { redirect "nobody@example.test"; }'
              + "".join(f'redirect "u{n}@else.example";' for n in range(9)))
    lmtp(server, user, subject="nobody")
    lmtp(server, user, subject="many")
    time.sleep(0.3)
    assert sorted(subjects(server, user)) == ["many", "nobody"] and sink.got == []


def test_vacation_answers_once(server, user, put, sink):
    put(user, 'require ["vacation", "fcc"]; vacation :days 3 :subject "Weg" :fcc "Sent" "Bin am Meer \u2013 bis bald";')
    lmtp(server, user, id="v1")
    lmtp(server, user, sender="ANNA@else.example")
    [got] = wait_for(lambda: sink.got)
    answer = email.message_from_bytes(got.data, policy=email.policy.SMTP)
    assert "FROM:<>" in got.sender and "NOTIFY=NEVER" in got.recipients[0] and FROM in got.recipients[0]
    assert answer["Subject"] == "Weg" and answer["Auto-Submitted"].startswith("auto-replied")
    assert answer["In-Reply-To"] == "<v1@else.example>" and answer["References"] == "<v1@else.example>"
    assert user in answer["From"] and "\u2013 bis bald" in answer.get_content()
    for extra, sender in (("List-Id: <a.b>\r\n", "b@else.example"), ("Auto-Submitted: auto-replied\r\n", "c@else.example"),
                          ("Precedence: bulk\r\n", "d@else.example"), ("", ""), ("", "owner-x@else.example")):
        lmtp(server, user, sender=sender, extra=extra)
    lmtp(server, user, text=text_for("somebody.else@example.test"), sender="e@else.example")
    time.sleep(0.5)
    assert len(sink.got) == 1 and len(mailbox(server, user)) == 8
    [(copy, flags)] = mailbox(server, user, "Sent")
    assert copy["Subject"] == "Weg" and "\\Seen" in flags


def test_the_memory_of_vacation_survives_the_server(server, user, put, sink):
    put(user, 'require ["vacation", "duplicate", "fileinto"];'
              'if duplicate { fileinto "Trash"; } else { vacation "away"; }')
    lmtp(server, user, id="d1")
    wait_for(lambda: sink.got)
    server.end(9)
    server.serve()
    lmtp(server, user, id="d2")
    lmtp(server, user, id="d1")
    time.sleep(0.3)
    assert len(sink.got) == 1
    assert len(mailbox(server, user)) == 2 and len(mailbox(server, user, "Trash")) == 1


def test_two_who_vacation_for_each_other_write_once_each(server, put):
    one, two = (empty_user(server) for _ in range(2))
    for u in (one, two):
        put(u, 'require "vacation-seconds"; require "vacation"; vacation :seconds 0 "away";')
    lmtp(server, one, text=text_for(one).replace(FROM, two), sender=two)
    assert wait_for(lambda: subjects(server, two)) == ["Auto: x"]
    time.sleep(0.5)
    assert subjects(server, one) == ["x"] and subjects(server, two) == ["Auto: x"]


def test_notify_by_mail(server, user, put, sink):
    put(user, 'require "enotify"; notify :importance "1" :message "You have mail"'
              ' "mailto:ok@else.example?body=look%0Ahere&from=x@y.z&keywords=a";')
    lmtp(server, user)
    [got] = wait_for(lambda: sink.got)
    notice = email.message_from_bytes(got.data, policy=email.policy.SMTP)
    assert notice["Subject"] == "You have mail" and f'owner-email="{user}"' in notice["Auto-Submitted"]
    assert notice["Importance"] == "High" and notice["Keywords"] == "a" and user in notice["From"]
    assert notice.get_content().split() == ["look", "here"] and f"FROM:<{user}>" in got.sender
    assert subjects(server, user) == ["x"]


def test_a_script_that_fails_keeps(server, user, put):
    put(user, 'require ["fileinto", "variables"]; fileinto "Archive"; set "a" "x"; redirect "${a}";')
    assert lmtp(server, user) == {}
    assert subjects(server, user) == ["x"] and subjects(server, user, "Archive") == []


def test_flags_that_the_store_refuses_do_not_lose_the_message(server, user, put):
    flags = ", ".join(f'"k{n}"' for n in range(600))
    put(user, f'require ["imap4flags", "fileinto"]; fileinto :flags [{flags}] "Archive";')
    assert lmtp(server, user) == {}
    assert subjects(server, user) == ["x"] and subjects(server, user, "Archive") == []


def test_before_and_after_and_included(server, user, put, tmp_path):
    def admin(name, text, *options):
        (tmp_path / "s").write_text(text)
        done = server.command("sieve", "admin-put", name, tmp_path / "s", *options)
        assert done.returncode == 0, done.stderr
    admin("before", 'require "fileinto"; if header "subject" "virus" { discard; }', "--domain", "example.test")
    admin("common", 'require "fileinto"; if header "subject" "common" { fileinto "Archive"; }')
    admin("after", 'require "fileinto"; if header "subject" "late" { fileinto "Trash"; }')
    put(user, 'require "include"; include :global "common";')
    for subject in ("virus", "common", "late", "x"):
        lmtp(server, user, subject=subject)
    assert (subjects(server, user), subjects(server, user, "Archive"), subjects(server, user, "Trash")) == \
        (["x"], ["common"], ["late"])
    assert b"before" in server.command("sieve", "admin-list").stdout
    assert server.command("sieve", "admin-remove", "before", "--domain", "example.test").returncode == 0
    lmtp(server, user, subject="virus")
    assert subjects(server, user) == ["x", "virus"]
    for name in ("common", "after"):
        assert server.command("sieve", "admin-remove", name).returncode == 0


def test_commands_of_a_person(server, user, put, tmp_path):
    put(user, "keep;")
    bad = tmp_path / "bad.sieve"
    bad.write_text('keep;\nfileinto "x";\n')
    done = server.command("sieve", "put", user, "main", bad)
    assert done.returncode != 0 and b"line 2, column 1" in done.stderr
    assert server.command("sieve", "get", user, "main").stdout == b"keep;"
    assert server.command("sieve", "remove", user, "main").returncode != 0  # it is active
    assert server.command("sieve", "put", user, "../x", tmp_path / "main.sieve").returncode != 0
    assert server.command("sieve", "activate", user).returncode == 0
    assert server.command("sieve", "remove", user, "main").returncode == 0
    assert server.command("sieve", "list", user).stdout == b""


# What hostile scripts and hostile mail get: classes 22 and 23 of docs/security.md.

@pytest.mark.parametrize("script", [
    'require ["variables", "regex"]; set "a" "' + "a" * 3000 + '";'
    + 'if string :regex "${a}" "(a|a)*(a|a)*(a|a)*(a|a)*b" { discard; }' * 20,
    'require ["foreverypart", "variables"]; set "a" "aaaaaaaaaaaaaaaa";' + 'set "a" "${a}${a}";' * 40
    + 'if string :matches "${a}" "*a*a*a*a*a*a*a*b" { discard; }' * 40,
    'require "include"; include :personal "main";',
], ids=["regex", "variables", "include"])
def test_a_script_that_costs_too_much_is_stopped(server, user, put, script):
    put(user, script)
    began = time.monotonic()
    assert lmtp(server, user) == {}
    assert time.monotonic() - began < 20 and subjects(server, user) == ["x"]


def test_a_thousand_redirects_are_four(server, user, put, sink):
    """Over the limit nothing of it is done; what may be done is done once for each address."""
    put(user, 'redirect "ok@else.example";' * 100)
    lmtp(server, user)
    wait_for(lambda: sink.got)
    time.sleep(0.3)
    assert len(sink.got) == 1
    put(user, "".join(f'redirect "ok{n}@else.example";' for n in range(1000)))
    lmtp(server, user)
    time.sleep(0.3)
    assert len(sink.got) == 1 and subjects(server, user) == ["x"]


def test_where_a_message_was_cannot_be_hidden(server, put):
    """A loop of two who take the trace of it out of the header."""
    one, two = (empty_user(server) for _ in range(2))
    for u, to in ((one, two), (two, one)):
        put(u, 'require ["editheader", "copy"]; deleteheader "Delivered-To"; deleteheader "Message-ID"; '
               f'redirect :copy "{to}";')
    lmtp(server, one)
    wait_for(lambda: mailbox(server, two))
    time.sleep(1)
    assert 1 <= len(mailbox(server, one)) <= 2 and len(mailbox(server, two)) == 1


def test_names_and_texts_of_scripts_bring_no_lines(server, user, put, sink):
    put(user, 'require ["vacation", "encoded-character"];'
              'vacation :subject "a${hex:0d 0a}Bcc: victim@else.example${hex:0d 0a 0d 0a}b" "c";')
    lmtp(server, user)
    [got] = wait_for(lambda: sink.got)
    answer = email.message_from_bytes(got.data, policy=email.policy.SMTP)
    assert answer["Bcc"] is None and answer.get_content().split() == ["c"] and len(got.recipients) == 1
