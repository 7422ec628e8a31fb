"""Two runs: counts, reasons and what separates, against plain loops."""

import json
import math

import numpy as np
import polars as pl
import pytest
from _planted import Planted, records

import tamis
from tamis.errors import UserError
from tamis.reports._separation import auc


@pytest.fixture
def planted(tmp_path):
    return Planted(tmp_path)


def compared(planted, one, other, **more):
    folders = (str(planted.folder / name) for name in (one, other))
    return tamis.diff(*folders, run=planted.run(), **more)


def by_hand(above, below):
    """The double loop."""
    pairs = [(x, y) for x in above for y in below if not (math.isnan(x) or math.isnan(y))]
    return sum((x > y) + (x == y) / 2 for x, y in pairs) / len(pairs)


def test_auc_is_that_of_the_double_loop():
    rng = np.random.default_rng(0)
    for m, n in ((1, 1), (3, 1), (7, 12), (40, 30)):
        x, y = rng.integers(0, 6, m).astype(float), rng.integers(1, 7, n).astype(float)
        x[0] = math.nan if m > 3 else x[0]
        found = auc(x, y)
        assert found.value == pytest.approx(by_hand(x, y), abs=1e-12)
        assert math.isnan(found.low) if min(m, n) < 2 else found.low <= found.value <= found.high
    assert math.isnan(auc(np.array([math.nan]), np.array([1.0])).value)
    same = auc(np.ones(5), np.ones(9))
    assert same.value == 0.5 and math.isnan(same.low)
    apart = auc(np.arange(5.0) + 9, np.arange(5.0))
    assert apart.value == 1 == apart.high and 0.3 < apart.low < 0.7  # of five rows


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(shift):
    rng = np.random.default_rng(int(10 * shift))
    truth = 0.5 * (1 + math.erf(shift / 2))  # of two normals that far apart
    held = 0
    for _ in range(400):
        found = auc(rng.normal(shift, 1, 25), rng.normal(0, 1, 40))
        held += found.low <= truth <= found.high
    assert 0.925 <= held / 400 <= 0.985, held / 400


def test_counts_and_reasons_by_hand(planted):
    #          lost  both  both  gained  neither  dropped
    first = [9.0, 8.0, 7.0, 1.0, 0.0, None]
    second = [0.0, 7.0, 8.0, 9.0, 1.0, None]
    path = planted.file("pool.jsonl", records(first, other=second))
    planted.select(path, f"top_k(by={planted.named('score')})", 3, "one")
    planted.select(path, f"top_k(by={planted.named('other')})", 3, "two")
    found = compared(planted, "one", "two")
    counts = found.counts
    assert (counts.both, counts.gained, counts.lost, counts.neither) == (2, 1, 1, 2)
    assert (counts.new, counts.gone, counts.jaccard) == (0, 0, 0.5)
    assert counts.spearman == -1  # 8, 7 and 7, 8
    moved = [(one.what, one.first, one.second, one.rows) for one in found.moved]
    assert moved == [
        ("gained", "not reached", "selected", 1),
        ("lost", "selected", "not reached", 1),
    ]
    settings = {one.name: (one.first, one.second) for one in found.settings}
    assert settings["by"] == (planted.named("score"), planted.named("other"))
    assert not {"budget", "seed", "fingerprint of the source", "method"} & set(settings)
    gained, lost = found.examples
    assert (gained.what, gained.rank, lost.what, lost.rank) == ("gained", 0, "lost", 0)
    assert gained.turns[0].content == "What is number 3?"
    assert lost.turns[1].content.startswith("it0") and found.missing == ""


def test_scores_of_one_run_of_both_and_of_other_values(planted):
    rng = np.random.default_rng(4)
    scores = [float(s) for s in rng.integers(0, 30, 40)]
    scores[7] = None
    others = rng.integers(0, 9, 40).astype(float).tolist()
    rows = records(scores, other=others)
    path = planted.file("pool.jsonl", rows)
    planted.select(path, "top_k(by=SCORE)", 12, "one", scores=["length"])
    changed = [{**row, "score": None if at == 7 else others[at]} for at, row in enumerate(rows)]
    planted.file("pool.jsonl", changed)  # the same turns, another version of the score
    planted.select(path, "top_k(by=SCORE)", 12, "two", scores=["length", planted.named("other")])
    found = compared(planted, "one", "two")
    told = {(one.score, one.run): one for one in found.scores}
    extra = planted.named("other")
    runs = ("first", "second")
    assert set(told) == {("length", "both"), (extra, "second"), *((planted.score, r) for r in runs)}
    one = _picks(planted, "one")
    two = _picks(planted, "two")
    gained, lost, kept = two - one, one - two, one & two
    before = np.array([math.nan if s is None else s for s in scores])
    after = np.array([math.nan if at == 7 else other for at, other in enumerate(others)])
    assert told[planted.score, "first"].auc.value == pytest.approx(
        by_hand(before[list(gained)], before[list(lost)])
    )
    line = told[planted.score, "second"]
    assert line.auc.value == pytest.approx(by_hand(after[list(gained)], after[list(lost)]))
    places = [_percentiles(before), _percentiles(after)]
    assert line.gained == pytest.approx(np.mean([places[1][row] for row in gained]))
    assert line.lost == pytest.approx(np.mean([places[1][row] for row in lost]))
    assert line.kept == pytest.approx(np.mean([places[1][row] for row in kept]))
    change = np.abs(np.array(places[0]) - np.array(places[1]))
    assert line.changed == pytest.approx(np.nanmean(change))
    moved = [change[row] for row in gained | lost]
    assert line.changed_moved == pytest.approx(np.nanmean(moved))
    assert told["length", "both"].changed is None
    apart = [abs(one.auc.value - 0.5) for one in found.scores]
    assert apart == sorted(apart, reverse=True)
    assert found.examples[0].value is not None


def _picks(planted, out):
    table = pl.read_parquet(planted.folder / out / "selection.parquet")
    return {at for at, rank in enumerate(table["rank"].to_list()) if rank is not None}


def _percentiles(values):
    there = [value for value in values if not math.isnan(value)]
    return [
        math.nan
        if math.isnan(value)
        else 100 * sum((o < value) + (o == value) / 2 for o in there) / len(there)
        for value in values
    ]


def test_runs_of_different_sources_are_matched_by_id(planted):
    rows = records([float(s) for s in range(10)])
    one = planted.file("one.jsonl", rows[:8])  # 0..7
    two = planted.file("two.jsonl", rows[:2:-1])  # 9..3, turned round
    planted.select(one, "top_k(by=SCORE)", 3, "one")  # 7 6 5
    planted.select(two, "top_k(by=SCORE)", 3, "two")  # 9 8 7
    found = compared(planted, "one", "two")
    counts = found.counts
    assert (counts.both, counts.gained, counts.lost, counts.neither) == (1, 2, 2, 5)
    assert (counts.new, counts.gone) == (2, 3)
    assert {(m.what, m.first, m.second): m.rows for m in found.moved} == {
        ("gained", "not in the source", "selected"): 2,
        ("lost", "selected", "not reached"): 2,
    }
    score = next(s for s in found.scores if s.score == planted.score)
    assert score.run == "both" and score.auc.value == 1.0
    assert score.gained == pytest.approx(90) and score.lost == pytest.approx(60)  # of all ten
    assert [e.turns[0].content for e in found.examples] == [
        f"What is number {at}?" for at in (9, 8, 6, 5)
    ]
    names = {setting.name for setting in found.settings}
    assert {"source", "fingerprint of the source"} <= names


def test_every_row_that_moved_is_written(planted):
    scores = [9.0, 8.0, 7.0, 1.0, 3.0, None]
    others = [0.0, 7.0, 8.0, 9.0, 1.0, 2.0]
    path = planted.file("pool.jsonl", records(scores, other=others))
    planted.select(path, f"top_k(by={planted.named('score')})", 2, "one")
    picked = planted.select(path, f"top_k(by={planted.named('other')})", 2, "two")
    ids = picked.data.ids.to_pylist()
    for ending in (".jsonl", ".csv", ".parquet"):
        out = planted.folder / f"moved{ending}"
        compared(planted, "one", "two", show=0, out=str(out))
        assert out.stat().st_size
    found = pl.read_parquet(planted.folder / "moved.parquet").to_dicts()
    assert [row["id"] for row in found] == [ids[3], ids[2], ids[0], ids[1]]
    assert [row["what"] for row in found] == ["gained", "gained", "lost", "lost"]
    assert [row["rank in the second"] for row in found] == [0, 1, None, None]
    assert [row["rank in the first"] for row in found] == [None, None, 0, 1]
    assert found[0]["why in the first"] == "not reached"
    name = f"{planted.named('other')} in the second"
    assert [row[name] for row in found] == [9.0, 8.0, 0.0, 7.0]
    with pytest.raises(UserError, match="the ending must be"):
        compared(planted, "one", "two", out=str(planted.folder / "moved.txt"))


def test_without_the_sources_only_texts_are_missing(planted):
    path = planted.file("pool.jsonl", records([1.0, 2.0, 3.0, None]))
    planted.select(path, "top_k(by=SCORE)", 1, "one")
    planted.select(path, "bottom_k(by=SCORE)", 1, "two")
    (planted.folder / "pool.jsonl").unlink()
    found = compared(planted, "one", "two")
    assert found.counts.gained == 1 and found.examples[0].turns == ()
    assert "cannot be read again" in found.missing
    assert compared(planted, "one", "two", show=0).missing == ""  # nobody asked for texts
    told = json.loads(json.dumps(found.told(), allow_nan=False))
    assert told["scores"][0]["auc"] == {"value": 0.0, "low": None, "high": None}


def test_runs_that_kept_the_same_rows(planted):
    path = planted.file("pool.jsonl", records([1.0, 2.0, 3.0]))
    for out in ("one", "two"):
        planted.select(path, "top_k(by=SCORE)", 2, out)
    found = compared(planted, "one", "two")
    assert (found.counts.gained, found.counts.lost, found.counts.jaccard) == (0, 0, 1.0)
    assert found.moved == found.examples == found.settings == ()
    assert found.counts.spearman == 1 and math.isnan(found.scores[0].auc.value)
    json.dumps(found.told(), allow_nan=False)


def test_what_cannot_be_compared_is_one_message(planted):
    path = planted.file("pool.jsonl", records([1.0, 2.0, 3.0]))
    planted.select(path, "top_k(by=SCORE)", 2, "one")
    with pytest.raises(UserError, match="no run folder"):
        compared(planted, "one", "none")
    with pytest.raises(UserError, match="named twice"):
        compared(planted, "one", "one")
    with pytest.raises(UserError, match="set 0 or more"):
        compared(planted, "one", "none", show=-1)
