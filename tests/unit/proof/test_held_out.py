"""What models are measured on is not what they were trained on."""

import pytest

from tamis.errors import UserError
from tamis.proof.held_out import held_out, named, without_repeats
from tamis.testing import dataset

LONG = "please tell me in a few plain words why the sky over the sea is blue at noon"


def pool(*instructions):
    return dataset([{"instruction": text, "output": "a"} for text in instructions])


def test_held_out_rows_are_not_in_the_pool_and_do_not_depend_on_the_order():
    texts = [f"question {i}" for i in range(100)]
    one, other = held_out(pool(*texts), 7), held_out(pool(*texts[::-1]), 7)
    (test,), (same,) = one.tests, other.tests
    assert len(test.data) == 7
    assert set(test.data.ids.to_pylist()) == set(same.data.ids.to_pylist())
    assert not set(test.data.ids.to_pylist()) & set(one.pool.ids.to_pylist())


def test_twins_of_a_held_out_row_are_rows_that_repeat_a_prompt():
    parted = held_out(pool(*[f"question {i % 50}" for i in range(100)]), 5)
    asked = set(parted.tests[0].data.texts("instruction").to_pylist())
    rest = without_repeats(parted.pool, parted.tests, "remove", runs=False).pool
    assert not asked & set(rest.texts("instruction").to_pylist())
    assert len(parted.pool) == 95


def test_a_tenth_at_most():
    assert len(held_out(pool(*[f"q {i}" for i in range(50)]), 500).tests[0].data) == 5
    with pytest.raises(UserError, match="too few to hold some out"):
        held_out(pool("a", "b"), 1)


def test_rows_that_repeat_a_prompt_are_removed_and_counted():
    rows, test = pool("q 1", LONG + " today", "q 2", LONG), named("exam.jsonl", pool(LONG, "q 2"))
    parted = without_repeats(rows, [test], "remove")
    assert parted.pool.texts("instruction").to_pylist() == ["q 1"]
    assert parted.notes == ("3 rows of the pool repeat a test prompt: removed",)


def test_they_are_counted_where_they_are_kept():
    parted = without_repeats(pool("q 1", "q 2"), [named("exam.jsonl", pool("q 2"))], "keep")
    assert len(parted.pool) == 2
    assert parted.notes == ("1 rows of the pool repeat a test prompt and were kept",)


def test_of_the_pools_own_rows_only_equal_prompts_count():
    rows, test = pool("q 1", LONG + " today", LONG), named("exam.jsonl", pool(LONG))
    parted = without_repeats(rows, [test], "remove", runs=False)
    assert len(parted.pool) == 2


def test_a_pool_of_nothing_but_test_prompts_is_told():
    with pytest.raises(UserError, match="all rows of the pool repeat a test prompt"):
        without_repeats(pool("q 1"), [named("exam.jsonl", pool("q 1"))], "remove")


def test_a_test_set_is_called_by_its_file():
    assert named("folder/exam.v2.jsonl", pool("q")).name == "exam"
