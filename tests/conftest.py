"""What the integration tests share: where the program is, and how to run it."""
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests/e2e"))  # serving and wire


def pytest_addoption(parser):
    parser.addoption("--deep", action="store_true", help="the long form of tests that have one")


def pytest_configure(config):
    config.addinivalue_line("markers", "deep: takes minutes; runs with --deep only")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--deep") or os.environ.get("CARBONADO_DEEP"):
        return
    for item in items:
        if "deep" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="deep: run with --deep"))


def build_dir():
    return pathlib.Path(os.environ.get("CARBONADO_BUILD", TOP / "build"))


@pytest.fixture(scope="session")
def program():
    path = build_dir() / "src/cli/carbonado"
    assert path.exists(), f"{path}: build first (make check does)"
    return path


@pytest.fixture
def carbonado(program, tmp_path):
    """carbonado("ports", "--json", status=0) gives its output; .err is standard error, .status the exit
    status (status may be a list of those allowed)."""

    class Output(str):
        err, status = "", 0

    def run(*args, status=0, env=None, **more):
        done = subprocess.run([program, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=300,
                              env={"PATH": os.environ["PATH"], "CARBONADO_STATE": str(tmp_path), **(env or {})},
                              **more)
        allowed = status if isinstance(status, list) else [status]
        assert done.returncode in allowed, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        out = Output(done.stdout)
        out.err, out.status = done.stderr, done.returncode
        return out

    return run


@pytest.fixture(scope="session")
def server():
    """One server for all tests of a worker that want no settings of their own (tests/e2e has its own
    fixture of that name): five accounts."""
    import serving
    yield from serving.lend(5, "--set", "io.loops=3")
