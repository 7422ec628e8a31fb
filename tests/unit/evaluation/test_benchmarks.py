import importlib.util
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import shared_root
from tamis.errors import MissingExtra, UserError
from tamis.evaluation import benchmarks
from tamis.evaluation.local_tasks import local_task, questions
from tamis.run.session import Run
from tamis.verbs.benchmarking import benchmark

SUM = "What is 1+1?,1,2,3,4,B\n"
needs_lm_eval = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm-eval is absent (extra eval)"
)


@pytest.fixture
def written(tmp_path):
    """A file with this text."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def found(folder, task, values, *, metric="acc", by="none", means=None):
    """What lm-eval leaves of a task: a line a row, and its report."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"doc_id": i, "doc_hash": f"h{i}", "filter": by, metric: value, "target": "B"}
        for i, value in enumerate(values)
    ]
    path = folder / f"samples_{task}_2026-01-02T03-04-05.678901.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    means = {f"{metric},{by}": 0.5} if means is None else means
    return benchmarks.rows_of(folder, {"results": {task: means}})


def test_a_csv_of_choices_is_read_as_mmlu_writes_it(written):
    rows = questions(written("a.csv", '"One, or ""two""?",a,b,c,d,C\n' + SUM))
    first = {"question": 'One, or "two"?', "choices": ["a", "b", "c", "d"], "answer": 2}
    assert rows.rows[0] == first and rows.options == 4 and len(rows.rows) == 2


def test_a_question_may_have_line_breaks(written):
    assert questions(written("a.csv", '"one\ntwo",a,b,A\n')).rows[0]["question"] == "one\ntwo"


def test_a_letter_beyond_the_options_is_told_with_its_row(written):
    with pytest.raises(UserError, match="row 2"):
        questions(written("a.csv", SUM + "What?,1,2,3,4,E\n"))


def test_rows_with_other_numbers_of_options_are_refused(written):
    with pytest.raises(UserError, match="row 2"):
        questions(written("a.csv", SUM + "What?,1,2,3,B\n"))


def test_the_answer_of_gsm8k_is_what_follows_the_mark(written):
    text = json.dumps({"question": "How many?", "answer": "2 and 2 are 4.\n#### 1,004"})
    rows = questions(written("g.jsonl", text))
    assert rows.rows[0]["answer"] == "1,004" and rows.numbers


def test_examples_of_big_bench_are_read(written):
    text = json.dumps({"canary": "x", "examples": [{"input": "Go?", "target": "No"}]})
    rows = questions(written("b.json", text))
    assert rows.rows == [{"question": "Go?", "answer": "No"}] and not rows.numbers


def test_zero_is_an_answer(written):
    assert questions(written("g.jsonl", '{"question": "?", "answer": 0}')).rows[0]["answer"] == "0"


def test_a_record_without_an_answer_is_told_with_its_place(written):
    text = '{"question": "a", "answer": "b"}\n{"question": "c"}\n'
    with pytest.raises(UserError, match="record 2"):
        questions(written("g.jsonl", text))


def test_a_file_without_questions_is_refused(written):
    with pytest.raises(UserError, match="no questions"):
        questions(written("a.csv", "\n"))


def test_a_local_task_is_yaml_that_offers_the_letters(written, tmp_path):
    yaml = pytest.importorskip("yaml")
    name = local_task(written("my sums.csv", SUM), tmp_path / "tasks")
    said = yaml.safe_load((tmp_path / f"tasks/{name}.yaml").read_text("utf-8"))
    assert name == said["task"] == "local_my_sums"
    assert said["doc_to_choice"] == ["A", "B", "C", "D"]
    assert said["doc_to_text"].startswith("{{question.strip()}}\nA. {{choices[0]}}\nB. ")
    rows = open(said["dataset_kwargs"]["data_files"]["test"]).read()
    assert json.loads(rows)["answer"] == 1


def test_shots_come_from_the_file_of_examples(written, tmp_path):
    yaml = pytest.importorskip("yaml")
    shown = written("dev.csv", SUM)
    name = local_task(written("test.csv", SUM), tmp_path / "tasks", shown)
    said = yaml.safe_load((tmp_path / f"tasks/{name}.yaml").read_text("utf-8"))
    assert said["fewshot_split"] == "dev" and said["fewshot_config"] == {"sampler": "first_n"}


def test_examples_of_another_kind_are_refused(written, tmp_path):
    other = written("dev.csv", "Is it?,yes,no,A\n")
    with pytest.raises(UserError, match="another kind"):
        local_task(written("test.csv", SUM), tmp_path / "tasks", other)


def test_the_expression_for_numbers_reads_the_last_one():
    import re

    from tamis.evaluation.local_tasks import _writing

    pattern = _writing(True)["filter_list"][0]["filter"][0]["regex_pattern"]
    assert re.findall(pattern, "3 of 5 make 1,250.50.") == ["3", "5", "1,250.50"]


def test_every_row_has_a_value(tmp_path):
    table = found(tmp_path / "r", "arc_easy", [1.0, 0.0, 1.0])
    assert table.column_names == list(benchmarks.SAID)
    assert table["task"].to_pylist() == ["arc_easy"] * 3
    assert table["value"].to_pylist() == [1.0, 0.0, 1.0]


def test_a_value_that_is_no_number_of_a_row_is_no_row(tmp_path):
    means = {"acc,none": 0.5, "f1,none": 0.3, "alias": "x", "acc_stderr,none": 0.1}
    table = found(tmp_path / "r", "t", [[1, 0], [0, 0]], metric="f1", means=means)
    assert not len(table)


def test_answers_read_in_two_ways_are_two_scores(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    rows = [
        {"doc_id": 0, "doc_hash": "h", "filter": by, "exact_match": value}
        for by, value in [("strict", 0.0), ("flexible", 1.0)]
    ]
    path = folder / "samples_gsm8k_2026-01-02T03-04-05.6.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    means = {"exact_match,strict": 0.0, "exact_match,flexible": 1.0}
    scores = benchmarks.scores_of(benchmarks.rows_of(folder, {"results": {"gsm8k": means}}))
    assert {one.filter: one.interval.value for one in scores} == {"strict": 0.0, "flexible": 1.0}


def test_a_share_has_wilsons_interval(tmp_path):
    (one,) = benchmarks.scores_of(found(tmp_path / "r", "t", [1.0] * 10 + [0.0] * 40))
    # statsmodels.stats.proportion.proportion_confint(10, 50, method="wilson")
    expected = (0.2, 0.112437500, 0.330371059)
    assert (one.interval.value, one.interval.low, one.interval.high) == pytest.approx(expected)


def test_values_between_have_the_interval_of_a_mean():
    from scipy import stats

    values = np.random.default_rng(0).normal(0.4, 0.1, 400)
    one = benchmarks.mean_of(values)
    half = stats.t.ppf(0.975, 399) * values.std(ddof=1) / 20
    assert one.high - one.value == pytest.approx(half, rel=0.02)


def test_a_model_beside_itself_differs_by_nothing(tmp_path):
    table = found(tmp_path / "r", "t", [1.0, 0.0, 1.0])
    (one,) = benchmarks.paired(table, table)
    assert one.interval.value == 0 and one.alone == 0


def test_a_difference_is_that_of_the_rows_that_both_have(tmp_path):
    ours = found(tmp_path / "a", "t", [1.0, 1.0, 0.0, 1.0])
    theirs = found(tmp_path / "b", "t", [0.0, 1.0, 1.0])
    (one,) = benchmarks.paired(ours, theirs)
    assert (one.rows, one.alone, one.interval.value) == (3, 1, 0.0)


def test_a_difference_of_equal_questions_is_narrower_than_of_others(tmp_path):
    hard = np.random.default_rng(1).random(200) < 0.5
    better = hard | (np.random.default_rng(2).random(200) < 0.1)
    ours = found(tmp_path / "a", "t", better.astype(float).tolist())
    theirs = found(tmp_path / "b", "t", hard.astype(float).tolist())
    (one,) = benchmarks.paired(ours, theirs)
    assert 0 < one.interval.low < one.interval.value < one.interval.high
    assert one.interval.value == pytest.approx(better.mean() - hard.mean())


def test_questions_that_changed_are_not_compared(tmp_path):
    ours = found(tmp_path / "a", "t", [1.0])
    theirs = found(tmp_path / "b", "t", [1.0])
    moved = theirs.set_column(4, "hash", [["other"]])
    with pytest.raises(UserError, match="in common"):
        benchmarks.paired(ours, moved)


def test_a_result_that_was_asked_otherwise_is_refused(tmp_path):
    result = tmp_path / "r.json"
    asked = {"chat": True, "shots": None, "examples": None, "seed": 0}
    result.write_text(json.dumps({"asked": asked}))
    pq.write_table(found(tmp_path / "a", "t", [1.0]), tmp_path / "r.parquet")
    assert len(benchmarks._other(result, asked)) == 1
    with pytest.raises(UserError, match="chat=True"):
        benchmarks._other(result, {**asked, "chat": False})


def test_auto_precision_is_decided_and_said():
    pytest.importorskip("torch")
    flags = benchmarks.model_flags(Run(model="reference", device="cpu"), 4)
    said = flags[flags.index("--model_args") + 1]
    assert said.startswith("pretrained=") and said.endswith(",dtype=float32")
    assert flags[-4:] == ["--device", "cpu", "--batch_size", "4"]


def test_an_adapter_is_named_beside_its_base(tmp_path):
    said = {"base_model_name_or_path": "reference", "peft_type": "LORA"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(said))
    flags = benchmarks.model_flags(Run(model=str(tmp_path), device="cpu"), 8)
    assert f"peft={tmp_path}" in flags[flags.index("--model_args") + 1].split(",")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "name@http://127.0.0.1:1/v1"}, "Hub name or folder"),
        ({"model": "reference", "dtype": "int8"}, "int8"),
        ({"model": "reference", "device": "cuda:0,cuda:1"}, "one device"),
    ],
)
def test_what_lm_eval_cannot_run_is_told(settings, told):
    with pytest.raises(UserError, match=told):
        benchmarks.model_flags(Run(**{"device": "cpu", **settings}), 8)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tasks": ["a"], "out": "r.txt"}, ".json"),
        ({}, "name tasks"),
        ({"data": ["a.csv"], "shots": 2}, "examples"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_loaded(settings, told):
    with pytest.raises(UserError, match=told):
        benchmark(**settings)


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is not None, reason="lm-eval is here")
def test_without_lm_eval_the_extra_is_named():
    with pytest.raises(MissingExtra, match="eval"):
        benchmark(tasks=["arc_easy"])


COUNT = "Count to 12 please: 1, 2,"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run over three files; of the answers that the model writes, it is asked first."""
    folder, run = tmp_path_factory.mktemp("ran"), Run(model="reference", device="cpu")
    asked = ["Name a color.", "What is the capital of France?", COUNT]
    model = run.resource("Likelihood")
    ids = model.encode([f"Question: {question}\nAnswer:" for question in asked])
    said = [model.decode(new).split("Question:")[0] for new in model.generate(ids, 256)]
    first = said[0].strip().split("\n")[0].upper()
    last = [word.rstrip(",.") for word in said[2].split() if word[0].isdigit()][-1]
    right = {
        "words": [(asked[0], first), (asked[1], "another answer")],
        "numbers": [(COUNT, f"because\n#### {n}") for n in (last, "77777")],
    }
    for name, pairs in right.items():
        rows = [json.dumps({"question": q, "answer": a}) + "\n" for q, a in pairs]
        (folder / f"{name}.jsonl").write_text("".join(rows))
    (folder / "sums.csv").write_text(SUM + "What is 2+2?,1,2,3,4,D\nWhat is 1+2?,1,2,3,4,C\n")
    files = [str(folder / name) for name in ("sums.csv", "words.jsonl", "numbers.jsonl")]
    return benchmark(data=files, out=str(folder / "r.json"), run=run), folder


def values(table, task):
    return [row["value"] for row in table.to_pylist() if row["task"] == task]


@needs_lm_eval
def test_means_are_those_that_lm_eval_reports(ran):
    found, _ = ran
    means = found.manifest["lm_eval"]["results"]
    told = {one.task: means[one.task][f"{one.metric},{one.filter}"] for one in found.scores}
    assert {one.task: one.interval.value for one in found.scores} == pytest.approx(told)
    assert sorted(told) == ["local_numbers", "local_sums", "local_words"]


@needs_lm_eval
def test_a_written_answer_is_right_whatever_its_case(ran):
    assert values(ran[0].table, "local_words") == [1.0, 0.0]


@needs_lm_eval
def test_the_last_number_written_counts(ran):
    assert values(ran[0].table, "local_numbers") == [1.0, 0.0]


@needs_lm_eval
def test_a_model_that_is_run_again_differs_by_nothing(ran, tmp_path):
    _, folder = ran
    second = benchmark(
        data=[str(folder / "sums.csv")],
        limit=2,
        out=str(tmp_path / "s.json"),
        against=str(folder / "r.json"),
        run=Run(model="reference", device="cpu"),
    )
    (one,) = second.differences
    assert (one.rows, one.alone, one.interval.value) == (2, 1, 0.0)


@needs_lm_eval
def test_a_task_that_is_not_known_is_told(tmp_path):
    out = str(tmp_path / "r.json")
    with pytest.raises(UserError, match="no_such_task"):
        run = Run(model="reference", device="cpu")
        benchmark(tasks=["no_such_task"], out=out, run=run)


@needs_lm_eval
def test_mmlu_is_run_as_it_is_published(tmp_path):
    import zipfile

    packed = shared_root() / "data/evaluation/mmlu/mmlu.zip"
    if not packed.exists():
        pytest.skip(f"real data is absent: {packed.name}")
    with zipfile.ZipFile(packed) as files:
        for part in ("dev", "test"):
            files.extract(f"data/{part}/astronomy_{part}.csv", tmp_path)
    settings = {
        "data": [str(tmp_path / "data/test/astronomy_test.csv")],
        "examples": str(tmp_path / "data/dev/astronomy_dev.csv"),
    }
    found = benchmark(
        **settings,
        out=str(tmp_path / "r.json"),
        shots=2,
        limit=4,
        run=Run(model="reference", device="cpu"),
    )
    assert found.scores[0].rows == 4
    assert found.manifest["lm_eval"]["n-shot"] == {"local_astronomy_test": 2}
