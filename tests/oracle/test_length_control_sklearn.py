"""The model of equal length against scikit-learn's logistic regression, penalty and all."""

import numpy as np
import pytest

from tamis.evaluation.length_control import equal_length

linear_model = pytest.importorskip("sklearn.linear_model")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hard", [False, True])
def test_the_terms_are_those_of_scikit_learn(seed, hard):
    rng = np.random.default_rng(seed)
    apart, said = rng.normal(100, 300, 150), rng.beta(0.4, 0.6, 150)
    difficulty = rng.normal(0, 1, 150) if hard else None
    ours = equal_length(said, apart, difficulty, ridge=0.5)
    features = np.tanh(apart / apart.std(ddof=1))[:, None]
    if difficulty is not None:
        features = np.column_stack([features, difficulty])
    # each prompt twice, once a label, weighted by the preference for that label
    model = linear_model.LogisticRegression(C=1 / 0.5, tol=1e-10, max_iter=1000)
    model.fit(
        np.vstack([features, features]),
        np.repeat([1, 0], 150),
        sample_weight=np.concatenate([said, 1 - said]),
    )
    terms = [ours.model, ours.length, *([ours.difficulty] if hard else [])]
    assert terms == pytest.approx([model.intercept_[0], *model.coef_[0]], abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_resampled_prompts(seed):
    rng = np.random.default_rng(seed)
    apart = rng.normal(150, 300, 400)
    at = 0.4 + np.tanh(apart / 300)
    said = (rng.random(400) < 1 / (1 + np.exp(-at))).astype(float)
    rate = equal_length(said, apart).rate
    drawn = (rng.integers(0, 400, 400) for _ in range(1500))
    means = [equal_length(said[rows], apart[rows]).rate.value for rows in drawn]
    low, high = np.percentile(means, (2.5, 97.5))
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=0.12 * (high - low))
