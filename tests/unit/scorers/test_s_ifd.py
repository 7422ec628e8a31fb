import numpy as np
import pytest

from tamis.errors import UserError
from tamis.scorers.s_ifd import s_ifd
from tamis.testing import dataset
from tamis.types import Column, Pool

H1 = np.array([-1.5, -0.5, -0.25, -0.75])


def pool(*series, name="loss_difference"):
    values = [np.zeros(0) if s is None else np.asarray(s, float) for s in series]
    missing = np.array([s is None for s in series], dtype=bool)
    data = dataset([{"instruction": f"ask {n}", "output": f"say {n}"} for n in range(len(series))])
    return Pool.of(data, **{name: Column.series(values, empty_answer=missing)})


def scores(rows, **params):
    column = s_ifd(rows, **params)
    return column.values.to_pylist()


def test_the_oracle_with_half_of_the_tokens_and_with_all():
    assert scores(pool(H1)) == pytest.approx([0.324652], abs=1e-6)
    assert scores(pool(H1), ratio=1.0) == pytest.approx([0.472367], abs=1e-6)


def test_a_token_at_the_threshold_is_not_kept():
    # |Delta| 1, 2, 3: the median is 2, and strictly above it is 3 alone
    assert scores(pool([-1.0, 2.0, -3.0])) == pytest.approx([np.exp(-3)])


def test_the_threshold_is_of_the_whole_pool():
    found = scores(pool([-4.0, -5.0], [-3.0, -6.0], [-1.0, -0.5]), unkept="one")
    assert found == pytest.approx([np.exp(-4.5), np.exp(-6.0), 1.0])


def test_a_row_without_a_kept_token_is_null_with_a_reason_or_one_by_name():
    rows = pool([-4.0, -5.0], [-3.0, -1.0])
    column = s_ifd(rows)
    assert column.values.to_pylist()[1] is None
    assert column.problem.to_pylist() == [None, "no_token_kept"]
    assert scores(rows, unkept="one")[1] == 1.0


def test_a_row_without_a_series_has_no_score_and_moves_no_other():
    column = s_ifd(pool(None, H1, None))
    assert column.problem.to_pylist() == ["empty_answer", None, "empty_answer"]
    assert column.values.to_pylist()[1] == pytest.approx(0.324652, abs=1e-6)


def by_hand(rows, neighbours, ratio):
    """The official computation in loops: mean and population deviation of each row's readings."""
    flat = np.concatenate([np.asarray(row, np.float32) for row in rows])
    threshold = np.percentile(np.abs(flat.tolist()), (1 - ratio) * 100)
    found = []
    for row in rows:
        each = []
        for reading in np.split(np.asarray(row, np.float32), neighbours):
            kept = [float(d) for d in reading if abs(d) > threshold]
            each.append(np.exp(sum(kept) / max(len(kept), 1)))
        found.append((np.mean(each), np.std(each)))
    return np.array(found)


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.5, 0.9])
def test_mean_and_deviation_over_readings(ratio):
    random = np.random.default_rng(0)
    rows = [random.normal(-0.2, 0.5, 4 * n) for n in random.integers(1, 9, 30)]
    name = "loss_difference(neighbours=4)"
    given = pool(*rows, name=name)
    wanted = by_hand(rows, 4, ratio)
    params = {"of": name, "ratio": ratio, "unkept": "one"}
    np.testing.assert_allclose(scores(given, **params), wanted[:, 0], rtol=1e-6)
    deviation = scores(given, statistic="std", **params)
    np.testing.assert_allclose(deviation, wanted[:, 1], rtol=1e-6, atol=1e-9)


def test_one_reading_without_a_kept_token_makes_the_row_null():
    name = "loss_difference(neighbours=2)"
    rows = pool([-5.0, -4.0, -0.1, -0.2], [-4.0, -0.3, -6.0, -0.1], name=name)
    column = s_ifd(rows, of=name)
    assert column.problem.to_pylist() == ["no_token_kept", None]
    assert scores(rows, of=name, unkept="one")[0] == pytest.approx((np.exp(-4.5) + 1) / 2)


def test_a_deviation_of_one_reading_is_refused():
    with pytest.raises(UserError, match="neighbours=30"):
        s_ifd(pool(H1), statistic="std")


def test_readings_that_do_not_divide_a_row_are_refused():
    name = "loss_difference(neighbours=3)"
    with pytest.raises(UserError, match="3 readings"):
        s_ifd(pool(H1, name=name), of=name)


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1.5, float("nan")])
def test_a_ratio_that_is_no_share_is_refused(ratio):
    with pytest.raises(UserError, match="share"):
        s_ifd(pool(H1), ratio=ratio)


def test_no_rows_and_no_series():
    assert len(s_ifd(pool(H1).take(np.empty(0, np.int64)))) == 0
    assert s_ifd(pool(None, None)).values.to_pylist() == [None, None]
