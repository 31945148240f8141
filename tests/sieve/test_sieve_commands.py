"""carbonado sieve check, run and trace: files in, lines out, no server."""
import json
import pathlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
MESSAGE = HERE / "standard.eml"


@pytest.fixture
def script(tmp_path):
    def write(text, name="main.sieve"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)
    return write


def test_check_says_all_right(carbonado, script):
    path = script('require "fileinto"; fileinto "A";\n')
    assert carbonado("sieve", "check", path) == f"{path}: all right\n"


def test_check_names_the_place(carbonado, script):
    path = script('require "fileinto";\nfileinto :frob "A";\n')
    got = carbonado("sieve", "check", path, status=1)
    assert got.err == f'{path}: line 2, column 10: ":frob" is no argument of "fileinto"\n'


def test_check_goes_on_behind_a_wrong_script(carbonado, script):
    wrong, right = script("frob;\n", "wrong.sieve"), script("keep;\n", "right.sieve")
    got = carbonado("sieve", "check", wrong, right, status=1)
    assert got == f"{right}: all right\n" and got.err.startswith(f"{wrong}: line 1")


def test_check_prints_the_instructions(carbonado, script):
    path = script("if true { discard; }\n")
    lines = [line.split(None, 3)[3] for line in carbonado("sieve", "check", "--code", path).splitlines()]
    assert lines == ["result true", "if false go to 3", "discard", "end"]


def test_run(carbonado, script):
    path = script('require ["fileinto", "variables"];\n'
                  'if header :matches "subject" "*[*]*" { fileinto "Lists/${2}"; }\n')
    assert carbonado("sieve", "run", path, str(MESSAGE)) == 'fileinto "Lists/lists"\n'


def test_run_as_json(carbonado, script):
    path = script('require ["fileinto", "imap4flags"];\nfileinto :flags "\\\\Seen" "A"; keep;\n')
    got = json.loads(carbonado("sieve", "run", "--json", path, str(MESSAGE)))
    assert [a["action"] for a in got["actions"]] == ["fileinto", "keep"]
    assert got["actions"][0]["flags"] == ["\\Seen"] and got["actions"][0]["line"] == 2
    assert got["failed"] is False


def test_a_failed_run_keeps_and_has_a_status(carbonado, script):
    path = script('require "ihave";\nerror "not today";\n')
    assert carbonado("sieve", "run", path, str(MESSAGE), status=1) == "keep\nerror line 2: not today\n"


def test_vacation_knows_the_envelope(carbonado, script):
    path = script('require "vacation";\nvacation :subject "s" "Away.";\n')
    got = carbonado("sieve", "run", "--from", "anna@example.net", "--to", "me+lists@example.org", path, str(MESSAGE))
    assert got == 'vacation to "anna@example.net" subject "s" for 604800s "Away."\nkeep\n'
    assert "no vacation: it has no sender" in carbonado("sieve", "run", path, str(MESSAGE))


def test_included_scripts_come_from_a_directory(carbonado, script, tmp_path):
    script("discard;\n", "inner.sieve")
    path = script('require "include";\ninclude "inner";\n')
    assert carbonado("sieve", "run", "--scripts", str(tmp_path), path, str(MESSAGE)) == "discard\n"


def test_an_included_script_is_no_path(carbonado, script):
    path = script('require "include";\ninclude "../../etc/passwd";\n')
    assert "is not the name of a script" in carbonado("sieve", "check", path, status=1).err


def test_trace_shows_lines_and_results(carbonado, script):
    path = script('require "fileinto";\nif size :over 1M {\n  fileinto "Big";\n} else {\n  fileinto "Small";\n}\n')
    text = carbonado("sieve", "trace", path, str(MESSAGE))
    assert f"{path}:2" in text and "size :over 1048576" in text and "(false)" in text
    assert f"{path}:5" in text and 'fileinto "Big"' not in text
    assert text.endswith('fileinto "Small"\n')


def test_missing_files(carbonado, script):
    assert "/nowhere.sieve" in carbonado("sieve", "check", "/nowhere.sieve", status=1).err
    assert "/nowhere.eml" in carbonado("sieve", "run", script("keep;"), "/nowhere.eml", status=1).err
