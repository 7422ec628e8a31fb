"""What holds for every registered selector, whatever it computes."""

import inspect

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import registry
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.types import SCHEMA, Column, ColumnName, Dataset, Pool, fingerprint

SELECTORS = [spec for spec in registry.specs(("select",)) if not spec.resources]
SETTINGS = {
    "stratified": {"by": "label", "then": "score"},
    "threshold": {"by": "score", "at_least": -1.0},
    "percentile_band": {"by": "score", "low": 10.0, "high": 90.0},
    "cluster_quota": {"by": "score"},
    "cluster_best": {"by": "score", "top": 3},
    "cover": {"quality": "score"},
    "sieve": {"most": 64},  # subsets nest up to there
}
BY_SEED = {
    *("random", "length_matched_random", "gumbel_top_k", "stratified", "percentile_band"),
    *("dq", "tsds", "k_center", "novel_select", "cluster_quota"),
}
LEAVES_OUT = {"deita_filter", "k_center", "percentile_band", "sieve"}
"""They pass over rows as they pick: copies, rows outside of a band, rows not kept in time."""
READ_NO_COLUMN = {"random", "length_matched_random"}

every_selector = pytest.mark.parametrize("spec", SELECTORS, ids=lambda spec: spec.name)
quick = settings(max_examples=15, deadline=None)


def make(ids, answers, columns, costs):
    rows = [
        {
            "id": i,
            "messages": [{"role": "assistant", "content": answer}],
            "source": 0,
            "row": number,
        }
        for number, (i, answer) in enumerate(zip(ids, answers, strict=True))
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    made = Pool.of(Dataset(table, fingerprint(table["id"])), **columns)
    return Pool(made.data, made.columns, made.rows, np.asarray(costs, np.int64))


@st.composite
def pools(draw, duplicates=True):
    count = draw(st.integers(1, 30))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vectors = generator.standard_normal((count, 4)).astype(np.float32)
    scores = generator.integers(0, 6, count).astype(float)  # ties
    if duplicates:
        vectors[: count // 3] = vectors[0]
    order = generator.permutation(count)
    return make(
        [f"{number:03d}" for number in order],
        ["a" * n for n in generator.integers(1, 20, count)],
        {
            "embedding": vectors,
            "score": scores,
            "label": [f"l{n}" for n in generator.integers(0, 4, count)],
            "tags": [[f"t{n}"] for n in generator.integers(0, 4, count)],
        },
        generator.integers(1, 50, count),
    )


def choose(spec, pool, budget):
    params = dict(SETTINGS.get(spec.name, {}))
    for name, param in spec.params.items():
        if param.default is inspect.Parameter.empty and name not in params:
            assert param.is_column, f"say in SETTINGS what {spec.name} should get as {name}"
            plural = param.type != ColumnName
            params[name] = ["score"] if plural else "score"
    targets = {n: pool if kind is Pool else pool.data for n, kind in spec.targets.items()}
    try:
        return spec.function(pool, budget, **targets, **params)
    except UserError as error:
        kind = next((k for k in ("vectors", "tags") if k in str(error)), None)
        if kind is None or spec.name in SETTINGS:
            raise
        column = "embedding" if kind == "vectors" else "tags"
        again = {n: column if v == "score" else v for n, v in params.items()}
        return spec.function(pool, budget, **targets, **again)


@every_selector
@given(pool=pools(), count=st.integers(1, 40))
@quick
def test_rows_are_unique_in_range_and_within_a_count(spec, pool, count):
    chosen = choose(spec, pool, Budget(count=count))
    assert len(chosen) <= count
    assert len(set(chosen.rows.tolist())) == len(chosen) == len(chosen.gains)
    assert all(0 <= row < len(pool) for row in chosen.rows.tolist())
    assert np.isfinite(chosen.gains).all()


@every_selector
@given(pool=pools(), tokens=st.integers(1, 600))
@quick
def test_tokens_are_never_exceeded(spec, pool, tokens):
    assert pool.costs[choose(spec, pool, Budget(tokens=tokens)).rows].sum() <= tokens


@every_selector
@given(pool=pools(), small=st.integers(1, 30), more=st.integers(0, 30))
@quick
def test_a_smaller_budget_is_a_prefix(spec, pool, small, more):
    less = choose(spec, pool, Budget(count=small))
    larger = choose(spec, pool, Budget(count=small + more))
    assert larger.rows[: len(less)].tolist() == less.rows.tolist()
    few, many = (choose(spec, pool, Budget(tokens=20 * n)) for n in (small, small + more))
    assert many.rows[: len(few)].tolist() == few.rows.tolist()


@every_selector
@given(pool=pools(), seed=st.integers(0, 99))
@quick
def test_the_order_of_the_file_changes_nothing(spec, pool, seed):
    shuffled = pool.take(np.random.default_rng(seed).permutation(len(pool)))
    budget = Budget(count=max(1, len(pool) // 2))
    one, two = choose(spec, pool, budget), choose(spec, shuffled, budget)
    assert pool.ids[one.rows].tolist() == shuffled.ids[two.rows].tolist()
    assert np.allclose(one.gains, two.gains)


@every_selector
@given(pool=pools(), holes=st.lists(st.booleans(), min_size=30, max_size=30))
@quick
def test_a_row_without_values_is_never_picked(spec, pool, holes):
    if spec.name in READ_NO_COLUMN:
        return
    gone = np.array(holes[: len(pool)])
    score = np.where(gone, np.nan, pool.scores("score"))
    vectors = np.where(gone[:, None], np.nan, pool.vectors("embedding"))
    labels = [None if hole else v for v, hole in zip(pool.labels("label"), gone, strict=True)]
    holed = Pool.of(pool.data, score=score, embedding=vectors, label=Column.strings(labels))
    columns = {**holed.columns, "tags": Column.tags(pool.labels("tags"), missing=gone)}
    holed = Pool(pool.data, columns, pool.rows, pool.costs)
    chosen = choose(spec, holed, Budget(count=len(pool)))
    assert not gone[chosen.rows].any()
    missing = [rows for why, rows in chosen.dropped.items() if why.startswith("no value")]
    assert all(gone[rows].all() for rows in missing)


@every_selector
def test_equal_rows_come_in_the_order_of_their_ids_or_by_the_seed(spec):
    count = 12
    columns = {
        "embedding": np.ones((count, 4), np.float32),
        "score": np.ones(count),
        "label": ["a"] * count,
        "tags": [["a"]] * count,
    }
    pool = make([f"{n:02d}" for n in range(count)], ["a"] * count, columns, [1] * count)
    chosen = choose(spec, pool, Budget(count=count))
    if spec.name not in BY_SEED:
        assert chosen.rows.tolist() == sorted(chosen.rows.tolist())
    assert len(set(chosen.rows.tolist())) == len(chosen)


def plain(count, embedding, **columns):
    """A pool of rows that differ in nothing but their vectors and their scores."""
    usual = {
        "score": np.arange(count, dtype=float),
        "label": ["a" if n % 3 else "b" for n in range(count)],
        "tags": [[f"t{n % 4}"] for n in range(count)],
    }
    ids, answers = [f"{n:02d}" for n in range(count)], ["a" * (n + 1) for n in range(count)]
    return make(ids, answers, {"embedding": embedding, **usual, **columns}, [1] * count)


HARD = {
    "all zero": np.zeros((8, 3)),
    "all identical": np.full((8, 3), 0.5),
    "one row": np.ones((1, 3)),
    "one zero row": np.zeros((1, 3)),
    "two opposite rows": np.array([[1.0, 0, 0], [-1, 0, 0]]),
    "some not finite": np.array([[np.nan, 0, 0], [np.inf, 0, 1], [1, 2, 3], [0, 0, 1]]),
    "nothing finite": np.full((3, 3), np.nan),
    "huge": np.array([[1e18, 0, 0], [0, 1e18, 0], [0, 0, 1e18], [1, 1, 1]]),
    "tiny": np.array([[1e-18, 0, 0], [0, 1e-18, 0], [0, 0, 1e-18], [1, 1, 1]]),
}


@every_selector
@pytest.mark.parametrize("kind", HARD)
def test_hard_vectors_have_an_outcome(spec, kind):
    vectors = HARD[kind].astype(np.float32)
    pool = plain(len(vectors), vectors)
    for count in (1, len(vectors), 10 * len(vectors)):
        chosen = choose(spec, pool, Budget(count=count))
        assert len(set(chosen.rows.tolist())) == len(chosen) <= min(count, len(pool))
        assert np.isfinite(chosen.gains).all()
        if any(param.is_column for param in spec.params.values()) and "embedding" in str(
            [param.default for param in spec.params.values()]
        ):
            finite = np.isfinite(vectors).all(axis=1)
            assert finite[chosen.rows].all()


@every_selector
@given(pool=pools(), most=st.integers(0, 4), least=st.integers(0, 3), count=st.integers(1, 20))
@quick
def test_quotas_hold_for_every_selector(spec, pool, most, least, count):
    try:
        budget = Budget(count=count).within([f"label=l0:..{most}", f"label=l1:{least}.."])
        chosen = choose(spec, pool, budget)
    except UserError as error:
        assert "quota" in str(error) or "no row has it" in str(error)
        return
    labels = pool.labels("label")
    picked = [labels[row] for row in chosen.rows.tolist()]
    assert picked.count("l0") <= most and len(picked) <= count
    has = chosen.info["quotas"].get("label=l1", {"has": 0, "met": True})
    assert has["has"] == picked.count("l1") and has["met"] == (has["has"] >= least)
    if len(choose(spec, pool, Budget(count=len(pool)))) == len(pool):  # it leaves out no row
        assert has["met"]


@every_selector
@given(
    pool=pools(),
    allocation=st.sampled_from(["proportional", "square_root", "equal"]),
    count=st.integers(1, 20),
    holes=st.lists(st.booleans(), min_size=30, max_size=30),
)
@quick
def test_every_selector_gives_each_group_its_seats(spec, pool, allocation, count, holes):
    """Within one row, or the report says that a group has too few."""
    labels = np.array(pool.labels("label"))
    gone = np.array(holes[: len(pool)]) & (labels == "l0")
    score = np.where(gone, np.nan, pool.scores("score"))
    vectors = np.where(gone[:, None], np.nan, pool.vectors("embedding"))
    columns = Pool.of(pool.data, score=score, embedding=vectors, label=labels.tolist()).columns
    columns = {**columns, "tags": Column.tags(pool.labels("tags"), missing=gone)}
    holed = Pool(pool.data, columns, pool.rows, pool.costs)
    chosen = choose(spec, holed, Budget(count=count).within([f"label=*:{allocation}"]))
    picked = labels[chosen.rows]
    told = chosen.info["quotas"]
    assert len(chosen) <= count and set(told) == {f"label={name}" for name in labels}
    for name, group in told.items():
        assert group["has"] == (picked == name.removeprefix("label=")).sum() <= group["most"]
        assert group["size"] == (labels == name.removeprefix("label=")).sum()
        assert group["met"] == (group["has"] == group["most"])
    if spec.name not in LEAVES_OUT:  # it picks every row that has what it looks at
        can = {name: group["can_be_picked"] for name, group in told.items()}
        assert len(chosen) == min(count, sum(can.values()))
        assert all(group["met"] for group in told.values())


def test_a_budget_of_nothing_is_refused():
    for nothing in (0, "0", "0%", "0tok"):
        with pytest.raises(UserError, match="more than 0 rows"):
            Budget.parse(nothing)
