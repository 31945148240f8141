"""Servers whose system calls fail, and disks after a power cut.

`Faults` is the page shared with the preloaded library (faults.h). `Disk` is what is on the platter: a
copy of a state directory and the journal of what was done to it, from which `cut()` makes what a power
cut leaves: everything synced, and of the rest whatever chance gives. `Machine` is a server with both."""
import collections
import contextlib
import ctypes
import errno
import mmap
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import time

import serving

OPEN, WRITE, SYNC, RENAME, TRUNCATE, ACCEPT, MEMORY, READ, UNLINK, MKDIR, MMAP = (1 << n for n in range(11))
DISK = OPEN | WRITE | SYNC | RENAME | TRUNCATE | READ | UNLINK | MKDIR | MMAP
WRITES = WRITE | SYNC | RENAME | TRUNCATE | UNLINK | MKDIR
KILL, CUT, SHORT, PASS = 10000, 10001, 10002, 10003
FOREVER = -1


class Rule(ctypes.Structure):
    _fields_ = [("ops", ctypes.c_uint32), ("action", ctypes.c_int32), ("after", ctypes.c_int64),
                ("times", ctypes.c_int64), ("per_million", ctypes.c_uint32), ("min", ctypes.c_uint32),
                ("seed", ctypes.c_uint64), ("fired", ctypes.c_int64),
                ("behind", ctypes.c_uint32), ("spare", ctypes.c_uint32), ("match", ctypes.c_char * 96)]


class Page(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint32), ("layout", ctypes.c_uint32), ("cut", ctypes.c_uint32),
                ("record", ctypes.c_uint32), ("readonly", ctypes.c_uint32), ("lies", ctypes.c_uint32),
                ("spare", ctypes.c_uint32), ("full", ctypes.c_uint32),
                ("room", ctypes.c_int64), ("calls", ctypes.c_int64 * 16), ("seq", ctypes.c_uint64),
                ("rules", Rule * 8)]


class Faults:
    def __init__(self, path):
        with open(path, "w+b") as f:
            f.truncate(max(mmap.PAGESIZE, ctypes.sizeof(Page)))
            self.map = mmap.mmap(f.fileno(), 0)
        self.page = Page.from_buffer(self.map)
        self.page.magic, self.page.layout = 0x53544c46, 2

    def fail(self, ops, action=errno.EIO, after=0, times=1, match="", chance=0.0, seed=1, least=0, slot=0,
             behind=None):
        """From the call after `after` matching ones on, `times` calls fail (each with `chance`), but not
        before the rule in the slot `behind` has fired."""
        rule = self.page.rules[slot]
        rule.action = 0
        rule.ops, rule.after, rule.times, rule.min, rule.seed = ops, after, times, least, seed
        rule.behind = 0 if behind is None else behind + 1
        rule.per_million, rule.fired, rule.match = int(chance * 1_000_000), 0, match.encode()
        rule.action = action

    def low(self):
        """A disk that is nearly full: the store tidies up at once, and nothing fails yet."""
        self.page.room = 1 << 30
        self.page.full = errno.ENOSPC

    def fired(self):
        return sum(rule.fired for rule in self.page.rules)

    def clear(self):
        """Everything works again."""
        for rule in self.page.rules:
            rule.action = 0
        self.page.readonly = self.page.full = self.page.lies = 0

    def counting(self, ops=DISK, match=""):
        """Counts the matching calls of a block: `with faults.counting() as n: ...; n()`."""
        return counting(self, ops, match)


@contextlib.contextmanager
def counting(faults, ops, match):
    far = 1 << 40
    faults.fail(ops, after=far, match=match, slot=7)
    got = []
    yield lambda: got[0] if got else far - faults.page.rules[7].after
    got.append(far - faults.page.rules[7].after)
    faults.page.rules[7].action = 0


# --- the disk ------------------------------------------------------------------------------------------

CREATE, WROTE, TRUNCATED, SYNCED, SYNC_LOST, DIR_SYNCED, RENAMED, UNLINKED, MADE = range(1, 10)
HEAD = struct.Struct("<IIQQQQ")


class Node:
    """A file: what is on the disk for certain, and what was done since, in order."""

    def __init__(self, data=b"", mode=0o600):
        self.data = bytearray(data)
        self.mode = mode
        self.pending = []
        self.dirty = False

    def apply(self, kind, at, data):
        self.dirty = True
        if kind == TRUNCATED:
            if at <= len(self.data):
                del self.data[at:]
            else:
                self.data.extend(bytes(at - len(self.data)))
            return
        if at > len(self.data):
            self.data.extend(bytes(at - len(self.data)))
        self.data[at:at + len(data)] = data

    def sync(self, upto, lost=False):
        for seq, *op in self.pending:
            if seq <= upto and not lost:
                self.apply(*op)
        self.pending = [op for op in self.pending if op[0] > upto]

    def tear(self, rng):
        """What was not synced: nothing of it, all, a beginning, or any sectors."""
        ops = [op[1:] for op in self.pending]
        self.pending = []
        how = rng.choice(("none", "all", "beginning", "sectors", "pages"))
        if not ops or how == "none":
            return
        if how == "beginning":
            ops = ops[:rng.randrange(len(ops)) + 1]
        last = len(ops) - 1
        size = 4096 if how == "pages" else 512
        chance = rng.choice((0.1, 0.5, 0.9))
        for i, (kind, at, data) in enumerate(ops):
            if how in ("sectors", "pages"):
                if kind == TRUNCATED:
                    if rng.random() < chance:
                        self.apply(kind, at, data)
                    continue
                begin = at
                while begin < at + len(data):
                    end = min(begin - begin % size + size, at + len(data))
                    if rng.random() < chance:
                        self.apply(kind, begin, data[begin - at:end - at])
                    begin = end
            elif how == "beginning" and i == last and kind == WROTE:
                self.apply(kind, at, data[:rng.randrange(len(data) + 1) & ~511])
            else:
                self.apply(kind, at, data)


class Disk:
    """The files of one directory. What is there at the beginning is on the disk."""

    def __init__(self, root):
        self.root = str(root)
        self.names = {}   # path -> Node, or None for a directory: as it is on the disk
        self.now = {}     # the same, as the processes see it
        self.steps = []   # changes of names that are not on the disk: (seq, folder, step, arguments)
        self.inodes = {}
        for folder, _, files in os.walk(self.root):
            self.names[folder] = None
            for name in files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                if stat.S_ISREG(st.st_mode) and not name.endswith("-shm") and name != "serve.log":
                    self.names[path] = self.inodes[st.st_ino] = \
                        Node(pathlib.Path(path).read_bytes(), stat.S_IMODE(st.st_mode))
        self.now = dict(self.names)

    def feed(self, journal):
        """Takes a journal in; a last record that is not whole was never done."""
        at = 0
        while at + HEAD.size <= len(journal):
            kind, path_n, seq, inode, where, data_n = HEAD.unpack_from(journal, at)
            at += HEAD.size
            if at + path_n + data_n > len(journal):
                break
            path = bytes(journal[at:at + path_n]).decode()
            data = journal[at + path_n:at + path_n + data_n]
            at += path_n + data_n
            self.take(kind, path, seq, inode, where, data)

    def take(self, kind, path, seq, inode, where, data):
        if kind in (WROTE, TRUNCATED):
            if inode in self.inodes:
                self.inodes[inode].pending.append((seq, kind, where, bytes(data)))
        elif kind in (SYNCED, SYNC_LOST):
            if inode in self.inodes:
                self.inodes[inode].sync(where, kind == SYNC_LOST)
        elif kind == DIR_SYNCED:
            self.settle(lambda step: step[1] == path and step[0] <= where)
        elif kind == CREATE:
            self.inodes[inode] = Node()
            self.step(seq, path, "put", path, self.inodes[inode])
        elif kind == MADE:
            self.step(seq, path, "put", path, None)
        elif kind == UNLINKED:
            self.step(seq, path, "drop", path)
        elif kind == RENAMED:
            self.step(seq, path, "move", path, bytes(data).decode())

    def step(self, seq, path, *step):
        self.steps.append((seq, os.path.dirname(path), *step))
        change(self.now, *step)

    def settle(self, when):
        """Some changes of names reach the disk, in order."""
        for step in self.steps:
            if when(step):
                change(self.names, *step[2:])
        self.steps = [step for step in self.steps if not when(step)]

    def cut(self, rng):
        """The power goes. Of the changes of names in a folder, a beginning has reached the disk."""
        folders = collections.Counter(step[1] for step in self.steps)
        keep = {folder: rng.choice((0, n, rng.randrange(n + 1))) for folder, n in sorted(folders.items())}
        done = collections.Counter()
        for step in self.steps:
            if done[step[1]] < keep[step[1]]:
                change(self.names, *step[2:])
            done[step[1]] += 1
        self.steps = []
        for path in sorted(self.names):
            if path != self.root and os.path.dirname(path) not in self.names:
                del self.names[path]
        for _, node in sorted(self.names.items()):
            if node:
                node.tear(rng)

    def write(self):
        """The directory as it is on the disk."""
        for entry in os.scandir(self.root):
            if entry.name == "serve.log":
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        self.inodes = {}
        for path, node in sorted(self.names.items()):
            if node is None:
                os.makedirs(path, 0o700, exist_ok=True)
                continue
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, node.mode)
            try:
                os.fchmod(fd, node.mode)
                view = memoryview(node.data)
                while view:
                    view = view[os.write(fd, view):]
                self.inodes[os.fstat(fd).st_ino] = node
            finally:
                os.close(fd)
            node.pending = []
        self.now = dict(self.names)


def change(names, step, *args):
    if step == "put":
        names[args[0]] = args[1]
    elif step == "drop":
        names.pop(args[0], None)
    elif args[0] in names:
        names[args[1]] = names.pop(args[0])


# --- a server with both --------------------------------------------------------------------------------

def library():
    """(path of the library, build directory)"""
    for folder in (os.environ.get("CARBONADO_BUILD"), "build", "build-check", "build-release"):
        path = folder and (serving.ROOT / folder / "tests/faults/carbonado-faults.so").resolve()
        if path and path.exists():
            return path
    return None


def preload(program):
    """LD_PRELOAD for a program: ASan's library has to be the first where there is one."""
    out = subprocess.run(["ldd", str(program)], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"libasan\S* => (\S+)", out)
    return ":".join(([found.group(1)] if found else []) + [str(library())])


class Kept:
    """A state directory with accounts, made once, and the ports to serve it on."""

    def __init__(self, users, *settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="carbonado-faults-"))
        options = [word for setting in settings for word in ("--set", setting)]
        self.around = serving.start(users, *options)
        try:
            self.around.end()
            self.program = self.around.exe
            shutil.copytree(self.around.state, self.folder / "whole", ignore=unusual)
        except BaseException:
            self.close()
            raise
        self.count = 0

    def machine(self, **more):
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        shutil.copytree(self.folder / "whole", folder / "state")
        return Machine(self, folder, **more)

    def close(self):
        self.around.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def unusual(folder, names):
    return [n for n in names if n.endswith("-shm") or
            not (os.path.isfile(os.path.join(folder, n)) or os.path.isdir(os.path.join(folder, n)))]


class Machine(serving.Serving):
    """A server on a copy of the state whose calls can be made to fail. With `journal`, power cuts."""

    def __init__(self, kept, folder, journal=False):
        self.folder = folder
        self.faults = Faults(folder / "page")
        self.journal = folder / "journal"
        env = {**kept.around.env, "CARBONADO_STATE": str(folder / "state")}
        super().__init__(env)
        self.exe = kept.program
        self.faulty = {**env, "LD_PRELOAD": preload(kept.program), "CARBONADO_FAULTS": str(folder / "page"),
                       "CARBONADO_FAULTS_ROOT": str(folder / "state")}
        self.disk = None
        if journal:
            self.faulty["CARBONADO_FAULTS_JOURNAL"] = str(self.journal)
            self.faults.page.record = 1
            self.disk = Disk(self.state)

    def program(self):
        return self.exe

    def command(self, *args, **more):
        """Without faults."""
        return subprocess.run([self.exe, *map(str, args)], env={**os.environ, **self.env}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300, **more)

    def spawn(self, before=None):
        """Begins to serve; does not wait."""
        self.log = open(self.state / "serve.log", "ab")
        self.again = subprocess.Popen([self.exe, "serve"], env={**os.environ, **self.faulty}, preexec_fn=before,
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.log.close()
        self.pid = self.again.pid

    def serve(self, before=None):
        self.spawn(before)
        self.wait_ready()

    def said(self):
        return (self.state / "serve.log").read_text(errors="replace")

    def running(self):
        return self.again is not None and self.again.poll() is None

    def kill(self):
        """SIGKILL to all its processes at once."""
        if not self.running():
            return
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.again.wait()
        end = time.monotonic() + serving.PATIENCE
        while any(serving.alive(pid) for pid in pids):
            assert time.monotonic() < end, "a process does not die"
            time.sleep(0.005)

    def power_cut(self, seed):
        """Now. Afterwards the state directory is what the disk held."""
        self.faults.page.cut = 1
        self.kill()
        with open(self.journal, "rb") as f:
            self.disk.feed(memoryview(f.read()))
        self.disk.cut(random.Random(seed))
        self.disk.write()
        self.journal.unlink()
        self.faults.clear()
        self.faults.page.cut = self.faults.page.seq = 0

    def check(self):
        """`store check` finds nothing; the server does not run."""
        done = self.command("store", "check")
        assert done.returncode == 0, done.stdout[-3000:] + self.said()[-3000:]
        if self.disk:  # that was without the journal
            self.disk = Disk(self.state)

    def stop(self):
        self.faults.clear()
        self.faults.page.cut = 0
        self.kill()
        if os.environ.get("CARBONADO_FAULTS_LOG"):
            shutil.copy(self.state / "serve.log", os.environ["CARBONADO_FAULTS_LOG"])
