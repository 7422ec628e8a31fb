"""DiverseEvol: rounds of training, reading and walking."""

import numpy as np
import pyarrow as pa
import pytest
from _trained import fake_run, real_run, small

from tamis.budget import Budget, Quota
from tamis.errors import UserError
from tamis.measures.vendi_score import vendi_score
from tamis.recipes.diverse_evol import diverse_evol
from tamis.types import Dataset, fingerprint

ROUNDS = {"start": 3, "add": 4, "rounds": 2}


def farthest(vectors, ids, picked, count):
    """k-center by the whole matrix, ties by id."""
    picked = list(picked)
    for _ in range(count):
        apart = np.linalg.norm(vectors[:, None] - vectors[picked], axis=2).min(axis=1)
        apart[picked] = -1
        best = np.flatnonzero(apart >= apart.max() - 1e-9)
        picked.append(int(best[np.argsort(ids[best])[0]]))
    return picked


def test_rounds_by_hand_with_the_real_trainer(tmp_path):
    run, data = real_run(tmp_path), small()
    picked = diverse_evol(run, data, Budget(count=11), **ROUNDS, epochs=1)
    ids = np.array(data.ids.to_pylist())
    first, second = picked.info["rounds"]
    assert (first["rows"], second["rows"]) == (3, 7)
    wanted = picked.rows[:3].tolist()
    for told in (first, second):
        pool = run.score(data, [told["vectors"]])
        vectors = pool.vectors(told["vectors"]).astype(float)
        assert told["vendi"] == pytest.approx(
            vendi_score(pool, np.array(wanted), of=told["vectors"]), rel=1e-6
        )
        wanted = farthest(vectors, ids, wanted, 4)
    assert picked.rows.tolist() == wanted
    assert first["model"] != second["model"]


def test_each_round_trains_on_all_that_was_picked_before(tmp_path):
    run, data = fake_run(tmp_path), small()
    picked = diverse_evol(run, data, Budget(count=11), **ROUNDS)
    ids = np.array(data.ids.to_pylist())[picked.rows]
    assert [ids_ for ids_, _ in run.trainer.calls] == [sorted(ids[:3]), sorted(ids[:7])]


def test_no_round_is_trained_that_the_budget_does_not_ask_for(tmp_path):
    for count, trainings in ((3, 0), (4, 1), (7, 1), (8, 2)):
        run = fake_run(tmp_path / str(count))
        assert len(diverse_evol(run, small(), Budget(count=count), **ROUNDS)) == count
        assert len(run.trainer.calls) == trainings


def test_after_the_last_training_its_walk_goes_on(tmp_path):
    run = fake_run(tmp_path)
    picked = diverse_evol(run, small(), Budget(count=24), **ROUNDS)
    assert len(picked) == 24 and len(run.trainer.calls) == 2


def test_rows_that_cannot_be_learned_are_dropped_before_the_first_round(tmp_path):
    data = small(8)
    mute = small(9, output="")
    table = pa.concat_tables([data.table, mute.table])
    picked = diverse_evol(
        fake_run(tmp_path), Dataset(table, fingerprint(table["id"])), Budget(count=17), **ROUNDS
    )
    ((why, gone),) = picked.dropped.items()
    assert why.endswith(": empty_answer") and gone.tolist() == list(range(8, 17))
    assert sorted(picked.rows.tolist()) == list(range(8))


def test_a_run_killed_in_a_round_trains_only_what_is_left(tmp_path):
    run = fake_run(tmp_path, fails_at=2)
    with pytest.raises(KeyboardInterrupt):
        diverse_evol(run, small(), Budget(count=11), **ROUNDS)
    again = diverse_evol(fake_run(tmp_path), small(), Budget(count=11), **ROUNDS)
    whole = diverse_evol(fake_run(tmp_path / "other"), small(), Budget(count=11), **ROUNDS)
    assert again.rows.tolist() == whole.rows.tolist()


def test_a_killed_run_finds_the_real_trainings_that_ended(tmp_path, monkeypatch):
    from tamis.training import sft

    fitted, fit = [], sft._fit

    def counting(rows, *rest):
        if len(fitted) == 1 and not allowed:
            raise KeyboardInterrupt
        fitted.append(len(rows.lengths))
        return fit(rows, *rest)

    monkeypatch.setattr(sft, "_fit", counting)
    run, data, allowed = real_run(tmp_path), small(), []
    with pytest.raises(KeyboardInterrupt):
        diverse_evol(run, data, Budget(count=11), **ROUNDS, epochs=1)
    assert fitted == [3]
    allowed.append(True)
    picked = diverse_evol(run, data, Budget(count=11), **ROUNDS, epochs=1)
    assert fitted == [3, 7] and len(picked) == 11


def test_rows_that_a_quota_refuses_are_not_trained_on(tmp_path):
    run, data = fake_run(tmp_path), small()
    limit = Budget(count=9, quotas=(Quota.parse("field(name=task)=a:..2"),))
    picked = diverse_evol(run, data, limit, **ROUNDS)
    ids = np.array(data.ids.to_pylist())
    tasks = {ids[row]: "abc"[row % 3] for row in range(24)}
    assert len(picked) == 9
    for trained, _ in run.trainer.calls:
        assert sum(tasks[one] == "a" for one in trained) <= 2


@pytest.mark.parametrize("name", ["start", "add", "rounds"])
def test_rounds_without_rows_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="at least 1"):
        diverse_evol(fake_run(tmp_path), small(), Budget(count=3), **{**ROUNDS, name: 0})


def test_vectors_that_no_model_reads_are_refused(tmp_path):
    with pytest.raises(UserError, match="reads no language model"):
        diverse_evol(fake_run(tmp_path), small(), Budget(count=9), **ROUNDS, of="embedding")
