"""`tamis teach` on the command line: a scorer is taught, named, and scores."""

import json

import pytest
from small_graders import classifier

pytest.importorskip("torch")

QUICK = "--epochs 2 --batch 8 --rate 1e-3 --max-length 32 --held 0.3".split()


@pytest.fixture
def taught(tamis, tmp_path):
    """The arguments of a teaching, done once."""
    classifier(tmp_path / "base", "bert")
    rows = [
        {"prompt": f"to {n}", "chosen": f"z {n % 7} a", "rejected": f"a {n % 5}"} for n in range(60)
    ]
    rows.append({"prompt": "to", "chosen": "same", "rejected": "same"})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    arguments = ["teach", "rows.jsonl", "--kind", "pairs", "--model", "base", *QUICK]
    return arguments, tamis(*arguments)


def test_a_taught_scorer_is_told_of_and_scores(taught, tamis):
    arguments, shown = taught
    assert "same answer" in shown and "prefers the better answer" in shown
    told = json.loads(tamis(*arguments, "--json"))  # found again
    assert told["model"] == "taught" and told["data"]["left_out"] == {"same answer": 1}
    assert told["learned"] + told["held_out"]["examples"] == 60
    scored = ("score", "rows.jsonl", "--method", "reward", "--reward", "taught", "--json")
    assert "reward" in tamis(*scored)


def test_a_wrong_setting_says_what_is_expected(tamis, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a", "output": "b", "score": 1}\n')
    told = tamis(
        "teach", "rows.jsonl", "--kind", "regression", "--model", "reference", "--held", "1", code=2
    )
    assert "held is a share below 1" in told
