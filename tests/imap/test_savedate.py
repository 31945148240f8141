"""SAVEDATE (RFC 8514): when a message came into the mailbox where it is."""
import datetime
import re
import time

import pytest
import wire
from wire import Literal, Refused, parse

OLD = '"01-Jan-2001 00:00:00 +0000"'
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def when(text):
    m = re.fullmatch(rb"([ \d]\d)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4})", text)
    assert m, text
    return datetime.datetime.strptime(m.group(0).decode().strip(), "%d-%b-%Y %H:%M:%S %z")


def day(offset):
    d = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=offset)
    return f"{d.day}-{MONTHS[d.month - 1]}-{d.year}"


def numbers(client, *keys):
    client.send(b"s SEARCH " + " ".join(keys).encode() + b"\r\n")
    found = []
    while True:
        tag, response = client.response()
        if tag == b"s":
            assert response.text.startswith(b"OK"), response.text
            return found
        if response.text.startswith(b"SEARCH"):
            found = [int(n) for n in response.text.split()[1:]]


def saved(client, uid):
    return when(client.fetch(str(uid), "SAVEDATE")[uid][b"SAVEDATE"])


def test_it_is_not_the_internal_date(client):
    assert b" SAVEDATE" in client.ok("CAPABILITY")[0].text
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    client.ok("APPEND", client.box, OLD, Literal(b"Subject: s\r\n\r\nx\r\n"))
    client.ok("SELECT", client.box)
    row = client.fetch("1", "(INTERNALDATE SAVEDATE FLAGS)")[1]
    assert row[b"INTERNALDATE"] == OLD.strip('"').encode()
    assert before <= when(row[b"SAVEDATE"]) <= before + datetime.timedelta(minutes=5)
    assert numbers(client, "SAVEDSINCE", day(-1)) == [1] and numbers(client, "SAVEDSINCE", day(2)) == []
    assert numbers(client, "SAVEDBEFORE", day(-1)) == [] and numbers(client, "SAVEDBEFORE", day(2)) == [1]
    assert numbers(client, "OR", "SAVEDON", day(0), "OR", "SAVEDON", day(-1), "SAVEDON", day(1)) == [1]
    assert numbers(client, "SAVEDON", "1-Jan-2001") == [] and numbers(client, "ON", "1-Jan-2001") == [1]
    assert numbers(client, "SAVEDATESUPPORTED") == [1] and numbers(client, "NOT", "SAVEDATESUPPORTED") == []


def test_a_copy_and_a_move_have_dates_of_their_own(client):
    client.ok("APPEND", client.box, OLD, Literal(b"Subject: s\r\n\r\nx\r\n"))
    there = client.box + " there"
    client.ok("CREATE", f'"{there}"')
    client.ok("SELECT", client.box)
    first = saved(client, 1)
    time.sleep(1.1)
    client.ok("COPY", "1", f'"{there}"')
    assert saved(client, 1) == first
    client.ok("STORE", "1", "+FLAGS", "(\\Flagged)")
    assert saved(client, 1) == first  # 3: it does not change
    client.ok("MOVE", "1", f'"{there}"')
    client.ok("SELECT", f'"{there}"')
    copied, moved = saved(client, 1), saved(client, 2)
    assert copied > first and moved >= copied
    assert client.fetch("2", "INTERNALDATE")[2][b"INTERNALDATE"] == OLD.strip('"').encode()


def test_of_an_expunged_message_it_is_a_date_or_nil(server, person, client):
    client.ok("APPEND", client.box, OLD, Literal(b"Subject: s\r\n\r\nx\r\n"))
    client.ok("SELECT", client.box)
    with wire.Imap(server, person) as other:
        other.ok("SELECT", client.box)
        other.ok("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
        other.ok("EXPUNGE")
    client.send(b"f FETCH 1 (INTERNALDATE SAVEDATE)\r\n")
    tag, response = client.response()
    assert response.text.startswith(b"1 FETCH (") and parse(response.text[8:], [])[0][2:] == [b"SAVEDATE", None]


@pytest.mark.parametrize("keys", ["SAVEDON", "SAVEDON x", "SAVEDSINCE 32-Jan-2001", "SAVEDBEFORE 1-Jan-20011",
                                  "SAVEDATESUPPORTED x", "SAVEDON 1-Jan-2001x"])
def test_bad_keys(client, keys):
    client.ok("SELECT", client.box)
    with pytest.raises(Refused) as e:
        client.ok("SEARCH", keys)
    assert e.value.args[0].startswith(b"BAD")
