"""What the source checks share: finding files, taking comments and strings out, reporting."""
import pathlib
import re
import sys


def root(argv):
    """The tree to check: the first argument, or the one that this script stands in."""
    return pathlib.Path(argv[1] if len(argv) > 1 else pathlib.Path(__file__).parent.parent)


def sources(top, *suffixes):
    return sorted(p for p in (top / "src").rglob("*") if p.suffix in (suffixes or (".c", ".h")))


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


_SKIP = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code_only(text):
    """The text with comments and literals blanked; lines keep their numbers."""
    return _SKIP.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def finish(name, problems, looked_at):
    """Prints the problems; the exit status is 1 when there are any, or when nothing was looked at."""
    for p in problems:
        print(p)
    if not looked_at:
        print(f"{name}: found nothing to check")
    sys.exit(1 if problems or not looked_at else 0)
