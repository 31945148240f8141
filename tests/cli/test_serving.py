"""What commands say beside a running server, and at a terminal."""
import json
import os
import pathlib
import pty
import select
import signal
import time

import pytest

import serving


@pytest.fixture(scope="module")
def own():
    server = serving.start(1)
    yield server
    server.stop()


def test_a_second_server_says_who_is_there(own):
    done = own.command("serve")
    assert done.returncode == 75
    assert done.stderr.decode() == \
        f"carbonado: {own.state} is in use: the server is already running (process {own.pid})\n"
    own.wait_ready()


def test_ports_are_where_the_server_opened_them(own):
    """Not where one would open them that is started by this user, or with the file as it is now."""
    conf = pathlib.Path(own.state / "carbonado.conf")
    was = conf.read_text()
    assert "low_offset = \"0\"" in was
    conf.write_text(was.replace('low_offset = "0"', 'low_offset = "7000"'))
    try:
        said = {r["name"]: r["port"] for r in json.loads(own.command("ports", "--json").stdout)}
        assert said["imap"] == own.ports["IMAP"] and said["smtp"] == own.ports["SMTP"]
        rules = own.command("firewall")
        assert f" {own.ports['IMAPS']}" in rules.stdout.decode() and rules.stderr == b""
    finally:
        conf.write_text(was)


def test_firewall_says_when_it_guesses(offline):
    rules = offline("firewall", "--set", "ports.low_offset=10000")
    assert "10025" in rules and "ports.low_offset=0" in rules.err
    rules = offline("firewall", "--set", "ports.low_offset=0")
    assert " 25, " in rules and rules.err == ""


def read_until(fd, text, seconds=30):
    said, end = b"", time.monotonic() + seconds
    while text not in said:
        assert select.select([fd], [], [], max(0, end - time.monotonic()))[0], said
        try:
            said += os.read(fd, 4096)
        except OSError:
            assert text in said, said
    return said


@pytest.mark.parametrize("at", [b"New password: ", b"Once more: "])
def test_ctrl_c_at_the_prompt_for_a_password(offline, program, at):
    offline("account", "add", "a@x.test", "--no-password")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(program, [str(program), "password", "a@x.test"],
                  {"CARBONADO_STATE": str(offline.state), "PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
    read_until(fd, b"New password: ")
    if at != b"New password: ":
        os.write(fd, b"long enough\n")
        read_until(fd, at)
    os.write(fd, b"\x03")
    end = time.monotonic() + 20
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < end, "Ctrl-C did not end it"
        time.sleep(0.02)
    assert os.WIFSIGNALED(done[1]) and os.WTERMSIG(done[1]) == signal.SIGINT
    os.close(fd)
