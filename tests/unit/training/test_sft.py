"""Trainings on a tiny model: what comes out, what is resumed, and that it learns."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from tamis.errors import UserError
from tamis.models.hub import locate
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.training import sft
from tamis.training.settings import Training

pytest.importorskip("trl")
pytest.importorskip("peft")

RECORDS = [{"instruction": f"Say {i}", "output": f"{i} " * (1 + i % 5)} for i in range(24)]
SHORT = Training(tune="full", rate=1e-2, batch=4, steps=6, template="plain", max_length=64)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_model(tmp_path_factory.mktemp("base")))


def tensors(path):
    from safetensors.torch import load_file

    return {name: tensor.numpy() for name, tensor in load_file(path).items()}


def equal(one, two):
    a, b = tensors(one), tensors(two)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_trained_model_loads_and_its_answers_are_likelier(base, tmp_path):
    data = dataset(RECORDS)
    longer = replace(SHORT, steps=20)
    found = sft.train(data, longer, base, tmp_path / "t", device="cpu")
    run = Run(store=tmp_path / "scores", model=base, device="cpu")
    names = ["perplexity", f"perplexity(model={found.model})"]
    pool = run.score(data, names)
    before, after = (np.log(pool.scores(name)).mean() for name in names)
    assert after < before - 1
    losses = [loss for _, loss in found.manifest["loss"]]
    assert losses[-1] < losses[0]


def test_first_loss_is_that_of_the_base_on_answers_and_their_ends(base, tmp_path):
    """The mask as the model sees it: the mean over answer tokens, computed row by row."""
    import torch
    from transformers import AutoModelForCausalLM

    data = dataset(RECORDS[:4])
    found = sft.train(data, replace(SHORT, steps=1), base, tmp_path / "t", device="cpu")
    model, total, count = AutoModelForCausalLM.from_pretrained(base), 0.0, 0
    text = sft.ModelTokenizer(base)
    for record in RECORDS[:4]:
        ask, answer = text.encode([record["instruction"], record["output"]])
        before = [text.start, *ask, *text.encode(["\n"], markup=True)[0]]
        learned = [*answer, text.tokenizer.eos_token_id]
        with torch.no_grad():
            logits = model(torch.tensor([[*before, *learned]])).logits[0].log_softmax(-1)
        places = range(len(before) - 1, len(before) + len(learned) - 1)
        total -= sum(float(logits[at, token]) for at, token in zip(places, learned, strict=True))
        count += len(learned)
    assert found.manifest["loss"][0][1] == pytest.approx(total / count, abs=1e-4)


def test_order_of_rows_changes_nothing(base, tmp_path):
    one = sft.train(dataset(RECORDS), SHORT, base, tmp_path / "one", device="cpu")
    two = sft.train(dataset(RECORDS[::-1]), SHORT, base, tmp_path / "two", device="cpu")
    assert one.manifest["key"] == two.manifest["key"]
    assert equal(Path(one.model) / "model.safetensors", Path(two.model) / "model.safetensors")


@pytest.mark.parametrize("change", [{"train_seed": 1}, {"rate": 1e-3}, {"template": "alpaca"}])
def test_what_decides_a_number_is_in_the_key(base, change):
    data, model = dataset(RECORDS), locate(base)
    other = sft.key_of(data, replace(SHORT, **change), model)
    assert sft.key_of(data, SHORT, model) != other


def test_a_finished_training_is_not_done_again(base, tmp_path, monkeypatch):
    data = dataset(RECORDS)
    first = sft.train(data, SHORT, base, tmp_path / "t", device="cpu")
    monkeypatch.setattr(sft, "_fit", None)
    assert sft.train(data, SHORT, base, tmp_path / "t", device="cpu") == first


def test_another_training_does_not_take_the_folder(base, tmp_path):
    sft.train(dataset(RECORDS), SHORT, base, tmp_path / "t", device="cpu")
    with pytest.raises(UserError, match="holds another training"):
        sft.train(dataset(RECORDS[:5]), SHORT, base, tmp_path / "t", device="cpu")


def test_models_of_every_epoch_are_kept_with_their_rates(base, tmp_path):
    settings = replace(SHORT, steps=0, epochs=2, keep="epochs", schedule="linear", warmup=0)
    found = sft.train(dataset(RECORDS), settings, base, tmp_path / "t", device="cpu")
    assert [kept.step for kept in found.kept] == [6, 12]
    falling = [1e-2 * (1 - at / 12) for at in range(12)]
    expected = [np.mean(falling[:6]), np.mean(falling[6:])]
    assert [kept.rate for kept in found.kept] == pytest.approx(expected)
    last = Path(found.kept[-1].model) / "model.safetensors"
    assert equal(last, Path(found.model) / "model.safetensors")


def test_a_kept_adapter_brings_the_moments_that_gradients_ask_for(base, tmp_path):
    settings = replace(SHORT, tune="lora", rank=4, keep_every=3)
    found = sft.train(dataset(RECORDS), settings, base, tmp_path / "t", device="cpu")
    assert [kept.step for kept in found.kept] == [3, 6]
    run = Run(store=tmp_path / "scores", model=base, device="cpu")
    name = f"gradient(dim=64,direction=adam,model={found.kept[0].model})"
    vectors = run.score(dataset(RECORDS[:3]), [name]).vectors(name)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_an_adapter_names_its_base(base, tmp_path):
    found = sft.train(
        dataset(RECORDS), replace(SHORT, tune="lora"), base, tmp_path / "t", device="cpu"
    )
    located = locate(found.model)
    assert located.adapter == Path(found.model)
    assert located.folder == Path(base)


def test_no_adapter_on_an_adapter(base, tmp_path):
    data, low = dataset(RECORDS), replace(SHORT, tune="lora")
    found = sft.train(data, low, base, tmp_path / "one", device="cpu")
    with pytest.raises(UserError, match="is a low-rank adapter already"):
        sft.train(data, low, found.model, tmp_path / "two", device="cpu")
    merged = sft.train(data, SHORT, found.model, tmp_path / "three", device="cpu")
    assert locate(merged.model).adapter is None


@pytest.mark.parametrize(
    ("lengths", "settings", "updates"),
    [
        ([10] * 33, {"epochs": 2, "batch": 16}, 6),
        ([10] * 33, {"steps": 5}, 5),
        ([10] * 32, {"tokens": 640, "batch": 16}, 4),
        ([10], {"epochs": 0.1}, 1),
    ],
)
def test_updates(lengths, settings, updates):
    assert sft.updates(np.array(lengths), Training(**settings)) == updates


@pytest.mark.parametrize(("lengths", "batch"), [([100] * 9, 16), ([7, 2000], 6), ([3], 5)])
def test_passes_divide_the_batch(lengths, batch):
    assert batch % sft.passes_of(np.array(lengths), batch, 256) == 0


KILLED = """
import sys
from pathlib import Path
from test_sft import RECORDS, SHORT, dataset, replace, sft
sft.train(dataset(RECORDS), replace(SHORT, steps=40, tune=sys.argv[3], keep_every=10), sys.argv[1],
          Path(sys.argv[2]), device="cpu", checkpoint_seconds=0)
"""


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_killed_and_resumed_ends_with_the_same_weights(base, tmp_path, tune):
    here = Path(__file__).parent
    code = [sys.executable, "-c", KILLED, base, str(tmp_path / "killed"), tune]
    paths = os.pathsep.join([str(here), str(here.parents[1]), str(here.parent / "models")])
    around = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(code, env=around, stderr=subprocess.PIPE)
    while process.poll() is None:
        if list((tmp_path / "killed/checkpoints").glob("checkpoint-*/trainer_state.json")):
            process.kill()
        time.sleep(0.02)
    assert process.returncode == -9, process.stderr.read().decode()[-2000:]
    assert not (tmp_path / "killed/train.json").exists()
    settings = replace(SHORT, steps=40, tune=tune, keep_every=10)
    for name in ("killed", "whole"):
        sft.train(dataset(RECORDS), settings, base, tmp_path / name, device="cpu")
    file = "model.safetensors" if tune == "full" else "adapter_model.safetensors"
    for part in ("model", "kept/step-10", "kept/step-40"):
        assert equal(tmp_path / "killed" / part / file, tmp_path / "whole" / part / file)
    told = [sft.finished(tmp_path / name).manifest for name in ("killed", "whole")]
    for name in ("tokens_read", "kept", "loss", "data"):
        assert told[0][name] == told[1][name]
