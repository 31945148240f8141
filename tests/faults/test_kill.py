"""SIGKILL at random moments of concurrent LMTP, APPEND, STORE, COPY, MOVE and EXPUNGE, of the worker alone
or of the whole server: everything acknowledged is there exactly once, and nothing else."""
import contextlib
import os
import random
import signal

import pytest

from workload import Book, Load, compare, make_boxes, wait


def rounds(server, count, seed):
    book, rng = Book(seed), random.Random(seed)
    server.serve()
    make_boxes(server)
    for n in range(count):
        before = book.done
        with Load(server, book) as load:
            load.begun(before)
            wait(rng.uniform(0.02, 0.5))
            if n % 3 == 2:
                server.kill()
            else:
                for pid in server.pids():
                    if pid != server.pid:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
            load.stop.set()
        if not server.running():
            server.serve()
        server.wait_ready()
        compare(server, book)
    assert book.done > 5 * count, "too little was done for this to say anything"
    server.end()
    server.check()


def test_kill(machine):
    rounds(machine(), 20, 3)


@pytest.mark.deep
@pytest.mark.parametrize("part", range(10))
def test_kill_deep(machine, part):
    rounds(machine(), 50, 300 + part)
