"""A state directory for the tests of one file, and machines on copies of it."""
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import faults  # noqa: E402
import serving  # noqa: E402
import workload  # noqa: E402

SETTINGS = ("store.checkpoint_interval=50ms", "store.pack_max=1M", "store.maintenance_interval=1s",
            "store.reserve=1M", "io.loops=2")


@pytest.fixture(scope="module")
def kept(request):
    if not faults.library() or not serving.WITH_SERVER.exists():
        pytest.skip("tests/faults is not built")
    state = faults.Kept(len(workload.USERS), *SETTINGS, *getattr(request.module, "MORE_SETTINGS", ()))
    yield state
    state.close()


@pytest.fixture
def machine(kept):
    """machine(journal=True) gives a server on a fresh copy; all end with the test."""
    made = []

    def make(**more):
        made.append(kept.machine(**more))
        return made[-1]

    yield make
    for one in made:
        one.stop()
