"""An experiment with a stand-in for training: what is selected, shared, resumed and told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from _pair_rules import Rule, longer
from _small_pool import PLAIN, RECORDS
from tiny import tiny_model

from tamis.api import read
from tamis.errors import UserError
from tamis.evaluation.generating import generated
from tamis.proof.design import Proof
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.training.sft import Trained
from tamis.verbs.proving import prove


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two models, so that a trained one is another than the base."""
    folder = tmp_path_factory.mktemp("models")
    return [str(tiny_model(folder / name, seed=i)) for i, name in enumerate(("base", "trained"))]


@pytest.fixture
def run(models, tmp_path):
    trained = []

    def trainer(data, training, model):
        trained.append((tuple(sorted(data.ids.to_pylist())), training))
        told = {"seconds": 2.0, "tokens_read": 10 * len(data), "steps": len(data)}
        return Trained(models[1], (), told)

    found = Run(store=tmp_path / "scores", model=models[0], device="cpu", trainer=trainer)
    found.trained = trained
    return found


ASKED = Proof(method=["mtld"], budget=["20%"], equal=["rows"], hold_out=8)


def test_every_arm_is_trained_with_every_seed(run, tmp_path):
    told = prove(dataset(RECORDS), ASKED, out=str(tmp_path / "proof"), training=PLAIN, run=run)
    assert len(run.trained) == 5 * 3
    assert sorted({training.train_seed for _, training in run.trained}) == [0, 1, 2]
    sizes = {line["arm"]: line["rows"] for line in told["table"]}
    assert sizes["random"] == sizes["mtld"] == sizes["longest answers"] == 14
    assert sizes["all rows"] == 72


def test_random_rows_are_drawn_anew_and_a_methods_rows_stay(run, tmp_path):
    prove(dataset(RECORDS), ASKED, out=str(tmp_path / "proof"), training=PLAIN, run=run)
    by_seed = [run.trained[at : at + 5] for at in (0, 5, 10)]
    random, _, _, method, matched = ({arms[place][0] for arms in by_seed} for place in range(5))
    assert len(random) == len(matched) == 3
    assert len(method) == 1


def test_nothing_that_models_are_measured_on_is_trained_on(run, tmp_path):
    folder = tmp_path / "proof"
    told = prove(dataset(RECORDS), ASKED, out=str(folder), training=PLAIN, run=run)
    trained = {name for rows, _ in run.trained for name in rows}
    assert len(trained) == 72
    values = pq.read_table(folder / "values.parquet")
    assert set(values["row"].to_pylist()) == set(range(8))
    assert "8 rows of the pool are held out" in told["notes"][0]


def test_a_second_call_gives_the_same_table_and_selects_nothing(run, tmp_path, monkeypatch):
    folder = tmp_path / "proof"
    prove(dataset(RECORDS), ASKED, out=str(folder), training=PLAIN, run=run)
    first = (folder / "table.json").read_bytes()
    monkeypatch.setattr("tamis.proof.subsets.pick", None)
    again = Run(store=run.store, model=run.model, device="cpu", trainer=run.trainer)
    prove(dataset(RECORDS), ASKED, out=str(folder), training=PLAIN, run=again)
    assert (folder / "table.json").read_bytes() == first


def test_values_give_the_table_again(run, tmp_path):
    folder = tmp_path / "proof"
    told = prove(dataset(RECORDS), ASKED, out=str(folder), training=PLAIN, run=run)
    values = pq.read_table(folder / "values.parquet").to_pylist()
    for line in told["table"]:
        mine = [v["value"] for v in values if v["arm"] == line["label"]]
        assert np.mean(mine) == pytest.approx(line["value"])


def test_every_file_is_there_and_says_what_happened(run, tmp_path):
    folder = tmp_path / "proof"
    prove(dataset(RECORDS), ASKED, out=str(folder), training=PLAIN, run=run)
    report = (folder / "report.md").read_text()
    assert "no difference shown" in report and "mtld" in report
    assert json.loads((folder / "costs.json").read_text())
    assert (folder / "effects.svg").read_text().startswith("<svg")
    assert len(json.loads((folder / "runs.json").read_text())) == 1 + 5 * 3


def test_full_data_in_equal_steps_has_the_updates_of_the_subset(run, tmp_path):
    asked = Proof(method=["mtld"], budget=["20%"], equal=["steps"], hold_out=8, seeds=1)
    prove(dataset(RECORDS), asked, out=str(tmp_path / "proof"), training=PLAIN, run=run)
    steps = {len(rows): training.steps for rows, training in run.trained}
    assert steps == {72: 14, 14: 0}


def test_all_faults_of_all_methods_at_once(run, tmp_path):
    asked = Proof(method=["mtldd", "ifd(ratioo=loss)"])
    with pytest.raises(UserError) as fault:
        prove(dataset(RECORDS), asked, out=str(tmp_path / "proof"), run=run)
    assert "mtldd" in str(fault.value) and "ratioo" in str(fault.value)
    assert not run.trained


def test_prompts_need_a_judge(run, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"instruction": "why?", "output": ""}) + "\n")
    asked = Proof(method=["mtld"], prompts=[str(prompts)])
    with pytest.raises(UserError, match="name one with --judge"):
        prove(dataset(RECORDS), asked, out=str(tmp_path / "proof"), run=run)


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds no earlier run"):
        prove(dataset(RECORDS), ASKED, out=str(tmp_path / "mine"), run=run)
    assert Path(tmp_path / "mine/thesis.tex").exists()


def test_a_judge_compares_answers_with_those_of_random_rows(run, models, tmp_path):
    prompts = tmp_path / "exam.jsonl"
    prompts.write_text("".join(json.dumps({"instruction": f"why {i}?"}) + "\n" for i in range(6)))
    asked = {"method": ["mtld"], "budget": ["20%"], "equal": ["rows"], "seeds": 2}
    proof = Proof(**asked, prompts=[str(prompts)], answer_tokens=8)
    run.judge, as_usual = Rule(longer), run.trainer

    def trainer(data, training, model):
        """Another model for the method's rows, which are the same for every seed."""
        found = as_usual(data, training, model)
        mine = run.trained[3][0] if len(run.trained) > 3 else ()
        return replace(found, model=models[0] if run.trained[-1][0] == mine else models[1])

    run.trainer = trainer
    told = prove(dataset(RECORDS), proof, out=str(tmp_path / "proof"), training=PLAIN, run=run)
    lines = {line["arm"]: line for line in told["table"]}
    one, other = (
        [o.answers[0] for o in generated(read(str(prompts)), run, {**SHORT, "model": model})]
        for model in models
    )
    points = [[min(len(text), 10) for text in side] for side in (one, other)]
    wins = [0.5 + 0.5 * np.sign(a - b) for a, b in zip(*points, strict=True)]
    assert lines["mtld"]["value"] == pytest.approx(np.mean(wins))
    assert lines["all rows"]["value"] == 0.5  # the same model as random's
    assert lines["mtld"]["against_random"]["difference"]["value"] == pytest.approx(
        np.mean(wins) - 0.5
    )
    assert lines["random"]["value"] is None


SHORT = {"template": "plain", "tokens": 8}
