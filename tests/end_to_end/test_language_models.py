"""Methods that read a language model, from the command line, with the model in the package."""

import json

import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
MODEL = ("--model", "reference", "--device", "cpu")


@pytest.fixture
def few(sample, tmp_path):
    """Two dozen rows of the sample."""
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(sample.read_text().splitlines()[:24]) + "\n")
    return path


def test_scores_of_several_methods_in_one_go(tamis_process, few):
    wanted = "ifd,perplexity(template=alpaca),s_ifd(of=loss_difference(template=alpaca))"
    tamis_process("score", few, "--method", wanted, *MODEL, "--out", "scores.parquet")
    table = pq.read_table(tamis_process.folder / "scores.parquet")
    ratios = table["ifd"].drop_null().to_pylist()
    assert len(ratios) == 24 and 0.5 < sum(ratios) / 24 < 1.1


@pytest.mark.parametrize("method", ["superfiltering", "t_shirt"])
def test_recipes_select(tamis, few, method):
    given = ["--of", "loss_difference(neighbours=2)"] if method == "t_shirt" else []
    tamis("select", few, "--method", method, *given, "--budget", "5", *MODEL, "--out", "one")
    assert len((tamis.folder / "one/subset.jsonl").read_bytes().splitlines()) == 5


def test_a_cascade_runs_again_to_the_same_subset(tamis, few):
    tamis("select", few, "--method", "cascade", "--budget", "5", *MODEL, "--out", "one")
    tamis("select", "--config", "one/run.toml", "--device", "cpu", "--out", "two")
    one, two = ((tamis.folder / d / "subset.jsonl").read_bytes() for d in ("one", "two"))
    assert one == two and len(one.splitlines()) == 5
    manifest = json.loads((tamis.folder / "one/manifest.json").read_text())
    assert manifest["resources"]["language model"].startswith("reference@")


def test_rows_like_those_of_a_target_set(tamis, few):
    for method in ("rds_plus", "less"):
        given = ["--of", "gradient(dim=256)"] if method == "less" else []
        command = ("select", few, "--method", method, "--target", few, "--budget", "4")
        tamis(*command, *given, *MODEL, "--out", method)
        assert len((tamis.folder / method / "subset.jsonl").read_bytes().splitlines()) == 4


def test_a_model_that_cannot_be_reached_is_one_message(tamis_process, few, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tamis_process.folder / "empty"))
    message = tamis_process("score", few, "--method", "ifd", code=2)
    assert "openai-community/gpt2" in message and "--model FOLDER" in message
    assert "--model reference" in message and message.count("\n") == 1
