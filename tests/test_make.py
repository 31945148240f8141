"""make help names every target that people type."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent


def test_help_names_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", (TOP / "Makefile").read_text(), re.M)[1].split()
    said = subprocess.run(["make", "-s", "help"], cwd=TOP, stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", said, re.M))
    assert sorted(rows) == sorted(phony) and all(text.endswith(".") for text in rows.values())
