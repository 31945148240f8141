"""The command line as a person meets it: help, usage errors, configuration, completion, pages."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent


def rows(help_text):
    part = help_text.split("Commands:\n")[1].split("\n\n")[0]
    return [line[2:20].strip() for line in part.splitlines()]


def test_help_knows_every_command(carbonado):
    names = rows(carbonado("--help"))
    assert "ports" in names and "config show" in names
    for name in names:
        text = carbonado("help", *name.split())
        assert text.startswith(f"Usage: carbonado {name}")
        assert carbonado(*name.split(), "--help") == text
        long = [line for line in text.splitlines()[1:] if len(line) > 90]
        assert not long, f"{name}: {long}"


def test_help_for_a_group_is_a_line_for_each(carbonado):
    lines = carbonado("help", "account").splitlines()
    assert any(re.fullmatch(r"  carbonado account list \[DOMAIN\] +Print .*", line) for line in lines)
    assert all(line.startswith("  carbonado account ") for line in lines[:-2])
    assert carbonado("account", "--help").splitlines() == lines


@pytest.mark.parametrize("line, words", [
    ([], "Usage:"),
    (["nothing"], 'there is no command "nothing"'),
    (["prots"], 'did you mean "ports"?'),
    (["acount", "list"], 'did you mean "account"?'),
    (["help", "acount"], 'did you mean "account"?'),
    (["help", "config", "shew"], "carbonado config show"),
    (["config"], "config what?"),
    (["config", "shew"], "carbonado config show"),
    (["ports", "more"], "too many arguments"),
    (["completion"], "missing arguments"),
    (["ports", "--nothing"], "there is no option --nothing"),
    (["ports", "--all=1"], "--all takes no value"),
    (["ports", "--state"], "--state needs a value"),
    (["firewall", "--json"], "--json has no meaning"),
    (["help", "nothing"], "there is no command"),
    (["config", "show", "nothing"], "there is no setting or group"),
])
def test_wrong_lines_are_explained(carbonado, line, words):
    out = carbonado(*line, status=2)
    assert words in out.err and out == ""


def test_version(carbonado):
    assert re.fullmatch(r"carbonado \d+\.\d+\.\d+\n", carbonado("--version"))


def test_configuration_is_found_checked_and_shown(carbonado, tmp_path):
    conf = tmp_path / "carbonado.conf"
    conf.write_text("[ports]\nimap = 1430\noffset = 10\n")
    assert json.loads(carbonado("config", "show", "--json"))["ports.imap"] == 1430
    assert carbonado("config", "show", "--changed") == "[ports]\nimap = 1430\noffset = 10\n"
    assert "2 settings, all right" in carbonado("config", "check")
    assert json.loads(carbonado("config", "show", "--json", "--set", "ports.imap=1"))["ports.imap"] == 1
    other = tmp_path / "other.conf"
    other.write_text("[ports]\nimap = x\nimaps = 70000\n[node]\nrole = mta\n")
    out = carbonado("config", "check", other, status=78)
    assert out.err.splitlines() == [
        f'{other}:2: ports.imap: "x" is not a number',
        f"{other}:3: ports.imaps: 70000 is not between 0 and 65535",
        f'{other}:5: there is no setting "node.role"; did you mean "node.roles"?',
    ]
    assert carbonado("--config", other, "ports", status=78).err == out.err
    assert "nowhere" in carbonado("--config", tmp_path / "nowhere", "ports", status=78).err


def test_shown_configuration_reads_back_the_same(carbonado, tmp_path):
    first = carbonado("config", "show")
    (tmp_path / "carbonado.conf").write_text(first)
    assert carbonado("config", "show") == first
    assert carbonado("config", "show", "--changed") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")
def test_a_configuration_that_is_not_for_me(carbonado, program, tmp_path):
    """What somebody may not read is not as if it were not there: that would print the defaults."""
    if subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "--version"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nobody cannot read the build folder")
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        os.chmod(base, 0o755)
        state = pathlib.Path(base) / "state"
        carbonado("init", "--owner", "root", "--state", state)
        (state / "carbonado.conf").write_text("[ports]\nimap = 1430\n")
        env = {**os.environ, "CARBONADO_STATE": str(state)}
        for line in (["ports"], ["firewall"], ["config", "show"], ["preflight", "--offline"]):
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, *line],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
            assert done.returncode == 77 and done.stdout == "", (line, done)
            assert f"sudo -u root {program} --state {state} {' '.join(line)}\n" in done.stderr
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "config",
                               "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        assert done.returncode == 78 and "Permission denied" in done.stderr
        assert "1430" in carbonado("ports", env={"CARBONADO_STATE": str(state)})


def test_ports_as_ordinary_user_move(carbonado, program):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become nobody")
    low = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
    if int(low) <= 25:
        pytest.skip("this system lets everybody listen on low ports")
    if subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "--version"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nobody cannot read the build folder")
    out = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                          "--bounding-set=-all", program, "ports"], stdout=subprocess.PIPE, text=True).stdout
    assert "10025 " in out and "moved by 10000" in out and "\n25 " not in out


def test_ports_and_firewall_agree(carbonado):
    outside = {p["port"] for p in json.loads(carbonado("ports", "--json")) if p["reached_by"] == "anybody"}
    rule = re.search(r"^ +tcp dport \{ ([\d, ]+) \} accept$", carbonado("firewall"), re.M)
    assert {int(n) for n in rule.group(1).split(", ")} == outside
    assert outside >= {25, 143} or outside >= {10025, 10143}


@pytest.mark.parametrize("sets", [[], ["node.peers=10.0.0.0/8 10.1.0.0/16 2001:db8::1", "listen.inside=10.0.0.1"],
                                  ["node.roles=mailbox", "firewall.ssh_from="]])
def test_nft_accepts_the_firewall(carbonado, sets):
    if not shutil.which("nft"):
        pytest.skip("nft is not installed")
    text = carbonado(*[a for s in sets for a in ("--set", s)], "firewall")
    done = subprocess.run(["nft", "-c", "-f", "-"], input=text, text=True, stderr=subprocess.PIPE)
    if "Operation not permitted" in done.stderr or "Unable to initialize" in done.stderr:
        pytest.skip("nft may not speak to this kernel")
    assert done.returncode == 0, done.stderr


def complete(script, line):
    words = line.split(" ")
    code = script + f"\nCOMP_WORDS=({' '.join(repr(w) for w in ['carbonado', *words])})\nCOMP_CWORD={len(words)}\n" \
        "_carbonado\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    return subprocess.run(["bash", "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def test_completion(carbonado):
    script = carbonado("completion", "bash")
    assert complete(script, "po") == ["ports"]
    assert complete(script, "config sh") == ["show"]
    assert complete(script, "--state x config c") == ["check"]
    assert complete(script, "ports --a") == ["--all"]
    assert "--json" in complete(script, "ports --")
    assert "--json" not in complete(script, "firewall --")
    assert complete(script, "import a@b --format m") == ["maildir", "mbox"]
    assert complete(script, "account set a@b --admin ") == ["yes", "no"]
    assert complete(script, "completion ") == ["bash"]
    assert complete(script, "help acc") == ["account"] and "list" in complete(script, "help account ")
    assert complete(script, "--set imap.max_") == ["imap.max_line="]
    assert complete(script, "account show ") == []
    assert complete(script, "init --owner roo") == ["root"]


def test_completion_of_file_names(carbonado, tmp_path):
    (tmp_path / "an mbox").write_text("")
    script = carbonado("completion", "bash").replace("compopt", "true")  # which wants a real completion
    code = script + "\nCOMP_WORDS=(carbonado import a@b an)\nCOMP_CWORD=3\n_carbonado\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    done = subprocess.run(["bash", "-c", code], stdout=subprocess.PIPE, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "an mbox\n"


@pytest.mark.parametrize("page", ["carbonado.1", "carbonado.conf.5"])
def test_manual_pages_have_no_warnings(page):
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", TOP / "docs/man" / page],
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stderr == ""


def test_output_that_cannot_be_written_is_a_failure(program):
    with open("/dev/full", "w") as full:
        done = subprocess.run([program, "ports"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "cannot write" in done.stderr
