"""Servers for the whole-path tests. `Serving` is one server: inside scripts/with-server (or
bench/dovecot.sh) that server, else one of its own, started by scripts/with-server and stopped with
the test."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WITH_SERVER = ROOT / "scripts" / "with-server"
PATIENCE = 120  # seconds for what must come: only a test that fails waits so long
START = 1200  # for a server and its accounts, of which some tests have a hundred
DUMP = "import json,os,sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.stdin.read()"


def state(path):
    try:
        return pathlib.Path(path).read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def alive(pid):
    """Does it run? A zombie does not; but the first thread may be one while others still hold the files."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return any(state(f"/proc/{pid}/task/{thread}/stat") not in ("Z", "X") for thread in threads)


def wait_for(what, seconds=PATIENCE, why="it did not happen"):
    """What `what` gives as soon as that is something; `why` may be a function too."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, why() if callable(why) else why
        time.sleep(0.05)
    return found


class Serving:
    def __init__(self, env, process=None):
        self.env = env
        self.process = process
        self.again = self.exe = None
        self.host = env["CARBONADO_HOST"]
        self.ports = {k[len("CARBONADO_PORT_"):]: int(v) for k, v in env.items()
                      if k.startswith("CARBONADO_PORT_")}
        self.pid = int(env["CARBONADO_PID"])
        self.state = pathlib.Path(env["CARBONADO_STATE"])
        self.peer = env.get("CARBONADO_PEER", "carbonado")

    def stop(self):
        """For a server of its own: ends it, and with-server removes the state."""
        if self.again and self.again.poll() is None:
            self.again.terminate()
            self.again.wait(PATIENCE)
        if self.process:
            self.process.stdin.close()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()

    # The program of this server and its life, for tests that end it and begin again.

    def program(self):
        """The executable: that of the running process, else the one found before."""
        try:
            self.exe = os.readlink(f"/proc/{self.pid}/exe")
        except OSError:
            pass
        return self.exe

    def command(self, *args, **more):
        """`carbonado ARGS` on this server's state; its CompletedProcess."""
        return subprocess.run([self.program(), *map(str, args)], env={**os.environ, **self.env},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **more)

    def serve(self):
        """Starts the server again after it has ended; returns when it greets."""
        self.log = open(self.state / "serve.log", "ab")
        self.again = subprocess.Popen([self.exe, "serve"], env={**os.environ, **self.env},
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.pid = self.again.pid
        self.wait_ready()

    def wait_ready(self, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while True:
            try:
                with socket.create_connection((self.host, self.ports["IMAP"]), 30) as s, \
                        socket.create_connection((self.host, self.ports["LMTP"]), 30) as t:
                    if s.recv(4) == b"* OK" and t.recv(3) == b"220":
                        return
            except OSError:
                pass
            assert time.monotonic() < end, \
                f"no greeting within {seconds} s\n{(self.state / 'serve.log').read_text(errors='replace')[-5000:]}"
            time.sleep(0.02)

    def end(self, sig=signal.SIGTERM):
        """Ends the server (not the wrapper around it) and waits until its processes are gone."""
        self.program()
        pids = self.pids()
        os.kill(self.pid, sig)
        if sig == signal.SIGKILL:  # its children too: nobody is left to end them
            for pid in pids:
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
        end = time.monotonic() + PATIENCE
        while any(alive(pid) for pid in pids):
            if self.again:
                self.again.poll()
            assert time.monotonic() < end, "the server did not end"
            time.sleep(0.02)

    # The processes of this server, from /proc.

    def pids(self):
        """The server's process and all below it."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = pathlib.Path("/proc", entry, "stat").read_text()
                except OSError:
                    continue
                parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
        mine = {self.pid}
        while True:
            more = {p for p, parent in parents.items() if parent in mine} - mine
            if not more:
                return sorted(mine & (set(parents) | {self.pid}))
            mine |= more

    def memory(self):
        """KiB of PSS."""
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += int(text.split("\nPss:")[1].split()[0])
        return total

    def descriptors(self):
        """(files of the store that have a name, all others) that the processes have open."""
        store = others = 0
        for pid in self.pids():
            try:
                for fd in os.scandir(f"/proc/{pid}/fd"):
                    name = os.readlink(fd.path)
                    named = name.startswith(f"{self.state}/") and not name.endswith(" (deleted)")
                    store, others = store + named, others + (not named)
            except OSError:
                pass  # a process or a descriptor that is gone
        return store, others


def start(users=5, *options):
    """A fresh server of its own."""
    with tempfile.NamedTemporaryFile(prefix="serving") as f:
        process = subprocess.Popen(
            [str(WITH_SERVER), "--users", str(users), *options, "--", sys.executable, "-c", DUMP, f.name],
            stdin=subprocess.PIPE, cwd=ROOT)
        end = time.monotonic() + START
        while time.monotonic() < end:
            if process.poll() is not None:
                raise RuntimeError(f"with-server ended with {process.returncode}")
            text = open(f.name).read()
            if text.endswith("}"):
                return Serving(json.loads(text), process)
            time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    raise RuntimeError(f"the server did not start in {START} seconds")


def inherited():
    """The server around this process, or None."""
    return Serving(dict(os.environ)) if "CARBONADO_PORT_IMAP" in os.environ else None


def lend(users, *options):
    """For a fixture: the server around, else one of its own, which is stopped afterwards."""
    around = inherited()
    if around:
        yield around
        return
    own = start(users, *options)
    yield own
    own.stop()
