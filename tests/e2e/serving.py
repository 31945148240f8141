"""Servers for the whole-path tests. `Serving` is one server: inside scripts/with-server (or
bench/dovecot.sh) that server, else one of its own, started by scripts/with-server and stopped with
the test."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WITH_SERVER = ROOT / "scripts" / "with-server"
DUMP = "import json,os,sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.stdin.read()"


class Serving:
    def __init__(self, env, process=None):
        self.env = env
        self.process = process
        self.host = env["CARBONADO_HOST"]
        self.ports = {k[len("CARBONADO_PORT_"):]: int(v) for k, v in env.items()
                      if k.startswith("CARBONADO_PORT_")}
        self.pid = int(env["CARBONADO_PID"])
        self.state = pathlib.Path(env["CARBONADO_STATE"])
        self.peer = env.get("CARBONADO_PEER", "carbonado")

    def stop(self):
        if self.process:
            self.process.stdin.close()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()

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
        total = 0
        for pid in self.pids():
            try:
                total += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                pass
        return total


def start(users=5, *options):
    """A fresh server of its own."""
    with tempfile.NamedTemporaryFile(prefix="serving") as f:
        process = subprocess.Popen(
            [str(WITH_SERVER), "--users", str(users), *options, "--", sys.executable, "-c", DUMP, f.name],
            stdin=subprocess.PIPE, cwd=ROOT)
        for _ in range(1200):
            if process.poll() is not None:
                raise RuntimeError(f"with-server ended with {process.returncode}")
            text = open(f.name).read()
            if text.endswith("}"):
                return Serving(json.loads(text), process)
            time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    raise RuntimeError("the server did not start in two minutes")


def inherited():
    """The server around this process, or None."""
    return Serving(dict(os.environ)) if "CARBONADO_PORT_IMAP" in os.environ else None
