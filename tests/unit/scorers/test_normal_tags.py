import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder
from tamis.scorers.normal_tags import normal_tags
from tamis.tags import tagged
from tamis.testing import dataset
from tamis.types import Column, Pool

OFF = {"min_count": 1, "rules": "off", "eps": 0, "min_support": 0}


def pool(rows):
    data = dataset([{"instruction": f"{n}", "output": "x"} for n in range(len(rows))])
    return Pool.of(data, tags=rows)


def normal(rows, embedder=None, **on):
    found = normal_tags(pool(rows), embedder or FakeEmbedder(), of="tags", **{**OFF, **on})
    return found.values.to_pylist()


class Near:
    """Vectors by hand: tags at angles, in degrees."""

    id = "near"

    def __init__(self, **angles):
        self.angles = {name.replace("_", " "): angle for name, angle in angles.items()}
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        at = np.radians([self.angles[text] for text in texts])
        return np.stack([np.cos(at), np.sin(at)], axis=1).astype(np.float32)


def test_all_steps_off_leave_the_tags():
    assert normal([["B", "a", "a"], [], ["c-c"]]) == [["B", "a"], [], ["c-c"]]


def test_rare_tags_are_dropped():
    assert normal([["a", "b"], ["a"], ["c", "c"]], min_count=2) == [["a"], ["a"], []]


def test_twenty_rows_are_enough_and_nineteen_are_not():
    rows = [["a", "b"]] * 19 + [["a"]]
    found = normal_tags(pool(rows), FakeEmbedder(), of="tags")
    assert found.values.to_pylist() == [["a"]] * 20


def test_rare_spellings_are_dropped_before_they_could_merge():
    rows = [["Maths"], ["maths"], ["verse"], ["verse"]]
    assert normal(rows, min_count=2, rules="porter") == [[], [], ["verse"], ["verse"]]


def test_no_tag_left_says_what_to_change():
    with pytest.raises(UserError, match=r"min_count=20.*'b', is in 2.*min_count=2"):
        normal_tags(pool([["a", "b"], ["b"]]), FakeEmbedder(), of="tags")


def test_a_pool_without_any_tags_is_no_error():
    found = normal_tags(pool([[], []]), FakeEmbedder(), of="tags")
    assert found.values.to_pylist() == [[], []]


def test_spellings_merge_into_the_most_frequent():
    rows = [["Data Analysis"], ["data-analysis"], ["data analysis!"], ["Stories"], ["story"]]
    assert normal(rows, rules="porter") == [["data analysis"]] * 3 + [["stories"]] * 2
    assert normal([*rows, ["Story"]], rules="porter")[3:] == [["story"]] * 3


def test_a_tag_near_no_other_joins_none_of_several_clusters():
    near = Near(a=0, b=1, c=40, d=41, y=80, z=160)
    rows = [["a"], ["b"], ["c"], ["d"], ["y"], ["z"]]
    assert normal(rows, near, eps=0.01) == [["a"], ["a"], ["c"], ["c"], ["y"], ["z"]]


def test_a_row_with_two_spellings_has_one_tag():
    assert normal([["Story", "stories", "story"]], rules="porter") == [["stories"]]


def test_stems_are_not_taken_where_they_are_not_wanted():
    assert normal([["Story"], ["stories"]], rules="unstemmed") == [["story"], ["stories"]]


def test_a_tag_without_letters_is_dropped():
    assert normal([["!!!", "ok"], ["👍"]], rules="porter") == [["ok"], []]


def test_near_tags_merge_into_the_most_frequent():
    near = Near(maths=0, mathematics=10, poem=90)
    rows = [["mathematics"], ["maths", "poem"], ["maths"]]
    # cos 10 degrees = 0.985
    assert normal(rows, near, eps=0.05) == [["maths"], ["maths", "poem"], ["maths"]]
    assert normal(rows, near, eps=0.01) == rows


def test_smaller_groups_than_min_samples_stay():
    near = Near(maths=0, mathematics=10)
    rows = [["mathematics"], ["maths"]]
    assert normal(rows, near, eps=0.05, min_samples=3) == rows


def test_vectors_are_of_names_and_not_of_stems():
    near = Near(stories=0, poems=90)
    normal([["Stories", "Poems"]], near, rules="porter", eps=0.05)
    assert near.asked == ["poems", "stories"]


def test_tags_that_come_with_another_merge_into_it():
    rows = [["algebra", "maths"]] * 40 + [["maths"]] * 5 + [["poem", "maths"]] * 39
    merged = normal(rows, min_support=40)
    assert merged == [["maths"]] * 45 + [["maths", "poem"]] * 39


def test_steps_come_in_their_order():
    near = Near(maths=0, mathematics=10, algebra=50, rare=0)
    rows = [["Maths", "algebra"]] * 3 + [["mathematics"]] * 2 + [["rare"]]
    found = normal(rows, near, min_count=2, rules="porter", eps=0.05, min_support=3)
    assert found == [["maths"]] * 5 + [[]]


def test_any_order_of_the_rows_gives_the_same():
    generator = np.random.default_rng(0)
    words = ["Maths", "maths", "math", "poem", "poems", "code", "Coding", "c++"]
    rows = [[words[n] for n in generator.integers(0, 8, 3)] for _ in range(60)]
    order = generator.permutation(60)
    on = {"min_count": 2, "rules": "porter", "eps": 0.4, "min_support": 3, "confidence": 0.6}
    one, two = normal(rows, **on), normal([rows[at] for at in order], **on)
    assert [one[at] for at in order] == two
    assert one != normal(rows)


def test_a_row_without_tags_keeps_its_reason():
    gone = np.array([False, True])
    given = Column.tags([["a"], []], unparsed=gone)
    data = dataset([{"instruction": f"{n}", "output": "x"} for n in range(2)])
    found = normal_tags(Pool.of(data, tags=given), FakeEmbedder(), of="tags", **OFF)
    assert found.values.to_pylist() == [["a"], None]
    assert found.problem.to_pylist() == [None, "unparsed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_count": 0},
        {"min_samples": 0},
        {"eps": -0.1},
        {"eps": 2},
        {"min_support": -1},
        {"confidence": 0},
        {"confidence": 1.5},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        normal([["a"]], **wrong)


def test_scores_are_no_tags():
    with pytest.raises(UserError, match="tags are needed"):
        tagged(Pool.of(pool([["a"]]).data, score=np.ones(1)), "score")
