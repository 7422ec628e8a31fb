import numpy as np
import pytest

from tamis.errors import UserError
from tamis.scorers.length_score import length_score
from tamis.scorers.weighted_mean import weighted_mean
from tamis.testing import dataset
from tamis.types import Pool

LENGTHS = (100, 400, 900, 1000, 5000)


def rows(lengths):
    turns = [[("user", "q" * (n // 4)), ("assistant", "a" * (n - n // 4))] for n in lengths]
    return [{"messages": [{"role": r, "content": t} for r, t in pair]} for pair in turns]


def test_the_oracle_of_lift():
    pool = Pool.of(dataset(rows(LENGTHS)))
    scores = length_score(pool).values.to_numpy()
    np.testing.assert_allclose(scores, [100 * n / 4680 for n in LENGTHS[:-1]] + [100])
    both = Pool.of(pool.data, rating=np.full(5, 82.0), longest=scores)
    final = weighted_mean(both, of=("rating", "longest"), weights=(9, 1)).values.to_numpy()
    np.testing.assert_allclose(final, [74.0137, 74.6547, 75.7231, 75.9368, 83.8], atol=5e-5)


def test_tabs_and_line_breaks_are_not_counted():
    spread = {"messages": [{"role": "user", "content": "a\t\tb\nc"}]}
    dense = {"messages": [{"role": "user", "content": "abd"}]}
    assert length_score(Pool.of(dataset([spread, dense]))).values.to_pylist() == [100, 100]


def test_an_empty_answer_scores_0_and_is_no_failure():
    one, two = rows([8, 40])
    one["messages"][1]["content"] = ""
    column = length_score(Pool.of(dataset([one, two])), of="response")
    assert column.values.to_pylist() == [0, 100]


def test_a_pool_without_text_has_no_scale():
    silent = {"messages": [{"role": "user", "content": "say nothing"}]}
    column = length_score(Pool.of(dataset([silent])), of="response")
    assert column.problem.to_pylist() == ["no_scale"]


def test_a_percentile_beyond_100_is_refused():
    with pytest.raises(UserError, match="percentile"):
        length_score(Pool.of(dataset()), percentile=101)
