"""Files of other releases: a newer one's are refused by name of the release to install, an older one's are
brought up to date by `carbonado upgrade`, and not while a server runs."""
import json
import sqlite3

import pytest

FAILS = [1, 2, 69, 75, 77, 78]


def shards(state):
    return sorted(state.glob("shards/*.db"))


def sql(path, *statements):
    db = sqlite3.connect(path)
    for s in statements:
        db.execute(s)
    db.commit()
    db.close()


def newer(path, module, version, release):
    sql(path, f"INSERT INTO migration VALUES ('{module}', {version + 1}, 0)",
        f"UPDATE migration_needs SET version = {version}, release = '{release}' WHERE module = '{module}'")


@pytest.fixture
def filled(offline):
    offline("account", "add", "ann@x.test", "--no-password")
    offline("quota", "list")
    return offline


def test_nothing_to_do(filled):
    assert filled("upgrade") == "There is nothing to upgrade.\n"
    assert filled.data("upgrade") == {"steps": []}
    assert "0 problems" in filled("store", "check")


@pytest.mark.parametrize("file, module, release", [("shards/1.db", "store", "3.1.4"),
                                                   ("directory.db", "directory", "2.7.1")])
def test_newer_tables(filled, file, module, release):
    newer(filled.state / file, module, 98, release)
    for command in (["serve"], ["upgrade"], ["account", "list"], ["quota", "list"]):
        if module == "store" and command == ["account", "list"]:
            continue  # asks the directory only
        said = filled(*command, status=FAILS).err
        assert f"install carbonado {release} or newer" in said, command
    sql(filled.state / file, f"UPDATE migration_needs SET version = 1 WHERE module = '{module}'")
    assert "ann@x.test" in filled("quota", "list")  # its tables are of use to this release too


def test_older_tables(filled, program):
    for path in shards(filled.state):
        sql(path, "DROP TABLE store_meta", "DELETE FROM migration WHERE module = 'store'",
            *(f"DROP TABLE {name}" for name, in sqlite3.connect(path).execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'migration%' "
                "AND name NOT LIKE 'sqlite%' AND name != 'store_meta'").fetchall()))
    steps = filled.data("upgrade")["steps"]
    assert [s[0] for s in steps] == ["store"] * len(steps) and steps.count(["store", 1]) == len(shards(filled.state))
    assert filled("upgrade") == "There is nothing to upgrade.\n"
    assert "ann@x.test" in filled("quota", "list")


def test_not_beside_a_server(office):
    if office.server:
        assert "must not run" in office("upgrade", status=FAILS).err
    else:
        office("upgrade")


def test_newer_backups(filled, tmp_path):
    folder = tmp_path / "backups"
    filled("backup", str(folder))
    about = folder / "backup.json"
    row = json.loads(about.read_text())
    assert row["release"] == "0.1.0"
    row.update(format=9, release="8.8.8")
    about.write_text(json.dumps(row))
    assert "install carbonado 8.8.8 or newer" in filled("backup", str(folder), status=FAILS).err
    assert "install carbonado 8.8.8 or newer" in filled("restore", str(folder), "--account", "ann@x.test", status=FAILS).err
