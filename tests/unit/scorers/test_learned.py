"""A small model learns from some rows' labels, and no row's score has seen its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from _rows import batch

from conftest import ROOT, shared_root
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder
from tamis.run.session import Run
from tamis.scorers._features import BUCKETS, figures, text_blocks, word_buckets
from tamis.scorers._labelled import labelled
from tamis.scorers._ridge import STRENGTHS, Sums, error, fitted, solved
from tamis.scorers.learned import learned
from tamis.testing import dataset
from tamis.types import Pool

ODD = ["", " \n", "👍", "写一首诗", "x" * 5000, "a\x00b", "```\ncode", "1. a\n2. b", "ไม่มีช่องว่าง"]


def rows(count, seed=0):
    """Rows whose answers have from 1 to 40 words, two answers to an instruction."""
    drawn = np.random.default_rng(seed)
    names = [f"w{number}" for number in range(50)]
    return [
        {
            "instruction": f"Task {place // 2}",
            "output": " ".join(drawn.choice(names, 1 + drawn.integers(40))) + ".",
        }
        for place in range(count)
    ]


def words_of(given):
    return np.array([len(row["output"].split()) for row in given], float)


def score(pool, **given):
    return learned(pool, FakeEmbedder(), labels="label", **given).values.to_numpy(
        zero_copy_only=False
    )


def made(count, width, seed=0):
    drawn = np.random.default_rng(seed)
    features = drawn.normal(size=(count, width))
    return features, features @ drawn.normal(size=width) + drawn.normal(size=count) + 3


# The regression.


def test_weights_are_those_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    features, labels = made(80, 7)
    sums = Sums(7, False)
    sums.add(features[:30], labels[:30], np.arange(30))
    sums.add(features[30:], labels[30:], np.arange(50))
    found = solved(sums)
    for place, strength in enumerate(STRENGTHS):
        known = linear.Ridge(alpha=strength).fit(features, labels)
        np.testing.assert_allclose(found[:-1, place], known.coef_, rtol=1e-8)
        assert found[-1, place] == pytest.approx(known.intercept_)


def test_pairs_are_a_regression_on_differences():
    linear = pytest.importorskip("sklearn.linear_model")
    features, labels = made(80, 7)
    sums = Sums(7, True)
    sums.add(features, labels, np.repeat(np.arange(40), 2))
    apart, gaps = features[1::2] - features[0::2], labels[1::2] - labels[0::2]
    # half of the squared difference of a pair is its scatter
    known = linear.Ridge(alpha=2 * STRENGTHS[4], fit_intercept=False).fit(apart, gaps)
    np.testing.assert_allclose(solved(sums)[:-1, 4], known.coef_, rtol=1e-8)


def test_errors_are_those_of_the_predictions():
    features, labels = made(60, 5)
    sums = Sums(5, False)
    sums.add(features, labels, np.arange(60))
    weights = np.random.default_rng(1).normal(size=(6, 3))
    by_hand = ((labels[:, None] - features @ weights[:-1] - weights[-1]) ** 2).sum(axis=0)
    np.testing.assert_allclose(error(sums, weights), by_hand)


def test_a_fold_is_left_out_of_its_model():
    features, labels = made(90, 4)
    folds = [Sums(4, False) for _ in range(3)]
    for place, fold in enumerate(folds):
        fold.add(features[place::3], labels[place::3], np.arange(30))
    weights, strength = fitted(folds)
    without = Sums(4, False)
    without.add(features[np.arange(90) % 3 != 1], labels[np.arange(90) % 3 != 1], np.arange(60))
    best = STRENGTHS.tolist().index(strength)
    np.testing.assert_allclose(weights[:, 1], solved(without)[:, best])


def test_noise_is_held_down_and_a_clean_law_is_not():
    features, _ = made(200, 10)
    noise = np.random.default_rng(3).normal(size=200)
    chosen = []
    for said in (noise, features @ np.ones(10)):
        folds = [Sums(10, False) for _ in range(4)]
        for place, fold in enumerate(folds):
            fold.add(features[place::4], said[place::4], np.arange(50))
        chosen.append(fitted(folds)[1])
    assert chosen[0] > 100 * chosen[1]


# The folds.


def test_rows_of_an_instruction_are_in_one_fold():
    data = dataset(rows(60))
    found = labelled(Pool.of(data, label=np.arange(60.0)), "label", (), "all", 5, 0)
    fold = dict(zip(found.rows.tolist(), found.folds.tolist(), strict=True))
    assert all(fold[row] == fold[row + 1] for row in range(0, 60, 2))
    assert np.bincount(found.folds).tolist() == [12] * 5


def test_groups_may_be_named():
    named = [f"{place % 10}" for place in range(60)]
    pool = Pool.of(dataset(rows(60)), label=np.arange(60.0), source=named)
    found = labelled(pool, "label", ("source",), "all", 5, 0)
    fold = dict(zip(found.rows.tolist(), found.folds.tolist(), strict=True))
    assert all(fold[row] == fold[row % 10] for row in range(60))


def test_a_row_that_lacks_a_group_is_alone():
    pool = Pool.of(dataset(rows(40)), label=np.arange(40.0), source=[None] * 40)
    assert len(set(labelled(pool, "label", ("source",), "all", 5, 0).groups.tolist())) == 40


def test_blocks_hold_whole_groups_of_one_fold(monkeypatch):
    monkeypatch.setattr("tamis.scorers._labelled.ROWS", 7)
    pool = Pool.of(dataset(rows(60)), label=np.arange(60.0))
    found = labelled(pool, "label", (), "all", 3, 0)
    cuts = found.cuts()
    assert sum(len(block) for block in found.blocks()) == 60
    assert len(cuts) >= 9
    for cut in cuts:
        inside = set(found.groups[cut].tolist())
        outside = set(np.delete(found.groups, np.r_[cut]).tolist())
        assert not inside & outside and len(set(found.folds[cut].tolist())) == 1


def test_a_row_does_not_see_its_own_label_nor_its_groups():
    given = rows(60)
    labels = words_of(given)
    first = score(Pool.of(dataset(given), label=labels))
    labels[10] += 1e-3
    second = score(Pool.of(dataset(given), label=labels))
    np.testing.assert_allclose(second[10:12], first[10:12], rtol=1e-10)
    assert (np.abs(second - first) > 1e-9).sum() > 40


# What is learned.


@pytest.mark.parametrize("of", ["all", "response"])
def test_rows_without_a_label_are_predicted(of):
    given = rows(300)
    truth = words_of(given)
    labels = np.where(np.arange(300) < 100, truth, np.nan)
    found = score(Pool.of(dataset(given), label=labels), of=of)
    assert np.corrcoef(found[100:], truth[100:])[0, 1] > 0.95
    assert np.abs(found - truth).mean() < 3


def test_labels_of_instructions_are_learned_from_instructions():
    given = rows(200)
    turned = [{"instruction": row["output"], "output": "Yes."} for row in given]
    found = score(Pool.of(dataset(turned), label=words_of(given)), of="instruction")
    assert np.corrcoef(found, words_of(given))[0, 1] > 0.95


def test_pairs_learn_what_differs_within_a_group():
    given = rows(200)
    truth = words_of(given)
    level = np.repeat(np.random.default_rng(5).normal(0, 1000, 100), 2)
    labels = np.where(np.arange(200) < 100, truth + level, np.nan)
    pool = Pool.of(dataset(given), label=labels)
    right = {
        loss: ((np.diff(score(pool, loss=loss)[100:].reshape(-1, 2)) > 0)
               == (np.diff(truth[100:].reshape(-1, 2)) > 0)).mean()
        for loss in ("pairs", "squared")
    }  # fmt: skip
    assert right["pairs"] > 0.9 > right["squared"]


@pytest.mark.parametrize("loss", ["squared", "pairs"])
def test_few_rows_are_solved_in_fewer_dimensions(monkeypatch, loss):
    given = rows(60)
    labels = np.where(np.arange(60) < 50, words_of(given), np.nan)
    pool = Pool.of(dataset(given), label=labels)
    first = score(pool, loss=loss)
    monkeypatch.setattr("tamis.scorers._fold_models.FEW", 0)
    np.testing.assert_allclose(score(pool, loss=loss), first, rtol=1e-6, atol=1e-6)


def test_numbers_as_text_are_labels_and_blank_ones_are_none():
    given = rows(60)
    texts = [f" {row:g} " if place < 40 else "" for place, row in enumerate(words_of(given))]
    numbers = np.where(np.arange(60) < 40, words_of(given), np.nan)
    first, second = (score(Pool.of(dataset(given), label=some)) for some in (texts, numbers))
    np.testing.assert_allclose(first, second)


def test_a_row_without_text_has_no_score_and_teaches_nothing():
    given = rows(60)
    labels = words_of(given)
    given[7]["output"] = " "
    column = learned(Pool.of(dataset(given), label=labels), FakeEmbedder(), labels="label")
    assert column.problem.to_pylist()[7] == "empty_text"
    assert column.values.null_count == 1
    moved = np.where(np.arange(60) == 7, 1e6, labels)
    again = learned(Pool.of(dataset(given), label=moved), FakeEmbedder(), labels="label")
    assert again.values.equals(column.values)


def test_another_seed_deals_other_folds():
    given = rows(60)
    pool = Pool.of(dataset(given), label=words_of(given))
    assert not np.allclose(score(pool), score(pool, seed=1))


# What cannot be learned from.


@pytest.mark.parametrize(
    ("labels", "given", "words"),
    [
        (np.full(60, np.nan), {}, "0 rows with text have a value"),
        (np.where(np.arange(60) < 19, np.arange(60.0), np.nan), {}, "19 rows with text"),
        (np.full(60, 4.0), {}, "all 60 labels in label are 4"),
        (["good"] * 60, {}, "should be numbers"),
        (["inf"] * 60, {}, "finite"),
        (np.arange(60.0), {"folds": 1}, "folds is at least 2"),
        (np.arange(60.0), {"folds": 31}, "fewer than the 31 folds"),
        (np.arange(60.0) // 2, {"loss": "pairs"}, "0 groups have rows with different labels"),
        (FakeEmbedder().embed(["a"] * 60), {}, "a score is needed"),
    ],
)
def test_labels_that_teach_nothing_are_refused(labels, given, words):
    with pytest.raises(UserError, match=words):
        score(Pool.of(dataset(rows(60)), label=labels), **given)


# The features.


def test_features_of_odd_texts_are_numbers():
    texts = batch(ODD).texts("response")
    form, found = figures(texts, batch(ODD[::-1]).texts("response")), word_buckets(texts)
    assert np.isfinite(form).all() and found.shape == (len(ODD), BUCKETS)
    lengths = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(lengths, [0, *[1] * (len(ODD) - 1)], atol=1e-6)


def test_features_depend_on_the_row_alone():
    texts = batch(ODD).texts("response")
    for place in range(len(ODD)):
        alone = texts.slice(place, 1)
        np.testing.assert_array_equal(word_buckets(alone)[0], word_buckets(texts)[place])
        np.testing.assert_allclose(figures(alone, alone)[0], figures(texts, texts)[place])


def test_buckets_know_the_order_of_words_and_the_end():
    one, two, same = word_buckets(batch(["a b c", "c b a", "A  b c"]).texts("response"))
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, same)


def test_long_rows_are_taken_alone():
    parts = text_blocks(batch(["x" * 90, "y", "z" * 90, "w"]), size=100)
    assert [row for part in parts for row in part.ids] == ["0", "1", "2", "3"]
    assert len(parts) == 2


# People.


def judge_quality():
    path = Path(ROOT / "benchmarks/judge_quality.py")
    spec = importlib.util.spec_from_file_location("judge_quality", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("flat", [False, True], ids=["as_written", "flat"])
def test_it_agrees_with_experts_more_than_length_does(tmp_path, flat):
    data = shared_root() / "data"
    if not (data / "selections/car/APE_score_train.csv").exists():
        pytest.skip("real data is absent: APE_score_train.csv")
    script = judge_quality()
    given = [{**row, "label": row["truth"]} for row in script.pairs(data, "train", flat)[:1000]]
    run = Run(store=tmp_path)
    name = f"learned({script.LABELS},loss=pairs)"
    # each pair is predicted from other pairs
    trained, longer = (
        script.preferred(script.scored(one, True, dataset(given), run)[0])
        for one in (name, script.LONGER)
    )
    assert trained.mean() > longer.mean() > 0.5
    assert script.bootstrap(trained - longer, times=2000)[0] > 0
