"""The systemd unit: well-formed, hardened, and not stricter than what the program itself needs."""
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[1]

EXPOSURE = 16  # tenths, as `systemd-analyze security` counts them


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    path = tmp_path_factory.mktemp("unit") / "carbonado.service"
    text = (TOP / "packaging/carbonado.service.in").read_text()
    path.write_text(text.replace("@bindir@/carbonado", "/bin/true"))
    return path


def analyze(*args):
    return subprocess.run(["systemd-analyze", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)


def test_verify(unit):
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0 and "carbonado" not in done.stdout, done.stdout


def test_a_wrong_line_is_seen(unit):
    wrong = unit.with_name("wrong.service")
    wrong.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))
    assert "ProtectHomes" in analyze("verify", "--man=no", wrong).stdout


def test_exposure(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout
    assert analyze("security", "--offline=true", "--threshold=5", unit).returncode != 0


def system_calls(words):
    """What SystemCallFilter= words name, groups opened."""
    names = set()
    for word in words:
        if not word.startswith("@"):
            names.add(word)
            continue
        lines = analyze("syscall-filter", word).stdout.splitlines()[1:]
        names |= system_calls({line.strip() for line in lines if line.strip() and not line.strip().startswith("#")})
    return names


def test_the_unit_allows_what_the_sandbox_allows(unit):
    """Else the server would meet a second, stricter table that only some installations have."""
    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.*)", unit.read_text(), re.M):
        if value.startswith("~"):
            allowed -= system_calls(value[1:].split())
        else:
            allowed |= system_calls(value.split())
    rules = (TOP / "src/node/sandbox_rules.c").read_text().split("calls[] = {")[1].split("SANDBOX_SANITIZED")[0]
    rows = re.findall(r"\{(?:SANDBOX_EVERY|MAIL_OUT),\s*((?:\"[^\"]*\"\s*)+)(, SANDBOX_GONE)?", rules)
    needed = {name for text, gone in rows if not gone for name in re.sub(r"[\"\n]", " ", text).split()}
    assert len(needed) > 100 and {"read", "futex", "connect"} <= needed
    assert needed - allowed == set()
    assert {"capset", "seccomp", "landlock_restrict_self"} <= allowed
    assert not allowed & {"bpf", "mount", "ptrace", "kexec_load", "setresuid", "chroot"}
