"""The cascade picks what the exact ranking picks, whatever the first look got wrong."""

from dataclasses import replace

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.notation import parse
from tamis.recipes.cascade import Walk, cascade, unit_of
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.types import Pool, Selection


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


POOL = dataset([{"instruction": f"say {i}", "output": f"{i * 7919 % 1000}"} for i in range(300)])


def random_case(seed):
    """Scores of either look with nulls and ties, and a budget; (pool, budget, walk, exact)."""
    rng = np.random.default_rng([77, seed])
    rows = int(rng.integers(1, len(POOL)))
    data = POOL.take(rng.permutation(len(POOL))[:rows])
    group = rng.choice(["a", "b", "c"], rows).tolist()
    pool = replace(Pool.of(data, group=group), costs=rng.integers(1, 9, rows))
    exact = np.round(rng.normal(0, 1, rows), int(rng.integers(0, 3)))
    unit = unit_of(rng.integers(0, 60, rows).astype(float))
    noise = rng.choice([0.0, 0.1, 1.0]) * rng.uniform(-1, 1, rows) * unit
    guesses = rng.choice([0.5, 1.0, -2.0]) * (exact + noise) + 1
    guesses[rng.random(rows) < rng.choice([0, 0.1, 1])] = np.nan
    exact[rng.random(rows) < rng.choice([0, 0.1, 0.9])] = np.nan
    limits = [(-np.inf, np.inf), (-0.5, 1.0), (-np.inf, 0.0), (1.0, np.inf)][rng.integers(4)]
    budget = [Budget(count=int(rng.integers(1, 60))), Budget(tokens=int(rng.integers(1, 200)))]
    limit = budget[rng.integers(2)].within([[], ["group=*:..30%"]][rng.integers(2)])
    margin = float(rng.choice([1.0, 1.5, 3.0]))
    made = Walk(guesses, unit, pool.ids, lambda at: exact[at], limits=limits, margin=margin)
    return pool, limit, made, exact, rng


def worst_error(made, exact):
    """The B that all rows together ask for."""
    slope, shift = made.line
    errors = np.abs(exact - slope * made.guesses - shift) / made.unit
    return errors[~np.isnan(errors) & ~made.blind].max(initial=0)


def by_brute_force(pool, limit, made, exact):
    inside = np.flatnonzero((exact >= made.limits[0]) & (exact <= made.limits[1]))
    order = inside[np.lexsort((pool.ids[inside], -exact[inside]))]
    return Selection.take(pool, limit, zip(order.tolist(), exact[order].tolist(), strict=True))


def test_random_cases_are_those_of_brute_force():
    held = grown = fewer = 0
    for seed in range(600):
        pool, limit, made, exact, rng = random_case(seed)
        seen = np.flatnonzero(~made.blind)
        made.calibrate(rng.permutation(seen)[: int(rng.choice([4, 30]))])
        holds = worst_error(made, exact) <= made.bound
        found = Selection.take(pool, limit, made.picks())
        told = made.report()
        assert told["out_of_order"] == 0 or not holds
        assert made.asked[made.blind].all()
        right = worst_error(made, exact) <= made.bound and not told["out_of_order"]
        if holds or right:
            assert found.rows.tolist() == by_brute_force(pool, limit, made, exact).rows.tolist()
        held, grown = held + holds, grown + (right and not holds)
        fewer += told["scored_exactly"] < len(pool)
    assert held > 200 and grown > 20 and fewer > 120


def test_a_bound_that_was_too_small_grows_and_is_reported():
    made, exact, _ = walk(0, noise=0.001)
    made.bound = 1e-6
    low = np.flatnonzero(~made.asked & (exact < 0.5))[0]
    exact[low] = 5.0  # the first look saw nothing of it
    found = [at for at, _ in made.picks()]
    told = made.report()
    assert told["outside_later"] > 0 and told["bound"] > 1
    assert told["out_of_order"] > 0
    assert 0 < told["picked_before_growth"] <= found.index(low)


def test_a_bound_that_held_reports_no_growth():
    made, _, _ = walk(3)
    picks = made.picks()
    for _ in range(100):
        next(picks)
    told = made.report()
    assert told["picked_before_growth"] == told["out_of_order"] == told["outside_later"] == 0
    assert told["checked"] == 100


def test_picks_that_a_quota_refused_are_not_counted():
    made, exact, _ = walk(0, noise=0.001)
    made.bound = 1e-6
    exact[np.flatnonzero(~made.asked & (exact < 0.5))[0]] = 5.0
    picks = made.picks()
    next(picks)
    with pytest.raises(StopIteration):
        while True:
            picks.send(False)
    assert made.outside_later > 0 and made.picked_before_growth == 0


def test_a_sample_without_exact_scores_trusts_no_bound():
    made, exact, ids = walk(2)
    made.known[:], made.asked[:], made.bound = np.nan, False, np.inf
    sample = np.arange(200)
    exact[sample] = np.nan
    made.calibrate(sample)
    assert made.report()["bound"] is None and made.report()["checked"] == 0
    expected = np.lexsort((ids, -exact))[: len(exact) - 200].tolist()
    assert [at for at, _ in made.picks()] == expected


def test_rows_that_have_no_exact_score_are_not_picked():
    made, exact, _ = walk(1)
    best = int(np.argmax(exact))
    made._exact = lambda at: np.where(at == best, np.nan, exact[at])
    made.known[:], made.asked[:] = np.nan, False
    found = [at for at, _ in made.picks()]
    assert best not in found and len(found) == len(exact) - 1


def test_an_unknown_length_is_one_token():
    assert unit_of(np.array([np.nan, 0, 1, 4])).tolist() == [1, 1, 1, 0.5]


class Rough(FakeLikelihood):
    """The fake model with errors: what int8 is to float32."""

    def read(self, passages):
        found = super().read(passages)
        for passage, reading in zip(passages, found, strict=True):
            rng = np.random.default_rng(int(passage.ids.sum()))
            reading.tokens["loss"][:] += rng.normal(0, 0.02, len(reading.tokens["loss"]))
        return found


def both(folder, data, *, exact=None, cheap=None, first="high", budget=None, scores=(), **given):
    """(run, selection by the cascade, selection by top_k or bottom_k) of the same data."""
    exact, budget = exact or FakeLikelihood(), budget or Budget(count=20)
    run = Run(store=folder / "a", model=exact)
    run.loaded["language model rough int8"] = cheap or Rough(id="rough")
    run.score(data, scores)
    picked = cascade(run, data, budget, cheap_model="rough", sample=80, first=first, **given)
    selector = "top_k" if first == "high" else "bottom_k"
    whole = Run(store=folder / "b", model=exact).select(data, f"{selector}(by=ifd)", budget)
    return run, picked, whole


def rows(count=400, long=()):
    """Rows of which some have a question of more than 200 tokens."""
    return dataset(
        [
            {
                "instruction": f"say {i} {'x' * (200 if i in long else i % 7)}",
                "output": f"{i * 7919 % 1000} and {i % 13}",
            }
            for i in range(count)
        ]
    )


@pytest.mark.parametrize("first", ["high", "low"])
def test_the_selection_is_that_of_top_k(tmp_path, first):
    _, picked, whole = both(tmp_path, rows(), first=first)
    assert picked.rows.tolist() == whole.rows.tolist()
    assert picked.info["scored_exactly"] < 400


@pytest.mark.parametrize("first", ["high", "low"])
def test_rows_too_long_for_the_cheap_model_are_scored_exactly(tmp_path, first):
    data, long = rows(long=range(0, 400, 10)), np.arange(0, 400, 10)
    cheap = Rough(id="rough", context=250)
    run, picked, whole = both(tmp_path, data, cheap=cheap, first=first, budget=Budget(count=200))
    assert picked.rows.tolist() == whole.rows.tolist()
    assert set(long) & set(picked.rows.tolist())
    assert picked.info["without_first_look"] == 40 and not picked.dropped
    told = run.columns(data).scores("ifd, by cascade")
    assert not np.isnan(told[long]).any()


def test_rows_without_an_exact_score_are_dropped_by_reason(tmp_path):
    data = rows(100, long=(5, 50))
    _, picked, whole = both(tmp_path, data, exact=FakeLikelihood(context=250), by="ifd")
    gone = {reason: found.tolist() for reason, found in picked.dropped.items()}
    assert gone.pop("ifd: too_long", [5]) in ([5], [50], [5, 50]) and not gone
    _, picked, whole = both(
        tmp_path / "all", data, exact=FakeLikelihood(context=250), budget=Budget(count=100)
    )
    assert picked.rows.tolist() == whole.rows.tolist() and len(picked) == 98
    assert {r: found.tolist() for r, found in picked.dropped.items()} == {"ifd: too_long": [5, 50]}


def test_rows_beyond_the_limits_are_dropped_by_reason(tmp_path):
    data = rows(100)
    run, picked, _ = both(tmp_path, data, budget=Budget(count=100), at_most=1.0)
    exact = run.score(data, ["ifd"]).scores("ifd")
    told = run.columns(data).scores("ifd, by cascade")
    gone = picked.dropped["ifd above 1"].tolist()
    assert gone == np.flatnonzero(told > 1).tolist() and gone
    assert sorted(picked.rows.tolist()) == np.flatnonzero(exact <= 1).tolist()


@pytest.mark.parametrize("first", ["high", "low"])
@pytest.mark.parametrize("limits", [(1.0, 1.05), (-np.inf, 0.98), (1.0, np.inf)])
def test_limits_are_those_of_threshold(tmp_path, first, limits):
    data, (low, high) = rows(), limits
    run, picked, _ = both(tmp_path, data, first=first, at_least=low, at_most=high)
    written = f"threshold(by=ifd,at_least={low},at_most={high},first={first})"
    whole = run.select(data, written, Budget(count=20))
    assert picked.rows.tolist() == whole.rows.tolist() and len(picked)
    for reason, gone in picked.dropped.items():
        assert set(gone.tolist()) <= set(whole.dropped[reason].tolist())


def test_exact_scores_are_a_column_that_is_not_the_score(tmp_path):
    data = rows()
    run, picked, _ = both(tmp_path, data)
    column = run.columns(data).column("ifd, by cascade")
    known = np.asarray(column.values.is_valid())
    assert known.sum() == picked.info["scored_exactly"] < 400
    assert set(column.problem.drop_null().to_pylist()) == {"not_scored"}
    assert (
        picked.gains.tolist() == run.columns(data).scores("ifd, by cascade")[picked.rows].tolist()
    )
    assert "ifd" not in run.columns(data).columns
    assert run.score(data, ["ifd"]).column("ifd").values.null_count == 0


@pytest.mark.parametrize("by", ["ifd", "ifd(template=alpaca)", "./own.py:mine", "./own.py:m(a=1)"])
def test_the_name_of_that_column_is_no_reference(by):
    with pytest.raises(UserError, match="is not a method"):
        parse(f"{by}, by cascade")


def test_the_log_has_one_entry_for_all_blocks(tmp_path):
    run, picked, _ = both(tmp_path, rows())
    entries = [entry for entry in run.log if entry["score"] == "ifd"]
    assert [entry["rows"] for entry in entries] == [picked.info["scored_exactly"]]
    assert entries[0]["seconds"] > 0 and entries[0]["without_score"] == {}
    assert len(run.log) == 3  # the first look, the length, the exact score


def test_a_quota_that_only_rows_without_a_score_could_meet_is_refused(tmp_path):
    data = rows(100, long=(5, 50))
    # 15 rows have so long a question, and two of them no score
    budget = Budget(count=20).within(["band(of=length(of=instruction),edges=[13])=>=13:14.."])
    lacking = FakeLikelihood(context=250)
    run = Run(store=tmp_path, model=lacking)
    with pytest.raises(UserError, match="only 13 can be had"):
        run.select(data, "top_k(by=ifd)", budget)
    run.loaded["language model rough int8"] = Rough(id="rough")
    with pytest.raises(UserError, match="only 13 can be had"):
        cascade(run, data, budget, cheap_model="rough", sample=80)


def test_settings_that_measure_nothing_are_refused(tmp_path):
    run = Run(store=tmp_path, model=FakeLikelihood())
    with pytest.raises(UserError, match="sample must be"):
        cascade(run, dataset(), Budget(count=3), sample=1)
    with pytest.raises(UserError, match="is above"):
        cascade(run, dataset(), Budget(count=3), at_least=2.0, at_most=1.0)


@pytest.mark.parametrize("by", ["length", "s_ifd(of=ifd,losses=loss)", "hidden_state"])
def test_what_is_no_score_of_a_language_model_is_refused_before_anything_is_read(tmp_path, by):
    run = Run(store=tmp_path, model=FakeLikelihood())
    match = "a score is needed" if by == "hidden_state" else "by must be a score that a language"
    with pytest.raises(UserError, match=match):
        cascade(run, dataset(), Budget(count=3), by=by)
    assert not list(tmp_path.rglob("*.parquet")) and not list(tmp_path.rglob("*.arrow"))


def test_a_first_look_that_is_the_exact_one_is_refused(tmp_path):
    run = Run(store=tmp_path, model="named")
    run.loaded["language model"] = run.loaded["language model named int8"] = FakeLikelihood()
    with pytest.raises(UserError, match="is the exact score itself"):
        cascade(run, dataset(), Budget(count=3))
    run.loaded["language model named int8"] = Rough(id="rough")
    assert len(cascade(run, dataset(), Budget(count=3))) == 3
