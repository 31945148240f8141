"""Everything fails now and then while several clients work and compaction and checkpoints run: what is
acknowledged is there, what is refused is not, and the server is not restarted."""
import errno
import os
import random

import pytest

import faults
from workload import Book, Load, compare, make_boxes, wait

MORE_SETTINGS = ("store.retention=0", "store.compact_share=1", "store.maintenance_interval=1s",
                 "store.checkpoint_interval=20ms")


def soak(server, seed, rounds, seconds, cut):
    rng = random.Random(seed)
    book = Book(seed)
    book.doubtful = cut  # after a crash, what was refused may be there
    server.serve()
    pids = server.pids()
    make_boxes(server)
    for n in range(rounds):
        before = book.done
        chance = rng.choice((0.002, 0.01, 0.05))
        with Load(server, book) as load:
            load.begun(before)
            for slot in range(3):
                server.faults.fail(rng.choice((faults.DISK, faults.SYNC, faults.WRITES, faults.OPEN, faults.READ)),
                                   rng.choice((errno.EIO, errno.ENOSPC, errno.EMFILE, faults.SHORT if slot else 5)),
                                   times=faults.FOREVER, chance=chance, seed=rng.getrandbits(40), slot=slot,
                                   match=rng.choice(("", "", ".pack", "-wal", ".db")))
            wait(seconds)
            fired = server.faults.fired()
            if cut and n % 2:
                server.power_cut(f"{seed} {n}")
                load.stop.set()
            else:
                server.faults.clear()
                now = book.done
                load.begun(now, 10)
                assert book.done > now, "it does not work again\n" + server.said()[-3000:]
        if cut and n % 2:
            server.check()
            server.serve()
            pids = server.pids()
        else:
            assert server.pids() == pids, "the server was restarted\n" + server.said()[-5000:]
        compare(server, book)
        print(f"round {n}: {book.done - before} acknowledged, {fired} failed, {book.refused} refused in all")
    server.end()
    server.check()


@pytest.mark.parametrize("cut", [False, True], ids=["faults", "faults-and-cuts"])
def test_soak(machine, cut):
    soak(machine(journal=cut), 7, 4, 0.7, cut)


# CARBONADO_SOAK=FROM-TO chooses other seeds
FIRST, LAST = map(int, os.environ.get("CARBONADO_SOAK", "70-75").split("-"))


@pytest.mark.deep
@pytest.mark.parametrize("cut", [False, True], ids=["faults", "faults-and-cuts"])
@pytest.mark.parametrize("seed", range(FIRST, LAST + 1))
def test_soak_deep(machine, cut, seed):
    soak(machine(journal=cut), seed, 20, 2, cut)
