from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.clean_cover import clean_cover
from tamis.scorers.group_quantile import group_quantile
from tamis.testing import a_run, dataset
from tamis.types import Column, Pool


def pool_of(scores, labels):
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(len(scores))])
    why = np.array([score is None for score in scores], bool)
    column = Column.floats(np.array(scores, float), empty_answer=why)
    return Pool.of(
        data, x=column, label=Column.strings(labels, no_words=[n is None for n in labels])
    )


def found(scores, labels):
    return group_quantile(pool_of(scores, labels), of="x", within="label")


def brute(scores, labels):
    """Lower rows and half of the equal ones, in loops."""
    values = []
    for x, label in zip(scores, labels, strict=True):
        if x is None or label is None:
            values.append(None)
            continue
        same = [
            y for y, other in zip(scores, labels, strict=True) if other == label and y is not None
        ]
        ranks = [1 + at for at, y in enumerate(sorted(same)) if y == x]
        values.append((sum(ranks) / len(ranks) - 0.5) / len(same))
    return values


@given(
    scores=st.lists(
        st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([np.inf, -np.inf, 1e-300])),
        min_size=1,
        max_size=40,
    ),
    labels=st.lists(st.sampled_from(["zh", "en", "ar", "", None]), min_size=40, max_size=40),
)
@settings(max_examples=80, deadline=None)
def test_it_is_the_mean_rank_less_a_half_in_its_group(scores, labels):
    labels = labels[: len(scores)]
    column = found(scores, labels)
    assert column.values.to_pylist() == pytest.approx(brute(scores, labels))
    for why, x, label in zip(column.problem.to_pylist(), scores, labels, strict=True):
        assert why == ("empty_answer" if x is None else "no_label" if label is None else None)


def test_it_is_that_of_scipy():
    rankdata = pytest.importorskip("scipy.stats").rankdata
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 30, 500).astype(float)
    labels = generator.choice(["en", "zh", "fr"], 500, p=[0.7, 0.28, 0.02])
    got = np.array(found(scores.tolist(), labels.tolist()).values)
    for label in ("en", "zh", "fr"):
        rows = labels == label
        assert got[rows] == pytest.approx((rankdata(scores[rows]) - 0.5) / rows.sum())
        assert got[rows].mean() == pytest.approx(0.5)


def test_small_groups_by_hand():
    column = found([7, 1, 9, 4, 4], ["a", "b", "b", "c", "c"])
    assert column.values.to_pylist() == [0.5, 0.25, 0.75, 0.5, 0.5]


def test_lists_are_no_labels():
    pool = pool_of([1, 2], ["a", "b"])
    tags = replace(pool, columns={**pool.columns, "tags": Column.tags([["a"], ["b"]])})
    with pytest.raises(UserError, match="needs one label a row"):
        group_quantile(tags, of="x", within="tags")


def test_a_recipe_ranks_by_it(tmp_path):
    """Chinese answers have other numbers of words: by raw scores one language is better."""
    asks = ["Name a colour", "说出一种颜色"]
    words = [["red", "blue"], ["红色", "蓝色"]]
    rows = [
        {"instruction": f"{asks[n % 2]} {n}", "output": " ".join(words[n % 2] * (1 + n))}
        for n in range(20)
    ]
    quality = "group_quantile(of=mean_rank(of=[length(unit=words),mtld]),within=script)"
    run, data = a_run(str(tmp_path)), dataset(rows)
    chosen = clean_cover(run, data, Budget(count=6), quality=quality)
    assert len(chosen) == 6 and quality in str(sorted(run.columns(data).columns))
