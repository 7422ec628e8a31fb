"""Published judgments give the published figures."""

import csv

import numpy as np
import pytest

from conftest import shared_root
from tamis.evaluation.judgment_files import read
from tamis.evaluation.judgments import settled
from tamis.evaluation.winrate import kappa, winrate

ROOT = shared_root() / "data/evaluation"
BOARDS = ROOT / "alpaca_eval/leaderboards"
FIRST = BOARDS / "data_AlpacaEval/alpaca_eval_gpt4_leaderboard.csv"
SECOND = BOARDS / "data_AlpacaEval_2/weighted_alpaca_eval_gpt4_turbo_leaderboard.csv"
WEIGHTED = "weighted_alpaca_eval_gpt4_turbo"

HUMANS = {
    ("llama-7b", "bloom-7b"): (72, 28, 11),
    ("llama-7b", "cerebras-gpt-6.7B"): (80, 24, 6),
    ("llama-7b", "opt-7b"): (71, 24, 11),
    ("llama-7b", "pythia-6.9b"): (58, 27, 9),
    ("bloom-7b", "cerebras-gpt-6.7B"): (59, 30, 11),
    ("bloom-7b", "opt-7b"): (43, 35, 11),
    ("bloom-7b", "pythia-6.9b"): (47, 49, 11),
    ("cerebras-gpt-6.7B", "opt-7b"): (33, 49, 9),
    ("cerebras-gpt-6.7B", "pythia-6.9b"): (27, 53, 11),
    ("opt-7b", "pythia-6.9b"): (32, 53, 15),
}
"""PandaLM's table of human majorities, (wins, losses, ties) of the first.

It prints Bloom against Pythia as (49, 47, 11). The labels say the opposite, and so does the count
of labels that its authors publish, 422 for the first answer and 472 for the second.
"""

BLOG = {
    "alpaca-13b": (583, 704),
    "bard": (664, 655.5),
    "gpt35": (693, 638),
    "llama-13b": (513, 694),
}
"""Sums of GPT-4's scores of the other and of Vicuna-13B, as the blog post has them."""


def there(path):
    if not path.exists():
        pytest.skip(f"real data is absent: {path.name}")
    return path


@pytest.mark.parametrize(
    "model, judge, board",
    [
        ("alpaca-7b", "alpaca_eval_gpt4", FIRST),
        ("alpaca-7b", WEIGHTED, SECOND),
        ("vicuna-7b", WEIGHTED, SECOND),
    ],
)
def test_alpaca_eval_boards(model, judge, board):
    annotations = there(ROOT / "alpaca_eval/results" / model / judge / "annotations.json")
    (row,) = [r for r in csv.DictReader(there(board).open()) if r[""] == model]
    found = winrate(read(annotations))[0].judges[0].total
    counts = [str(n) for n in (found.wins, found.losses, found.ties, found.total)]
    assert counts == [row[name] for name in ("n_wins", "n_wins_base", "n_draws", "n_total")]
    for value, name in [
        (found.win_rate.value, "win_rate"),
        (found.standard_error, "standard_error"),
        (found.discrete_win_rate.value, "discrete_win_rate"),
    ]:
        assert value == pytest.approx(float(row[name]), rel=1e-14, abs=0)
    assert int(found.lengths.ours) == int(row["avg_length"])


def test_cherry_against_alpaca_on_the_vicuna_set():
    folder = ROOT / "cherry_llm_logs/cherry_alpaca_5_per-VS-alpaca"
    (found,) = winrate(read(there(folder / "vicuna_wrap_reviews_gpt4.json")))
    total = found.judges[0].total
    assert (found.ours, found.theirs, found.judges[0].judge) == (
        "cherry_alpaca_5_per",
        "alpaca",
        "gpt4",
    )
    assert (total.wins, total.ties, total.losses) == (44, 15, 21)
    assert total.winning_score.value == pytest.approx(1.2875)


def test_cherry_s_scores_have_the_means_that_the_log_prints():
    path = ROOT / "cherry_llm_logs/cherry_alpaca_5_per-VS-alpaca/vicuna_wrap_reviews_gpt4.json"
    scores = np.array([one.scores for one in read(there(path))])
    means = scores.mean(axis=0)
    assert means[0].tolist() == [7.725, 7.6375]
    assert means[1][::-1].tolist() == [7.5, 8.10625]  # printed in the order of showing


def test_pandalm_by_human_majority():
    majorities = {}
    for one in winrate(read(there(ROOT / "pandalm/testset-v1.json")), resamples=0):
        total = one.together[1].total
        assert not total.left_out
        majorities[one.ours, one.theirs] = (total.wins, total.losses, total.ties)
        majorities[one.theirs, one.ours] = (total.losses, total.wins, total.ties)
    assert {pair: majorities[pair] for pair in HUMANS} == HUMANS


def test_pandalm_s_labels_are_as_many_as_published():
    found = winrate(read(there(ROOT / "pandalm/testset-v1.json")), resamples=0)
    lines = [one.together[1].total for one in found]  # the first answer is ours
    assert sum(line.ties for line in lines) == 105
    assert sum(line.wins for line in lines) == 422
    assert sum(line.losses for line in lines) == 472


def test_pandalm_s_people_agree_as_published():
    verdicts = {}
    for one in read(there(ROOT / "pandalm/testset-v1.json")):
        verdicts.setdefault(one.judge, []).append(settled(one).verdict)
    one, two, three = (np.array(verdicts[f"annotator{n}"], float) for n in (1, 2, 3))
    found = [round(kappa(*pair), 2) for pair in ((one, two), (one, three), (two, three))]
    assert found == [0.85, 0.88, 0.86]


@pytest.mark.parametrize("other", BLOG)
def test_vicuna_s_scores_add_up_to_those_of_the_blog(other):
    folder = ROOT / "vicuna_blog/review/vicuna-13b_20230322-clean-lang"
    scores = [one.scores[0] for one in read(there(folder / f"review_{other}_vicuna-13b.jsonl"))]
    ours, theirs = np.sum(scores, axis=0)
    assert (theirs, ours) == BLOG[other]
