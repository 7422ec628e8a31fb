import numpy as np
import pytest
from measure_pools import pool, rows, vectors

from tamis.errors import UserError
from tamis.measures.tag_coverage import tag_coverage

TAGS = [["a", "b"], ["b"], [], ["c", "c"], None, ["d"]]


def test_sets_by_hand():
    made = pool(6, tags=TAGS)
    assert tag_coverage(made, rows(0), tags="tags") == 2 / 4
    assert tag_coverage(made, rows(0, 1, 2), tags="tags") == 2 / 4
    assert tag_coverage(made, rows(3, 5, 4), tags="tags") == 2 / 4
    assert tag_coverage(made, rows(2), tags="tags") == 0
    assert tag_coverage(made, np.arange(6), tags="tags") == 1


def test_plain_labels_and_numbers_count_as_one_tag_a_row():
    made = pool(5, label=["x", "y", "x", None, "z"], turns=np.array([1.0, 2, 1, np.nan, 1]))
    assert tag_coverage(made, rows(0, 2, 3), tags="label") == 1 / 3
    assert tag_coverage(made, rows(0, 3), tags="turns") == 1 / 2


def test_random_tags_against_sets():
    generator = np.random.default_rng(7)
    tags = [
        [f"t{n}" for n in generator.integers(0, 40, generator.integers(0, 4))] for _ in range(60)
    ]
    chosen = generator.choice(60, 12, replace=False)
    wanted = len({t for c in chosen for t in tags[c]}) / len({t for ts in tags for t in ts})
    assert tag_coverage(pool(60, tags=tags), chosen, tags="tags") == wanted


def test_what_cannot_be_measured():
    made = pool(6, tags=TAGS, embedding=vectors(6), nothing=[[], [], [], [], [], []])
    with pytest.raises(UserError, match="no row of the subset has a value in tags"):
        tag_coverage(made, rows(4), tags="tags")
    with pytest.raises(UserError, match="holds vectors"):
        tag_coverage(made, rows(0), tags="embedding")
    with pytest.raises(UserError, match="no row of the pool has a tag"):
        tag_coverage(made, rows(0), tags="nothing")
