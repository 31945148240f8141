"""The prompt for a password, at a terminal."""
import os
import pty
import select
import signal
import time

import pytest


def read_until(fd, text, seconds=120):
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
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may have it ignored
        os.execve(program, [str(program), "password", "a@x.test"],
                  {"CARBONADO_STATE": str(offline.state), "PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
    read_until(fd, b"New password: ")
    if at != b"New password: ":
        os.write(fd, b"long enough\n")
        read_until(fd, at)
    os.write(fd, b"\x03")
    end = time.monotonic() + 120
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < end, "Ctrl-C did not end it"
        time.sleep(0.02)
    assert os.WIFSIGNALED(done[1]) and os.WTERMSIG(done[1]) == signal.SIGINT
    os.close(fd)
