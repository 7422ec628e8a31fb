"""A line of table.json in words: the same in the report, on a screen and in a sentence."""

import numpy as np
import pytest

from tamis.cli.proving import _measure
from tamis.proof.design import Arm
from tamis.proof.report import cells, interval, markdown, sentence
from tamis.proof.results import Results, Trial
from tamis.proof.table import AGAINST_RANDOM, table

NAME = "top_k(by=[red]长度)"


def lines_of(measure, values, seeds=3):
    """The lines of an experiment; `values` is (shift of the method, shift of random rows)."""
    rng, found = np.random.default_rng(0), Results()
    rows = rng.normal(size=50)
    arms = [Arm("base, untrained", "base")]
    arms += [Arm("random", "random", "5%"), Arm(NAME, "method", "5%", method=NAME)]
    for arm in arms:
        for seed in range(seeds):
            trial = Trial(arm, seed, rows=1234, model="m")
            found.trials.append(trial)
            if arm.kind in values:
                noise = rng.normal(scale=0.01, size=50) + rng.normal(scale=0.001)
                found.add(measure, trial, rows + values[arm.kind] + noise)
    return table(found)


@pytest.fixture
def lines():
    return lines_of("loss on exam", {"base": 0.0, "random": 0.0, "method": 0.25})


def test_numbers_are_those_of_the_line(lines):
    line = lines[-1]
    told, one = cells(line.told()), line.against_random.difference
    assert told["rows"] == "1,234"
    assert told["value"] == f"{line.value:.4f}"
    assert told["against random"] == f"{one.value:+.4f} ({one.low:+.4f}..{one.high:+.4f})"
    assert told["verdict"] == "better than random"
    assert told["p"] == f"{line.verdict.p:.3g}"
    assert told["could have shown"] == f"{line.verdict.detectable:.3g}"


def test_what_there_is_not_is_empty(lines):
    base = cells(lines[0].told())
    assert {name for name, text in base.items() if text} == {"arm", "rows", "value"}
    judged = lines_of(f"{AGAINST_RANDOM} by a judge on exam", {"method": 0.5})
    random = next(line for line in judged if line.arm.kind == "random")
    assert cells(random.told())["value"] == ""


def test_an_interval_says_when_it_is_over_rows_alone_and_when_there_is_none():
    difference = {"value": 0.5, "low": 0.25, "high": 0.75}
    rows = {"difference": difference, "over": "rows"}
    assert interval(rows) == "+0.5000 (+0.2500..+0.7500) rows only"
    both = {"difference": {**difference, "low": None, "high": None}, "over": "rows and runs"}
    assert interval(both) == "+0.5000 (no interval)"
    none = {"difference": dict.fromkeys(difference), "over": "rows and runs"}
    assert interval(none) == interval(None) == ""


def test_a_verdict_is_a_sentence(lines):
    told = cells(lines[-1].told())
    assert sentence(lines[-1].told()) == (
        f"{NAME} (5%, equal rows), loss on exam: better than random; {told['against random']}, "
        f"above 0 is better; p {told['p']}; could have shown {told['could have shown']}"
    )


def test_a_verdict_without_numbers_is_a_sentence_too():
    line = lines_of("loss on exam", {"random": np.nan, "method": 0.0})[-1]
    said = sentence(line.told())
    assert said == f"{NAME} (5%, equal rows), loss on exam: cannot be told"


def test_the_report_and_the_screen_have_the_same_words(lines, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    report = markdown(lines, {}, ["a note"])
    _measure("loss on exam", [line.told() for line in lines])
    screen = capsys.readouterr().out
    for name in ("arm", "rows", "value", "against random", "p", "verdict"):
        text = cells(lines[-1].told())[name]
        assert f"| {text} |" in report
        assert text in screen
    assert "loss on exam, higher is better: 5%, equal rows" in screen
    head = next(row for row in report.splitlines() if row.startswith("| budget"))
    assert head == f"| {' | '.join(cells(lines[-1].told()))} |"
