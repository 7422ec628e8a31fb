"""The table: every arm against random rows of its own size, corrected for their number."""

import re

import numpy as np
import pytest

from tamis.effects import effect, holm
from tamis.proof.design import Proof, arms
from tamis.proof.picture import picture
from tamis.proof.results import Results, Trial
from tamis.proof.table import AGAINST_RANDOM, table

ROWS = 200


def results(shifts, measure="loss on exam", seeds=3):
    """Values of each arm: the same rows, a shift of its own, and a little of every training."""
    rng = np.random.default_rng(0)
    proof, found = Proof(method=["mtld", "ifd"], equal=["rows"], seeds=seeds), Results()
    rows = rng.normal(size=ROWS)
    for arm in arms(proof, 1000, 9000):
        for seed in range(1 if arm.kind == "base" else seeds):
            trial = Trial(arm, seed, rows=50, model="m", tokens=100)
            found.trials.append(trial)
            noise = rng.normal(scale=0.02, size=ROWS) + rng.normal(scale=0.005)
            found.add(measure, trial, rows + shifts.get(arm.name, 0.0) + noise)
    return found


def by_arm(lines):
    return {line.arm.name: line for line in lines}


def test_a_method_that_is_better_is_said_to_be():
    lines = by_arm(table(results({"mtld": 0.1})))
    assert lines["mtld"].verdict.said == "better than random"
    assert lines["ifd"].verdict.said == "no difference shown"
    assert lines["mtld"].against_random.difference.low > 0


def test_differences_are_those_of_the_values():
    found = results({"mtld": -0.1, "all rows": 0.3})
    line = by_arm(table(found))["mtld"]
    (random, full, mtld, matched) = (
        next(found.matrix("loss on exam", arm) for arm in found.arms() if arm.name == name)
        for name in ("random", "all rows", "mtld", "random, as long as mtld")
    )
    assert line.against_random == effect(mtld, random)
    assert line.against_full == effect(mtld, full)
    assert line.against_matched == effect(mtld, matched)
    assert line.verdict.said == "worse than random"


def test_only_methods_are_tested_and_all_of_them_together():
    lines = by_arm(table(results({})))
    tested = [name for name, line in lines.items() if line.verdict]
    assert tested == ["mtld", "ifd"]
    raw = [lines[name].against_random.p for name in tested]
    assert [lines[name].verdict.p for name in tested] == pytest.approx(holm(raw))


def test_the_base_and_random_rows_are_told_without_a_comparison_with_themselves():
    lines = by_arm(table(results({})))
    assert lines["base, untrained"].against_random is None
    assert lines["random"].against_random is None
    assert lines["random"].against_full is not None


def test_a_row_without_a_value_is_left_out_with_a_count():
    found = results({})
    for (_, arm, seed), values in found.values.items():
        if arm.name == "mtld" and seed == 1:
            values[:7] = np.nan
    assert by_arm(table(found))["mtld"].against_random.left_out == 7


def test_preferences_are_compared_with_one_half():
    measure = f"{AGAINST_RANDOM} by a judge on exam"
    found = results({}, measure)
    for key in list(found.values):
        if key[1].kind in ("random", "base"):
            del found.values[key]
        else:
            found.values[key] = np.full(ROWS, 0.5)
            found.values[key][: 60 if key[1].name == "mtld" else 0] = 1.0
    lines = by_arm(table(found))
    assert lines["mtld"].against_random.difference.value == pytest.approx(0.15)
    assert lines["ifd"].against_random.difference.value == 0
    assert np.isnan(lines["random"].value)


def test_the_picture_has_a_mark_for_every_comparison():
    drawn = picture(table(results({"mtld": 0.1})))
    assert drawn.count("<circle") == 6
    assert "&lt;" not in drawn and "mtld (5%, equal rows)" in drawn


def test_the_axis_has_no_sign_at_its_zero():
    drawn = picture(table(results({"mtld": 0.1})))
    ends = re.findall(r'text-anchor="middle">([^<]*)</text>', drawn)
    assert ends == [ends[0], "0", ends[0].replace("-", "+")]
    assert ends[0].startswith("-0.1")


def test_a_picture_of_nothing_says_so():
    assert "nothing to compare yet" in picture([])
