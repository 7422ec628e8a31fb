"""k-center from the middles of clusters, on states of a language model."""

import numpy as np
from _trained import fake_run, real_run, small

from tamis.budget import Budget
from tamis.kmeans import k_means
from tamis.recipes.coreset import coreset

STATES = "hidden_state(pooling=mean,unit=true)"


def test_the_first_rows_are_nearest_to_the_centres_large_clusters_first(tmp_path):
    run, data = real_run(tmp_path), small()
    picked = coreset(run, data, Budget(count=6), of="hidden_state(template=plain)", clusters=4)
    order = np.argsort(data.ids.to_pylist())
    vectors = run.score(data, ["hidden_state(template=plain)"]).vectors(
        "hidden_state(template=plain)"
    )
    assert np.linalg.norm(vectors, axis=1).round(5).tolist() == [1] * 24
    found = k_means(vectors[order], 4)
    wanted = []
    for label in np.argsort(-found.sizes, kind="stable"):
        inside = np.flatnonzero(found.labels == label)
        apart = np.linalg.norm(vectors[order][inside] - found.centres[label], axis=1)
        wanted.append(int(order[inside[np.argmin(apart)]]))
    assert picked.rows[:4].tolist() == wanted


def test_the_rows_after_them_are_the_farthest(tmp_path):
    run, data = fake_run(tmp_path), small()
    picked = coreset(run, data, Budget(count=6), clusters=4)
    vectors = run.score(data, [STATES]).vectors(STATES).astype(float)
    for place in (4, 5):
        before = vectors[picked.rows[:place]]
        apart = np.linalg.norm(vectors[:, None] - before, axis=2).min(axis=1)
        assert np.isclose(apart[picked.rows[place]], apart.max(), atol=1e-5)
