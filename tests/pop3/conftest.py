"""Every test of POP3 twice: sessions in the worker, and in fronts (docs/decisions/0016)."""
import pytest

import serving


@pytest.fixture(scope="session", params=[0, 2], ids=["worker", "fronts"])
def server(request):
    yield from serving.lend(5, "--set", "io.loops=3", "--set", f"node.fronts={request.param}")
