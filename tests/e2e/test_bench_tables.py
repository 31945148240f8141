"""The tables of `make bench` say "met" only where the figures do."""
import importlib.util
import pathlib

import pytest

PATH = pathlib.Path(__file__).resolve().parents[2] / "bench/tables.py"
spec = importlib.util.spec_from_file_location("bench_tables", PATH)
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)

ABOUT = {"date": "2026-06-01", "load_average": 0.1, "version": "x", "machine": "y"}


def line(text):
    return next(line for line in tables.LINES if line.text.startswith(text))


@pytest.mark.parametrize("figures, said", [
    ({"carbonado": 0.4, "carbonado-plain": 0.25}, "met"),
    ({"carbonado": 0.5, "carbonado-plain": 0.3}, "**not met**"),
    ({"carbonado": 0.5, "carbonado-plain": 0.2},
     "**not met**: at most 0.4, met: at most 0.25 not compressed"),
    ({}, "not measured"),
])
def test_limits(figures, said):
    assert tables.verdict(line("LMTP, 32 connections: server CPU"), figures) == said


@pytest.mark.parametrize("ours, said", [(1.0, "met"), (1.2, "**not met**: 5 times Dovecot, met: 5 times Cyrus"),
                                        (9.0, "**not met**")])
def test_ratios_of_times(ours, said):
    assert tables.verdict(line("the same, again: s"), {"dovecot": 5.0, "cyrus": 10.0, "carbonado": ours}) == said


def test_ratios_of_rates():
    figures = {"dovecot": 100, "cyrus": 50, "carbonado": 600}
    assert tables.verdict(line("LMTP, 32 connections: messages/s"), figures) == "met"
    assert tables.ratio(figures, "dovecot", True) == "6.0"


def test_a_load_with_an_error_has_no_figure():
    row = {"ops": 10, "ops_per_s": 5.0, "cpu_s": 1.0, "errors": 1, **ABOUT}
    figures, failed = tables.figures_of(line("LMTP, 32 connections: messages/s"), {"lmtp-32": {"dovecot": row}})
    assert not figures and failed == {"dovecot"}
    assert "| error |" in tables.goals_table({"lmtp-32": {"dovecot": row}})


def test_the_better_of_two_counts_unless_it_failed():
    good, fast, bad = {"p50_ms": 5, "errors": 0}, {"p50_ms": 3, "errors": 0}, {"p50_ms": 1, "errors": 1}
    assert tables.better(good, fast) is fast and tables.better(good, bad) is good and tables.better(bad, good) is good
