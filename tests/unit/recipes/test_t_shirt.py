import heapq

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder, FakeLikelihood, FakeTokenizer
from tamis.recipes.t_shirt import by_fronts, t_shirt
from tamis.run.session import Run
from tamis.testing import dataset

OF = "loss_difference(neighbours=4)"
NAMES = (
    f"s_ifd(of={OF},ratio=0.5,unkept=one)",
    f"s_ifd(of={OF},ratio=0.5,statistic=std,unkept=one)",
    f"s_ifd(of={OF},ratio=1)",
)


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    return Run(
        store=str(tmp_path_factory.mktemp("store")),
        model=FakeLikelihood(),
        embedder=FakeEmbedder(),
        tokenizer=FakeTokenizer(),
    )


def columns(mine, data):
    pool = mine.score(data, NAMES)
    return [pool.scores(name) for name in NAMES]


def officially(mean, std, whole, count):
    """The official choice of `count` rows: a heap of twice as many, then the steadiest."""
    passing = [(m, row) for row, m in enumerate(mean) if whole[row] < 1]
    front = [row for _, row in heapq.nlargest(2 * count, passing)]
    return heapq.nsmallest(count, front, key=lambda row: std[row])


def test_a_front_of_twice_the_budget_is_the_official_choice(mine):
    data = dataset()
    mean, std, whole = columns(mine, data)
    assert (whole < 1).sum() > 12
    for count in (2, 5, 6):
        picked = t_shirt(mine, data, Budget(count=count), of=OF, front=2 * count / len(data))
        assert picked.rows.tolist() == officially(mean, std, whole, count)
        assert picked.gains.tolist() == mean[picked.rows].tolist()


def test_a_smaller_selection_begins_a_larger_one(mine):
    data = dataset()
    small, large = (t_shirt(mine, data, Budget(count=c), of=OF).rows.tolist() for c in (3, 12))
    assert len(large) == 12 and large[:3] == small


def test_every_row_is_picked_or_dropped_with_a_reason(mine):
    data = dataset()
    few = f"s_ifd(of={OF},ratio=0.05,unkept=one)"
    mean, whole = mine.score(data, [few]).scores(few), columns(mine, data)[2]
    assert ((mean < 1) != (whole < 1)).sum() > 3
    for below, ratios in (("ifd", whole), ("s_ifd", mean)):
        picked = t_shirt(mine, data, Budget(count=100), of=OF, below=below, ratio=0.05)
        assert sorted(picked.rows.tolist()) == np.flatnonzero(ratios < 1).tolist()
        gone = np.concatenate(list(picked.dropped.values()))
        assert sorted([*gone.tolist(), *picked.rows.tolist()]) == list(range(len(data)))
        assert picked.dropped[f"mean {below} not below 1"].tolist() == [
            row for row in range(len(data)) if ratios[row] >= 1
        ]


def test_fronts_fall_by_mean_and_rise_by_deviation_inside():
    mean = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    std = np.array([0.3, 0.1, 0.2, 0.1, 0.0])
    ids = np.array(list("abcde"))
    assert by_fronts(mean, std, ids, 2).tolist() == [1, 0, 3, 2, 4]
    assert by_fronts(mean, std, ids, 5).tolist() == [4, 1, 3, 2, 0]
    assert by_fronts(np.ones(5), np.zeros(5), ids[::-1], 2).tolist() == [4, 3, 2, 1, 0]


def test_a_budget_in_tokens_is_kept(mine):
    data = dataset()
    picked = t_shirt(mine, data, Budget(tokens=300), of=OF)
    tokens = FakeTokenizer().count_tokens(data.texts("all").to_pylist())
    assert 0 < tokens[picked.rows].sum() <= 300


def test_quotas_are_of_the_whole_pool(mine):
    data = dataset()
    length = "band(of=length,parts=2)"
    halves = mine.score(data, [length]).labels(length)
    budget = Budget(count=12).within([f"{length}=q2:..2"])
    picked = t_shirt(mine, data, budget, of=OF)
    longer = [row for row in picked.rows if halves[row] == "q2"]
    assert len(picked) > 6 and len(longer) == 2 == picked.info["quotas"][f"{length}=q2"]["has"]


def test_one_reading_is_refused(mine):
    with pytest.raises(UserError, match="neighbours=30"):
        t_shirt(mine, dataset(), Budget(count=3), of="loss_difference")


@pytest.mark.parametrize("front", [0.0, 1.1])
def test_a_front_that_is_no_share_is_refused(mine, front):
    with pytest.raises(UserError, match="share"):
        t_shirt(mine, dataset(), Budget(count=3), of=OF, front=front)
