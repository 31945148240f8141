"""The demonstration mailbox: reproducible, whole, and of every kind that it promises."""
import email
import email.policy
import mailbox
import pathlib
import subprocess
import sys

MAKER = pathlib.Path(__file__).resolve().parent.parent / "scripts/make-demo-mail"


def make(*args):
    return subprocess.run([sys.executable, MAKER, "--now", "1760000000", *args], check=True,
                          stdout=subprocess.PIPE).stdout


def test_same_seed_gives_the_same_bytes():
    assert make("--count", "60") == make("--count", "60")
    assert make("--count", "60") != make("--count", "60", "--seed", "2")


def test_messages_are_whole_and_of_many_kinds(tmp_path):
    path = tmp_path / "mbox"
    make("--count", "300", str(path))
    kinds, charsets, ids, subjects = set(), set(), set(), []
    for row in mailbox.mbox(path):
        m = email.message_from_bytes(row.as_bytes(), policy=email.policy.default)
        assert m["From"] and m["Date"].datetime and m["Subject"] and "Status" in m
        assert all(not part.defects for part in m.walk())
        ids.add(str(m["Message-ID"]))
        subjects.append(str(m["Subject"]))
        for part in m.walk():
            kinds.add(part.get_content_type())
            charsets.add(part.get_content_charset())
            if part.get_content_maintype() == "text":
                assert "\ufffd" not in part.get_content()
    assert len(ids) == 300
    assert kinds >= {"text/plain", "text/html", "multipart/related", "message/rfc822", "multipart/report",
                     "text/calendar", "application/pdf", "image/png"}
    assert charsets >= {"iso-8859-1", "koi8-r", "iso-2022-jp", "big5", "utf-8"}
    assert sum(s.startswith("Re: ") for s in subjects) > 30
