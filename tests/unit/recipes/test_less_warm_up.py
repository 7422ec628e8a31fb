"""LESS with its own warm-up."""

import json

import numpy as np
import pytest
from _trained import fake_run, real_run, small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.passages import Setting, written
from tamis.recipes.less_warm_up import less_warm_up
from tamis.training.settings import Training
from tamis.types import Batch


def steps_by_hand(folder, base, data, direction):
    """Rows' gradients beside each low-rank matrix, one backward pass each, or Adam's next step."""
    torch, peft = pytest.importorskip("torch"), pytest.importorskip("peft")
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    from tamis.models.hf_tokenizer import ModelTokenizer

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(plain, folder, is_trainable=True).eval()
    moments = load_file(f"{folder}/adam.safetensors")
    found = []
    for row in written(Batch(data.table), ModelTokenizer(base), Setting("plain", "all", 128)):
        ids = torch.tensor(row.ids)[None]
        labels = torch.full_like(ids, -100)
        for a, b in row.answers:
            labels[0, a:b] = ids[0, a:b]
        model.zero_grad()
        model(input_ids=ids, labels=labels).loss.backward()
        parts = []
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                key, g = name.replace(".default.", "."), weight.grad
                if direction == "adam":
                    m = 0.9 * moments[f"{key}.exp_avg"] + 0.1 * g
                    v = 0.999 * moments[f"{key}.exp_avg_sq"] + 0.001 * g**2
                    g = m / torch.sqrt(v + 1e-8)
                parts.append(g.flatten())
        found.append(torch.cat(parts).double().numpy())
    return np.array(found)


def directions(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_whole_chain_is_that_of_single_gradients_by_hand(tmp_path):
    run = real_run(tmp_path)
    data, run.target = small(), small(40).take(np.arange(30, 34))
    picked = less_warm_up(
        run,
        data,
        Budget(count=24),
        of="gradient(direction=adam,dim=65536)",
        share=0.5,
        epochs=2,
    )
    kept = picked.info["kept"]
    assert len(kept) == 2 and kept[0]["rate"] > kept[1]["rate"] > 0
    score = np.zeros(24)
    for one in kept:
        mine = directions(steps_by_hand(one["model"], run.model, data, "adam"))
        theirs = directions(steps_by_hand(one["model"], run.model, run.target, "sgd"))
        share = one["rate"] / sum(k["rate"] for k in kept)
        score += share * (mine @ theirs.T).mean(axis=1)
    assert picked.gains == pytest.approx(score[picked.rows], abs=0.01)  # of the projection
    assert np.corrcoef(picked.gains, score[picked.rows])[0, 1] > 0.95


def test_a_second_target_set_trains_nothing_again(tmp_path):
    run = real_run(tmp_path)
    run.target = small(4)
    first = less_warm_up(run, small(), Budget(count=3), share=0.3, epochs=1, of="gradient(dim=64)")
    path = f"{first.info['warm_up']['model'].removesuffix('/model')}/train.json"
    with open(path) as file:
        seconds = json.load(file)["seconds"]
    run.target = small(8).take(np.arange(4, 8))
    again = less_warm_up(run, small(), Budget(count=3), share=0.3, epochs=1, of="gradient(dim=64)")
    assert again.info["warm_up"]["seconds"] == seconds


def test_a_share_is_trained_with_a_model_after_each_epoch(tmp_path):
    run = fake_run(tmp_path)
    picked = less_warm_up(run, small(), Budget(count=5), share=0.25)
    ((ids, training),) = run.trainer.calls
    assert len(ids) == 6 and picked.info["warm_up"]["rows"] == 6
    assert (training.tune, training.keep, training.epochs) == ("lora", "epochs", 4.0)
    assert [one["epoch"] for one in picked.info["kept"]] == [1.0, 2.0, 3.0, 4.0]


def test_rows_of_the_share_have_an_answer(tmp_path):
    run = fake_run(tmp_path)
    data = small(12).take(np.arange(12))
    mute = small(12, output="")
    both = data.take(np.arange(12))
    less_warm_up(run, both, Budget(count=2), share=1.0)
    assert len(run.trainer.calls[0][0]) == 12
    with pytest.raises(UserError, match="no row of the pool has an answer"):
        less_warm_up(run, mute, Budget(count=2), share=1.0)


def test_gradients_and_training_share_their_markup(tmp_path):
    run = fake_run(tmp_path)
    run.training = Training(template="vicuna", max_length=399, turns="last")
    less_warm_up(run, small(), Budget(count=2), share=0.5)
    names = [entry["score"] for entry in run.log if "gradient" in entry.get("score", "")]
    assert all(
        "max_length=399" in n and "template=vicuna" in n and "turns=last" in n for n in names
    )


def test_markup_that_the_gradients_name_is_trained_in(tmp_path):
    run = fake_run(tmp_path)
    less_warm_up(run, small(), Budget(count=2), of="gradient(direction=adam,template=tulu)")
    assert run.trainer.calls[0][1].template == "tulu"


def test_a_run_that_trains_all_weights_warms_up_low_rank_ones(tmp_path):
    run = fake_run(tmp_path)
    run.training = Training(tune="full", rate=1e-5)
    less_warm_up(run, small(), Budget(count=2))
    training = run.trainer.calls[0][1]
    assert (training.tune, training.learning_rate) == ("lora", 2e-4)


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    with pytest.raises(UserError, match="share"):
        less_warm_up(fake_run(tmp_path), small(), Budget(count=2), share=share)


def test_models_are_let_go_of(tmp_path):
    run = fake_run(tmp_path)
    less_warm_up(run, small(), Budget(count=2))
    left = [name for name, one in run.loaded.items() if isinstance(one, FakeLikelihood)]
    assert not [name for name in left if "-" in name.removeprefix("language model trained-")]
