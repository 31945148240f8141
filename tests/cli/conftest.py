"""An installation without a server, and with one: what the commands do by themselves, and what the
server does for them over its control socket, must be the same."""
import json
import os
import signal
import subprocess

import pytest

from serving import PATIENCE, wait_for


@pytest.fixture
def offline(carbonado, tmp_path):
    """offline("account", "list") runs in a fresh installation with the domain x.test."""
    state = tmp_path / "state"
    env = {"CARBONADO_STATE": str(state)}
    owner = ["--owner", "root"] if os.geteuid() == 0 else []
    carbonado("init", "--domain", "x.test", *owner, env=env)

    def run(*args, **more):
        return carbonado(*args, env=env, **more)

    def data(*args, **more):
        return json.loads(run(*args, "--json", **more))

    run.data = data
    run.state = state
    return run


@pytest.fixture(params=["offline", "running"])
def office(request, offline, program):
    """The same, once without and once with a server, which listens at its control socket only. All that
    it said is in STATE/serve.log; `office.server` is its process."""
    offline.server = None
    if request.param == "offline":
        yield offline
        return
    ports = json.loads(subprocess.run([program, "ports", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    rows = "".join(f"{row['name']} = 0\n" for row in ports)
    (offline.state / "carbonado.conf").write_text(f"[ports]\n{rows}")
    env = {"PATH": os.environ["PATH"], "CARBONADO_STATE": str(offline.state), "ASAN_OPTIONS": "detect_leaks=0"}
    log = offline.state / "serve.log"
    with open(log, "ab") as out:
        offline.server = subprocess.Popen([program, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_for(lambda: "serve.ready" in log.read_text() or offline.server.poll() is not None, why=log.read_text)
        assert offline.server.poll() is None, log.read_text()
        yield offline
        assert offline.server.poll() is None, log.read_text()
    finally:
        offline.server.send_signal(signal.SIGINT)
        offline.server.wait(PATIENCE)
    assert "ERROR: AddressSanitizer" not in log.read_text()
