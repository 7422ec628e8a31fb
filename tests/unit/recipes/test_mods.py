"""MoDS: good rows, seeds that cover them, and rows on which a model trained on seeds fails."""

from dataclasses import dataclass

import numpy as np
import pytest
from _trained import Counted, fake_run, real_run, small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.notation import Reference
from tamis.recipes.mods import mods
from tamis.run.estimate import rehearsed
from tamis.run.fake import FakeTrainer
from tamis.testing import a_run, dataset

OWN = dict(zip("abcde", (1.2, -0.3, 0.5, 2.0, 0.1), strict=True))
GENERATED = {"a": 0.4, "c": -1.2, "d": 0.1, "e": -0.5}
PLACES = {"a": (-1, 0), "b": (0, 0), "c": (1, 0), "d": (0, 0.3), "e": (0, -0.2)}


@dataclass
class Grades:
    """Grades of the dossier by the question's name: of its own answer, or of a generated one."""

    id: str = "grades"

    def reward(self, pairs, *, form="auto"):
        return np.array([OWN[q] if a == "Own." else GENERATED[q] for q, a in pairs], float)


@dataclass
class Places:
    id: str = "places"

    def embed(self, texts):
        return np.array([PLACES[text] for text in texts], np.float32) + 1e-3


@dataclass(frozen=True, slots=True)
class Writes(FakeLikelihood):
    """Answers everything with one word."""

    def generate(self, prompts, tokens):
        return [np.array(list(b"Mine"), np.int64) for _ in prompts]


def oracle(folder, fails_at=0):
    """methods.md M2 as a run, with its rows."""
    run = a_run(str(folder / "scores"))
    run.reward, run.embedder = Grades(), Places()
    fake = FakeTrainer(run)

    def train(data, training, model):
        found = fake(data, training, model)
        for name in [n for n in run.loaded if n.startswith("language model trained")]:
            run.loaded[name] = Writes(id=name)
        return found

    run.trainer = Counted(train, fails_at)
    return run, dataset([{"instruction": name, "output": "Own."} for name in "abcde"])


def seeded(folder, **params):
    """The oracle's selection from a seed that starts at the row a or c, so that both are seeds."""
    run, data = oracle(folder)
    picked = mods(run, data, Budget(count=5), seeds=2, seed=start(folder), **params)
    return run, picked


def start(folder):
    for seed in range(50):
        run, data = oracle(folder / "try")
        if set(mods(run, data, Budget(count=2), seeds=2, seed=seed).rows) == {0, 2}:
            return seed
    raise AssertionError("no seed starts at either end")


@pytest.mark.parametrize("augment", ["k_center", "all"])
def test_the_selection_of_the_dossier_has_every_row_once(tmp_path, augment):
    _, picked = seeded(tmp_path, augment=augment)
    assert sorted(picked.rows[:2]) == [0, 2] and picked.rows[2:].tolist() == [4]
    assert picked.info["good"] == 4 and picked.info["necessary"] == 2


def test_rows_that_are_not_good_are_dropped_by_name(tmp_path):
    _, picked = seeded(tmp_path)
    assert {why: rows.tolist() for why, rows in picked.dropped.items()} == {
        "reward not above 0": [1]
    }


def test_the_model_is_trained_on_the_seeds_alone(tmp_path):
    run, _ = seeded(tmp_path, epochs=2)
    ((ids, training),) = run.trainer.calls
    data = oracle(tmp_path)[1]
    assert ids == sorted(data.take(np.array([0, 2])).ids.to_pylist())
    assert training.epochs == 2


def test_all_necessary_rows_come_by_their_rising_reward(tmp_path):
    _, picked = seeded(tmp_path, augment="all", beta=1.0)
    assert picked.rows[2:].tolist() == [4, 3]
    assert picked.gains[2:].tolist() == [0.5, -0.1]


def test_a_budget_of_seeds_trains_nothing(tmp_path):
    run, data = oracle(tmp_path)
    picked = mods(run, data, Budget(count=2), seeds=2)
    assert len(picked) == 2 and run.trainer.calls == [] and "necessary" not in picked.info


def test_a_run_that_was_killed_goes_on(tmp_path):
    run, data = oracle(tmp_path, fails_at=1)
    with pytest.raises(KeyboardInterrupt):
        mods(run, data, Budget(count=5), seeds=2)
    run.trainer.fails_at = 0
    again = mods(run, data, Budget(count=5), seeds=2)
    run, data = oracle(tmp_path / "other")
    assert again.rows.tolist() == mods(run, data, Budget(count=5), seeds=2).rows.tolist()


def test_an_answer_that_cannot_be_graded_is_not_necessary(tmp_path):
    run = fake_run(tmp_path)

    class Silent(FakeLikelihood):
        def generate(self, prompts, tokens):
            return [np.empty(0, np.int64) for _ in prompts]

    fake = run.trainer.trainer

    def train(data, training, model):
        found = fake(data, training, model)
        run.loaded[f"language model {found.model} auto"] = Silent(id="silent")
        return found

    run.trainer = train
    picked = mods(run, small(), Budget(count=20), seeds=2, alpha=-9, beta=9)
    assert len(picked) == 2 and picked.info["not_graded"] == {"empty_answer": 24}


def test_no_seeds_are_refused(tmp_path):
    with pytest.raises(UserError, match="seeds is at least 1"):
        mods(fake_run(tmp_path), small(), Budget(count=2), seeds=0)


def test_with_the_real_trainer_answers_of_the_trained_model_are_graded(tmp_path):
    run = real_run(tmp_path)
    run.reward, run.embedder = a_run("unused").reward, a_run("unused").embedder
    picked = mods(run, small(), Budget(count=12), seeds=4, tokens=8, alpha=-9, beta=9, epochs=1)
    assert len(set(picked.rows.tolist())) == len(picked) > 4
    assert picked.info["training"]["rows"] == 4 and picked.info["training"]["updates"] == 1


def test_a_rehearsal_trains_nothing(tmp_path):
    run, data = oracle(tmp_path)
    rehearsed(run, data, Reference("mods", {"seeds": "2"}), Budget(count=5))
    assert run.trainer.calls == []
    mods(run, data, Budget(count=5), seeds=2)
    assert len(run.trainer.calls) == 1
