"""CaR as a recipe: the oracle's union, and copies left out."""

import numpy as np

from tamis.budget import Budget
from tamis.recipes.car import car
from tamis.recipes.scar import scar
from tamis.run.session import Run
from tamis.testing import a_run, dataset
from tamis.types import Column, Pool

SCORES = [0.9, 0.8, 0.85, 0.3, 0.2, 0.6]
CENTRES = [(0, 0), (0, 0), (0, 0), (9, 0), (9, 0), (0, 9)]  # clusters 0, 0, 0, 1, 1, 2


def pool_of(answers):
    rows = [{"instruction": f"Q{n}", "output": text} for n, text in enumerate(answers)]
    return dataset(rows)


def test_oracle_the_two_best_and_the_best_of_each_cluster(tmp_path, monkeypatch):
    """methods.md C1: n1 = 2 takes 0 and 2; the clusters' best are 0, 3 and 5."""
    data = pool_of([f"answer {n}" for n in range(6)])
    picked = picks(tmp_path, monkeypatch, data, SCORES, top=2)
    assert sorted(picked.rows.tolist()) == [0, 2, 3, 5]
    assert picked.info["union"] == 4


def test_a_copy_is_left_out_before_anything_is_counted(tmp_path, monkeypatch):
    rows = [{"instruction": "Q", "output": "same"}] * 2
    rows += [{"instruction": f"Q{n}", "output": f"answer {n}"} for n in range(4)]
    data = dataset(rows)
    picked = picks(tmp_path, monkeypatch, data, SCORES, top=2)
    assert len(set(picked.rows.tolist()) & {0, 1}) == 1
    assert [len(gone) for gone in picked.dropped.values()] == [1]
    assert list(picked.dropped) == ["exact copy"]


def test_copies_may_stay(tmp_path, monkeypatch):
    rows = [{"instruction": "Q", "output": "same"}] * 6
    picked = picks(tmp_path, monkeypatch, dataset(rows), SCORES, top=2, copies="keep")
    assert len(picked) == 4 and not picked.dropped


def picks(tmp_path, monkeypatch, data, scores, **params):
    """What the recipe picks of rows with these scores in the oracle's clusters."""
    run = a_run(str(tmp_path))
    columns = {
        "reward": Column.floats(np.array(scores)),
        "embedding": Column.vectors(np.array(CENTRES, np.float32)),
    }
    score = Run.score

    def known(self, rows, names):
        held = rows if isinstance(rows, Pool) else Pool.of(rows)
        if not isinstance(rows, Pool):
            held = Pool(held.data, {**held.columns, **columns}, held.rows)
        return score(self, held, [name for name in names if name not in columns])

    monkeypatch.setattr(Run, "score", known)
    return car(run, data, Budget(count=4), clusters=3, variance=1.0, **params)


def test_scar_takes_the_highest_scores_first(tmp_path):
    data = pool_of(["bb", "a", "dddd", "ccc"])
    run = a_run(str(tmp_path))
    picked = scar(run, data, Budget(count=3), by="length")
    assert picked.rows.tolist() == [2, 3, 0]


def test_scar_leaves_out_copies_and_what_is_nearly_one(tmp_path):
    words = "one two three four five six seven eight nine ten eleven twelve"
    texts = [words, words, words + " thirteen", "another answer that is not at all like it"]
    data = dataset([{"instruction": "Q", "output": text} for text in texts])
    picked = scar(a_run(str(tmp_path)), data, Budget(count=4), by="length", similarity=0.6)
    assert len(picked) == 2
    assert {name: len(rows) for name, rows in picked.dropped.items()} == {
        "exact copy": 1,
        "near duplicate": 1,
    }
