"""import and export: bytes, flags, dates and folders there and back; going on after an interruption;
sources that are odd or hostile."""
import email.utils
import mailbox
import os
import pathlib
import pty
import re
import signal
import subprocess
import time

import pytest

BASE = 1_500_000_000


def message(n, body="Hello\r\n"):
    return f"From: a@x.test\r\nSubject: message {n}\r\nMessage-ID: <{n}@x.test>\r\n\r\n{body}".encode()


def make_maildir(path, rows):
    """rows: (folder, sub, name, bytes, time)"""
    for folder, sub, name, data, when in rows:
        for d in ("cur", "new", "tmp"):
            (path / folder / d).mkdir(parents=True, exist_ok=True)
        file = path / folder / sub / name
        file.write_bytes(data)
        os.utime(file, (when, when))


def read_maildir(path):
    """{(folder, bytes): (flags, mtime)} of what an export wrote."""
    out = {}
    for file in path.glob("**/cur/*"):
        folder = str(file.parent.parent.relative_to(path))
        out[folder, file.read_bytes()] = (file.name.rpartition(":2,")[2], int(file.stat().st_mtime))
    return out


@pytest.fixture
def ann(offline):
    offline("account", "add", "ann@x.test", "--no-password")
    return offline


def test_maildir_there_and_back(ann, tmp_path):
    src = tmp_path / "src"
    rows = [("", "cur", f"{BASE + i}.M{i}.h:2,{'FRS'[:i % 4]}", message(i), BASE + i) for i in range(30)]
    rows.append(("", "new", f"{BASE + 99}.M99.h", message(99), BASE + 99))
    rows.append((".Sent", "cur", f"{BASE}.M1.h:2,DPRSTab", message(100), BASE + 5))
    rows.append((".Work.2020", "cur", f"{BASE}.M1.h:2,S", message(101), BASE + 6))
    rows.append((".B&APw-cher", "cur", f"{BASE}.M1.h:2,", message(102), BASE + 7))
    rows.append((".lf", "cur", f"{BASE}.M1.h:2,", message(103).replace(b"\r\n", b"\n"), BASE + 8))
    make_maildir(src, rows)
    (src / ".Sent" / "dovecot-keywords").write_text("0 $Label1\n1 Important\n")
    assert ann("import", "ann@x.test", src) == f"{len(rows)} messages imported, 0 left out\n"
    ann("export", "ann@x.test", tmp_path / "out")
    want = {}
    for folder, sub, name, data, when in rows:
        want[folder or ".", data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")] = (name.rpartition(":2,")[2]
                                                                                    if ":2," in name else "", when)
    got = read_maildir(tmp_path / "out")
    assert got == want
    assert (tmp_path / "out/.Sent/dovecot-keywords").read_text() == "0 $Label1\n1 Important\n"
    # The same again writes the same files.
    before = sorted(p.name for p in (tmp_path / "out").rglob("*"))
    ann("export", "ann@x.test", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == before


def test_mbox_there_and_back(ann, tmp_path):
    src = tmp_path / "src"
    src.mkdir()
    bodies = ["plain\r\n", "From the start\r\n", ">From quoted\r\n>>From twice\r\n", "blank at the end\r\n\r\n\r\n", "",
              "\r\nFrom nobody special\r\n"]
    box = mailbox.mbox(src / "Lists")
    for n, body in enumerate(bodies):
        m = mailbox.mboxMessage(message(n, body).replace(b"\r\n", b"\n"))
        m.set_from("a@x.test", time.gmtime(BASE + n))
        m.set_flags("RO"[: n % 3] + "AF"[: n % 2])
        m["X-Keywords"] = "one $Two"
        box.add(m)
    box.close()
    # Python writes mboxo: make the quoting that of mboxrd by hand where it matters.
    ann("import", "ann@x.test", src)
    ann("export", "ann@x.test", tmp_path / "out", "--format", "mbox", "--mailbox", "Lists")
    out = mailbox.mbox(tmp_path / "out/Lists.mbox")
    assert len(out) == len(bodies)
    for n, m in enumerate(out):
        assert m["Message-ID"] == f"<{n}@x.test>"
        assert ("R" in m.get_flags()) == (n % 3 >= 1) and ("A" in m.get_flags()) == (n % 2 == 1)
        assert sorted(m["X-Keywords"].split()) == ["$Two", "one"]
        assert time.strptime(m.get_from().split(" ", 1)[1], "%a %b %d %H:%M:%S %Y")[:6] == time.gmtime(BASE + n)[:6]
    # Once more in and out: nothing changes any more.
    ann("account", "add", "bob@x.test", "--no-password")
    ann("import", "bob@x.test", tmp_path / "out")
    ann("export", "bob@x.test", tmp_path / "again", "--format", "mbox", "--mailbox", "Lists")
    assert (tmp_path / "again/Lists.mbox").read_bytes() == (tmp_path / "out/Lists.mbox").read_bytes()


def test_kinds_of_from_lines(ann, tmp_path):
    box = tmp_path / "box"
    box.write_bytes(b"From - \nSubject: 1\n\none\n\nFrom 184@xxx\nSubject: 2\n\nFrom Russia with love\n\n"
                    b"From here to there\n\nFrom a@b Thu Jan  1 10:00:00 +0200 2015\nSubject: 3\nX-Mozilla-Status: 0005\n\nx\n")
    ann("import", "ann@x.test", box)
    ann("export", "ann@x.test", tmp_path / "out")
    got = {re.search(rb"Subject: (\d)", data).group(1): (flags, when, data)
           for (_, data), (flags, when) in read_maildir(tmp_path / "out").items()}
    assert len(got) == 3
    assert got[b"2"][2] == b"Subject: 2\r\n\r\nFrom Russia with love\r\n\r\nFrom here to there\r\n"
    assert got[b"3"][:2] == ("FS", 1420099200) and b"Mozilla" not in got[b"3"][2]


def test_into_and_all_folders(ann, tmp_path):
    src = tmp_path / "src"
    make_maildir(src, [("", "cur", "1.a.h:2,", message(1), BASE), (".Sent", "cur", "1.a.h:2,", message(2), BASE),
                       ("plain", "cur", "1.a.h:2,", message(3), BASE), ("plain/deep", "new", "1.a.h", message(4), BASE)])
    ann("import", "ann@x.test", src, "--into", "Old/2019")
    ann("export", "ann@x.test", tmp_path / "out", "--mailbox", "Old")
    assert sorted(f for f, _ in read_maildir(tmp_path / "out")) == [
        ".Old.2019", ".Old.2019.Sent", ".Old.2019.plain", ".Old.2019.plain.deep"]


def test_an_account_that_was_never_used(ann, tmp_path):
    assert ann("export", "ann@x.test", tmp_path / "out") == "0 messages exported, 0 lost\n"
    out = ann("export", "ann@x.test", tmp_path / "out", "--mailbox", "Old", status=1)
    assert "no such mailbox" in out.err


def test_interrupted_import_goes_on(ann, program, tmp_path):
    """Killed again and again, at any moment: at the end every message is there exactly once."""
    src = tmp_path / "src"
    count = 3000
    make_maildir(src, [("", "cur", f"{BASE + i}.M{i}.h:2,S", message(i), BASE + i) for i in range(count)])
    env = {**os.environ, "CARBONADO_STATE": str(ann.state)}
    kills, done = 0, False
    for n in range(100):
        process = subprocess.Popen([program, "import", "ann@x.test", src], env=env,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert process.wait(0.1 + 0.1 * n) == 0
            done = True
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills > 0 and done
    ann("export", "ann@x.test", tmp_path / "out", "--mailbox", "INBOX")
    files = list((tmp_path / "out/cur").iterdir())
    assert len(files) == count
    assert {f.read_bytes() for f in files} == {message(i) for i in range(count)}


def test_progress_goes_forward(ann, program, tmp_path):
    """On a terminal: a bar that is never set back, also where many folders are of many sizes, and a rate
    without what an earlier run has taken."""
    src = tmp_path / "src"
    make_maildir(src, [("", "cur", "1.a.h:2,", message(1), BASE)])
    make_maildir(src, [(f".{folder}", "cur", f"{n:04}.a.h:2,", message(n), BASE)
                       for folder, count in (("a", 700), ("b", 1), ("c", 900), ("d", 40)) for n in range(count)])
    ann("import", "ann@x.test", src)
    make_maildir(src, [(".d", "cur", f"{n:04}.a.h:2,", message(n), BASE) for n in range(40, 1500)])
    ours, theirs = pty.openpty()
    child = subprocess.Popen([program, "import", "ann@x.test", src, "--state", ann.state], stdout=subprocess.DEVNULL,
                             stderr=theirs, env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert child.wait() == 0
    shown = [int(n) for n in re.findall(rb"\] +(\d+) %", said.replace(b"%", b" %"))]
    assert shown and shown == sorted(shown), shown
    first = re.search(rb"(\d+) messages, (\d+) a second", said)
    assert (int(first[1]), int(first[2])) == (1642, 0), said
    assert said.endswith(b"\r\x1b[K")


def test_again_takes_what_is_new(ann, tmp_path):
    src, box = tmp_path / "src", tmp_path / "box"
    make_maildir(src, [("", "cur", "100.a.h:2,S", message(1), BASE)])
    box.write_bytes(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 1\n\nx\n\n")
    for source in (src, box):
        assert ann.data("import", "ann@x.test", source) == {"imported": 1, "left_out": 0}
        assert ann.data("import", "ann@x.test", source) == {"imported": 1, "left_out": 0}
    (src / "cur/100.a.h:2,S").rename(src / "cur/100.a.h:2,RS")
    make_maildir(src, [("", "new", "200.a.h", message(2), BASE)])
    with box.open("ab") as f:
        f.write(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 2\n\ny\n\n")
    for source in (src, box):
        assert ann.data("import", "ann@x.test", source) == {"imported": 2, "left_out": 0}
    ann("export", "ann@x.test", tmp_path / "out")
    assert len(read_maildir(tmp_path / "out")) == 4
    ann("import", "ann@x.test", src, "--restart")
    ann("export", "ann@x.test", tmp_path / "out")
    assert len(list((tmp_path / "out/cur").iterdir())) == 6


def test_again_takes_what_is_new_in_every_folder(ann, tmp_path):
    """Mail comes to folders and files before the last one, too."""
    src, boxes = tmp_path / "src", tmp_path / "boxes"
    boxes.mkdir()
    make_maildir(src, [(folder, "cur", f"100.{n}.h:2,S", message(n), BASE) for n, folder in enumerate(["", ".A", ".B"])])
    for name in "KLM":
        (boxes / f"{name}.mbox").write_bytes(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 1\n\nx\n\n")
    for source in (src, boxes):
        assert ann.data("import", "ann@x.test", source)["imported"] == 3
    make_maildir(src, [("", "new", "200.0.h", message(10), BASE), (".A", "new", "200.1.h", message(11), BASE)])
    for name in "KL":
        with (boxes / f"{name}.mbox").open("ab") as f:
            f.write(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 2\n\ny\n\n")
    for source in (src, boxes):
        assert ann.data("import", "ann@x.test", source)["imported"] == 5
    ann("export", "ann@x.test", tmp_path / "out")
    counts = {f: len(list((tmp_path / "out" / f / "cur").iterdir())) for f in (".", ".A", ".B", ".K", ".L", ".M")}
    assert counts == {".": 2, ".A": 2, ".B": 1, ".K": 2, ".L": 2, ".M": 1}
    (boxes / "K.mbox").write_bytes(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: 1\n\nx\n\n")
    refused = ann("import", "ann@x.test", boxes, status=1)
    assert "K.mbox is shorter than what was taken of it" in refused.err


def test_hostile_sources(ann, tmp_path):
    src = tmp_path / "src"
    secret = tmp_path / "secret"
    secret.write_bytes(b"Subject: secret\n\n")
    make_maildir(src, [("", "cur", "1.a.h:2,S", message(1), BASE), (".a.", "cur", "1.a.h", message(2), BASE),
                       (".&bad", "cur", "1.a.h", message(3), BASE),
                       (".x\x01y", "cur", "1.a", message(4), BASE),
                       ("", "cur", b"2.\xff\xfe:2,S".decode("utf-8", "surrogateescape"), message(5), BASE)])
    (src / "cur/3.link").symlink_to(secret)
    (src / ".link").symlink_to(tmp_path)
    os.mkfifo(src / "cur/4.fifo")
    (src / "cur/5.dir").mkdir()
    (src / "cur/6.empty").write_bytes(b"")
    out = ann("import", "ann@x.test", src, status=[0, 1])
    ann("export", "ann@x.test", tmp_path / "out")
    got = [data for _, data in read_maildir(tmp_path / "out")]
    assert sorted(got)[-5:] == sorted(message(i) for i in (1, 2, 3, 4, 5))
    assert not any(b"secret" in data for data in got), out


def test_too_large_is_named(ann, tmp_path):
    src = tmp_path / "src"
    make_maildir(src, [("", "cur", "1.a.h:2,S", message(1, "x" * 70000), BASE), ("", "cur", "2.a.h:2,S", message(2), BASE)])
    out = ann("import", "ann@x.test", src, "--set", "store.message_max=64K", status=1)
    assert "1 message imported, 1 left out" in out and "left out: cur/1.a.h" in out.err or "1.a.h" in out.err


def test_quota_stops(ann, tmp_path):
    ann("account", "set", "ann@x.test", "--quota", "1K")
    src = tmp_path / "src"
    make_maildir(src, [("", "cur", f"{i}.a.h:2,", message(i, "x" * 500), BASE) for i in range(9)])
    ann("import", "ann@x.test", src, "--quota", status=1)
    ann("import", "ann@x.test", src, "--restart")


@pytest.mark.parametrize("line, status", [
    (["import", "nobody@x.test", "."], 1),
    (["import", "ann@x.test", "/nowhere"], 1),
    (["import", "ann@x.test", ".", "--format", "zip"], 2),
    (["import", "ann@x.test", "."], 1),
    (["import", "ann@x.test", "/etc/passwd"], 1),
    (["export", "ann@x.test", "{tmp}/o", "--mailbox", "none"], 1),
    (["export", "ann@x.test", "/proc/nowhere"], 1),
])
def test_refusals(ann, tmp_path, line, status):
    (tmp_path / "empty").mkdir()
    os.chdir(tmp_path / "empty")
    ann(*[w.format(tmp=tmp_path) for w in line], status=status)
