from itertools import permutations

import numpy as np
import pytest

from tamis.scorers._associations import associated
from tamis.tags import tagged
from tamis.testing import dataset
from tamis.types import Pool


def tags_of(rows):
    data = dataset([{"instruction": f"{n}", "output": "x"} for n in range(len(rows))])
    return tagged(Pool.of(data, tags=rows), "tags")


def into(rows, support, confidence):
    """Name by name, for the tags that go into another one."""
    tags = tags_of(rows)
    found = associated(tags, support, confidence)
    return {tags.names[a]: tags.names[b] for a, b in enumerate(found.tolist()) if a != b}


def naive(rows, support, confidence):
    """The same from the rules of all pairs, by loops."""
    sets = [set(row) for row in rows]
    count = {tag: sum(tag in row for row in sets) for tag in set().union(*sets)}
    rules = {}
    for one, two in permutations(count, 2):
        both = sum(one in row and two in row for row in sets)
        if both >= support and both / count[one] >= confidence:
            rules.setdefault(one, []).append((-both, -count[two], two))
    steps = {}
    for one, found in rules.items():
        ahead = [rule for rule in found if (-count[one], one) > (rule[1], rule[2])]
        if ahead:
            steps[one] = min(ahead)[2]
    for one in steps:
        while steps[one] in steps:
            steps[one] = steps[steps[one]]
    return steps


def random_rows(seed):
    """Rows of tags some of which follow from others, mostly."""
    generator = np.random.default_rng(seed)
    follows = {f"t{n}": f"t{generator.integers(0, n)}" for n in range(1, 15) if n % 2}
    rows = []
    for _ in range(200):
        row = {f"t{n}" for n in generator.integers(0, 15, generator.integers(1, 4))}
        for tag in sorted(row):
            if tag in follows and generator.random() < 0.97:
                row.add(follows[tag])
        rows.append(sorted(row))
    return rows


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("support", "confidence"), [(1, 0.9), (10, 0.95), (20, 0.6), (40, 0.99)])
def test_rules_of_all_pairs(seed, support, confidence):
    rows = random_rows(seed)
    assert into(rows, support, confidence) == naive(rows, support, confidence)


def test_the_trial_has_merges():
    assert len(naive(random_rows(0), 10, 0.95)) > 2


def test_a_rule_needs_its_support():
    rows = [["a", "b"]] * 40 + [["b"]] * 10
    assert into(rows, 40, 0.99) == {"a": "b"}
    assert into(rows, 41, 0.99) == {}
    assert into([*rows, ["a"]], 41, 0.9) == {}


def test_of_several_rules_the_surest_counts():
    rows = [["a", "b", "c"]] * 19 + [["a", "b"]] + [["b"]] * 5 + [["c"]] * 20
    assert into(rows, 5, 0.95) == {"a": "b"}


def test_a_rule_needs_its_confidence():
    rows = [["a", "b"]] * 99 + [["a"]] + [["b"]] * 30
    assert into(rows, 40, 0.99) == {"a": "b"}
    assert into([*rows, ["a"]], 40, 0.99) == {}


def test_rules_are_followed_to_their_end():
    rows = [["a", "b", "c"]] * 5 + [["b", "c"]] * 5 + [["c"]] * 5
    assert into(rows, 5, 1.0) == {"a": "c", "b": "c"}


def test_two_tags_that_always_come_together_take_the_first_name():
    assert into([["y", "x"]] * 3, 2, 0.99) == {"y": "x"}


def test_the_rarer_tag_goes_where_rules_lead_both_ways():
    rows = [["a", "b"]] * 199 + [["a"]]
    assert into(rows, 40, 0.99) == {"b": "a"}
    assert into([[{"a": "b", "b": "a"}[t] for t in row] for row in rows], 40, 0.99) == {"a": "b"}


def test_two_tags_together_say_nothing_of_a_third():
    rows = [["a", "b", "c"]] * 50 + [["a"]] * 50 + [["b"]] * 50 + [["c"]] * 50
    assert into(rows, 40, 0.99) == {}


def test_no_tags():
    assert into([[], []], 1, 0.5) == {}
