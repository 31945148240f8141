"""What an operator sees: state dumps, slow operations with their reason, metrics by command."""
import os
import re
import signal
import urllib.request

import pytest

import serving
from serving import wait_for
from wire import Imap, Smtp


@pytest.fixture(scope="module")
def server():
    if serving.inherited():
        pytest.skip("needs a server of its own")
    own = serving.start(2, "--set", "log.slow_command=1ms", "--set", "log.slow_write=1ms")
    yield own
    own.stop()


def log(server):
    return (server.state / "serve.log").read_text(errors="replace")


def dump(server):
    before = set(server.state.glob("run/dump-*.txt"))
    os.kill(server.pid, signal.SIGUSR1)
    name = wait_for(lambda: re.search(r"event=serve\.dump file=(\S+)", log(server)) and
                    set(server.state.glob("run/dump-*.txt")) - before)
    return name.pop()


def test_a_dump_names_sessions_jobs_writers_and_settings(server):
    imap = Imap(server, "user1@example.test")
    path = dump(server)
    text = path.read_text()
    assert re.search(r"^loop \d+: answered in \d+ us, connections [1-9]", text, re.M), text  # on one of the loops
    assert re.search(r"imap \S+ \d+ login user1@example\.test tls - open \d+ ms", text), text
    assert re.search(r"^(cpu|read): threads [1-9]\d*, waiting \d+, the oldest for \d+ ms", text, re.M), text
    assert re.search(r"^shard 0: (idle|running|writing|syncing|committing).* commits [1-9]", text, re.M), text
    assert "log.slow_command = 1ms" in text
    assert path.stat().st_mode & 0o077 == 0
    imap.ok("NOOP")  # and the server goes on


def test_a_slow_command_is_logged_with_its_reason(server):
    imap = Imap(server, "user1@example.test")  # a login costs a password hash: more than a millisecond
    imap.ok("NOOP")
    line = wait_for(lambda: re.search(r"event=slow\.command protocol=imap command=LOGIN .*", log(server))).group()
    assert re.search(r"login=user1@example\.test ms=\d+ reason=(run|queue|lock|loop) spent=\"", line), line


def test_a_slow_commit_is_logged_with_its_parts(server):
    with Smtp(server) as lmtp:
        lmtp.deliver("a@b.test", ["user1@example.test"], b"Subject: x\r\n\r\n" + b"some text of it\r\n" * 60000)
    line = wait_for(lambda: re.search(r"event=slow\.write .*bytes=[1-9].*", log(server))).group()
    assert re.search(r"jobs=\d+ bytes=\d+ run_ms=\d+ write_ms=\d+ sync_ms=\d+ commit_ms=\d+ slowest=", line), line


def test_metrics_tell_commands_apart(server):
    imap = Imap(server, "user2@example.test")
    imap.ok("STATUS", "INBOX", "(MESSAGES)")
    text = urllib.request.urlopen(f"http://{server.host}:{server.ports['METRICS']}/metrics").read().decode()

    def value(name):
        return float(re.search(rf"^carbonado_{re.escape(name)} (\S+)$", text, re.M).group(1))

    assert value('imap_command_seconds_count{command="status"}') == 1
    assert value('imap_command_seconds_sum{command="login"}') > 0
    assert value('job_wait_seconds_count{place="write"}') > 0
    assert value("store_batch_jobs_sum") >= value("store_batch_jobs_count") > 0
