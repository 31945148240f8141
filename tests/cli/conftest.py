"""An installation without a server: what the commands do by themselves."""
import json

import pytest


@pytest.fixture
def offline(carbonado, tmp_path):
    """offline("account", "list") runs in a fresh installation with the domain x.test."""
    state = tmp_path / "state"
    env = {"CARBONADO_STATE": str(state)}
    import os
    owner = ["--owner", "root"] if os.geteuid() == 0 else []
    carbonado("init", "--domain", "x.test", *owner, env=env)

    def run(*args, **more):
        return carbonado(*args, env=env, **more)

    def data(*args, **more):
        return json.loads(run(*args, "--json", **more))

    run.data = data
    run.state = state
    return run
