import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.scorers.evol_score import evol_score
from tamis.scorers.expected_rating import expected_rating
from tamis.testing import a_run, dataset
from tamis.types import Batch, Column, Pool


def column(series):
    missing = np.array([row is None for row in series])
    return Column.series([np.array(row or [], np.float32) for row in series], unrated=missing)


def scored(complexity, quality, **params):
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(len(complexity))])
    pool = Pool.of(data, c=column(complexity), q=column(quality))
    return evol_score(pool, complexity="c", quality="q", **params)


def test_the_sum_over_turns_of_complexity_times_quality():
    assert scored([[3, 2]], [[4, 5]]).values.to_pylist() == [22]


def test_the_mean_over_turns():
    assert scored([[3, 2]], [[4, 5]], turns="mean").values.to_pylist() == [11]


def test_every_row_has_its_own_turns():
    found = scored([[1, 2, 3], None, [5], [1, 1]], [[1, 1, 1], None, [2], [3, 4]])
    assert found.values.to_pylist() == [6, None, 10, 7]


@pytest.mark.parametrize("turns", ["sum", "mean"])
def test_turns_that_do_not_match_move_no_other_row(turns):
    found = scored([[1, 2], [5], None, [2], [3, 3]], [[1], [2], [1, 1, 1], [4], [1]], turns=turns)
    assert found.values.to_pylist() == [None, 10, None, 8, None]
    why = ["turns_differ", None, "unrated", None, "turns_differ"]
    assert found.problem.to_pylist() == why


def test_two_ratings_of_the_same_row_are_multiplied_turn_by_turn(tmp_path):
    turns = [("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye"), ("assistant", "Goodbye.")]
    data = dataset([{"messages": [{"role": role, "content": text} for role, text in turns]}])
    each = [f"expected_rating(prompt={name},turns=each)" for name in ("complexity", "quality")]
    pool = a_run(str(tmp_path)).score(data, [*each, "evol_score"])
    hard, good = (np.array(pool.labels(name)[0], np.float64) for name in each)
    assert len(hard) == 2
    assert pool.scores("evol_score")[0] == pytest.approx(hard @ good)


def rated(*said):
    """A conversation with its complexity, its quality by the answer alone, and their product."""
    roles = ("user", "assistant") * len(said)
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    data = dataset([{"messages": turns}])
    prompts = {"c": "{question} {rating}", "q": "{answer} {rating}"}
    columns = {
        name: expected_rating(Batch(data.table), FakeLikelihood(), prompt=prompt, turns="each")
        for name, prompt in prompts.items()
    }
    return evol_score(Pool.of(data, **columns), complexity="c", quality="q").values.to_pylist()


def test_a_place_is_the_same_turn_of_both_ratings():
    assert rated("a", "b", "c", " ", " ", "d") == rated("a", "b")


def test_a_conversation_that_ends_with_a_question_has_the_score_of_what_was_answered():
    assert rated("a", "b", "c") == rated("a", "b") != [None]


def test_a_rating_of_unanswered_questions_is_refused():
    data = dataset([{"instruction": "ask", "output": "say"}])
    name = "expected_rating(parts=shown,prompt=complexity,turns=each)"
    with pytest.raises(UserError, match="parts=both"):
        evol_score(Pool.of(data, **{name: column([[1]])}), complexity=name, quality="q")
