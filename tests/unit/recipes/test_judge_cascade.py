"""The judge sees few rows, the picks are its best, and the manifest tells what is so."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.judge_cascade import judge_cascade
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.types import Pool

JUDGE = '''
"""A judge whose rating stands in the answer; it says nothing of some rows."""
import numpy as np
from tamis.spec import scorer
from tamis.types import Batch, Column

@scorer()
def rating(batch: Batch) -> Column:
    """The first word of the answer, as a number."""
    told = [text.split()[0] for text in batch.texts("response").to_pylist()]
    silent = np.array([word == "no" for word in told])
    values = [0.0 if word == "no" else float(word) for word in told]
    return Column.floats(np.array(values), refused=silent)
'''
CHEAP = "length(of=instruction)"


def true_recall(score, rows):
    out = np.ones(len(score), bool)
    out[rows] = False
    best = np.lexsort((out, -score))[: len(rows)]
    return np.isin(best, rows).mean()


def rows(count=900, silent=()):
    """Rows whose answer begins with the judge's rating and whose question is as long as it."""
    rng = np.random.default_rng(4)
    truth = rng.normal(0, 1, count)
    rating = np.clip(np.round(2.5 + 1.2 * truth + rng.normal(0, 0.3, count)), 0, 5)
    length = np.clip(np.round(40 + 12 * truth + rng.normal(0, 4, count)), 2, None).astype(int)
    told = ["no" if i in silent else f"{r:g}" for i, r in enumerate(rating)]
    return dataset(
        [
            {"instruction": f"{i} " + "w " * n, "output": f"{r} answer {i}"}
            for i, (n, r) in enumerate(zip(length, told, strict=True))
        ]
    )


@pytest.fixture
def cascade(tmp_path):
    """judge_cascade with a judge from a file; the run stands beside."""
    (tmp_path / "judge.py").write_text(JUDGE)
    run = Run(store=tmp_path / "store", allow_code=True)
    by = f"{tmp_path / 'judge.py'}:rating"
    settings = {"by": by, "cheap": CHEAP, "audit": 300, "recall": 0.8}
    found = partial(judge_cascade, run, **settings)
    return found, run, by


def test_the_picks_are_nearly_those_of_the_judge(cascade):
    pick, run, by = cascade
    data = rows()
    picked = pick(data, Budget(count=120))
    score = run.score(data, [by]).scores(by)
    assert true_recall(score, picked.rows) >= 0.8
    assert picked.gains.tolist() == score[picked.rows].tolist()
    assert picked.info["judged"] < 700


def test_what_the_manifest_tells_is_so(cascade):
    pick, run, by = cascade
    data = rows()
    told = pick(data, Budget(count=120)).info
    score = run.score(data, [by]).scores(by)
    assert told["share"] == told["judged"] / 900
    assert told["mean"]["low"] <= score.mean() <= told["mean"]["high"]
    assert told["audit"] == 300 and told["check"] == 225
    assert told["spearman"]["value"] > 0.8 and told["kendall"]["value"] > 0.6
    assert told["tied_judged"] >= told["tied_picked"] > 0


@pytest.mark.parametrize("first", ["high", "low"])
def test_either_end_of_the_score_can_be_best(cascade, first):
    pick, run, by = cascade
    data = rows()
    picked = pick(data, Budget(count=100), first=first)
    score = run.score(data, [by]).scores(by)
    assert true_recall(score if first == "high" else -score, picked.rows) >= 0.8
    told = picked.info
    worst = picked.gains.min() if first == "high" else picked.gains.max()
    assert told["cut"] == worst and told["mean"]["low"] <= score.mean() <= told["mean"]["high"]


def test_smaller_budgets_of_rows_and_tokens_are_prefixes(cascade):
    pick, _, _ = cascade
    data = rows()
    for budgets in (
        [Budget(count=n) for n in (10, 130, 400)],
        [Budget(tokens=n) for n in (900, 9000, 40_000)],
    ):
        found = [pick(data, budget).rows.tolist() for budget in budgets]
        assert 0 < len(found[0]) < len(found[1]) < len(found[2])
        for small, large in pairwise(found):
            assert large[: len(small)] == small


def test_the_order_of_the_file_changes_nothing(cascade):
    pick, _, _ = cascade
    data = rows()
    turned = data.take(np.random.default_rng(0).permutation(len(data)))
    one, two = (
        np.array(given.ids.to_pylist())[pick(given, Budget(count=150)).rows]
        for given in (data, turned)
    )
    assert one.tolist() == two.tolist()


def test_quotas_are_kept_and_the_recall_is_that_of_rows_offered(cascade):
    pick, _, _ = cascade
    budget = Budget(count=100).within([f"band(of={CHEAP},edges=[90])=>=90:..40"])
    picked = pick(rows(), budget)
    assert len(picked) == 100
    assert [quota["has"] for quota in picked.info["quotas"].values()] == [40]
    assert picked.info["recall"]["value"] > 0.8


def test_rows_the_judge_refused_are_dropped_with_their_reason(cascade):
    pick, _, by = cascade
    picked = pick(rows(silent=range(0, 900, 9)), Budget(count=800))
    assert [*picked.dropped] == [f"{by}: refused"]
    assert set(picked.dropped[f"{by}: refused"].tolist()) <= set(range(0, 900, 9))
    assert len(picked.dropped[f"{by}: refused"]) == picked.info["without_answer"] > 0
    assert not set(picked.rows.tolist()) & set(range(0, 900, 9))


def test_scores_are_a_column_that_is_not_the_score_of_all_rows(cascade):
    pick, run, by = cascade
    data = rows()
    picked = pick(data, Budget(count=100))
    column = run.columns(data).column(f"{by}, by cascade")
    assert len(column.values.drop_null()) == picked.info["judged"] < 900
    entries = [entry["rows"] for entry in run.log if entry["score"] == by]
    assert entries == [picked.info["judged"]]


def test_a_best_score_means_that_rows_with_it_are_enough(cascade):
    pick, _, _ = cascade
    without, given = (pick(rows(), Budget(count=20), **more) for more in ({}, {"best": 5.0}))
    assert given.info["judged"] == 300 < without.info["judged"]
    assert set(given.gains) == {5.0} and given.info["recall"]["low"] == 1


def test_a_score_better_than_the_best_is_refused(cascade):
    pick, _, _ = cascade
    with pytest.raises(UserError, match="gave 5, which is better than best=4"):
        pick(rows(), Budget(count=20), best=4.0)
    with pytest.raises(UserError, match="gave 0, which is better than best=1"):
        pick(rows(), Budget(count=20), best=1.0, first="low")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"by": "evol_score"}, "looks at all rows"),
        ({"by": CHEAP}, "both the judge's score and the cheap one"),
        ({"recall": 1.0}, "should be between 0 and 1"),
        ({"audit": 3}, "at least 4"),
        ({"most": 0.2}, "raise most"),
        ({"most": 0.4, "budget": Budget(count=500)}, "raise most"),
        ({"by": "script"}, "a score is needed"),
    ],
)
def test_what_cannot_be_is_refused(cascade, given, match):
    pick, run, by = cascade
    data = rows()
    budget = given.pop("budget", Budget(count=50))
    with pytest.raises(UserError, match=match):
        pick(data, budget, **given)
    assert not [entry for entry in run.log if entry["score"] == by and entry["rows"]]


def test_a_pool_smaller_than_the_audit_is_judged_whole(cascade):
    pick, run, by = cascade
    data = rows(150)
    picked = pick(data, Budget(count=40))
    pool = Pool.of(data, rating=run.score(data, [by]).scores(by), place=np.arange(150))
    assert true_recall(pool.scores("rating"), picked.rows) == 1
    assert picked.info["stopped"] == "all" and picked.info["recall"]["low"] == 1
