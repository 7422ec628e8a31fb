"""Answers from the command line: generated, compared, graded, and looked for in a pool."""

import json

import pytest
from _chat_server import Behaviour, serving
from tiny import tiny_model

from tamis.evaluation.outputs import Output, write_outputs

PROMPTS = [
    {"question_id": 1, "category": "writing", "turns": ["Name a colour.", "And another."]},
    {"question_id": 2, "category": "math", "turns": ["What is 1 + 2?", "And 2 + 3?"]},
    {"question_id": 3, "category": "math", "turns": ["写一首诗。", "再写一首。"]},
]


@pytest.fixture
def prompts(tamis):
    path = tamis.folder / "prompts.jsonl"
    path.write_text("\n".join(map(json.dumps, PROMPTS)))
    return path


def test_generate_writes_alpaca_evals_form(tamis, prompts, tmp_path):
    pytest.importorskip("torch")
    model = tiny_model(tmp_path / "base")
    given = ("--model", model, "--device", "cpu", "--tokens", "8", "--store", "kept")
    told = json.loads(tamis("generate", prompts, *given, "--out", "base.json", "--json"))
    records = json.loads((tamis.folder / "base.json").read_text())
    assert (told["prompts"], told["answers"], told["without"]) == (3, 6, {})
    assert [r["instruction"] for r in records] == [p["turns"][0] for p in PROMPTS]
    assert {(r["generator"], r["dataset"]) for r in records} == {("base", "prompts")}
    assert [len(r["outputs"]) for r in records] == [2, 2, 2]


def replied(messages):
    """Follows length, by the lines between the quotations' edges."""
    text = messages[1]["content"]
    if "[first answer" not in text:
        return "Fine.\nScore: 7"
    first = text.split("[second answer")[0].split("[first answer")[1]
    second = text.split("[second answer")[1]
    return f"By length.\nScore: {min(10, 1 + len(first) / 50)}, {min(10, 1 + len(second) / 50)}"


@pytest.fixture
def both(tamis):
    """Two files of answers: those of the first model are longer."""
    for name, word in (("tuned", "long answer " * 9), ("base", "short")):
        outputs = [
            Output(tuple(p["turns"]), (word, word), (None, None), name, "prompts", about(p))
            for p in PROMPTS
        ]
        write_outputs(outputs, tamis.folder / f"{name}.json")
    return ["tuned.json", "base.json"]


def about(prompt):
    return {name: prompt[name] for name in ("question_id", "category")}


def test_compare_ends_with_win_rates_and_a_file_that_winrate_reads(tamis, both):
    with serving(Behaviour(reply=replied)) as server:
        judge = ("--judge", f"j@{server.url}", "--ledger", "replies.sqlite")
        given = (
            "compare",
            *both,
            *judge,
            "--out",
            "judgments.jsonl",
            "--report",
            "inner",
            "--json",
        )
        found = json.loads(tamis(*given))
        again = json.loads(tamis(*given))
        requests = len(server.facts().requests)
    assert found["report"].startswith("inner comparison")
    (comparison,) = found["comparisons"]
    assert (comparison["ours"], comparison["theirs"]) == ("tuned", "base")
    total = comparison["judges"][0]["total"]
    assert (total["wins"], total["ties"], total["losses"]) == (3, 0, 0)
    assert again["comparisons"] == found["comparisons"]
    assert requests == 6  # three prompts in two orders, none of them twice
    counted = json.loads(tamis("winrate", "--judgments", "judgments.jsonl", "--json"))
    assert counted["comparisons"] == found["comparisons"]


def test_compare_with_two_judges_says_how_far_they_agree(tamis, both):
    with serving(Behaviour(reply=replied)) as server:
        judges = ("--judge", f"one@{server.url}", "--judge", f"two@{server.url}")
        given = (*judges, "--ledger", "replies.sqlite", "--out", "judgments.jsonl", "--json")
        found = json.loads(tamis("compare", *both, *given))
    (comparison,) = found["comparisons"]
    assert len(comparison["judges"]) == 2
    assert comparison["agreement"]["pairs"][0]["exact"]["value"] == 1.0


def test_a_dry_run_counts_and_asks_nobody(tamis, both):
    with serving(Behaviour(reply=replied)) as server:
        judge = ("--judge", f"gpt-4o-mini@{server.url}", "--ledger", "replies.sqlite")
        given = ("compare", *both, *judge, "--out", "judgments.jsonl", "--dry-run", "--json")
        (plan,) = json.loads(tamis(*given))
        assert server.facts().requests == []
    assert plan["calls"] == 6
    assert plan["prompt_tokens"] > 0
    assert not (tamis.folder / "judgments.jsonl").exists()


def test_one_file_is_no_comparison(tamis):
    error = tamis("compare", "one.json", "--judge", "j@http://localhost:1/v1", "--out", "x", code=2)
    assert "two or more files" in error


def test_grade_shows_turns_and_categories(tamis, both):
    with serving(Behaviour(reply=replied)) as server:
        judge = ("--judge", f"j@{server.url}", "--ledger", "replies.sqlite")
        found = json.loads(tamis("grade", both[0], *judge, "--out", "grades.jsonl", "--json"))
    (one,) = found["graded"]
    assert one["total"]["graded"] == 6
    assert [turn["part"] for turn in one["turns"]] == ["turn 1", "turn 2"]
    assert [part["part"] for part in one["categories"]] == ["math", "writing"]
    assert len((tamis.folder / "grades.jsonl").read_text().splitlines()) == 6


def test_contamination_writes_the_other_rows_byte_for_byte(tamis, prompts):
    lines = [
        '{"instruction":"name a  colour", "output":"Blue."}',
        '{ "instruction": "Something else.",  "output": "Yes. é 春" }',
        '{"instruction": "Ask me.", "output": "What is 1 + 2?"}',
    ]
    (tamis.folder / "pool.jsonl").write_text("\n".join(lines) + "\n")
    given = ("pool.jsonl", "--test", prompts, "--out", "clean.jsonl", "--json")
    found = json.loads(tamis("contamination", *given))
    assert [(one["row"], one["kind"]) for one in found["repeats"]] == [(0, "equal"), (2, "equal")]
    assert found["rows"] == 2
    assert (tamis.folder / "clean.jsonl").read_text() == lines[1] + "\n"


def test_tables_for_people(tamis, both, prompts):
    with serving(Behaviour(reply=replied)) as server:
        judge = ("--judge", f"j@{server.url}", "--ledger", "replies.sqlite")
        shown = tamis("compare", *both, *judge, "--out", "j.jsonl", "--report", "external")
        assert "tuned against base" in shown
        assert "tuned: external comparison, with given models" in shown
        assert "tuned, graded by" in tamis("grade", both[0], *judge, "--out", "g.jsonl")
    assert "rows repeat one of 6 prompts" in tamis("contamination", prompts, "--test", prompts)
