"""ports and firewall beside a running server."""
import json

import pytest

import serving


@pytest.fixture(scope="module")
def own():
    server = serving.start(1)
    yield server
    server.stop()


def test_ports_are_where_the_server_opened_them(own):
    """Not where one would open them that is started by this user, or with the file as it is now."""
    conf = own.state / "carbonado.conf"
    was = conf.read_text()
    assert "low_offset = \"0\"" in was
    conf.write_text(was.replace('low_offset = "0"', 'low_offset = "7000"'))
    try:
        said = {r["name"]: r["port"] for r in json.loads(own.command("ports", "--json").stdout)}
        assert said["imap"] == own.ports["IMAP"] and said["smtp"] == own.ports["SMTP"]
        rules = own.command("firewall")
        assert f" {own.ports['IMAPS']}" in rules.stdout.decode() and rules.stderr == b""
    finally:
        conf.write_text(was)


def test_firewall_says_when_it_guesses(offline):
    rules = offline("firewall", "--set", "ports.low_offset=10000")
    assert "10025" in rules and "ports.low_offset=0" in rules.err
    rules = offline("firewall", "--set", "ports.low_offset=0")
    assert " 25, " in rules and rules.err == ""
