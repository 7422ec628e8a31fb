"""What a page says of an experiment: the folder's own numbers, and words where there are none."""

import json
import shlex
import shutil
from dataclasses import dataclass, replace
from math import inf

import pytest

from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.proof.design import Proof
from tamis.proof.report import sentence
from tamis.reports.proofs import is_proof, proof
from tamis.run.fake import FakeTrainer
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.training.settings import Training
from tamis.verbs.proving import prove

RECORDS = [
    {"instruction": f"question {i}", "output": " ".join(["word"] * (1 + i * 7 % 13)) + str(i)}
    for i in range(60)
]
PLAIN = Training(template="plain", max_length=64)
EXAM = "<script> 考试 اختبار [red]"
ASKED = {"method": ["mtld", "length"], "budget": ["20%"], "equal": ["rows", "tokens"], "seeds": 2}


@dataclass(frozen=True, slots=True)
class Learned(FakeLikelihood):
    """A model whose losses are a share of the stand-in's."""

    share: float = 1.0

    def read(self, passages):
        found = FakeLikelihood.read(self, passages)
        return [
            replace(one, tokens={name: self.share * of for name, of in one.tokens.items()})
            for one in found
        ]


def curve(rows, seed):
    """Losses of a training: a long one of all rows, one that went wrong, and ordinary ones."""
    if rows > 40:
        return [[step, 4 / step] for step in range(1, 451)]
    return [[1, 3.0], [2, inf if seed else 2.5]]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """An experiment on stand-ins, in a folder with an awkward name, and what `prove` returned."""
    folder = tmp_path_factory.mktemp("proofs") / "it's 中文"
    test = folder.with_name(f"{EXAM}.jsonl")
    rows = [{"instruction": f"why {i}?", "output": "so" * (i + 1)} for i in range(6)]
    test.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = Run(store=folder.with_name("scores"), model="reference")
    run.loaded["language model"] = FakeLikelihood(id="reference")
    fake = FakeTrainer(run)

    def trainer(data, training, model):
        trained = fake(data, training, model)
        share = 1 / (1 + sum(map(len, data.texts("response").to_pylist())) / 1e4)
        loaded = f"language model {trained.model} {run.dtype}"
        run.loaded[loaded] = Learned(id=trained.model, share=share)
        learned = {"seconds": 2.0, "tokens_read": 10 * len(data), "steps": 5}
        return replace(trained, manifest={**learned, "loss": curve(len(data), training.train_seed)})

    run.trainer = trainer
    asked = Proof(**ASKED, test=[str(test)])
    return {
        "folder": folder,
        **prove(dataset(RECORDS), asked, out=str(folder), training=PLAIN, run=run),
    }


@pytest.fixture
def copied(told, tmp_path):
    return shutil.copytree(told["folder"], tmp_path / "copy")


def test_arms_are_the_lines_of_the_table(told):
    found = proof(told["folder"])
    assert len(found["arms"]) == len(told["table"]) == 1 + 2 * 7
    for arm, line in zip(found["arms"], told["table"], strict=True):
        same = ("kind", "budget", "view", "measure", "seeds", "rows", "tokens", "value")
        assert [arm[name] for name in same] == [line[name] for name in same]
        assert arm["name"] == line["arm"]
        effect = line["against_random"]
        assert arm["against_random"] == (effect and effect["difference"])
        assert arm["p"] == (line["verdict"] and line["verdict"]["p"])
    assert {arm["measure"] for arm in found["arms"]} == {f"loss on {EXAM}"}
    judged = {arm["name"] for arm in found["arms"] if arm["verdict"]}
    assert judged == {"mtld", "length"}


def test_it_is_said_what_the_folder_says_and_how_each_method_did(told):
    said = proof(told["folder"])["said"]
    verdicts = [sentence(line) for line in told["table"] if line["verdict"]]
    assert said[: len(told["notes"])] == told["notes"]
    assert said[len(told["notes"]) :][: len(verdicts)] == verdicts
    assert len(verdicts) == 4
    assert f"mtld (20%, equal rows), loss on {EXAM}: " in verdicts[0]


def test_every_training_has_its_curve(told):
    found = proof(told["folder"])
    assert len(found["curves"]) == 2 * 7 * 2
    arm = {"arm": "mtld", "budget": "20%", "view": "rows"}
    first = next(c for c in found["curves"] if c == {**c, **arm, "seed": 0})
    assert (first["steps"], first["losses"]) == ([1, 2], [3.0, 2.5])
    long = next(c for c in found["curves"] if c["arm"] == "all rows")
    assert len(long["steps"]) == len(long["losses"]) == 200
    assert "learning curves of 4 trainings have more than 200 points" in "\n".join(found["said"])


def test_a_loss_that_is_no_number_is_left_out_and_told(told):
    found = proof(told["folder"])
    arm = {"arm": "mtld", "budget": "20%", "view": "rows"}
    second = next(c for c in found["curves"] if c == {**c, **arm, "seed": 1})
    assert (second["steps"], second["losses"]) == ([1], [3.0])
    gaps = [one for one in found["said"] if "is no number" in one]
    assert len(gaps) == 2 * 6  # one of the two seeds of every arm but all rows
    assert "mtld (20%, equal rows), seed 1: the training loss is no number at 1 of 2" in gaps[2]


def test_costs_stand_beside_effects(told):
    found = proof(told["folder"])
    costs = json.loads((told["folder"] / "costs.json").read_text())
    effects = {line["label"]: line["against_random"] for line in told["table"]}
    labels = [f"{b['arm']} ({b['budget']}, equal {b['view']})" for b in found["benefits"]]
    assert labels == list(costs)
    for label, one in zip(labels, found["benefits"], strict=True):
        effect = effects[label]
        assert one["training"] == 2.0
        assert one["against_random"] == (effect and effect["difference"])
    assert sum(one["against_random"] is not None for one in found["benefits"]) == 2 * 6


def test_every_measure_has_its_own_effect(copied):
    lines = json.loads((copied / "table.json").read_text())
    other = [{**line, "measure": "other", "against_random": None} for line in lines]
    (copied / "table.json").write_text(json.dumps([*other, *lines]))
    found = [
        one for one in proof(copied)["benefits"] if (one["arm"], one["view"]) == ("mtld", "rows")
    ]
    assert [one["measure"] for one in found] == ["other", f"loss on {EXAM}"]
    assert [one["against_random"] is None for one in found] == [True, False]


def test_selecting_is_scoring_and_picking_and_an_unknown_price_stays_unknown(copied):
    costs = json.loads((copied / "costs.json").read_text())
    one, other = (f"{name} (20%, equal rows)" for name in ("mtld", "length"))
    picking = {"seconds": 0.25, "tokens": 3, "money": 1.0}
    costs[one] |= {"scoring": {"seconds": 1.5, "tokens": 7, "money": 2.0}, "selecting": picking}
    costs[other] |= {"scoring": {"seconds": 1, "tokens": 7, "money": None}, "selecting": picking}
    (copied / "costs.json").write_text(json.dumps(costs))
    benefits = proof(copied)["benefits"]
    found = {f"{b['arm']} (20%, equal {b['view']})": b for b in benefits}
    assert [found[one][name] for name in ("selecting", "tokens", "money")] == [1.75, 10.0, 3.0]
    assert [found[other][name] for name in ("selecting", "tokens", "money")] == [1.25, 10.0, None]


def test_the_command_does_the_same_again(told):
    found = proof(told["folder"])
    config = told["folder"] / "run.toml"
    assert shlex.split(found["command"]) == ["tamis", "prove", "--config", str(config)]
    assert found["config"] == config.read_text(encoding="utf-8")
    assert (found["name"], found["folder"]) == ("it's 中文", str(told["folder"]))


def test_the_manifest_and_what_is_printed_hold_no_losses(told):
    manifest = proof(told["folder"])["manifest"]
    assert manifest["proof"] == told["runs"]
    assert not any("losses" in run for run in told["runs"])


def test_an_older_folder_has_no_curves(copied):
    runs = json.loads((copied / "runs.json").read_text())
    for run in runs:
        del run["losses"]
    (copied / "runs.json").write_text(json.dumps(runs))
    whole = proof(copied)
    assert whole["curves"] == []
    for name in ("runs.json", "costs.json"):
        (copied / name).unlink()
    found = proof(copied)
    assert found["curves"] == found["benefits"] == []
    assert found["arms"] == whole["arms"]


def test_names_that_are_no_unicode_are_read_as_they_were_written(copied):
    path = copied / "table.json"
    lines = json.loads(path.read_bytes())
    lines[1]["measure"] = "loss on \udce9"
    text = json.dumps(lines, ensure_ascii=False)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert proof(copied)["arms"][1]["measure"] == "loss on \udce9"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("table.json", None),
        ("table.json", "{"),
        ("table.json", '[{"arm": "mtld"}]'),
        ("table.json", "7"),
        ("runs.json", '[{"losses": [3]}]'),
        ("costs.json", '{"random": {}}'),
        ("costs.json", "[]"),
        ("run.toml", None),
    ],
)
def test_a_damaged_file_is_named(copied, name, text):
    (copied / name).unlink()
    if text is not None:
        (copied / name).write_text(text)
    with pytest.raises(UserError, match=f"{name} is missing, damaged or of another version"):
        proof(copied)


def test_an_experiment_that_did_not_end_says_so(copied):
    (copied / "manifest.json").write_text('{"unfinished": true, "files": []}')
    assert is_proof(copied)
    with pytest.raises(UserError, match="did not end: give the same command again"):
        proof(copied)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"method": "mtld"}', '{"unfinished": true}'])
def test_other_folders_hold_no_experiment(tmp_path, text):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    assert not is_proof(tmp_path)
    assert not is_proof(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no experiment: name a folder that `tamis prove`"):
        proof(tmp_path)


def test_the_folder_is_all_that_is_read(told, copied):
    """What it says does not depend on where the folder lies, but for its name and command."""
    here, there = proof(told["folder"]), proof(copied)
    own = ("name", "folder", "command")
    assert {k: v for k, v in here.items() if k not in own} == {
        k: v for k, v in there.items() if k not in own
    }
