"""Two rounds against one: the same where nothing is lost, and within what is known elsewhere."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes import two_round as module
from tamis.recipes.two_round import part_picks, parts_of, two_round
from tamis.testing import a_run, dataset
from tamis.types import Column, Selection


def planted(folder, vectors, order=None, **columns):
    """A run and rows that have these vectors and columns, in the order named."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"ask {n}"},
                {"role": "assistant", "content": "a"},
            ]
        }
        for n in range(len(vectors))
    ]
    data, run = dataset(rows), a_run(str(folder))
    order = np.arange(len(rows)) if order is None else order
    data = data.take(order)
    run.computed[data.fingerprint, "embedding"] = Column.vectors(
        vectors[order].astype(np.float32), missing=np.isnan(vectors[order]).any(axis=1)
    )
    for name, values in columns.items():
        values = np.asarray(values)[order]
        is_text = values.dtype.kind == "U"
        run.computed[data.fingerprint, name] = (
            Column.strings(values.tolist()) if is_text else Column.floats(values)
        )
    return run, data


def directions(rows, seed=0, width=4):
    found = np.random.default_rng(seed).standard_normal((rows, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def ids(data, rows):
    return data.ids.take(pa.array(rows)).to_pylist()


def scores(rows, seed=0):
    return np.random.default_rng(seed).permutation(rows).astype(float)


@pytest.mark.parametrize(
    "by",
    [
        "k_center(seed=3)",
        "facility_location",
        "facility_location(candidates=5)",
        "deita_filter(by=length,threshold=0.6)",
        "log_det",
        "top_k(by=length)",
        "random",
    ],
)
@pytest.mark.parametrize("budget", [Budget(count=9), Budget(fraction=0.2), Budget(tokens=40)])
def test_one_part_is_the_selector_itself(tmp_path, by, budget):
    run, data = planted(tmp_path, directions(60), length=scores(60))
    one, two = run.select(data, by, budget), two_round(run, data, budget, by=by, parts=1)
    assert len(one) and two.rows.tolist() == one.rows.tolist()
    assert two.gains.tolist() == one.gains.tolist() and two.info == one.info


@pytest.mark.parametrize("by", ["top_k(by=length)", "bottom_k(by=length)", "random(seed=4)"])
@pytest.mark.parametrize("budget", [Budget(count=11), Budget(tokens=50)])
def test_a_ranking_is_the_same_in_any_number_of_parts(tmp_path, by, budget):
    run, data = planted(tmp_path, directions(80), length=scores(80))
    one = run.select(data, by, budget)
    for parts in (2, 7, 200):
        two = two_round(run, data, budget, by=by, parts=parts)
        assert two.rows.tolist() == one.rows.tolist()


def test_every_row_is_in_one_part_by_its_id_alone():
    names = [f"row {n}" for n in range(4000)]
    found = parts_of(names, 8, 0)
    assert sorted(np.concatenate(found).tolist()) == list(range(4000))
    assert max(abs(len(rows) - 500) for rows in found) < 100
    turned = parts_of(names[::-1], 8, 0)
    assert [sorted(3999 - rows) for rows in turned] == [rows.tolist() for rows in found]
    assert [len(rows) for rows in parts_of(names, 8, 1)] != [len(rows) for rows in found]
    assert len(parts_of(names[:3], 50, 0)) <= 3


def radius(vectors, picked):
    apart = np.linalg.norm(vectors[:, None].astype(float) - vectors[picked], axis=2)
    return apart.min(axis=1).max()


@pytest.mark.parametrize("seed", range(6))
def test_k_center_stays_within_four_times_the_best_radius(tmp_path, seed):
    vectors = np.random.default_rng(seed).standard_normal((16, 2)).astype(np.float32)
    run, data = planted(tmp_path, vectors)
    found = two_round(run, data, Budget(count=3), by="k_center", parts=4, seed=seed)
    best = min(radius(vectors, list(few)) for few in combinations(range(16), 3))
    reached = radius(vectors, found.rows)
    assert reached <= 4 * best
    assert reached <= found.info["merge"]["radius_in_pool_at_most"] + 1e-5


def worth(vectors, picked):
    """The value of facility location over all rows."""
    cosines = vectors.astype(float) @ vectors[picked].astype(float).T
    return np.maximum(cosines, 0).max(axis=1).sum()


def test_facility_location_is_worth_what_is_known_of_it(tmp_path):
    shares = []
    for seed in range(8):
        vectors = directions(14, seed, width=3)
        run, data = planted(tmp_path / str(seed), vectors)
        found = two_round(run, data, Budget(count=3), parts=3, seed=seed)
        best = max(worth(vectors, list(few)) for few in combinations(range(14), 3))
        assert found.info["merge"]["value"] == pytest.approx(worth(vectors, found.rows), abs=1e-4)
        assert found.info["merge"]["sample"] == 14
        shares.append(found.info["merge"]["value"] / best)
    assert min(shares) >= (1 - 1 / np.e) / 3
    assert np.mean(shares) >= (1 - 1 / np.e) / 2


def test_the_merge_is_greedy_on_all_rows_and_not_on_the_union(tmp_path):
    vectors = directions(90, 1, width=8)
    run, data = planted(tmp_path, vectors)
    found = two_round(run, data, Budget(count=6), parts=4)
    places = parts_of(data.ids.to_pylist(), 4, 0)
    each = [part_picks(run, data, rows, "facility_location", Budget(count=6)) for rows in places]
    union = np.sort(np.concatenate([part.rows for part in each]))
    similar = np.maximum(vectors.astype(float) @ vectors.T.astype(float), 0)
    covered, wanted = np.zeros(90), []
    for _ in range(6):
        gains = np.maximum(similar[union] - covered, 0).sum(axis=1)
        wanted.append(int(union[gains.argmax()]))
        covered = np.maximum(covered, similar[wanted[-1]])
    assert found.rows.tolist() == wanted
    alone = run.select(
        run.score(data, ["embedding"]).take(union), "facility_location", Budget(count=6)
    )
    assert worth(vectors, found.rows) > worth(vectors, alone.rows)


def test_the_best_part_is_returned_where_it_is_worth_more(tmp_path):
    run, data = planted(tmp_path, directions(60, 2))
    by = "facility_location(candidates=1)"  # a merge at random
    lost = [two_round(run, data, Budget(count=4), by=by, parts=3, seed=s) for s in range(12)]
    ones = [found for found in lost if found.info["merge"].get("of_one_part")]
    assert ones
    for found in lost:
        merge = found.info["merge"]
        assert merge["value"] >= merge["best_part"] - 1e-9
        assert merge["value"] == pytest.approx(worth(directions(60, 2), found.rows), abs=1e-4)


def test_a_sample_is_valued_and_the_seed_draws_it(tmp_path):
    run, data = planted(tmp_path, directions(80))
    found = [two_round(run, data, Budget(count=5), parts=3, sample=20, seed=s) for s in (0, 0, 1)]
    assert found[0].info["merge"]["sample"] == 20
    assert found[0].rows.tolist() == found[1].rows.tolist() != found[2].rows.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_deitas_filter_keeps_rows_apart(tmp_path, seed):
    vectors = directions(120, seed, width=3)
    run, data = planted(tmp_path, vectors, length=scores(120, seed))
    by = "deita_filter(by=length,threshold=0.8)"
    found = two_round(run, data, Budget(count=120), by=by, parts=5)
    cosines = vectors[found.rows].astype(float) @ vectors[found.rows].T
    np.fill_diagonal(cosines, 0)
    assert cosines.max() <= 0.8
    # what is not there has a better row of the result within twice the angle
    near = vectors.astype(float) @ vectors[found.rows].T
    worse = scores(120, seed)[:, None] < scores(120, seed)[found.rows]
    closest = np.where(worse, near, -1).max(axis=1)
    closest[found.rows] = 1
    assert closest.min() >= np.cos(2 * np.arccos(0.8)) - 1e-6
    passed = np.concatenate(list(found.dropped.values()))
    assert sorted([*passed.tolist(), *found.rows.tolist()]) == list(range(120))


def test_deitas_filter_can_lose_a_row_between_two_parts(tmp_path):
    angles = np.radians([0.0, 20.0, 40.0])  # 1 is like 0 and like 2, which are not alike
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    run, data = planted(tmp_path, vectors, length=[3.0, 2.0, 1.0])
    by, names = "deita_filter(by=length,threshold=0.9)", data.ids.to_pylist()
    for seed in range(50):
        places = [rows.tolist() for rows in parts_of(names, 2, seed)]
        if sorted(places) == [[0], [1, 2]]:
            break
    assert run.select(data, by, Budget(count=3)).rows.tolist() == [0, 2]
    assert two_round(run, data, Budget(count=3), by=by, parts=2, seed=seed).rows.tolist() == [0]


@pytest.mark.parametrize("by", ["facility_location", "k_center", "deita_filter(by=length)"])
def test_the_order_of_the_file_changes_nothing(tmp_path, by):
    vectors = directions(100, 3)
    vectors[40:60] = vectors[:20]  # ties
    turned = np.random.default_rng(0).permutation(100)
    found = []
    for name, order in (("one", None), ("two", turned)):
        run, data = planted(tmp_path / name, vectors, order, length=scores(100) // 4)
        picked = two_round(run, data, Budget(count=12), by=by, parts=4, sample=50)
        found.append((ids(data, picked.rows), picked.gains))
    assert found[0][0] == found[1][0]
    assert found[0][1].tolist() == pytest.approx(found[1][1].tolist())


@pytest.mark.parametrize("by", ["facility_location", "k_center", "top_k(by=length)"])
def test_rows_without_a_value_are_told_once(tmp_path, by):
    vectors = directions(50).astype(np.float64)
    vectors[[3, 17, 31]] = np.nan
    run, data = planted(tmp_path, vectors, length=scores(50))
    if by.startswith("top_k"):
        lengths = run.computed[data.fingerprint, "length"].values.to_numpy().copy()
        lengths[[3, 17, 31]] = 0
        gone = np.isin(np.arange(50), [3, 17, 31])
        run.computed[data.fingerprint, "length"] = Column.floats(lengths, empty=gone)
    found = two_round(run, data, Budget(count=50), by=by, parts=4)
    (reason,) = found.dropped
    assert found.dropped[reason].tolist() == [3, 17, 31]
    assert sorted(found.rows.tolist()) == sorted(set(range(50)) - {3, 17, 31})


@pytest.mark.parametrize("by", ["facility_location", "k_center", "random"])
def test_quotas_hold_for_the_result_and_ask_no_part_for_more_than_it_has(tmp_path, by):
    labels = np.array(["few" if n % 20 == 0 else "many" for n in range(100)])
    run, data = planted(tmp_path, directions(100), script=labels)
    budget = Budget(count=10).within(["script=few:4..", "script=*:..6"])
    found = two_round(run, data, budget, by=by, parts=6)
    assert (labels[found.rows] == "few").sum() == 4 and len(found) == 10
    assert found.info["quotas"]["script=few"]["met"]
    with pytest.raises(UserError, match="only 5 can be had"):
        two_round(run, data, Budget(count=10).within(["script=few:6.."]), by=by, parts=6)


def test_tokens_are_not_exceeded_and_parts_have_the_whole_budget(tmp_path):
    run, data = planted(tmp_path, directions(100))
    tokens = run.score(data, ["tokens(of=all)"]).scores("tokens(of=all)")
    found = two_round(run, data, Budget(tokens=60), parts=3)
    assert 0 < tokens[found.rows].sum() <= 60
    one = part_picks(run, data, np.arange(40), "facility_location", Budget(tokens=60))
    assert found.info["handed_on"] >= 3 * len(one) - 3


@pytest.mark.parametrize("by", ["facility_location", "k_center", "deita_filter(by=length)"])
def test_subsets_nest_where_parts_hand_on_the_same_rows(tmp_path, by):
    run, data = planted(tmp_path, directions(100), length=scores(100))
    small, large = (
        two_round(run, data, Budget(count=count), by=by, parts=4, most=20).rows.tolist()
        for count in (6, 20)
    )
    assert len(large) == 20 and large[:6] == small


def test_a_part_is_computed_from_strings_positions_and_settings(tmp_path):
    texts = [{"messages": [{"role": "assistant", "content": "word " * n}]} for n in range(1, 40)]
    data, found = dataset(texts), []
    rows, by = np.arange(5, 30), "k_center(of=embedding)"
    for name in ("here", "there"):  # another process has another run
        found.append(part_picks(a_run(str(tmp_path / name)), data, rows, by, Budget(count=6)))
    assert found[0].rows.tolist() == found[1].rows.tolist()
    assert set(found[0].rows.tolist()) <= set(rows.tolist())


def test_what_cannot_be_asked_for(tmp_path):
    run, data = planted(tmp_path, directions(10))
    for wrong, said in [
        ({"parts": 0}, "at least 1"),
        ({"sample": -1}, "sample=-1"),
        ({"most": -1}, "most=-1"),
        ({"by": "k_center(first=x)"}, "leave them out"),
        ({"by": "k_center(given=length)"}, "leave them out"),
        ({"by": "k_centre"}, "k_center"),
        ({"by": "mtld"}, "no method 'mtld'"),
        ({"by": "./mine.py:f"}, "not a file"),
    ]:
        with pytest.raises(UserError, match=said):
            two_round(run, data, Budget(count=2), **wrong)


def test_the_plan_knows_the_columns_of_the_selector():
    assert module.columns_named("deita_filter(by=mtld(of=all))") == ["mtld(of=all)", "embedding"]
    assert module.columns_named("random") == []
    assert module.columns_named("./mine.py:f") == []


def test_rows_that_one_part_has_can_be_named_where_there_is_one_part(tmp_path):
    run, data = planted(tmp_path, directions(20))
    by = f"k_center(first={data.ids[7]})"
    assert two_round(run, data, Budget(count=4), by=by, parts=1).rows[0] == 7


def test_no_rows_at_all(tmp_path):
    run, data = planted(tmp_path, directions(4))
    none = data.take(np.empty(0, np.int64))
    for by in ("facility_location", "k_center", "top_k(by=length)"):
        assert len(two_round(run, none, Budget(count=2), by=by)) == 0


def test_nothing_to_pick_from(tmp_path):
    run, data = planted(tmp_path, np.full((6, 3), np.nan))
    for by in ("facility_location", "k_center"):
        found = two_round(run, data, Budget(count=2), by=by, parts=3)
        assert isinstance(found, Selection) and len(found) == 0
        assert np.concatenate(list(found.dropped.values())).tolist() == list(range(6))
