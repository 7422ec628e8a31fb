"""Columns that are handed over instead of computed."""

import numpy as np

from tamis.run.session import Run
from tamis.testing import dataset
from tamis.types import Pool

ROWS = [{"instruction": f"q {i}", "output": "word " * i} for i in range(1, 5)]
MEAN = "weighted_mean(of=[mine,length],weights=[1,0])"


def test_a_column_made_of_another_content_is_computed_anew(tmp_path):
    data = dataset(ROWS)
    for values in ([1.0, 2.0, 3.0, 4.0], [9.0, 8.0, 7.0, 6.0]):
        found = Run(store=tmp_path).score(Pool.of(data, mine=np.array(values)), [MEAN])
        assert found.scores(MEAN).tolist() == values


def test_the_same_content_is_read_from_the_store(tmp_path):
    data = dataset(ROWS)
    for _ in range(2):
        Run(store=tmp_path).score(Pool.of(data, mine=np.arange(4.0)), [MEAN])
    assert len(list((tmp_path / "weighted_mean").iterdir())) == 1


def test_a_column_computed_here_keeps_its_own_key(tmp_path):
    data, run = dataset(ROWS), Run(store=tmp_path)
    mean = "weighted_mean(of=[mtld,length],weights=[0,1])"
    run.score(run.score(data, ["length", "mtld"]), [mean])
    Run(store=tmp_path).score(data, [mean])
    assert len(list((tmp_path / "weighted_mean").iterdir())) == 1
