import pytest
from _answering import always, in_turn
from _rows import batch

from tamis.errors import UserError
from tamis.registry import find
from tamis.run.session import Run
from tamis.scorers.rubric import rubric
from tamis.testing import dataset

ROWS = batch(["a", "b"], ["q", "r"])
ASK = "ask = 'Rate {answer}.'\n"


def values(own, *said):
    return rubric(ROWS, in_turn(*said), file=own).values.to_pylist()


def test_a_number_is_a_score():
    assert values(ASK + "most = 10", "Score: 7.5", "Score: 10") == [7.5, 10.0]


def test_a_whole_number_is_a_score():
    assert values(ASK + "verdict = 'integer'", "Score: 3", "Score: 5") == [3.0, 5.0]


def test_yes_is_1_and_no_is_0():
    assert values(ASK + "verdict = 'yes_no'", "Score: yes", "Score: no") == [1.0, 0.0]


def test_a_label_is_a_label():
    own = ASK + "verdict = 'label'\nlabels = ['good', 'so-so']"
    assert values(own, "Score: So-so", "Score: good") == ["so-so", "good"]


def test_tags_are_tags():
    assert values(ASK + "verdict = 'tags'", '["x", "y"]', "[]") == [["x", "y"], []]


def test_the_packages_own_rates_from_1_to_5():
    found = rubric(ROWS, in_turn("Score: 4.5", "Score: 6"))
    assert found.values.to_pylist() == [4.5, None]
    assert found.problem.to_pylist() == [None, "out_of_range"]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("ask = 'Rate it.'\n", "it shows nothing of the row"),
        ("ask = '{dimension} {answer}'\n", r"the mark \{dimension\}, which nothing fills"),
        (ASK + "verdict = 'text'", "a verdict of number or integer or yes_no or label or tags"),
        (ASK + "verdict = 'numbers'", "is needed here"),
        (ASK + "stars = 5", "no key 'stars'"),
    ],
)
def test_a_file_that_makes_no_column_is_refused_before_anything_is_asked(own, message):
    with pytest.raises(UserError, match=message):
        find("rubric").resolve({"file": own})


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match=r"no rubric and no file './mine\.toml'"):
        find("rubric").resolve({"file": "./mine.toml"})


def test_a_file_with_another_wording_is_another_column(tmp_path):
    path = tmp_path / "mine.toml"
    data = dataset([{"instruction": "q", "output": "a"}])
    found = []
    for text, said in ((ASK, "Score: 2"), (ASK + "most = 10", "Score: 9")):
        path.write_text(text)
        pool = Run(store=tmp_path / "store", judge=always(said)).score(
            data, [f"rubric(file={path})"]
        )
        found += next(iter(pool.columns.values())).values.to_pylist()
    assert found == [2.0, 9.0]
