"""Planted subjects are found and named; weights beside plain loops."""

import math

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.scorers.domain import NAMELESS, _numbered, domain, named
from tamis.testing import dataset
from tamis.types import Column, Pool

SUBJECTS = {
    "rivers": "Which river flows through the city of {}?",
    "recipes": "How long must the dough of {} bread rest?",
    "历史": "请介绍{}的历史。",
}


def planted(rows=90, **columns):
    """Rows of three subjects, whose vectors point three ways."""
    rng = np.random.default_rng(0)
    kinds = list(SUBJECTS.values())
    data = dataset(
        [{"instruction": kinds[i % 3].format(i), "output": "An answer."} for i in range(rows)]
    )
    vectors = np.eye(3)[np.arange(rows) % 3] + rng.normal(size=(rows, 3)) * 0.05
    given = {
        "embedding": Column.vectors(vectors.astype(np.float32)),
        "code_share": np.zeros(rows),
        "math_share": np.zeros(rows),
    }
    return Pool.of(data, **{**given, **columns})


def test_planted_subjects_are_found_and_named_by_their_own_words():
    labels = domain(planted(), clusters=3).values.to_pylist()
    assert len(set(labels)) == 3
    for at in range(3):
        assert len(set(labels[at::3])) == 1
    assert set(labels[0].split(", ")) & {"river", "flows", "city", "through"}
    assert set(labels[1].split(", ")) & {"dough", "rest", "bread", "must", "how", "long"}
    assert "史" in labels[2] or "历" in labels[2] or "介" in labels[2]
    assert "the" not in labels[0].split(", ")  # it stands in two of three


def test_code_and_mathematics_are_domains_of_their_own():
    code, maths = np.zeros(90), np.zeros(90)
    code[[3, 4]], maths[[4, 5]] = 0.9, 0.5
    labels = domain(planted(code_share=code, math_share=maths), clusters=3).values.to_pylist()
    assert labels[3] == labels[4] == "code" and labels[5] == "mathematics"
    assert labels.count("code") == 2 and labels.count("mathematics") == 1


def test_a_row_without_a_vector_has_no_domain_unless_it_is_code():
    vectors = planted().vectors("embedding")
    gone = np.isin(np.arange(90), [6, 7])
    code = np.where(np.arange(90) == 7, 1.0, 0.0)
    pool = planted(embedding=Column.vectors(vectors, no_known_token=gone), code_share=code)
    found = domain(pool, clusters=3)
    assert found.values[6].as_py() is None and found.problem[6].as_py() == "no_known_token"
    assert found.values[7].as_py() == "code" and found.problem[7].as_py() is None


def test_names_are_the_words_with_the_largest_share_times_log_ratio():
    rng = np.random.default_rng(3)
    vocabulary = [f"q{a}{b}" for a in "abcdef" for b in "xyz"]
    texts = [list(rng.choice(vocabulary, 6)) for _ in range(80)]
    clusters = rng.integers(0, 4, 80)
    flat, counts = [w for text in texts for w in text], np.full(80, 6)
    expected = []
    for cluster in range(4):
        inside = [set(t) for t, c in zip(texts, clusters, strict=True) if c == cluster]
        weights = {}
        for word in vocabulary:
            n = sum(word in text for text in inside)
            p, q = n / len(inside), sum(word in text for text in texts) / 80
            if n > 1 and p > q:
                weights[word] = p * math.log(p / q)
        best = sorted(weights, key=lambda word: (-round(weights[word], 12), word))[:3]
        expected.append(", ".join(best))
    assert named(clusters, flat, counts, 3) == expected


def test_the_same_name_is_numbered_and_rows_without_words_have_one():
    assert _numbered(["a", "b", "a"], np.array([2, 9, 5])) == ["a (2)", "b", "a"]
    assert named(np.zeros(3, np.int64), [], np.zeros(3, np.int64), 3) == [NAMELESS]


def test_a_number_of_clusters_must_be_one():
    with pytest.raises(UserError, match="1 or more"):
        domain(planted(), clusters=0)
