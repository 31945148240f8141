"""purge: a message that leaked a secret is nowhere in the state directory afterwards; what it needs to be told is
asked for. store check counts accounts that were never used."""


def secret_message(word):
    return f"From: a@x.test\r\nSubject: {word}\r\n\r\n{word}\r\n".encode()


def fill(run, address, path, texts):
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    for i, text in enumerate(texts):
        (path / "cur" / f"15000000{i:02}.M1.h:2,").write_bytes(text)
    run("import", address, path)


def holds(state, word):
    return [str(p) for p in state.rglob("*") if p.is_file() and word.encode() in p.read_bytes()]


def test_one_message(offline, tmp_path):
    for who in ("ann@x.test", "bob@x.test"):
        offline("account", "add", who, "--no-password")
    fill(offline, "ann@x.test", tmp_path / "mail",
         [secret_message("word-that-leaked"), secret_message("word-that-stays")])
    assert holds(offline.state, "word-that-leaked")
    done = offline("purge", "ann@x.test", "--mailbox", "INBOX", "--uid", "1")
    assert done.startswith("1 message removed, 1 pack rewritten")
    assert not holds(offline.state, "word-that-leaked")
    assert holds(offline.state, "word-that-stays")
    report = offline.data("store", "check")
    assert report["problems"] == 0 and report["items"] == 1
    assert report["accounts"] == 2  # bob has never had anything


def test_what_is_wrong_is_said(offline):
    offline("account", "add", "ann@x.test", "--no-password")
    assert "nobody@x.test" in offline("purge", "nobody@x.test", status=[1, 2]).err
    for args in (["--mailbox", "INBOX", "--uid", "1"], ["ann@x.test", "--mailbox", "INBOX"],
                 ["ann@x.test", "--mailbox", "INBOX", "--uid", "x"]):
        assert "uids" in offline("purge", *args, status=[1, 2]).err
    assert offline("purge").startswith("0 packs rewritten")
    assert offline("purge", "ann@x.test", "--now").startswith("0 packs rewritten")
