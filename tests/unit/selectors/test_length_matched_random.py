import numpy as np
import pytest
from selector_pools import dataset, pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.length_matched_random import distance, length_matched_random
from tamis.selectors.random import uniform


def lengths_of(count, seed):
    return np.random.default_rng(seed).lognormal(4, 1, count).astype(int) + 1


def test_the_subset_is_as_long_as_the_reference():
    lengths = lengths_of(4000, 0)
    rows = pool(4000, ["a" * n for n in lengths])
    longest = np.argsort(-lengths)[:1200:3]
    reference = rows.data.take(longest)
    for seed in (0, 1):
        chosen = length_matched_random(rows, Budget(count=400), reference, seed=seed)
        ours = lengths[chosen.rows]
        assert chosen.info["distance"] <= 1 / 20
        assert abs(np.log(ours).mean() - np.log(lengths[longest]).mean()) < 0.05
        assert 0 < chosen.info["also_in_reference"] < 400
        assert ours.mean() > 1.5 * lengths.mean()


def test_a_prefix_matches_as_well():
    lengths = lengths_of(3000, 2)
    rows = pool(3000, ["a" * n for n in lengths])
    reference = dataset([f"r{i}" for i in range(500)], ["a" * n for n in lengths_of(500, 3)])
    for count in (40, 200):
        chosen = length_matched_random(rows, Budget(count=count), reference)
        assert chosen.info["distance"] <= 1 / 20 + 1 / count


def test_seeds_differ_and_repeat():
    rows = pool(300, ["a" * n for n in lengths_of(300, 1)])
    picks = [
        length_matched_random(rows, Budget(count=30), rows.data, seed=s).rows.tolist()
        for s in (0, 0, 1)
    ]
    assert picks[0] == picks[1] != picks[2]


def test_one_length_and_rows_out_of_range():
    rows = pool(4, ["aa", "aaa", "aaa", "aaaa"])
    chosen = length_matched_random(rows, Budget(count=4), dataset(["x"], ["bbb"]))
    assert sorted(chosen.rows.tolist()) == [1, 2]
    assert chosen.info == {"in_range": 2, "distance": 0.0, "also_in_reference": 0}


def test_an_empty_reference_is_refused():
    with pytest.raises(UserError, match="reference"):
        length_matched_random(pool(2), Budget(count=1), dataset([]))


def test_distance_by_hand():
    assert distance(np.array([1, 2]), np.array([1, 2])) == 0
    assert distance(np.array([1, 2]), np.array([3, 4])) == 1
    assert distance(np.array([1, 1, 2, 2]), np.array([1, 2, 2, 2])) == 0.25
    assert distance(np.array([]), np.array([1])) == 1


def test_any_whole_number_is_a_seed() -> None:
    assert (uniform(["a", "b"], 2**64 + 3) == uniform(["a", "b"], 3)).all()
    assert (uniform(["a"], -1) != uniform(["a"], 1)).all()
