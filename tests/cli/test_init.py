"""carbonado init: what it makes, for whom, and where it refuses."""
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest

OWNER = ["--owner", "root"] if os.geteuid() == 0 else []


def test_demo_prints_what_is_needed(carbonado, tmp_path):
    state = tmp_path / "a" / "state"
    out = carbonado("init", "--demo", "--state", state, *OWNER)
    assert len(re.findall(r"^  \w+@example\.test +password [a-z2-7]{16}", out, re.M)) == 3
    assert "admin@example.test" in out and "(administrator)" in out
    env = {"CARBONADO_STATE": str(state)}
    rows = json.loads(carbonado("account", "list", "--json", env=env))
    assert [r["address"] for r in rows] == ["admin@example.test", "ann@example.test", "bob@example.test"]
    assert [r["admin"] for r in rows] == [True, False, False]


def test_files_are_private(offline):
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in offline.state.iterdir()}
    assert modes["auth.secret"] == "0o600" and modes["tls"] == "0o700"
    assert offline.state.stat().st_mode & 0o007 == 0
    assert all(int(m, 8) & 0o007 == 0 for m in modes.values()), modes


def test_twice_is_refused(offline):
    out = offline("init", *OWNER, status=1)
    assert "already" in out.err
    assert offline.data("domain", "list")[0]["name"] == "x.test"


def test_other_peoples_folders_are_left_alone(carbonado, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("x")
    before = other.stat()
    out = carbonado("init", "--state", other, *OWNER, status=1)
    assert "not empty" in out.err
    assert os.listdir(other) == ["precious"] and other.stat().st_uid == before.st_uid


def test_wrong_names_leave_no_installation(carbonado, tmp_path):
    state = tmp_path / "state"
    assert "not a domain" in carbonado("init", "--domain", "a b", "--state", state, *OWNER, status=2).err
    assert "name@domain" in carbonado("init", "--admin", "root", "--state", state, *OWNER, status=2).err
    carbonado("init", "--admin", "root@x.test", "--state", state, *OWNER)


def test_a_folder_with_nothing_in_it_is_no_installation(carbonado, tmp_path):
    """Also what a restore leaves that was killed at its beginning: whoever looks at it makes nothing."""
    state = tmp_path / "state"
    state.mkdir()
    for command in (["account", "list"], ["quota", "list"], ["export", "ann@x.test", tmp_path / "out"]):
        assert "there is no installation" in carbonado(*command, "--state", state, status=1).err
        assert not (state / "directory.db").exists() and not (state / "shards").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_only_root_gives_away(carbonado, tmp_path):
    carbonado("init", "--owner", "root", "--state", tmp_path / "s", status=77)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_gives_it_to_a_user(carbonado, program):
    base = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        base.chmod(0o755)
        state = base / "state"
        carbonado("init", "--demo", "--owner", "nobody", "--state", state)
        uid = pwd.getpwnam("nobody").pw_uid
        assert {p.stat().st_uid for p in [state, *state.rglob("*")]} == {uid}
        # From now on root is not the owner, and is told whose it is.
        out = carbonado("account", "list", env={"CARBONADO_STATE": str(state)}, status=77)
        assert "sudo -u nobody" in out.err and f"--state {state}" in out.err
    finally:
        shutil.rmtree(base)
