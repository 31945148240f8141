"""The power goes at random moments of concurrent LMTP, APPEND, STORE, COPY, MOVE and EXPUNGE: what was
written and not synced is dropped or torn, names that were not synced are lost. Afterwards everything
acknowledged is there exactly once, nothing else is, and the store is sound."""
import random

import pytest

import faults
from workload import Book, Load, compare, make_boxes, wait

QUICK, DEEP = 10, 200


def rounds(server, count, seed, check_every=1):
    book = Book(seed)
    server.serve()
    make_boxes(server)
    rng = random.Random(seed)
    for n in range(count):
        before = book.done
        with Load(server, book) as load:
            load.begun(before)
            wait(rng.uniform(0.05, 0.6))
            server.power_cut(f"{seed} {n}")
            load.stop.set()
        if n % check_every == 0:
            server.check()
        server.serve()
        compare(server, book)
        print(f"round {n}: {book.done - before} acknowledged")
    assert book.done > 10 * count, "too little was done for this to say anything"
    server.end()
    server.check()


def test_power_cut(machine):
    rounds(machine(journal=True), QUICK, 1, check_every=5)


@pytest.mark.deep
@pytest.mark.parametrize("part", range(10))
def test_power_cut_deep(machine, part):
    rounds(machine(journal=True), DEEP // 10, 100 + part)


def test_a_disk_that_lies_is_found_out(machine):
    """The test can fail: when syncs do nothing, mail is lost."""
    server = machine(journal=True)
    book = Book(5)
    server.serve()
    make_boxes(server)
    for n in range(6):
        server.faults.page.lies = 1
        with Load(server, book) as load:
            load.begun(book.done)
            wait(0.3)
            server.power_cut(n)
            load.stop.set()
        if server.command("store", "check").returncode:
            return
        server.disk = faults.Disk(server.state)
        server.serve()
        try:
            compare(server, book)
        except AssertionError:
            return
    raise AssertionError("nothing was lost by a disk that does not sync")


def test_disk():
    """What may be left of a file and of its name."""
    def made(*records):
        disk = object.__new__(faults.Disk)
        disk.root, disk.names, disk.now, disk.steps, disk.inodes = "/r", {"/r": None}, {"/r": None}, [], {}
        for n, (kind, path, inode, at, data) in enumerate(records, 1):
            disk.take(kind, path, n, inode, at, data)
        return disk

    def outcomes(*records):
        found = set()
        for seed in range(400):
            disk = made(*records)
            disk.cut(random.Random(seed))
            found.add(tuple((p, bytes(n.data)) for p, n in sorted(disk.names.items()) if n))
        return found

    a, b = b"a" * 512, b"b" * 512
    create, write = (faults.CREATE, "/r/f", 7, 0, b""), (faults.WROTE, "", 7, 0, a + b)
    sync, name = (faults.SYNCED, "", 7, 2, b""), (faults.DIR_SYNCED, "/r", 0, 1, b"")
    whole = (("/r/f", a + b),)
    assert outcomes(create, write, name) == {(("/r/f", d),) for d in (b"", a, a + b, bytes(512) + b)}
    assert outcomes(create, write, sync) == {(), whole}
    assert outcomes(create, write, name, sync) == {whole}
    late = (faults.WROTE, "", 7, 512, a)
    assert outcomes(create, write, name, sync, late) == {whole, (("/r/f", a + a),)}
    lost = (faults.SYNC_LOST, "", 7, 2, b"")
    assert outcomes(create, write, name, lost, (faults.SYNCED, "", 7, 4, b"")) == {(("/r/f", b""),)}
    rename = (faults.RENAMED, "/r/f", 0, 0, b"/r/g")
    assert outcomes(create, write, name, sync, rename) == {whole, (("/r/g", a + b),)}
    assert outcomes(create, write, name, sync, (faults.UNLINKED, "/r/f", 0, 0, b"")) == {whole, ()}
