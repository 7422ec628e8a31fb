"""InstructionGPT-4 for text: features, trainings on subsets, a line, and shares of clusters."""

import numpy as np
import pytest
from _trained import WORDS, fake_run, real_run

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.protocols import Reading
from tamis.recipes.instruction_gpt4 import components, floor_order, instruction_gpt4, quotas
from tamis.run.fake import FakeTrainer
from tamis.testing import a_run, dataset
from tamis.types import Pool
from tamis.vectors import Table

SMALL = {"of": ("length",), "parts": 1, "subsets": 6, "rows": 5, "clusters": 3}


def words(rows=48):
    return dataset(
        [
            {
                "instruction": f"Say {WORDS[n % 12]} {n}.",
                "output": " ".join([WORDS[(7 * n) % 12]] * (n % 8 + 1)),
            }
            for n in range(rows)
        ]
    )


class Longer(FakeLikelihood):
    """A model whose loss on anything is what it was made with."""

    def __init__(self, id, loss):
        super().__init__(id=id)
        object.__setattr__(self, "loss", loss)

    def read(self, passages):
        return [
            Reading({"loss": np.full(sum(b - a for a, b in p.spans), self.loss)}) for p in passages
        ]


def ruled_run(folder):
    """A run whose trainings end with a loss of 5 minus the mean length of what they read."""
    run = a_run(str(folder / "scores"))
    fake = FakeTrainer(run)

    def train(data, training, model):
        found = fake(data, training, model)
        loss = 5 - 0.1 * run.score(data, ["length"]).scores("length").mean()
        name = f"language model {found.model} auto"
        run.loaded[name] = Longer(found.model, float(loss))
        return found

    run.trainer = train
    return run


def test_quotas_of_the_dossier():
    sizes = np.array([10, 17, 500, 900, 1])
    assert quotas(sizes, 204, 3439).tolist() == [1, 1, 29, 53, 1]


def test_each_cluster_gives_its_best_rows_and_then_the_others_come():
    labels = np.array([0, 0, 0, 0, 1, 1])
    best = np.array([0, 1, 2, 4, 3, 5])
    # a budget of 3: 2 rows of the four, 1 of the two
    assert floor_order(labels, best, 3).tolist() == [0, 1, 4, 2, 3, 5]


def test_components_are_those_of_a_singular_value_decomposition():
    vectors = np.random.default_rng(0).normal(size=(48, 5)).astype(np.float32)
    pool = Pool.of(words(), x=vectors)
    found = components(Table(pool, "x", np.arange(48)), 3)
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred.astype(float), full_matrices=False)
    wanted = centred @ axes[:3].T
    assert np.abs(found) == pytest.approx(np.abs(wanted), abs=1e-4)


def test_no_more_components_than_the_vectors_have():
    vectors = np.outer(np.arange(48.0), [1, 2, 3]).astype(np.float32)
    found = components(Table(Pool.of(words(), x=vectors), "x", np.arange(48)), 3)
    assert found.shape == (48, 1)


def test_a_rule_is_found_again_and_picks_its_best_rows(tmp_path):
    run, data = ruled_run(tmp_path), words()
    picked = instruction_gpt4(run, data, Budget(count=48), **SMALL | {"parts": 0, "clusters": 1})
    lengths = run.score(data, ["length"]).scores("length")
    assert picked.info["fit"]["r_squared_left_out"] == pytest.approx(1)
    assert picked.gains == pytest.approx(0.1 * lengths[picked.rows] - 5, abs=1e-6)
    assert lengths[picked.rows].tolist() == sorted(lengths.tolist(), reverse=True)


def test_a_training_has_no_more_rows_than_told(tmp_path):
    run = fake_run(tmp_path)
    picked = instruction_gpt4(run, words(), Budget(count=9), **SMALL)
    assert max(len(ids) for ids, _ in run.trainer.calls) <= 5
    assert picked.info["rows"] == [len(ids) for ids, _ in run.trainer.calls]
    assert 4 <= len(run.trainer.calls) <= 6


def test_every_cluster_has_a_row_among_the_first(tmp_path):
    run, data = fake_run(tmp_path), words()
    picked = instruction_gpt4(run, data, Budget(count=3), **SMALL)
    assert picked.info["clusters"] == 3 and len(set(picked.rows.tolist())) == 3


def test_the_papers_quota_needs_a_budget_in_rows(tmp_path):
    with pytest.raises(UserError, match="budget in rows"):
        instruction_gpt4(fake_run(tmp_path), words(), Budget(tokens=90), **SMALL, quota="floor")


def test_too_few_subsets_for_the_features_are_refused_before_a_training(tmp_path):
    run = fake_run(tmp_path)
    with pytest.raises(UserError, match="3 subsets cannot tell 2 features: set subsets to at"):
        instruction_gpt4(run, words(), Budget(count=3), **SMALL | {"subsets": 3})
    assert run.trainer.calls == []


def test_a_target_set_is_needed(tmp_path):
    run = fake_run(tmp_path)
    run.target = None
    with pytest.raises(UserError, match="--target"):
        instruction_gpt4(run, words(), Budget(count=3), **SMALL)


def test_a_killed_run_ends_as_one_that_was_not(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        instruction_gpt4(fake_run(tmp_path, fails_at=3), words(), Budget(count=9), **SMALL)
    again = instruction_gpt4(fake_run(tmp_path), words(), Budget(count=9), **SMALL)
    whole = instruction_gpt4(fake_run(tmp_path / "other"), words(), Budget(count=9), **SMALL)
    assert again.rows.tolist() == whole.rows.tolist()


def test_with_the_real_trainer_each_label_is_a_loss_after_training(tmp_path):
    run, data = real_run(tmp_path), words(24)
    run.target = words(30).take(np.arange(24, 30))
    picked = instruction_gpt4(
        run, data, Budget(count=6), of=("length",), parts=0, subsets=3, rows=4, epochs=3
    )
    losses = picked.info["losses"]
    assert len(picked) == 6 and len(set(losses)) == 3 and min(losses) > 0
