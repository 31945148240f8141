"""carbonado serve beside another: it says that the server runs already, and disturbs nothing."""
import os

import pytest


@pytest.mark.parametrize("office", ["running"], indirect=True)
def test_a_second_server_says_that_one_runs(office):
    out = office("serve", status=75)
    assert f"is already running (process {office.server.pid})" in out.err, out.err
    assert (office.state / "run/pid").read_text().strip() == str(office.server.pid)
    assert office.data("status")["pid"] == office.server.pid


def test_a_command_that_holds_the_state_is_named(offline):
    """Not every lock is a server's."""
    import fcntl
    (offline.state / "run").mkdir(exist_ok=True)
    with open(offline.state / "run/lock", "w") as lock:
        lock.write(str(os.getpid()))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"is in use by process {os.getpid()}" in offline("serve", status=75).err
