"""The verb: subsets beside random rows, with columns computed first and faults told."""

import numpy as np
import pytest
from measure_pools import rows

import tamis
from tamis.errors import UserError
from tamis.measures.knn_distance import knn_distance
from tamis.run.measure import asked, measures, usual
from tamis.selectors.random import uniform
from tamis.testing import a_run, dataset

OWN = '''"""Rows of the subset."""
from tamis.spec import measure
from tamis.types import Ints, Pool

@measure(prefer="low")
def {name}(pool: Pool, rows: Ints, *, more: float = 0.0) -> float:
    """Number of rows.

    Args:
        more: added
    """
    return {value}
'''


@pytest.fixture
def run(tmp_path):
    return a_run(str(tmp_path / "store"))


@pytest.fixture
def data():
    texts = [("question " * (i % 3), "answer " * i) for i in range(1, 31)]
    return dataset([{"instruction": q, "output": a} for q, a in texts] + [blank()] * 2)


def blank():
    return {"instruction": "", "output": " "}  # the stand-in has no vector for it


def test_all_that_need_only_the_embedding_is_what_is_measured_where_nothing_is_named(run, data):
    (found,) = tamis.measure(data, [0, 3, 5, 9], run=run)
    assert set(found.values) == set(usual()) >= {"vendi_score", "covering_radius", "novel_sum"}
    assert "tag_coverage" not in found.values
    assert (found.rows, found.pool) == (4, 32)
    assert all(len(values) == 3 for values in found.random.values())
    assert found.prefer["covering_radius"] == "low"


def test_a_value_is_what_the_function_gives(run, data):
    (found,) = tamis.measure(data, [0, 3, 5, 9], of="knn_distance(k=2)", run=run)
    pool = run.score(data, ["embedding"])
    assert found.values == {"knn_distance(k=2)": knn_distance(pool, rows(0, 3, 5, 9), k=2)}


def test_random_rows_are_drawn_by_seeds_from_the_rows_that_have_a_value(run, data):
    subsets = {"subset": [0, 3, 5, 9, 31]}  # the last has no vector: random subsets have four rows
    (found,) = tamis.measure(data, subsets, of="knn_distance", random=2, run=run)
    pool = run.score(data, ["embedding"])
    ids = [name for name, there in zip(pool.ids, range(32), strict=True) if there < 30]
    for seed, value in enumerate(found.random["knn_distance"]):
        order = sorted(range(30), key=lambda i: uniform(ids, -1 - seed)[i])
        assert value == knn_distance(pool, np.array(order[:4]))
    assert found.rows == 5


def test_several_subsets_and_no_random_rows(run, data):
    subsets = {"odd": [1, 3, 5], "even": np.array([0, 2, 4])}
    odd, even = tamis.measure(data, subsets, of=["vendi_score", "knn_distance"], random=0, run=run)
    assert (odd.subset, even.subset) == ("odd", "even")
    assert odd.values != even.values and odd.random == {"vendi_score": [], "knn_distance": []}


def test_a_column_that_a_measure_names_is_computed(run, data):
    (found,) = tamis.measure(data, [0, 1], of="tag_coverage(tags=turns)", run=run)
    assert found.values == {"tag_coverage(tags=turns)": 1.0}


def test_what_cannot_be_measured_is_told_beside_what_can(run, data):
    (found,) = tamis.measure(data, [0], of=["knn_distance", "vendi_score"], run=run)
    assert found.values["vendi_score"] == pytest.approx(1)
    assert "less than its rows" in found.problems["knn_distance"]
    with pytest.raises(UserError, match="less than its rows"):
        tamis.measure(data, [0], of="knn_distance", run=run)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([0, 0], "distinct"),
        ([32], "from 0 to 31"),
        ([-1], "from 0 to 31"),
        ([0.5], "whole numbers"),
        ([True, False], "whole numbers"),
        ([[0, 1]], "whole numbers"),
    ],
)
def test_rows_are_positions(run, data, given, said):
    with pytest.raises(UserError, match=said):
        tamis.measure(data, given, run=run)


def test_faults_are_named_at_once_before_anything_is_computed(run, data):
    with pytest.raises(UserError) as error:
        tamis.measure(data, [0], of=["vendi", "knn_distance(kk=1)", "tag_coverage"], run=run)
    text = str(error.value)
    assert "did you mean 'vendi_score'" in text and "'kk'" in text and "needs tags" in text
    with pytest.raises(UserError, match="no method 'mtld'"):
        tamis.measure(data, [0], of="mtld", run=run)
    with pytest.raises(UserError, match="set 0 or more"):
        tamis.measure(data, [0], random=-1, run=run)
    with pytest.raises(UserError, match="which rows to measure"):
        tamis.measure(data, run=run)


def test_a_measure_of_ones_own(run, data, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN.format(name="many", value="len(rows) + more"))
    with pytest.raises(UserError, match="--allow-code"):
        tamis.measure(data, [0, 1], of=f"{path}:many", run=run)
    run.allow_code = True
    (found,) = tamis.measure(data, [0, 1], of=f"{path}:many(more=2)", run=run)
    assert list(found.values.values()) == [4.0]
    path.write_text(OWN.format(name="bad", value="float('nan')"))
    with pytest.raises(UserError, match="the method bad failed: ValueError"):
        tamis.measure(data, [0, 1], of=f"{path}:bad", run=run)
    path.write_text(OWN.format(name="bad", value="{}['x']"))
    with pytest.raises(UserError, match="the method bad failed: KeyError"):
        measures(run, data, {"a": rows(0, 1)}, asked([f"{path}:bad"], run))
