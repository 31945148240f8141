"""domain, account, alias, list and password without a server."""
import pytest


def test_a_small_office(offline):
    offline("domain", "add", "y.test", "--alias-of", "x.test")
    offline("account", "add", "Ann@x.test", "Ann Müller", "--password", "long enough", "--quota", "1.5G", status=2)
    offline("account", "add", "Ann@x.test", "Ann Müller", "--password", "long enough", "--quota", "2G")
    offline("account", "add", "bob@x.test", "--admin", input="from standard input\n")
    offline("alias", "add", "info@x.test", "ann@x.test")
    offline("list", "add", "all@x.test", "ann@x.test", "bob@x.test", "guest@else.where")
    offline("list", "leave", "all@x.test", "guest@else.where")
    offline("domain", "catch-all", "x.test", "bob@x.test")
    ann, bob = offline.data("account", "list")
    assert (ann["address"], ann["name"], ann["quota"], ann["admin"]) == ("ann@x.test", "Ann Müller", 2 << 30, False)
    assert (bob["address"], bob["admin"]) == ("bob@x.test", True)
    assert offline.data("account", "show", "INFO@y.test")["address"] == "ann@x.test"
    assert offline.data("alias", "list") == [{"alias": "info@x.test", "target": "ann@x.test"}]
    assert offline.data("list", "list", "x.test") == [{"address": "all@x.test", "members": 2}]
    assert offline.data("domain", "list") == [
        {"name": "x.test", "alias_of": "", "catch_all": "bob@x.test"},
        {"name": "y.test", "alias_of": "x.test", "catch_all": ""}]
    assert "ann@x.test" in offline("account", "list") and "2.0 GB" in offline("account", "list")
    assert offline("list", "members", "all@x.test") == "ann@x.test\nbob@x.test\n"


def test_settings_of_an_account(offline):
    offline("account", "add", "a@x.test", "--no-password")
    offline("account", "set", "a@x.test", "--disabled", "yes", "--login", "no", "--quota", "10M", "--name", "A")
    row = offline.data("account", "show", "a@x.test")
    assert row["disabled"] and not row["login"] and row["quota"] == 10 << 20 and row["name"] == "A"
    offline("account", "set", "a@x.test", "--disabled", "no", "--quota", "none")
    row = offline.data("account", "show", "a@x.test")
    assert not row["disabled"] and not row["login"] and row["quota"] == 0
    for wrong in (["--disabled", "maybe"], ["--quota", "-1"], ["--quota", "1e3"], ["--quota", "99999999T"], []):
        offline("account", "set", "a@x.test", *wrong, status=2)


def test_rename_and_remove(offline):
    offline("account", "add", "a@x.test", "--no-password")
    offline("alias", "add", "old@x.test", "a@x.test")
    offline("account", "rename", "a@x.test", "b@x.test", "--keep-alias")
    assert {r["alias"]: r["target"] for r in offline.data("alias", "list")} == {
        "old@x.test": "b@x.test", "a@x.test": "b@x.test"}
    assert "another name" in offline("account", "remove", "old@x.test", "--yes", status=1).err
    assert "--yes" in offline("account", "remove", "b@x.test", status=2, input="").err
    offline("account", "remove", "b@x.test", "--yes")
    assert offline.data("account", "list") == [] and offline.data("alias", "list") == []


def test_passwords(offline):
    offline("account", "add", "a@x.test", "--no-password")
    offline("password", "a@x.test", "--password", "short", status=1)
    offline("password", "a@x.test", status=2, input="")
    offline("password", "nobody@x.test", "--password", "long enough", status=1)
    offline("password", "a@x.test", "--password", "long enough", "--random", status=2)
    out = offline("password", "a@x.test", "--random")
    assert out.startswith("a@x.test  password ") and len(out.split()[-1]) == 16
    # A refused password leaves no account behind.
    offline("account", "add", "b@x.test", "--password", "short", status=1)
    assert len(offline.data("account", "list")) == 1


@pytest.mark.parametrize("line, status, words", [
    (["domain", "add", "x.test"], 1, "already"),
    (["domain", "add", "a..b"], 2, "not a domain"),
    (["domain", "add", "z.test", "--alias-of", "none.test"], 1, "no domain none.test"),
    (["domain", "remove", "none.test"], 1, "no such domain"),
    (["domain", "catch-all", "x.test"], 2, "--none"),
    (["account", "add", "a@none.test", "--no-password"], 1, "no domain none.test"),
    (["account", "add", "a b@x.test", "--no-password"], 2, "quotes"),
    (["account", "add", "a\r\nb@x.test", "--no-password"], 2, "bytes"),
    (["account", "show", "../../etc/passwd"], 2, "local-part@domain"),
    (["account", "show", "' OR 1=1 --@x.test"], 2, ""),
    (["account", "list", "no domain"], 2, "not a domain"),
    (["alias", "add", "a@x.test", "A@x.test"], 2, "itself"),
    (["alias", "remove", "a@x.test"], 1, "no such alias"),
    (["list", "join", "none@x.test", "a@x.test"], 1, "no such list"),
    (["list", "members", "none@x.test"], 1, "no list"),
])
def test_refusals(offline, line, status, words):
    out = offline(*line, status=status)
    assert words in out.err and out == ""


def test_not_utf8(offline):
    offline("account", "show", b"\xff@x.test".decode("utf-8", "surrogateescape"), status=2)


def test_pages(offline):
    """More rows than one answer holds."""
    members = [f"m{i:05}@else.where" for i in range(1500)]
    offline("list", "add", "big@x.test", *members)
    assert offline("list", "members", "big@x.test").split() == members
    assert [r["member"] for r in offline.data("list", "members", "big@x.test")] == members


def test_no_installation(carbonado, tmp_path):
    out = carbonado("account", "list", "--state", tmp_path / "none", status=1)
    assert "no installation" in out.err


def test_quota_queue_status_stats(offline):
    offline("account", "add", "a@x.test", "--no-password", "--quota", "10M")
    offline("account", "add", "b@x.test", "--no-password")
    row = offline.data("quota", "show", "a@x.test")
    assert (row["quota"], row["bytes"], row["messages"]) == (10 << 20, 0, 0)
    offline("quota", "set", "a@x.test", "none")
    assert [r["quota"] for r in offline.data("quota", "list")] == [0, 0]
    assert offline.data("queue", "list") == []
    assert "0 recipients" in offline("queue", "retry")
    assert "not in the queue" in offline("queue", "remove", "0-1", status=1).err
    assert offline.data("status", status=69) == {"running": False}
    stats = offline.data("store", "stats")
    assert stats["accounts"] == 2 and stats["messages"] == 0 and stats["database_bytes"] > 0


def test_removed_account_has_no_mail(offline, tmp_path):
    offline("account", "add", "a@x.test", "--no-password")
    box = tmp_path / "box"
    box.write_bytes(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 1\n\nx\n\n")
    offline("import", "a@x.test", box)
    assert offline.data("quota", "show", "a@x.test")["messages"] == 1
    offline("account", "remove", "a@x.test", "--yes")
    offline("account", "add", "a@x.test", "--no-password")
    assert offline.data("quota", "show", "a@x.test")["messages"] == 0
