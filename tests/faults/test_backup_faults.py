"""`carbonado backup` and `restore` are killed, or the disk of the backup is full or fails: the folder
stays one that the next backup goes on with, and what it says it has can be restored."""
import errno
import os
import random
import shutil
import subprocess
import time

import pytest

import faults
from workload import USERS, Book, append, make_boxes
from wire import Imap


class Backups:
    """A server that gets mail, a folder, and commands whose calls below a directory fail."""

    def __init__(self, server, tmp_path):
        self.server, self.folder, self.tmp = server, tmp_path / "backup", tmp_path
        self.folder.mkdir()
        self.page = faults.Faults(tmp_path / "page")
        self.book = Book(4)
        self.count = 0
        server.serve()
        make_boxes(server)
        self.more(8)

    def more(self, n=2):
        for user in USERS:
            with Imap(self.server, user) as imap:
                append(imap, self.book, user, n, box="Kept")

    def run(self, *args, root=None):
        """The command's code; with `root`, faults for what is below."""
        env = {**os.environ, **self.server.env}
        if root:
            env |= {"LD_PRELOAD": faults.preload(self.server.exe), "CARBONADO_FAULTS": str(self.tmp / "page"),
                    "CARBONADO_FAULTS_ROOT": str(root)}
        done = subprocess.run([self.server.exe, *map(str, args)], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300, check=False)
        self.said = done.stdout
        return done.returncode

    def sound(self):
        """The next backup works, is whole, and can be restored."""
        self.page.clear()
        time.sleep(1.1)  # a backup is named by its second
        assert self.run("backup", self.folder) == 0, self.said
        assert self.run("backup", self.folder, "--check") == 0, self.said
        self.count += 1
        state = self.tmp / f"state{self.count}"
        assert self.run("restore", self.folder, "--state", state, *owner()) == 0, self.said
        assert self.run("--state", state, "store", "check") == 0, self.said
        shutil.rmtree(state)


def owner():
    return ("--owner", "root") if os.geteuid() == 0 else ()


def calls_of(b):
    with b.page.counting(faults.WRITES) as calls:
        assert b.run("backup", b.folder, root=b.folder) == 0, b.said
    b.more()
    return calls()


def failing(machine, tmp_path, points, seed):
    b = Backups(machine(), tmp_path)
    rng = random.Random(seed)
    total = calls_of(b)
    assert total > 20, "the calls are not seen"
    for i in range(points):
        how = ("kill", "full", "error")[i % 3]
        if how == "full":
            b.page.page.room, b.page.page.full = rng.randrange(20000), errno.ENOSPC
        else:
            b.page.fail(faults.WRITES, faults.KILL if how == "kill" else errno.EIO, after=rng.randrange(total))
        code = b.run("backup", b.folder, root=b.folder)
        assert how != "full" or code, "a full disk was not told of"
        b.page.clear()
        assert i == 0 or b.run("backup", b.folder, "--check") == 0, f"{how}: {b.said}"
        b.sound()
        b.more()


def restored(b, state):
    """What there is: the accounts, and the files of the store and the directory with their sizes."""
    assert b.run("--state", state, "store", "check") == 0, b.said
    assert b.run("--state", state, "account", "list", "--json") == 0, b.said
    return b.said, sorted((str(p.relative_to(state)), p.stat().st_size) for p in state.rglob("*.pack"))


def restoring(machine, tmp_path, points, seed):
    """Killed at any call, it leaves a state that nobody serves, and a second one goes over it; or one that is
    whole, where only the last sync of the directory was missing."""
    b = Backups(machine(), tmp_path)
    rng = random.Random(seed)
    assert b.run("backup", b.folder) == 0, b.said
    state = tmp_path / "state"
    state.mkdir()
    with b.page.counting(faults.WRITES) as calls:
        assert b.run("restore", b.folder, "--state", state, *owner(), root=state) == 0, b.said
    total, whole, killed = calls(), restored(b, state), 0
    assert total > 20 and whole[1], "the calls are not seen"
    shutil.rmtree(state)
    for after in [total - 1, total - 2, *(rng.randrange(total) for _ in range(points))]:
        state.mkdir()
        b.page.fail(faults.WRITES, faults.KILL, after=after)
        code = b.run("restore", b.folder, "--state", state, *owner(), root=state)
        b.page.clear()
        killed += code != 0
        half = code != 0 and b.run("--state", state, "account", "list") != 0
        if half:
            assert b.run("restore", b.folder, "--state", state, *owner()) == 0, b.said
        assert restored(b, state) == whole, f"half a state is taken for a whole after call {after} of {total}"
        shutil.rmtree(state)
    assert killed > points // 2


def test_backup(machine, tmp_path):
    failing(machine, tmp_path, 3, 1)


@pytest.mark.deep
def test_backup_deep(machine, tmp_path):
    failing(machine, tmp_path, 60, 2)


def test_restore(machine, tmp_path):
    restoring(machine, tmp_path, 3, 3)


@pytest.mark.deep
def test_restore_deep(machine, tmp_path):
    restoring(machine, tmp_path, 60, 4)
