"""TSDS's rule against linear programming over the objective of its card."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tamis.neighbours import nearest
from tamis.selectors.tsds import Settings, densities, masses
from tamis.vectors import Table

optimize = pytest.importorskip("scipy.optimize")
sys.path.append(str(Path(__file__).parents[1] / "unit/selectors"))
from selector_pools import pool  # noqa: E402


def table(vectors):
    return Table(pool(len(vectors), v=vectors), "v", np.arange(len(vectors)))


def best(apart, kde, settings):
    """(objective, mass of each row) of the best plan p (target rows x rows) and cap t >= kde p."""
    queries, rows = apart.shape
    plan = queries * rows
    costs = np.append(
        settings.alpha / settings.scale * apart.ravel(), (1 - settings.alpha) * queries
    )
    sums = np.zeros((queries, plan + 1))
    for query in range(queries):
        sums[query, query * rows : (query + 1) * rows] = 1
    capped = np.column_stack([np.diag(np.tile(kde, queries)), -np.ones(plan)])
    found = optimize.linprog(
        costs, A_ub=capped, b_ub=np.zeros(plan), A_eq=sums, b_eq=np.full(queries, 1 / queries)
    )
    assert found.status == 0
    return found.fun, found.x[:plan].reshape(queries, rows).sum(axis=0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sigma", [0.0, 1.0], ids=["KNN-Uniform", "KNN-KDE"])
@pytest.mark.parametrize(("alpha", "scale"), [(0.5, 5.0), (0.5, 0.3), (0.9, 1.0), (0.02, 1.0)])
def test_the_rule_reaches_the_optimum(alpha, scale, sigma, seed):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((25, 3)).astype(np.float32)
    target = generator.standard_normal((4, 3)).astype(np.float32)
    settings = Settings(alpha, scale, sigma, 1000)
    queries, all_rows = table(target), table(rows)
    found, info = masses(queries, all_rows, nearest(queries, all_rows, 25), settings)
    norms = np.square(rows.astype(float)).sum(axis=1)
    kde = densities(all_rows, np.arange(25), np.arange(25), norms, settings)
    apart = np.linalg.norm(target[:, None].astype(float) - rows, axis=2)
    objective, wanted = best(apart, kde, settings)
    # the plan behind the masses: each target row fills its nearest rows up to the cap
    plan = np.zeros_like(apart)
    for query, order in enumerate(np.argsort(apart, axis=1)):
        filled = np.minimum(np.cumsum(1 / kde[order]) / info["s"], 1) / len(target)
        plan[query, order] = np.diff(filled, prepend=0)
    ours = alpha / scale * (plan * apart).sum() + (1 - alpha) * len(target) * (kde * plan).max()
    assert found == pytest.approx(plan.sum(axis=0), abs=1e-6)
    assert ours == pytest.approx(objective, rel=1e-5)
    assert found == pytest.approx(wanted, abs=1e-4)
