"""What Prometheus reads from /metrics, by a parser that takes only what the text format 0.0.4 allows, and by
promtool where it is installed."""
import http.client
import re
import shutil
import subprocess

import pytest

from wire import Imap, Literal

LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+(?:e[+-]?\d+)?|\+Inf|NaN)')
ENDS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def parse(text):
    """{family: (type, {(name, labels): value})}; ValueError for what is not the format."""
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    families, current, helped = {}, None, None
    for line in text.split("\n")[:-1]:
        if m := re.fullmatch(r"# HELP (\S+) (.+)", line):
            helped = m[1]
        elif m := re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram)", line):
            if m[1] != helped or m[1] in families:
                raise ValueError(f"{line}: without HELP, or twice")
            current, families[m[1]] = m[1], (m[2], {})
        elif m := SAMPLE.fullmatch(line):
            kind, samples = families[current]
            if m[1] not in {current + end for end in ENDS[kind]}:
                raise ValueError(f"{line}: not of {current}")
            key = m[1], m[2] or ""
            if key in samples:
                raise ValueError(f"{line}: twice")
            samples[key] = float(m[3].replace("+Inf", "inf"))
        else:
            raise ValueError(f"no line of the format: {line!r}")
    return families


def fetch(server):
    connection = http.client.HTTPConnection(server.host, server.ports["METRICS"], timeout=30)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return answer.read().decode()


@pytest.fixture
def text(server, user):
    with Imap(server, user) as imap:
        imap.ok("APPEND", "INBOX", Literal(b"Subject: x\r\n\r\nx\r\n"))
        imap.ok("SELECT", "INBOX")
        imap.fetch("1", "(FLAGS)")
    return fetch(server)


def test_the_format(text):
    families = parse(text)
    assert len(families) > 60
    for name, (kind, samples) in families.items():
        assert name.startswith(("carbonado_", "process_")) and samples, name
        assert (kind == "counter") == name.endswith("_total"), name
        assert kind == "gauge" or all(v >= 0 for v in samples.values()), name


def test_histograms_add_up(text):
    filled = 0
    for name, (kind, samples) in parse(text).items():
        if kind != "histogram":
            continue
        for (sample, labels), count in samples.items():
            if sample != name + "_count":
                continue
            rows = [(float(m[1].replace("+Inf", "inf")), v) for (s, other), v in samples.items()
                    if s == name + "_bucket" and (m := re.fullmatch(rf'{re.escape(labels + "," if labels else "")}le="(.+)"', other))]
            assert [b for b, _ in rows] == sorted({b for b, _ in rows}) and rows[-1] == (float("inf"), count), name
            assert [v for _, v in rows] == sorted(v for _, v in rows), name
            filled += count > 0
    assert filled > 5


def test_counters_only_grow(server, text):
    def counters(said):
        return {k: v for kind, samples in parse(said).values() if kind == "counter" for k, v in samples.items()}
    before, after = counters(text), counters(fetch(server))
    assert before.keys() == after.keys() and all(after[k] >= v for k, v in before.items())
    assert any(name == "carbonado_metrics_requests_total" and after[name, labels] > before[name, labels]
               for name, labels in after)


@pytest.mark.parametrize("wrong", ["a 1", "# TYPE a counter\na 1\n", "# HELP a b\n# TYPE a gauge\na 1\na 1\n",
                                   "# HELP a b\n# TYPE a gauge\nb 1\n", '# HELP a b\n# TYPE a gauge\na{x=1} 1\n'])
def test_the_parser_can_fail(wrong):
    with pytest.raises((ValueError, KeyError)):
        parse(wrong)


def test_promtool(text):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (package prometheus)")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, done.stdout
