"""The same training in other trainers: the rows as they are learned here, and settings they know.

The names below were taken from the parser of LLaMA-Factory 0.9.5 and the schema of axolotl 0.19.0,
both of which took the files that are written here.
"""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny import tiny_model

from tamis.data.yaml_text import as_yaml
from tamis.errors import UserError
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.training.elsewhere import write_elsewhere
from tamis.training.rows import tokenise
from tamis.training.settings import Training
from tamis.training.sft import by_id as by_id
from tamis.training.sft import settings
from tamis.verbs.exporting import export_training

yaml = pytest.importorskip("yaml")
pytest.importorskip("transformers")

LLAMAFACTORY = set(
    "model_name_or_path model_revision stage do_train finetuning_type lora_rank lora_alpha "
    "lora_dropout lora_target tokenized_path dataset dataset_dir template mask_history cutoff_len "
    "packing output_dir logging_steps save_strategy save_steps report_to "
    "per_device_train_batch_size gradient_accumulation_steps learning_rate max_steps "
    "lr_scheduler_type warmup_steps weight_decay optim max_grad_norm bf16 seed data_seed".split()
)
AXOLOTL = set(
    "base_model revision_of_model adapter lora_r lora_alpha lora_dropout lora_target_linear "
    "datasets dataset_prepared_path shuffle_merged_datasets val_set_size sequence_len "
    "sample_packing pad_to_sequence_len group_by_length special_tokens output_dir logging_steps "
    "save_strategy save_steps micro_batch_size gradient_accumulation_steps learning_rate max_steps "
    "lr_scheduler warmup_steps weight_decay optimizer max_grad_norm bf16 fp16 tf32 "
    "gradient_checkpointing seed".split()
)
KNOWN = {"llamafactory": LLAMAFACTORY, "axolotl": AXOLOTL}
BOTH = sorted(KNOWN)

RECORDS = [{"instruction": f"Say {i}", "output": f"{i} " * (1 + i % 5)} for i in range(24)]
TALK = {
    "messages": [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": "Farewell"},
    ]
}

LONG = {"instruction": "Count", "output": "1 2 3 4 " * 40}  # longer than the model reads


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_model(tmp_path_factory.mktemp("base")))


def said(found):
    return yaml.safe_load(found.config.read_text("utf-8"))


def rows_in(folder, to):
    if to == "axolotl":
        return pq.read_table(folder / "rows.parquet").to_pylist()
    with pa.memory_map(str(folder / "rows/data-00000-of-00001.arrow")) as file:
        return pa.ipc.open_stream(file).read_all().to_pylist()


@pytest.mark.parametrize("to", BOTH)
@pytest.mark.parametrize("template", ["plain", "alpaca", "vicuna", "tulu"])
def test_rows_are_learned_there_as_they_are_here(base, tmp_path, to, template):
    data = dataset([*RECORDS, TALK, LONG])
    training = Training(template=template, turns="last", max_length=250)
    write_elsewhere(data, training, base, tmp_path, to=to)
    tokenise(by_id(data), ModelTokenizer(base), training, tmp_path / "here")
    with pa.memory_map(str(tmp_path / "here")) as file:
        here = pa.ipc.open_stream(file).read_all().to_pylist()
    there = rows_in(tmp_path, to)
    assert [(r["input_ids"], r["labels"]) for r in there] == [
        (r["input_ids"], r["labels"]) for r in here
    ]
    assert all(set(r["attention_mask"]) == {1} for r in there)
    assert all(len(r["attention_mask"]) == len(r["input_ids"]) <= 250 for r in there)


@pytest.mark.parametrize("to", BOTH)
@pytest.mark.parametrize("tune", ["lora", "full"])
@pytest.mark.parametrize("more", [{}, {"keep": "epochs"}, {"keep_every": 2}])
def test_only_settings_that_the_trainer_knows_are_written(base, tmp_path, to, tune, more):
    training = Training(tune=tune, max_length=250, **more)
    found = write_elsewhere(dataset(RECORDS), training, base, tmp_path, to=to)
    assert set(said(found)) <= KNOWN[to]


@pytest.mark.parametrize(
    "how", [{"epochs": 2.5}, {"steps": 7}, {"tokens": 2000}], ids=["epochs", "steps", "tokens"]
)
@pytest.mark.parametrize("to", BOTH)
def test_there_are_as_many_updates_as_here(base, tmp_path, to, how):
    data, training = dataset(RECORDS), Training(batch=4, max_length=250, warmup=0.2, **how)
    rows = tokenise(by_id(data), ModelTokenizer(base), training, tmp_path / "here")
    here = settings(rows, training, tmp_path, "cuda")
    there = said(write_elsewhere(data, training, base, tmp_path, to=to))
    assert there["max_steps"] == here["max_steps"]
    assert there["warmup_steps"] == here["warmup_steps"] == int(0.2 * here["max_steps"])


@pytest.mark.parametrize("to", BOTH)
def test_an_update_has_as_many_rows_as_here(base, tmp_path, to):
    training = Training(batch=24, max_length=250)
    there = said(write_elsewhere(dataset(RECORDS), training, base, tmp_path, to=to))
    pass_of = there.get("micro_batch_size", there.get("per_device_train_batch_size"))
    assert pass_of * there["gradient_accumulation_steps"] == 24


@pytest.mark.parametrize("to", BOTH)
def test_numbers_are_read_as_numbers(base, tmp_path, to):
    training = Training(tune="full", rate=2e-5, decay=1e-4, max_length=250, train_seed=3)
    there = said(write_elsewhere(dataset(RECORDS), training, base, tmp_path, to=to))
    assert (there["learning_rate"], there["weight_decay"], there["seed"]) == (2e-5, 1e-4, 3)


@pytest.mark.parametrize("to", BOTH)
def test_a_constant_rate_still_warms_up(base, tmp_path, to):
    training = Training(schedule="constant", max_length=250)
    there = said(write_elsewhere(dataset(RECORDS), training, base, tmp_path, to=to))
    assert there.get("lr_scheduler", there.get("lr_scheduler_type")) == "constant_with_warmup"


def test_low_rank_matrices_are_described_to_each(base, tmp_path):
    training = Training(rank=8, alpha=24, dropout=0.1, max_length=250)
    first = said(write_elsewhere(dataset(RECORDS), training, base, tmp_path, to="llamafactory"))
    other = said(write_elsewhere(dataset(RECORDS), training, base, tmp_path, to="axolotl"))
    names = ("lora_rank", "lora_alpha", "lora_dropout", "lora_target")
    assert [first[name] for name in names] == [8, 24, 0.1, "all"]
    names = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_linear")
    assert [other[name] for name in names] == [8, 24, 0.1, True]


@pytest.mark.parametrize("to", BOTH)
def test_models_are_kept_as_they_are_here(base, tmp_path, to):
    def saved(**how):
        training = Training(max_length=250, **how)
        there = said(write_elsewhere(dataset(RECORDS), training, base, tmp_path, to=to))
        return there["save_strategy"], there.get("save_steps")

    assert saved() == ("no", None)
    assert saved(keep="epochs") == ("epoch", None)
    assert saved(keep_every=5) == ("steps", 5)


def test_the_folder_of_rows_loads_as_datasets_loads_its_own(base, tmp_path):
    datasets = pytest.importorskip("datasets")
    write_elsewhere(dataset(RECORDS), Training(max_length=250), base, tmp_path, to="llamafactory")
    loaded = datasets.load_from_disk(str(tmp_path / "rows"))
    assert len(loaded) == 24 and loaded.column_names == ["input_ids", "attention_mask", "labels"]
    assert loaded[0] == rows_in(tmp_path, "llamafactory")[0]


def test_the_folder_can_be_moved(base, tmp_path):
    found = write_elsewhere(
        dataset(RECORDS), Training(max_length=250), base, tmp_path, to="axolotl"
    )
    assert said(found)["datasets"] == [{"path": "rows.parquet", "ds_type": "parquet"}]
    without = {name: value for name, value in said(found).items() if name != "base_model"}
    assert str(tmp_path) not in json.dumps(without)


def test_what_differs_stands_in_the_file(base, tmp_path):
    training = Training(tune="full", max_length=250, warmup=0.2)
    found = write_elsewhere(dataset(RECORDS), training, base, tmp_path, to="axolotl")
    text = found.config.read_text("utf-8")
    assert any("bfloat16" in note for note in found.notes)
    assert all(f"# Note: {note}." in text for note in found.notes)


def test_conversations_name_the_template_and_say_what_it_writes_otherwise(base, tmp_path):
    training = Training(template="vicuna", turns="last", max_length=250)
    found = write_elsewhere(
        dataset(RECORDS), training, base, tmp_path, to="llamafactory", form="messages"
    )
    there = said(found)
    assert (there["template"], there["mask_history"], there["dataset"]) == (
        "vicuna",
        True,
        "subset",
    )
    assert "tokenized_path" not in there and any("blank" in note for note in found.notes)
    entry = json.loads((tmp_path / "dataset_info.json").read_text())[there["dataset"]]
    assert len((tmp_path / entry["file_name"]).read_text().splitlines()) == 24


@pytest.mark.parametrize(
    ("to", "how"),
    [
        ("llamafactory", {"template": "plain"}),
        ("llamafactory", {"template": "tulu"}),
        ("axolotl", {"template": "alpaca"}),
        ("axolotl", {"template": "chat", "turns": "last"}),
    ],
)
def test_conversations_that_would_be_another_training_are_refused(base, tmp_path, to, how):
    with pytest.raises(UserError, match="form=tokens"):
        write_elsewhere(
            dataset(RECORDS), Training(**how), base, tmp_path / "x", to=to, form="messages"
        )
    assert not (tmp_path / "x").exists()


def test_conversations_that_the_trainer_cannot_take_are_refused(base, tmp_path):
    odd = {"messages": [{"role": "user", "content": "a"}, *TALK["messages"]]}
    with pytest.raises(UserError, match=r"alternate.*form=tokens takes every row"):
        write_elsewhere(
            dataset([*RECORDS, odd]),
            Training(max_length=250),
            base,
            tmp_path,
            to="llamafactory",
            form="messages",
        )


def test_a_chat_template_stays_the_models_own(tmp_path):
    training = Training(template="chat", max_length=128)
    found = write_elsewhere(
        dataset(RECORDS), training, "reference", tmp_path, to="axolotl", form="messages"
    )
    (rows,) = said(found)["datasets"]
    assert (rows["type"], rows["chat_template"]) == ("chat_template", "tokenizer_default")
    assert (rows["roles_to_train"], rows["train_on_eos"]) == (["assistant"], "turn")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "axolotl.yaml",
        "subset.axolotl.jsonl",
    ]


def test_a_broken_scale_is_refused_where_only_whole_ones_are_known(base, tmp_path):
    with pytest.raises(UserError, match="alpha is a whole number"):
        write_elsewhere(dataset(RECORDS), Training(alpha=1.5), base, tmp_path, to="axolotl")


def test_an_adapter_is_refused(tmp_path):
    pytest.importorskip("torch")
    said = {"base_model_name_or_path": "reference", "peft_type": "LORA"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match="merge it into its base"):
        write_elsewhere(dataset(RECORDS), Training(), str(tmp_path), tmp_path / "o", to="axolotl")


def test_a_trainer_that_is_not_known_is_told(base, tmp_path):
    with pytest.raises(UserError, match="llamafactory"):
        export_training(
            dataset(RECORDS), to="llama_factory", out=str(tmp_path), run=Run(model=base)
        )


def test_written_again_the_folder_is_the_same(base, tmp_path):
    def content(records):
        write_elsewhere(
            dataset(records), Training(max_length=250), base, tmp_path, to="llamafactory"
        )
        return {p: p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()}

    turned = [RECORDS[i] for i in np.random.default_rng(0).permutation(len(RECORDS))]
    assert content(RECORDS) == content(turned)


def test_yaml_is_read_as_what_it_was():
    value = {
        "a": 2e-05,
        "b": 1e22,
        "c": [1, "x: y"],
        "d": [{"e": None, "f": {"g": "no"}}, {"h": True}],
        "i": "line\nbreak \\d+ {{x}} é",
        "j": [],
    }
    assert yaml.safe_load(as_yaml(value, ["a comment: here"])) == value


def test_the_command_writes_instead_of_training(base, tmp_path, tamis):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in RECORDS))
    how = ["--model", base, "--to", "axolotl", "--out", "there", "--max-length", "250", "--json"]
    told = json.loads(tamis("train", rows, *how))
    assert told["data"]["rows"] == 24 and told["command"] == "axolotl train axolotl.yaml"
    names = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert names == ["axolotl.yaml", "rows.parquet"]
