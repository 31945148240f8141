"""domain, account, alias, list and password without a server."""
import pytest


def test_a_small_office(office):
    office("domain", "add", "y.test", "--alias-of", "x.test")
    office("account", "add", "Ann@x.test", "Ann Müller", "--password", "long enough", "--quota", "1.5G", status=2)
    office("account", "add", "Ann@x.test", "Ann Müller", "--password", "long enough", "--quota", "2G")
    office("account", "add", "bob@x.test", "--admin", input="from standard input\n")
    office("alias", "add", "info@x.test", "ann@x.test")
    office("list", "add", "all@x.test", "ann@x.test", "bob@x.test", "guest@else.where")
    office("list", "leave", "all@x.test", "guest@else.where")
    office("domain", "catch-all", "x.test", "bob@x.test")
    ann, bob = office.data("account", "list")
    assert (ann["address"], ann["name"], ann["quota"], ann["admin"]) == ("ann@x.test", "Ann Müller", 2 << 30, False)
    assert (bob["address"], bob["admin"]) == ("bob@x.test", True)
    assert office.data("account", "show", "INFO@y.test")["address"] == "ann@x.test"
    assert office.data("alias", "list") == [{"alias": "info@x.test", "target": "ann@x.test"}]
    assert office.data("list", "list", "x.test") == [{"address": "all@x.test", "members": 2}]
    assert office.data("domain", "list") == [
        {"name": "x.test", "alias_of": "", "catch_all": "bob@x.test"},
        {"name": "y.test", "alias_of": "x.test", "catch_all": ""}]
    assert "ann@x.test" in office("account", "list") and "2.0 GB" in office("account", "list")
    assert office("list", "members", "all@x.test") == "ann@x.test\nbob@x.test\n"


def test_a_catch_all_of_another_domain(office):
    office("domain", "catch-all", "x.test", "Some.One@Else.where", "--elsewhere")
    assert office.data("domain", "list")[0]["catch_all"] == "Some.One@else.where"
    office("domain", "catch-all", "x.test", "--none")
    assert office.data("domain", "list")[0]["catch_all"] == ""


def test_empty_lists_say_so(office):
    for args, text in ((["queue", "list"], "the queue is empty"), (["alias", "list"], "no aliases"),
                       (["account", "list"], "no accounts"), (["list", "list"], "no lists")):
        out = office(*args)
        assert (out, out.err) == ("", f"carbonado: {text}\n")
        assert office.data(*args) == []


def test_settings_of_an_account(office):
    office("account", "add", "a@x.test", "--no-password")
    office("account", "set", "a@x.test", "--disabled", "yes", "--login", "no", "--quota", "10M", "--name", "A")
    row = office.data("account", "show", "a@x.test")
    assert row["disabled"] and not row["login"] and row["quota"] == 10 << 20 and row["name"] == "A"
    office("account", "set", "a@x.test", "--disabled", "no", "--quota", "none")
    row = office.data("account", "show", "a@x.test")
    assert not row["disabled"] and not row["login"] and row["quota"] == 0
    for wrong in (["--disabled", "maybe"], ["--quota", "-1"], ["--quota", "1e3"], ["--quota", "99999999T"], []):
        office("account", "set", "a@x.test", *wrong, status=2)


def test_rename_and_remove(office):
    office("account", "add", "a@x.test", "--no-password")
    office("alias", "add", "old@x.test", "a@x.test")
    office("account", "rename", "a@x.test", "b@x.test", "--keep-alias")
    assert {r["alias"]: r["target"] for r in office.data("alias", "list")} == {
        "old@x.test": "b@x.test", "a@x.test": "b@x.test"}
    assert "another name" in office("account", "remove", "old@x.test", "--yes", status=1).err
    assert "--yes" in office("account", "remove", "b@x.test", status=2, input="").err
    office("account", "remove", "b@x.test", "--yes")
    assert office.data("account", "list") == [] and office.data("alias", "list") == []


def test_passwords(office):
    office("account", "add", "a@x.test", "--no-password")
    office("password", "a@x.test", "--password", "short", status=1)
    assert "at least 8 characters" in office("password", "a@x.test", "--password", "öööööö", status=1).err
    office("password", "a@x.test", status=2, input="")
    office("password", "nobody@x.test", "--password", "long enough", status=1)
    office("password", "a@x.test", "--password", "long enough", "--random", status=2)
    out = office("password", "a@x.test", "--random")
    assert out.startswith("a@x.test  password ") and len(out.split()[-1]) == 16
    # A refused password leaves no account behind.
    office("account", "add", "b@x.test", "--password", "short", status=1)
    assert len(office.data("account", "list")) == 1


REFUSALS = [
    (["domain", "add", "x.test"], 1, "already: x.test"),
    (["domain", "add", "a..b"], 2, '"a..b" is not a domain name'),
    (["domain", "add", ""], 2, "empty"),
    (["domain", "add", "z.test", "--alias-of", "none.test"], 1, "no domain none.test"),
    (["domain", "remove", "none.test"], 1, "no such domain: none.test"),
    (["domain", "catch-all", "x.test"], 2, "--none"),
    (["domain", "catch-all", "x.test", "no@x.test"], 1, "no such address: no@x.test"),
    (["domain", "catch-all", "x.test", "a@none.test"], 1, "none.test is no domain of ours"),
    (["domain", "catch-all", "x.test", "a@x.test", "--elsewhere"], 2, "x.test is a domain of ours"),
    (["domain", "catch-all", "x.test", "a@a@", "--elsewhere"], 2, ""),
    (["account", "add", "a@none.test", "--no-password"], 1, "no domain none.test"),
    (["account", "add", "a b@x.test", "--no-password"], 2, "quotes"),
    (["account", "add", "a\r\nb@x.test", "--no-password"], 2, "bytes"),
    (["account", "show", "../../etc/passwd"], 2, "local-part@domain"),
    (["account", "show", "' OR 1=1 --@x.test"], 2, ""),
    (["account", "list", "no domain"], 2, "not a domain"),
    (["alias", "add", "a@x.test", "A@x.test"], 2, "itself"),
    (["alias", "remove", "a@x.test"], 1, "no such alias: a@x.test"),
    (["list", "join", "none@x.test", "a@x.test"], 1, "no such list: none@x.test"),
    (["list", "members", "none@x.test"], 1, "no list"),
]


def test_refusals(office):
    for line, status, words in REFUSALS:
        out = office(*line, status=status)
        assert words in out.err and out == "", line


def test_what_reaches_nobody_is_said(office):
    """Made in any order, but not without a word."""
    office("account", "add", "a@x.test", "--no-password")
    assert "bob@x.test reaches nobody yet" in office("alias", "add", "info@x.test", "bob@x.test").err
    assert office("alias", "add", "fine@x.test", "a@x.test").err == ""
    assert office("alias", "add", "out@x.test", "who@elsewhere.test").err == ""
    err = office("list", "add", "all@x.test", "a@x.test", "nobody@x.test", "b@else.test").err
    assert err.splitlines() == ["carbonado: note: mail for nobody@x.test reaches nobody yet"]


def test_each_member_by_itself(office):
    """One that cannot be is named, and keeps none of the others from it."""
    office("list", "add", "all@x.test", "a@else.test")
    out = office("list", "join", "all@x.test", "b@else.test", "a@else.test", "c@else.test", status=1)
    assert out.err == "carbonado: it is a member already: a@else.test\n"
    assert office("list", "members", "all@x.test") == "a@else.test\nb@else.test\nc@else.test\n"
    out = office("list", "leave", "all@x.test", "d@x.test", "a@else.test", "e@x.test", "b@else.test", status=1)
    assert "no such member: d@x.test" in out.err and "no such member: e@x.test" in out.err
    assert office("list", "members", "all@x.test") == "c@else.test\n"
    assert "1 member\n" in office("list", "list")


def test_not_utf8(offline):
    offline("account", "show", b"\xff@x.test".decode("utf-8", "surrogateescape"), status=2)


def test_pages(office):
    """More rows than one answer holds."""
    members = [f"m{i:05}@else.where" for i in range(1500)]
    office("list", "add", "big@x.test", *members)
    assert office("list", "members", "big@x.test").split() == members
    assert [r["member"] for r in office.data("list", "members", "big@x.test")] == members


def test_no_installation(carbonado, tmp_path):
    out = carbonado("account", "list", "--state", tmp_path / "none", status=1)
    assert "no installation" in out.err


def test_quota_queue_status_stats(office):
    office("account", "add", "a@x.test", "--no-password", "--quota", "10M")
    office("account", "add", "b@x.test", "--no-password")
    row = office.data("quota", "show", "a@x.test")
    assert (row["quota"], row["bytes"], row["messages"]) == (10 << 20, 0, 0)
    office("quota", "set", "a@x.test", "none")
    assert [r["quota"] for r in office.data("quota", "list")] == [0, 0]
    assert office.data("queue", "list") == []
    assert "0 recipients" in office("queue", "retry")
    assert "not in the queue" in office("queue", "remove", "0-1", status=1).err
    status = office.data("status", status=0 if office.server else 69)
    assert status["running"] == bool(office.server)
    assert not office.server or status["pid"] == office.server.pid
    stats = office.data("store", "stats")
    assert stats["accounts"] == 2 and stats["messages"] == 0 and stats["database_bytes"] > 0


def test_removed_account_has_no_mail(office, tmp_path):
    office("account", "add", "a@x.test", "--no-password")
    box = tmp_path / "box"
    box.write_bytes(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 1\n\nx\n\n")
    office("import", "a@x.test", box)
    assert office.data("quota", "show", "a@x.test")["messages"] == 1
    office("account", "remove", "a@x.test", "--yes")
    office("account", "add", "a@x.test", "--no-password")
    assert office.data("quota", "show", "a@x.test")["messages"] == 0
