"""The worker of a running server is shut in: what the kernel says about it, after it has been killed
too, and what somebody with a debugger inside would find. (Everything forbidden is tried by
src/node/sandbox_test.c.)"""
import json
import os
import pathlib
import signal
import subprocess

import pytest

import serving


@pytest.fixture(scope="module")
def own():
    if "node.sandbox=off" in os.environ.get("CARBONADO_TEST_SET", ""):
        pytest.skip("without the sandbox: coverage is counted")
    if serving.inherited():
        pytest.skip("needs a server of its own")
    server = serving.start(2)
    yield server
    server.stop()


def facts(pid):
    rows = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {k: v.strip() for k, _, v in (row.partition(":") for row in rows)}


def worker(server):
    return json.loads(server.command("status", "--json").stdout)["worker"]


def shut_in(pid):
    """Every thread: a filter holds for the thread that took it and those made later."""
    rows = []
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            rows.append(facts(f"{pid}/task/{thread.name}"))
        except OSError:
            pass  # it has ended meanwhile
    assert len(rows) > 5
    return {(r["Seccomp"], r["NoNewPrivs"], *(int(r[c], 16) for c in ("CapEff", "CapPrm", "CapInh", "CapAmb")))
            for r in rows} == {("2", "1", 0, 0, 0, 0)}


def test_every_thread_of_the_worker(own):
    assert shut_in(worker(own))
    supervisor = facts(own.pid)
    assert int(supervisor["CapEff"], 16) == 0 and supervisor["NoNewPrivs"] == "1"
    assert json.loads(own.command("status", "--json").stdout)["sandbox"].startswith("on")


def test_a_new_worker_too(own):
    before = worker(own)
    os.kill(before, signal.SIGKILL)

    def another():
        try:
            now = worker(own)
        except (ValueError, KeyError):  # there is none
            return None
        return now if now != before else None

    assert shut_in(serving.wait_for(another))


def test_nothing_of_outside_is_open(own):
    """No descriptor but sockets, pipes, /dev/null, the log, /proc of itself, and the state."""
    pid = worker(own)
    odd = []
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if not target.startswith(("socket:", "pipe:", "anon_inode:", "/dev/null", f"/proc/{pid}/",
                                  str(own.state) + "/")):
            odd.append(target)
    assert odd == []


def test_reload_of_what_it_cannot_open(own, tmp_path):
    """The supervisor opens the configuration and hands it over; here it is a file elsewhere."""
    config = tmp_path / "elsewhere.conf"
    config.write_text((own.state / "carbonado.conf").read_text())
    server = serving.Serving(own.env)
    server.program()
    own.end()
    state = own.state / "serve.log"
    with open(state, "ab") as log:
        process = subprocess.Popen([own.exe, "--config", str(config), "serve"], env={**os.environ, **own.env},
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            own.wait_ready()
            new = tmp_path / "new.conf"
            new.write_text(config.read_text().replace("[imap]\n", "") + "\n[imap]\nmax_line = 77K\n")
            new.rename(config)
            process.send_signal(signal.SIGHUP)
            serving.wait_for(lambda: "becomes=77K" in state.read_text(errors="replace"),
                             why=lambda: state.read_text(errors="replace")[-3000:])
        finally:
            process.terminate()
            process.wait(serving.PATIENCE)
    own.serve()


def test_off_and_wrong():
    server = serving.start(1, "--set", "node.sandbox=off")
    try:
        assert facts(worker(server))["Seccomp"] == "0"
        assert "sandbox.off" in (server.state / "serve.log").read_text()
    finally:
        server.stop()
