import numpy as np
import pytest
from selector_pools import dataset, pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.complexity_first import complexity_first
from tamis.types import Pool

DOSSIER = [list("abcd"), list("abc"), list("ae"), ["b"], list("ef"), ["g"]]


def naive(tags, count, labels=None, most=0):
    """(row, new tags) by scans over all rows that are left."""
    left = [row for row in range(len(tags)) if tags[row]]
    left.sort(key=lambda row: -len(set(tags[row])))
    chosen, gains = [], []
    while len(chosen) < count and left:
        covered, gone = set(), []
        for row in left:
            new = set(tags[row]) - covered
            if not new or len(chosen) == count:
                continue
            gone.append(row)
            if labels and labels[row] == "a" and sum(labels[c] == "a" for c in chosen) == most:
                continue
            chosen.append(row)
            gains.append(len(new))
            covered |= new
        if not gone:
            break
        left = [row for row in left if row not in gone]
    return chosen, gains


def zipf(rows, tags, seed):
    generator = np.random.default_rng(seed)
    shares = 1 / np.arange(1, tags + 1)
    sizes = generator.integers(0, 6, rows)
    drawn = [generator.choice(tags, size, p=shares / shares.sum()) for size in sizes]
    return [[f"t{tag}" for tag in row] for row in drawn]


@pytest.mark.parametrize(
    ("count", "wanted", "passes"), [(4, [0, 2, 4, 5], 1), (6, [0, 2, 4, 5, 1, 3], 3)]
)
def test_the_oracle_of_the_dossier(count, wanted, passes):
    chosen = complexity_first(pool(6, tags=DOSSIER), Budget(count=count), tags="tags")
    assert chosen.rows.tolist() == wanted
    assert chosen.gains.tolist() == [4, 1, 1, 1, 3, 1][:count]
    assert chosen.info["passes"] == passes
    assert chosen.info["tags"] == chosen.info["tags_covered"] == 7


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tags", [3, 40])
def test_passes_are_scans_over_all_rows(seed, tags):
    given = zipf(150, tags, seed)
    rows = pool(150, tags=given)
    for count in (1, 10, 150):
        chosen = complexity_first(rows, Budget(count=count), tags="tags")
        wanted, gains = naive(given, count)
        assert chosen.rows.tolist() == wanted
        assert chosen.gains.tolist() == gains
        covered = len({tag for row in wanted for tag in given[row]})
        assert chosen.info["tags_covered"] == covered


@pytest.mark.parametrize("seed", range(6))
def test_a_row_that_a_quota_refused_covers_nothing(seed):
    given = zipf(80, 12, seed)
    labels = ["ab"[n] for n in np.random.default_rng(seed + 99).integers(0, 2, 80)]
    rows = pool(80, tags=given, label=labels)
    for count in (20, 60):
        budget = Budget(count=count).within(["label=a:..2"])
        chosen = complexity_first(rows, budget, tags="tags")
        wanted, gains = naive(given, count, labels, 2)
        assert chosen.rows.tolist() == wanted != naive(given, count)[0]
        assert chosen.gains.tolist() == gains


def test_equal_tag_sets_take_a_pass_each_and_go_by_id():
    chosen = complexity_first(pool(9, tags=[["x", "y"]] * 9), Budget(count=7), tags="tags")
    assert chosen.rows.tolist() == list(range(7))
    assert chosen.info["passes"] == 7
    shuffled = Pool.of(dataset(["2", "0", "1"]), tags=[["x"]] * 3)
    assert complexity_first(shuffled, Budget(count=3), tags="tags").rows.tolist() == [1, 2, 0]


def test_many_equal_rows_are_no_quadratic_work():
    rows = pool(4000, tags=[["x", "y"]] * 4000)
    assert len(complexity_first(rows, Budget(count=4000), tags="tags")) == 4000


def test_rows_without_tags_are_never_chosen():
    given = [["a"], [], None, ["b", "b"]]
    chosen = complexity_first(pool(4, tags=given), Budget(count=4), tags="tags")
    assert chosen.rows.tolist() == [0, 3]  # a tag twice is one tag
    assert chosen.dropped["no tags in tags"].tolist() == [1]
    assert chosen.dropped["no value in tags"].tolist() == [2]
    assert chosen.info["stopped"] == "no row with tags is left"


@pytest.mark.parametrize("given", [[[]], [[], [], []], [None, []]])
def test_no_tags_at_all(given):
    chosen = complexity_first(pool(len(given), tags=given), Budget(count=2), tags="tags")
    assert len(chosen) == 0 and chosen.info["tags"] == 0


def test_a_plain_label_is_one_tag_and_a_score_is_none():
    rows = pool(4, label=["x", "x", "y", None], score=np.ones(4))
    assert complexity_first(rows, Budget(count=4), tags="label").rows.tolist() == [0, 2, 1]
    with pytest.raises(UserError, match="tags are needed"):
        complexity_first(rows, Budget(count=1), tags="score")
