"""The messages that the tests use: the corpus of real mail where it is at hand, else those of
tests/data."""
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def folder():
    """The corpus, or None."""
    for path in (os.environ.get("CARBONADO_CORPUS"), ROOT.parent / "shared" / "corpus",
                 ROOT.parent.parent / "shared" / "corpus"):
        if path and (pathlib.Path(path) / "eml").is_dir():
            return pathlib.Path(path)
    return None


def split_mbox(data):
    """The messages of an mbox, From lines removed."""
    parts = re.split(rb"(?m)(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\n]*\n", data)
    return [part for part in parts if part.strip()]


def messages(step=1):
    """[(name, bytes)] as the files have them. step: every n-th only, for what takes long."""
    base = folder()
    out = []
    if base:
        out = [(p.name, p.read_bytes()) for p in sorted((base / "eml").glob("*.eml"))]
        for p in sorted((base / "mbox").glob("*.mbox")):
            out += [(f"{p.name}/{i}", part) for i, part in enumerate(split_mbox(p.read_bytes()))]
    else:
        out = [(str(p.relative_to(ROOT)), p.read_bytes())
               for p in sorted((ROOT / "tests" / "data").rglob("*.eml"))]
    out = [(name, data) for name, data in out if data]
    return out[::step]
