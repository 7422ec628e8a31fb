"""`tamis winrate` on the command line: published forms in, tables, JSON and other forms out."""

import json

import pytest

from conftest import shared_root

EVALUATION = shared_root() / "data/evaluation"


def annotation(at, preference, generator="alpaca", **more):
    return {
        "instruction": f"Question {at}?",
        "output_1": "x" * (10 + at % 7),
        "generator_1": "davinci",
        "dataset": "koala" if at % 2 else "vicuna",
        "output_2": "y" * (10 + at % 5),
        "generator_2": generator,
        "annotator": "gpt4",
        "preference": preference,
        **more,
    }


@pytest.fixture
def annotations(tamis):
    rows = [annotation(at, 1 + (at % 3) / 2) for at in range(30)]
    path = tamis.folder / "annotations.json"
    path.write_text(json.dumps([*rows, annotation(30, None)]))
    return path


def told(tamis, *args):
    return json.loads(tamis("winrate", *args, "--json", "--resamples", 200))["comparisons"]


def test_annotations_are_counted(tamis, annotations):
    (found,) = told(tamis, "--judgments", annotations)
    assert (found["ours"], found["theirs"]) == ("alpaca", "davinci")
    total = found["judges"][0]["total"]
    assert [total[name] for name in ("wins", "ties", "losses", "total")] == [10, 10, 10, 30]
    assert total["left_out"] == {"no_preference": 1}
    assert total["win_rate"]["value"] == 50
    assert [one["set"] for one in found["judges"][0]["sets"]] == ["koala", "vicuna"]
    assert found["judges"][0]["equal_length"]["rows"] == 30


def test_a_table_for_people_says_the_same(tamis, annotations):
    shown = tamis("winrate", "--judgments", annotations)
    assert "alpaca against davinci, judged by gpt4" in shown
    for words in ("mean of sets", "left out, no_preference: 1", "not AlpacaEval's"):
        assert words in shown


def test_several_files_and_judges(tamis, annotations):
    other = tamis.folder / "other.json"
    rows = [annotation(at, 1 + (at % 2), annotator="claude") for at in range(30)]
    other.write_text(json.dumps(rows))
    (found,) = told(tamis, "--judgments", annotations, other)
    assert [one["judge"] for one in found["judges"]] == ["gpt4", "claude"]
    assert found["together"][0]["judge"] == "mean of 2"
    assert found["agreement"]["pairs"][0]["prompts"] == 30


def test_standard_input_is_a_file(tamis, annotations):
    shown = tamis("winrate", "-", "--json", stdin=annotations.read_bytes())
    assert json.loads(shown)["comparisons"][0]["judges"][0]["total"]["total"] == 30


def test_the_other_side(tamis, annotations):
    (found,) = told(tamis, annotations, "--ours", "davinci")
    assert (found["ours"], found["judges"][0]["total"]["wins"]) == ("davinci", 10)


@pytest.mark.parametrize("form", ["tamis", "alpaca_eval"])
def test_an_export_gives_the_same_rates(tamis, annotations, form):
    first = told(tamis, annotations, "--export", form, "--out", "out.json")
    assert told(tamis, "out.json") == first


def test_difficulty_joins_the_model(tamis, annotations):
    lines = (json.dumps({"instruction": f"Question {n}?", "difficulty": n % 4}) for n in range(30))
    (tamis.folder / "hard.jsonl").write_text("\n".join(lines))
    (found,) = told(tamis, annotations, "--difficulty", "hard.jsonl")
    assert found["judges"][0]["equal_length"]["difficulty"] is not None


@pytest.mark.parametrize(
    "args, message",
    [
        ((), "no judgments are named"),
        (("--judgments", "nowhere.json"), "no file nowhere.json"),
        (("annotations.json", "annotations.json"), "twice"),
        (("annotations.json", "--export", "alpaca_eval"), "name the file"),
        (("annotations.json", "--ours", "gpt"), "no judgment is of a generator named 'gpt'"),
        (("annotations.json", "--failed", "drop"), "leave_out"),
        (("annotations.json", "--resamples", "-1"), "expected 0"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tamis, annotations, args, message):
    error = tamis("winrate", *args, code=2)
    assert message in error
    assert error.count("\n") <= 2


def test_the_published_board_of_alpaca_7b(tamis):
    path = EVALUATION / "alpaca_eval/results/alpaca-7b/alpaca_eval_gpt4/annotations.json"
    if not path.exists():
        pytest.skip("real data is absent: alpaca_eval")
    (found,) = told(tamis, "--judgments", path)
    total = found["judges"][0]["total"]
    assert round(total["win_rate"]["value"], 10) == 26.4596273292
    assert round(total["standard_error"], 10) == 1.5357114697


def test_the_published_log_of_cherry(tamis):
    folder = EVALUATION / "cherry_llm_logs/cherry_alpaca_5_per-VS-alpaca"
    path = folder / "vicuna_wrap_reviews_gpt4.json"
    if not path.exists():
        pytest.skip("real data is absent: cherry_llm_logs")
    (found,) = told(tamis, "--judgments", path)
    total = found["judges"][0]["total"]
    assert [total[name] for name in ("wins", "ties", "losses")] == [44, 15, 21]
