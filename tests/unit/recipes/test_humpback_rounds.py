"""Humpback in rounds: rate, keep, train, rate again."""

import numpy as np
import pytest
from _trained import fake_run, real_run, small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.protocols import Answer
from tamis.recipes.humpback_rounds import RATING, humpback_rounds, joined
from tamis.run.fake import FakeTrainer
from tamis.testing import a_run


class Rates:
    """A judge that rates by the number in a row's question, and by what it was trained on."""

    def __init__(self, id, level):
        self.id, self.level = id, level

    def ask(self, questions):
        return [Answer(self.level(" ".join(text for _, text in q.messages))) for q in questions]


def rated_run(folder, *levels):
    """A run whose n-th different trained rater answers with levels[n](text of the question)."""
    run = a_run(str(folder / "scores"))
    run.target = small(4)
    fake, rows, names = FakeTrainer(run), [], []

    def train(data, training, model):
        found = fake(data, training, model)
        if found.model not in names:
            names.append(found.model)
        run.loaded[f"judge {found.model}"] = Rates(found.model, levels[names.index(found.model)])
        rows.append((data, training))
        return found

    run.trainer, run.rows = train, rows
    return run


def numbered(*good):
    """Rates 5 the rows of these numbers, 2 the others."""
    return lambda text: f"Score: {5 if any(f' {n} times' in text for n in good) else 2}"


def test_the_last_rater_decides(tmp_path):
    run, data = rated_run(tmp_path, numbered(5, 6, 7), numbered(6, 7, 9)), small()
    picked = humpback_rounds(run, data, Budget(count=24))
    assert sorted(picked.rows.tolist()) == [6, 7, 9]
    assert set(picked.gains.tolist()) == {5.0}


def test_the_second_rater_is_trained_on_the_seed_and_what_the_first_kept(tmp_path):
    run, data = rated_run(tmp_path, numbered(5, 6, 7), numbered(6)), small()
    picked = humpback_rounds(run, data, Budget(count=24))
    (first, training), (second, _) = run.rows
    seed = set(run.target.ids.to_pylist())
    assert set(first.ids.to_pylist()) == seed
    wanted = seed | set(data.take(np.array([5, 6, 7])).ids.to_pylist())
    assert set(second.ids.to_pylist()) == wanted and len(second) == 7
    assert training.template == "chat"
    assert [one["kept"] for one in picked.info["rounds"]] == [3, 1]
    assert picked.info["in_target"] == 4


def test_a_row_that_is_in_both_is_trained_on_once():
    data = small(6)
    both = joined(data.take(np.arange(4)), data.take(np.arange(2, 6)))
    assert both.ids.to_pylist() == data.ids.to_pylist()


def test_every_row_is_told_its_rating_or_why_there_is_none(tmp_path):
    def sometimes(text):
        return numbered(6)(text) if " 8 times" not in text else "I cannot say."

    run, data = rated_run(tmp_path, sometimes), small()
    picked = humpback_rounds(run, data, Budget(count=24), rounds=1, at_least=2)
    assert len(picked) == 23 and picked.rows[0] == 6
    assert picked.info["rounds"][0]["not_rated"] == {"unparsed": 1}
    column = run.computed[data.fingerprint, RATING]
    assert column.problem.to_pylist()[8] == "unparsed" and column.values.to_pylist()[6] == 5


def test_a_rater_that_cannot_rate_ends_with_what_came(tmp_path):
    run = rated_run(tmp_path, lambda text: "Blue, blue, blue.")
    with pytest.raises(UserError, match=r"rated 0 of 24 rows \(24 unparsed\): it cannot rate"):
        humpback_rounds(run, small(), Budget(count=24))


def test_no_row_that_is_kept_ends_with_a_message(tmp_path):
    run = rated_run(tmp_path, numbered())
    with pytest.raises(UserError, match=r"rating of 5 after training 1 .*highest is 2"):
        humpback_rounds(run, small(), Budget(count=24))


def test_a_seed_is_needed(tmp_path):
    run = fake_run(tmp_path)
    run.target = None
    with pytest.raises(UserError, match="--target"):
        humpback_rounds(run, small(), Budget(count=2))


def test_a_killed_run_ends_as_one_that_was_not(tmp_path):
    run = fake_run(tmp_path, fails_at=2)
    with pytest.raises(KeyboardInterrupt):
        humpback_rounds(run, small(), Budget(count=9), at_least=3)
    again = humpback_rounds(fake_run(tmp_path), small(), Budget(count=9), at_least=3)
    other = fake_run(tmp_path / "other")
    assert (
        again.rows.tolist()
        == humpback_rounds(other, small(), Budget(count=9), at_least=3).rows.tolist()
    )


def test_a_model_of_two_layers_says_that_it_cannot_rate(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # where judges keep their answers
    run = real_run(tmp_path, max_length=256)
    run.target = small(6)
    with pytest.raises(UserError, match="rated 0 of 8 rows"):
        humpback_rounds(run, small(8), Budget(count=2), epochs=1)


@pytest.mark.parametrize("given", [{"rounds": 0}, {"readable": 1.5}])
def test_settings_without_meaning_are_refused(tmp_path, given):
    with pytest.raises(UserError, match="humpback_rounds"):
        humpback_rounds(fake_run(tmp_path), small(), Budget(count=2), **given)
