"""The cascade picks what the exact ranking picks, whatever the first look got wrong."""

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.recipes.cascade import Walk, cascade
from tamis.run.session import Run
from tamis.testing import dataset


def walk(seed, noise=0.05, rows=3000, **given):
    """A walk over random scores, and how many rows were asked exactly."""
    rng = np.random.default_rng(seed)
    exact = np.round(rng.normal(0.7, 0.15, rows), 3)  # with ties
    tokens = rng.integers(1, 200, rows)
    unit = 1 / np.sqrt(tokens)
    guesses = 0.9 * exact + 0.1 + rng.uniform(-noise, noise, rows) * unit
    ids = np.array([f"{i:05d}" for i in rng.permutation(rows)])
    made = Walk(guesses, unit, ids, lambda at: exact[at], **given)
    made.calibrate(rng.permutation(rows)[:200])
    return made, exact, ids


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limits", [(-np.inf, np.inf), (-np.inf, 0.9), (0.8, 0.95)])
def test_picks_are_those_of_the_exact_ranking(seed, limits):
    made, exact, ids = walk(seed, limits=limits)
    inside = np.flatnonzero((exact >= limits[0]) & (exact <= limits[1]))
    expected = inside[np.lexsort((ids[inside], -exact[inside]))][:150].tolist()
    picks = made.picks()
    found = [next(picks) for _ in range(150)]
    assert [at for at, _ in found] == expected
    assert [score for _, score in found] == exact[expected].tolist()
    assert made.report()["scored_exactly"] < len(exact) / 2


def test_a_bound_that_was_too_small_grows_and_is_reported():
    made, _, _ = walk(0, noise=0.001)
    made.guesses[:400] -= 1.0  # the first look is far off for rows that may not be in the sample
    made.bound = 1e-6
    list(made.picks())
    assert made.report()["outside_later"] > 0
    assert made.bound > 1


def test_rows_that_have_no_exact_score_are_not_picked():
    made, exact, _ = walk(1)
    best = int(np.argmax(exact))
    made._exact = lambda at: np.where(at == best, np.nan, exact[at])
    made.known[:], made.asked[:] = np.nan, False
    found = [at for at, _ in made.picks()]
    assert best not in found and len(found) == len(exact) - 1


class Rough(FakeLikelihood):
    """The fake model with errors: what int8 is to float32."""

    def read(self, passages):
        found = super().read(passages)
        for passage, reading in zip(passages, found, strict=True):
            rng = np.random.default_rng(int(passage.ids.sum()))
            reading.tokens["loss"][:] += rng.normal(0, 0.02, len(reading.tokens["loss"]))
        return found


@pytest.mark.parametrize("first", ["high", "low"])
def test_the_selection_is_that_of_top_k(tmp_path, first):
    rows = [
        {"instruction": f"say {i} {'x' * (i % 7)}", "output": f"{i * 7919 % 1000} and {i % 13}"}
        for i in range(400)
    ]
    data = dataset(rows)
    run = Run(store=tmp_path, model=FakeLikelihood())
    run.loaded["language model rough int8"] = Rough(id="rough")
    picked = cascade(
        run, data, Budget(count=20), by="ifd", cheap_model="rough", sample=80, first=first
    )
    selector = "top_k" if first == "high" else "bottom_k"
    exact = Run(store=tmp_path / "b", model=FakeLikelihood()).select(
        data, f"{selector}(by=ifd)", Budget(count=20)
    )
    assert picked.rows.tolist() == exact.rows.tolist()
    assert picked.info["scored_exactly"] < 400


def test_settings_that_measure_nothing_are_refused(tmp_path):
    run = Run(store=tmp_path, model=FakeLikelihood())
    with pytest.raises(UserError, match="sample must be"):
        cascade(run, dataset(), Budget(count=3), sample=1)
