"""Active Instruction Tuning: tasks by rounds of training and scoring."""

import numpy as np
import pytest
from _trained import WORDS, fake_run, real_run

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.active_it import active_it
from tamis.testing import dataset

ROUNDS = {"tasks": "field(name=task)", "start": 2, "add": 1, "rounds": 2}
SCORE = '''
"""A score by task that the model moves."""
import numpy as np
from tamis.protocols import Likelihood
from tamis.spec import scorer
from tamis.types import Batch, Column

@scorer()
def told(batch: Batch, lm: Likelihood) -> Column:
    """The number in the answer; none where it is "x"."""
    said = [text.split()[0] for text in batch.texts("response").to_pylist()]
    found = np.array([np.nan if text == "x" else float(text) for text in said])
    return Column.floats(found, silent=np.isnan(found))
'''


def tasks(numbers, each=3):
    """Rows of tasks t0, t1, ... whose answers begin with the task's number."""
    return dataset(
        [
            {
                "instruction": f"{WORDS[n % 12]} {row}",
                "output": f"{number} {row}",
                "task": f"t{n}",
            }
            for n, number in enumerate(numbers)
            for row in range(each)
        ]
    )


@pytest.fixture
def by(tmp_path):
    path = tmp_path / "told.py"
    path.write_text(SCORE)
    return f"{path}:told"


def told_run(folder, **given):
    run = fake_run(folder, **given)
    run.allow_code = True
    return run


def names(data, rows):
    """The tasks of rows in order, each once."""
    labels = [f"t{row // 3}" for row in np.asarray(rows).tolist()]
    return list(dict.fromkeys(labels))


def test_tasks_come_by_falling_mean_after_those_drawn(tmp_path, by):
    data = tasks([5, 1, 4, 2, 3, 6])
    picked = active_it(told_run(tmp_path), data, Budget(count=18), by=by, **ROUNDS)
    order = names(data, picked.rows)
    numbers = dict(zip((f"t{n}" for n in range(6)), (5, 1, 4, 2, 3, 6), strict=True))
    rest = [numbers[name] for name in order[2:]]
    assert rest == sorted(rest, reverse=True) and len(order) == 6
    assert picked.gains[6:].tolist() == [float(n) for n in rest for _ in range(3)]


def test_the_low_end_can_be_taken(tmp_path, by):
    data = tasks([5, 1, 4, 2, 3, 6])
    picked = active_it(told_run(tmp_path), data, Budget(count=18), by=by, first="low", **ROUNDS)
    (_, first), *_ = picked.info["rounds"][0]["tasks"]
    left = [score for one in picked.info["rounds"] for _, score in one["tasks"]]
    assert left == sorted(left) and first == left[0]


def test_each_round_trains_the_base_on_all_tasks_before_it(tmp_path, by):
    run, data = told_run(tmp_path), tasks([5, 1, 4, 2, 3, 6])
    picked = active_it(run, data, Budget(count=18), by=by, **ROUNDS)
    ids = np.array(data.ids.to_pylist())[picked.rows]
    assert [ids_ for ids_, _ in run.trainer.calls] == [sorted(ids[:6]), sorted(ids[:9])]


def test_no_round_is_trained_that_the_budget_does_not_ask_for(tmp_path, by):
    for count, trainings in ((6, 0), (7, 1), (9, 1), (10, 2), (18, 2)):
        run = told_run(tmp_path / str(count))
        active_it(run, tasks([5, 1, 4, 2, 3, 6]), Budget(count=count), by=by, **ROUNDS)
        assert len(run.trainer.calls) == trainings


def test_without_a_score_tasks_are_drawn_and_nothing_is_trained(tmp_path):
    run, data = fake_run(tmp_path), tasks(range(6))
    one = active_it(run, data, Budget(count=18), by="", **ROUNDS)
    two = active_it(run, data, Budget(count=18), by="", **ROUNDS, seed=1)
    assert run.trainer.calls == [] and len(one) == 18
    assert names(data, one.rows) != names(data, two.rows)


def test_a_task_gives_no_more_rows_than_told(tmp_path, by):
    picked = active_it(
        told_run(tmp_path), tasks(range(6)), Budget(count=18), by=by, **ROUNDS, per_task=2
    )
    assert len(picked) == 12


def test_a_task_without_a_score_is_dropped_by_name(tmp_path, by):
    data = tasks([5, "x", 4, "x", 3, 6])
    picked = active_it(told_run(tmp_path), data, Budget(count=18), by=by, **ROUNDS)
    gone = {why.rpartition(": ")[2]: rows.tolist() for why, rows in picked.dropped.items()}
    missing = sorted(set(range(18)) - set(picked.rows.tolist()))
    assert gone == {"no score in the task": missing}
    assert set(missing) <= {3, 4, 5, 9, 10, 11} and missing


def test_only_a_sample_of_each_task_is_scored(tmp_path, by):
    run = told_run(tmp_path)
    active_it(run, tasks(range(6)), Budget(count=7), by=by, **ROUNDS, sample=1)
    (entry,) = [one for one in run.log if "told" in one.get("score", "")]
    assert entry["rows"] == 4


def test_a_killed_run_ends_as_one_that_was_not(tmp_path, by):
    data = tasks([5, 1, 4, 2, 3, 6])
    with pytest.raises(KeyboardInterrupt):
        active_it(told_run(tmp_path, fails_at=2), data, Budget(count=18), by=by, **ROUNDS)
    again = active_it(told_run(tmp_path), data, Budget(count=18), by=by, **ROUNDS)
    whole = active_it(told_run(tmp_path / "other"), data, Budget(count=18), by=by, **ROUNDS)
    assert again.rows.tolist() == whole.rows.tolist()


def test_prompt_uncertainty_by_the_real_trainer(tmp_path):
    run, data = real_run(tmp_path), tasks([5, 1, 4, 2])
    by = "prompt_uncertainty(copies=2,tokens=4)"
    picked = active_it(run, data, Budget(count=12), by=by, **ROUNDS, epochs=1)
    one, two = picked.info["rounds"]
    assert (one["rows"], two["rows"]) == (6, 9) and one["model"] != two["model"]
    (name, score), *_ = one["tasks"]
    column = (
        f"prompt_uncertainty(copies=2,max_length=128,model={one['model']},template=plain,tokens=4)"
    )
    rows = np.arange(3) + 3 * int(name[1:])
    assert score == pytest.approx(run.score(data.take(rows), [column]).scores(column).mean())
    assert score >= 0 and len(picked) == 12


@pytest.mark.parametrize("name", ["start", "add", "rounds", "sample"])
def test_rounds_without_tasks_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="at least 1"):
        active_it(fake_run(tmp_path), tasks([1]), Budget(count=3), **{**ROUNDS, name: 0})
