import random

import numpy as np
import pytest
from _answering import Answering, quoted
from _hidden_rule import conditions, judge_by_rule, pool, reasons

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder, FakeLikelihood, FakeTokenizer
from tamis.protocols import Answer
from tamis.recipes._variants import sample
from tamis.recipes.deita import deita
from tamis.run.session import Run
from tamis.testing import dataset

SMALL = {"seeds": 60, "rounds": 3, "threshold": 1.0}


def a_run(folder, say):
    parts = {"tokenizer": FakeTokenizer(), "model": FakeLikelihood(), "judge": Answering(say)}
    return Run(store=str(folder), **parts).begin()


@pytest.fixture
def mine(tmp_path):
    return a_run(tmp_path, judge_by_rule)


def ranks_agree(one, two):
    return pytest.importorskip("scipy.stats").spearmanr(one, two)[0]


def ratings(run, data, side):
    return np.array([turns[0] for turns in run.columns(data).labels(f"{side}, by deita")])


def truth(data):
    asked, said = (data.texts(of).to_pylist() for of in ("instruction", "response"))
    return np.array([conditions(q) for q in asked]), np.array([reasons(a) for a in said])


def judge_with(change):
    """The judge with the rule, whose ratings are changed by a function of one and a generator."""

    def say(question):
        head, found, listed = judge_by_rule(question).partition("Ratings: ")
        if not found:
            return head
        draw = random.Random(question.messages[-1][1])
        changed = [min(6, max(1, change(float(one), draw))) for one in listed.split(", ")]
        return f"{head}{found}{', '.join(f'{one:.1f}' for one in changed)}"

    return say


@pytest.mark.parametrize(
    ("say", "least"),
    [
        (judge_by_rule, 0.9),
        (judge_with(lambda rating, draw: rating + draw.gauss(0, 1)), 0.8),
    ],
    ids=["exact", "noisy"],
)
def test_the_scorers_recover_the_judge_s_rule_on_rows_it_never_saw(tmp_path, say, least):
    run, data = a_run(tmp_path, say), dataset(pool(300))
    deita(run, data, Budget(count=10), **SMALL)
    seen = set(sample(data, SMALL["seeds"], 0).ids.to_pylist())
    new = np.array([row not in seen for row in data.ids.to_pylist()])
    for side, known, of in zip(
        ("complexity", "quality"), truth(data), ("instruction", "response"), strict=True
    ):
        found = ranks_agree(ratings(run, data, side)[new], known[new])
        length = [len(text) for text in data.texts(of).to_pylist()]
        assert found > least
        assert found > ranks_agree(np.array(length)[new], known[new]) + 0.3


def test_the_picks_are_nearly_the_best_by_the_rule(mine):
    data = dataset(pool(300))
    picked = deita(mine, data, Budget(count=30), **SMALL)
    hard, good = truth(data)
    worth = (1 + hard) * (1 + good)
    assert worth[picked.rows].mean() > 0.9 * np.sort(worth)[-30:].mean() > 1.5 * worth.mean()


def test_ratings_at_random_are_told_by_their_correlation(tmp_path):
    run = a_run(tmp_path, judge_with(lambda rating, draw: draw.uniform(1, 6)))
    picked = deita(run, dataset(pool(300)), Budget(count=5), **SMALL)
    assert abs(picked.info["complexity"]["correlation"]) < 0.3
    assert abs(picked.info["quality"]["correlation"]) < 0.3


def test_the_correlation_of_ratings_by_a_rule_is_high(mine):
    picked = deita(mine, dataset(pool(300)), Budget(count=5), **SMALL)
    assert min(picked.info[side]["correlation"] for side in ("complexity", "quality")) > 0.9


def test_a_round_is_one_wave_for_both_sides_and_so_are_the_ratings_of_a_side(mine):
    deita(mine, dataset(pool(80)), Budget(count=5), **{**SMALL, "seeds": 40})
    assert [len(wave) for wave in mine.judge.waves] == [80, 80, 80, 40, 40]


def test_the_pool_is_not_asked_about_beyond_the_seeds(mine):
    data = dataset(pool(300))
    deita(mine, data, Budget(count=5), **SMALL)
    seeds = sample(data, SMALL["seeds"], 0).texts("instruction").to_pylist()
    asked = {quoted(question)["question"] for question in mine.judge.waves[0]}
    assert asked == set(seeds)


def test_the_seeds_are_the_same_rows_for_any_order():
    data = dataset(pool(50))
    turned = data.take(np.random.default_rng(0).permutation(50))
    assert sample(data, 10, 3).ids.to_pylist() == sample(turned, 10, 3).ids.to_pylist()
    assert sample(data, 10, 3).ids.to_pylist() != sample(data, 10, 4).ids.to_pylist()


def test_more_seeds_than_rows_are_all_rows(mine):
    picked = deita(mine, dataset(pool(40)), Budget(count=5), **{**SMALL, "seeds": 1000})
    assert picked.info["complexity"]["rows"] == 40


def test_a_rating_that_fails_is_counted_and_teaches_nothing(tmp_path):
    def say(question):
        texts = quoted(question)
        refuses = "variant 1" in texts and "rivers" in texts["variant 1"]
        return Answer("", "refused") if refuses else judge_by_rule(question)

    picked = deita(a_run(tmp_path, say), dataset(pool(100)), Budget(count=5), **SMALL)
    counts = picked.info["complexity"]
    assert counts["not rated: refused"] > 0
    assert counts["rated"] + counts["not rated: refused"] == counts["rewritten"] + counts["rows"]


def test_a_judge_that_never_rates_is_an_error_that_says_what_to_do(tmp_path):
    run = a_run(tmp_path, lambda q: "no" if "variant 1" in quoted(q) else judge_by_rule(q))
    with pytest.raises(UserError, match=r"0 variants were rated.*raise seeds"):
        deita(run, dataset(pool(60)), Budget(count=5), **SMALL)


def test_named_columns_are_taken_and_nothing_is_asked(mine):
    data = dataset(pool(40))
    scores = {
        side: f"expected_rating(prompt={side},turns=each)" for side in ("complexity", "quality")
    }
    picked = deita(mine, data, Budget(count=8), **scores)
    by = f"evol_score(complexity={scores['complexity']},quality={scores['quality']})"
    expected = mine.select(data, f"deita_filter(by={by})", Budget(count=8))
    assert picked.rows.tolist() == expected.rows.tolist()
    np.testing.assert_allclose(picked.gains, expected.gains)
    assert mine.judge.waves == []


def test_one_side_can_be_learned_beside_a_named_column(mine):
    named = {"quality": "expected_rating(prompt=quality,turns=each)"}
    picked = deita(mine, dataset(pool(60)), Budget(count=8), **named, **SMALL)
    assert "complexity" in picked.info and "quality" not in picked.info
    assert {len(wave) for wave in mine.judge.waves} == {60}


def twice(record):
    return {"messages": record["messages"] * 2}


@pytest.mark.parametrize(("turns", "times"), [("sum", 2), ("mean", 1)])
def test_each_turn_is_rated_by_itself(mine, turns, times):
    once = pool(60)
    data = dataset([*once, twice(once[0])])
    deita(mine, data, Budget(count=5), turns=turns, **SMALL)
    evol = mine.columns(data).scores("evol_score, by deita")
    assert evol[60] == pytest.approx(times * evol[0])


def test_a_row_without_an_answer_is_dropped_by_its_reason(mine):
    silent = {"messages": [{"role": "user", "content": "Well?"}]}
    data = dataset([*pool(60), silent])
    picked = deita(mine, data, Budget(count=61), **SMALL)
    assert picked.dropped["deita_evol_score: no_answer"].tolist() == [60]


def test_no_rating_is_below_the_scale(mine):
    data = dataset(pool(200))
    deita(mine, data, Budget(count=5), **SMALL)
    assert [ratings(mine, data, side).min() for side in ("complexity", "quality")] == [1, 1]


def test_a_copy_of_a_chosen_row_is_skipped(mine):
    mine.embedder = FakeEmbedder()
    data = dataset([*pool(40), *pool(40)])
    picked = deita(mine, data, Budget(count=80), **{**SMALL, "threshold": 0.99})
    assert len(picked) == 40


@pytest.mark.parametrize(("wrong", "name"), [({"seeds": 0}, "seeds"), ({"rounds": 0}, "rounds")])
def test_nothing_to_learn_from_is_refused(mine, wrong, name):
    with pytest.raises(UserError, match=name):
        deita(mine, dataset(pool(30)), Budget(count=5), **{**SMALL, **wrong})


def test_too_few_rows_to_learn_from_are_refused_before_anything_is_asked(mine):
    with pytest.raises(UserError, match=r"4 rows and 3 rounds give 16 variants.*20 are needed"):
        deita(mine, dataset(pool(4)), Budget(count=2), **SMALL)
    assert mine.judge.waves == []


def test_just_enough_rows_are_asked_about(mine):
    picked = deita(mine, dataset(pool(5)), Budget(count=2), **SMALL)
    assert picked.info["complexity"]["rated"] == 20


def test_one_round_is_enough_to_compare_a_text_with_its_rewriting(mine):
    picked = deita(mine, dataset(pool(40)), Budget(count=2), **{**SMALL, "rounds": 1})
    assert picked.info["complexity"]["rated"] == 80 == picked.info["quality"]["rated"]
