#!/usr/bin/python3
"""checks_test.py - each source check must fail on a bad tree, name file and line, and pass on a good one."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
GOOD = {
    "src/LAYERS": "base:\nio: base\n",
    "src/base/a.h": "/* a.h - RFC 3629 in a header. */\n#pragma once\n",
    "src/base/a.c": '/* a.c - an example. */\n#include "base/a.h"\n',
    "src/io/b.c": '/* b.c - an example. */\n#include "base/a.h"\n',
    "docs/rfc.tsv": "number\ttitle\tstate\tfolders\n1939\tPOP3\tno\t\n3629\tUTF-8\tfull\tbase\n",
    "docs/STATUS.md": "",
    ".clang-format": (HERE.parent / ".clang-format").read_text(),
}


class Check(unittest.TestCase):
    def run_check(self, name, change):
        with tempfile.TemporaryDirectory() as top:
            for path, text in {**GOOD, **change}.items():
                if text is None:
                    continue
                full = pathlib.Path(top) / path
                full.parent.mkdir(parents=True, exist_ok=True)
                full.write_text(text)
            run = subprocess.run([sys.executable, HERE / name, top], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        return run.returncode, run.stdout

    def good(self, name, change=None):
        code, out = self.run_check(name, change or {})
        self.assertEqual((code, out), (0, ""))

    def bad(self, name, change, *words):
        code, out = self.run_check(name, change)
        self.assertEqual(code, 1, out)
        for word in words:
            self.assertIn(word, out)

    def test_every_check_passes_on_the_good_tree(self):
        for name in ("check-layers", "check-banned", "check-format", "check-rfcs"):
            self.good(name)

    def test_every_check_refuses_an_empty_tree(self):
        nothing = {k: None for k in GOOD if k.startswith("src/") and k != "src/LAYERS"}
        for name in ("check-layers", "check-banned", "check-format", "check-rfcs"):
            self.bad(name, nothing, "nothing to check")

    def test_hashes_names_what_hashes_by_itself(self):
        self.good("check-hashes")
        self.bad("check-hashes", {"src/io/b.c": "/* x */\nint h(int k)\n{\n    return 5381 * k;\n}\n"}, "src/io/b.c:4: a hash of its own")
        self.bad("check-hashes", {"src/io/b.c": "/* x */\nint h(int k)\n{\n    return k % BUCKETS;\n}\n"},
                 "src/io/b.c:4: buckets without base/hash.h")
        self.good("check-hashes", {"src/io/b.c": '/* x 5381 */\n#include "base/hash.h"\nint h(int k)\n{\n    return k % BUCKETS;\n}\n'})

    def test_security_names_what_is_not_there(self):
        classes = [*range(1, 18), 20, 24, 25]
        tests = {"tests/x/test_y.py": "def test_z():\n    pass\n"}
        page = "".join(f"| {n} | what | `tests/x/test_y.py::test_z` |\n" for n in classes)
        self.good("check-security", {**tests, "docs/security.md": page})
        self.bad("check-security", {**tests, "docs/security.md": page.replace("test_z", "test_q", 1)},
                 "docs/security.md:1: tests/x/test_y.py has no test_q")
        self.bad("check-security", {"docs/security.md": page}, "docs/security.md:1: tests/x/test_y.py is not there")
        self.bad("check-security", {**tests, "docs/security.md": page.replace("| 24 |", "| x |")}, "class 24 has no row")
        self.bad("check-security", {}, "nothing to check")

    def test_layers_names_the_include_upwards(self):
        self.bad("check-layers", {"src/base/a.c": '/* x */\n\n#include "io/b.h"\n'},
                 "src/base/a.c:3: base may not include io/b.h")

    def test_layers_wants_folder_and_row(self):
        self.bad("check-layers", {"src/base/a.c": '/* x */\n#include "a.h"\n'}, "src/base/a.c:2:")
        self.bad("check-layers", {"src/new/x.c": "/* x */\n"}, "no row for new")
        self.bad("check-layers", {"src/LAYERS": "base: io\nio: base\n"}, "src/LAYERS:1:")

    def test_banned_names_the_call_but_not_the_word(self):
        self.bad("check-banned", {"src/io/b.c": "/* x */\nvoid f(char *a)\n{\n    strcpy (a, a);\n}\n"},
                 "src/io/b.c:4: strcpy is banned")
        self.bad("check-banned", {"src/io/b.c": "/* x */\nint n = atoi(s);\n"}, "src/io/b.c:2: atoi")
        self.good("check-banned", {"src/io/b.c": '/* strcpy(a) */\nint x = y->random(1);\nchar *s = "gets(";\n'})

    def test_banned_wants_marks_done_or_named(self):
        mark = "TO" + "DO"
        change = {"src/io/b.c": f"/* x */\n/* {mark}: later */\n"}
        self.bad("check-banned", change, f"src/io/b.c:2: {mark}")
        self.good("check-banned", {**change, "docs/STATUS.md": "src/io/b.c: what is next\n"})

    def test_banned_wants_a_reason_for_length_and_a_first_comment(self):
        long = "int x;\n" * 1001
        self.bad("check-banned", {"src/io/b.c": "/* x */\n" + long}, "src/io/b.c:1002: 1002 lines")
        self.good("check-banned", {"src/io/b.c": "/* Over 1,000 lines because it is a table. */\n" + long})
        self.bad("check-banned", {"src/io/b.c": "int x;\n"}, "src/io/b.c:1: no comment")

    def test_format_names_the_line(self):
        self.bad("check-format", {"src/io/b.c": "/* x */\nint  x ;\n"}, "src/io/b.c:2:")

    def test_rfcs_finds_what_is_missing_on_either_side(self):
        self.bad("check-rfcs", {"src/io/b.c": "/* RFC 9999 1.2 */\n"}, "src/io/b.c:1: RFC 9999 is not in")
        self.bad("check-rfcs", {"src/base/a.h": "/* nothing */\n"}, "docs/rfc.tsv:3: RFC 3629 is full in base")
        row = GOOD["docs/rfc.tsv"]
        self.bad("check-rfcs", {"docs/rfc.tsv": row + "4648\tx\tperhaps\t\n"}, "docs/rfc.tsv:4:")
        self.bad("check-rfcs", {"docs/rfc.tsv": row + "4648\tx\tfull\tnowhere\n"}, "no src/nowhere")
        self.bad("check-rfcs", {"docs/rfc.tsv": row + "1000\tx\tno\t\n"}, "sorted")


class Docs(unittest.TestCase):
    def test_docs_differ_or_not(self):
        with tempfile.TemporaryDirectory() as top:
            top = pathlib.Path(top)
            program = top / "program"
            program.write_text('#!/bin/sh\necho "printed by $*"\n')
            program.chmod(0o755)
            (top / "docs/man").mkdir(parents=True)
            for page, what in (("carbonado.conf.5", "config docs --man"), ("carbonado.1", "help --man")):
                (top / "docs/man" / page).write_text(
                    f'head\n.\\" begin generated: carbonado {what}\nold\n.\\" end generated\ntail\n')
            args = [sys.executable, HERE / "check-docs", top, program]
            run = subprocess.run(args, stdout=subprocess.PIPE, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn("docs/configuration.md:1:", run.stdout)
            self.assertIn("docs/man/carbonado.1:3:", run.stdout)
            subprocess.run([*args, "--write"], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(args, check=True)
            self.assertTrue((top / "docs/man/carbonado.1").read_text().endswith("tail\n"))


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


class Counting(unittest.TestCase):
    """scripts/check must never count a failure as a success."""

    def setUp(self):
        self.check = load("check")

    def count(self, stdout="", stderr="", code=0, result="OK"):
        return self.check.count_test({"stdout": stdout, "stderr": stderr, "returncode": code,
                                      "result": result, "name": "x"})

    def test_cases_are_counted(self):
        out = "[       OK ] a\n[       OK ] b\n[  SKIPPED ] c\n[  PASSED  ] 2 test(s).\n"
        self.assertEqual(self.count(out), (2, 0, 1))

    def test_failed_cases_are_counted_once(self):
        self.assertEqual(self.count("[       OK ] a\n", "[  FAILED  ] b\n[  FAILED  ] x: 1 test(s), listed below:\n"
                                    "[  FAILED  ] b\n 1 FAILED TEST(S)\n", 1, "FAIL"), (1, 1, 0))

    def test_a_crash_is_a_failure(self):
        self.assertEqual(self.count("[       OK ] a\n[ RUN      ] b\n", "", -6, "FAIL"), (1, 1, 0))
        self.assertEqual(self.count("", "", 1, "FAIL"), (0, 1, 0))
        self.assertEqual(self.count("[       OK ] a\n", "leaked", 23, "FAIL"), (1, 1, 0))
        self.assertEqual(self.count("", "", 0, "TIMEOUT"), (0, 1, 0))

    def test_a_check_without_cases_is_one(self):
        self.assertEqual(self.count(), (1, 0, 0))
        self.assertEqual(self.count(result="SKIP", code=77), (0, 0, 1))

    def test_nothing_executed_is_a_failure(self):
        total = self.check.Total()
        self.assertNotEqual(total.status(), 0)
        total.add(1, 0, 0)
        self.assertEqual(total.status(), 0)
        total.add(0, 1, 0)
        self.assertNotEqual(total.status(), 0)
        self.assertEqual(total.line(), "1 passed, 1 failed")
        total.add(0, 0, 2)
        self.assertEqual(total.line(), "1 passed, 1 failed, 2 skipped")


if __name__ == "__main__":
    unittest.main()
