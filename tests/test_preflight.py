"""carbonado preflight on this host: every topic, the DNS from a file of answers, ports in use."""
import json
import socket

TOPICS = {"processor", "memory", "disk", "system", "host name", "ports", "clock", "random numbers", "open files"}


def lines(carbonado, *args, hosts=None):
    how = ["--set", f"io.dns_hosts={hosts}"] if hosts else ["--offline"]
    out = carbonado("preflight", "--json", *how, *args, status=[0, 1])  # which depends on the host
    rows = {row["topic"]: row for row in json.loads(out)}
    assert (out.status == 1) == any(r["verdict"] == "stop" for r in rows.values())
    return rows


def test_every_topic_has_a_line_and_what_is_wrong_a_remedy(carbonado):
    rows = lines(carbonado)
    assert set(rows) >= TOPICS
    for row in rows.values():
        assert row["found"] and bool(row["mend"]) == (row["verdict"] != "ok")
    assert "MX record" not in rows


def test_records_come_from_the_dns(carbonado, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("mx example.org 10 mx.elsewhere.net\na example.org 192.0.2.1\n")
    rows = lines(carbonado, "--domain", "example.org", hosts=hosts)
    assert rows["domain record"]["verdict"] == "ok"
    assert rows["MX record"]["verdict"] == "advice" and "mx.elsewhere.net" in rows["MX record"]["found"]
    hosts.write_text("fail example.org\n")
    assert "no name server" in lines(carbonado, "--domain", "example.org", hosts=hosts)["MX record"]["found"]


def test_ports_in_use_are_named(carbonado):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        rows = lines(carbonado, "--set", f"ports.imap={port}", "--set", "ports.low_offset=0")
    assert f"{port} (imap)" in rows["ports"]["found"] and rows["ports"]["verdict"] == "stop"


def test_bad_roles_are_refused(carbonado):
    assert "is no role" in carbonado("--set", "node.roles=post", "preflight", "--offline", status=2).err
