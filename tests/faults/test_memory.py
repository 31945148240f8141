"""Memory runs out for buffers and arenas (a build with -Dfaults=true): requests end with a temporary
error; where the program cannot go on without memory, the worker ends and is started again. Nothing
acknowledged is lost, and everything works when there is memory again."""
import random

import pytest

import faults
from workload import Book, Load, compare, make_boxes, wait


def starve(server, seed, rounds, seconds):
    rng = random.Random(seed)
    book = Book(seed)
    server.serve()
    make_boxes(server)
    if not server.faults.page.calls[6]:
        pytest.skip("built without -Dfaults=true")
    pids = server.pids()
    fired = 0
    for n in range(rounds):
        before = book.done
        with Load(server, book) as load:
            load.begun(before)
            server.faults.fail(faults.MEMORY, times=faults.FOREVER, chance=rng.choice((0.001, 0.01, 0.1)),
                               least=rng.choice((0, 0, 4000, 40000)), seed=rng.getrandbits(40))
            wait(seconds)
            fired += server.faults.fired()
            server.faults.clear()
        if server.pids() != pids:  # a small allocation that cannot fail has failed: that ends the process
            server.wait_ready()
            said = server.said()
            assert "bug at" in said, said[-5000:]
            for worse in ("Sanitizer", "runtime error", "signal=11"):
                assert worse not in said, said[-5000:]
            pids = server.pids()
        compare(server, book)
        print(f"round {n}: {book.done - before} acknowledged, {fired} failed, {book.refused} refused in all")
    assert fired, "nothing has failed"
    server.end()
    server.check()


@pytest.mark.deep
def test_memory(machine):
    starve(machine(), 1, 4, 0.8)


@pytest.mark.deep
@pytest.mark.parametrize("part", range(4))
def test_memory_deep(machine, part):
    starve(machine(), 50 + part, 20, 2)
