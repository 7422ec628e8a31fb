import pytest
from _answering import always
from _rows import batch

from tamis.scorers.tree_nodes import tree_nodes
from tamis.testing import dataset
from tamis.types import Batch

ROW = batch(["an answer"], ["Write a poem about spring."])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("write poem\n  about spring\nNodes: 2", (2.0, None)),
        ("1. write\n2. poem\nNodes: 17", (17.0, None)),
        ("write poem\nNodes: 0", (None, "out_of_range")),
        ("write poem\nNodes: 2.5", (None, "unparsed")),
        ("write poem\n  about spring\n2", (None, "unparsed")),
    ],
)
def test_the_count_stands_at_the_end(said, expected):
    found = tree_nodes(ROW, always(said))
    assert (found.values[0].as_py(), found.problem[0].as_py()) == expected


def test_the_answer_is_not_shown():
    judge = always("Nodes: 2")
    tree_nodes(ROW, judge)
    asked = judge.waves[0][0].messages[-1][1]
    assert "Write a poem about spring." in asked
    assert "an answer" not in asked


def test_a_question_without_an_answer_has_nodes_too():
    turns = [{"role": "user", "content": "Write a poem."}]
    rows = Batch(dataset([{"messages": turns}]).table)
    assert tree_nodes(rows, always("Nodes: 2")).values.to_pylist() == [2.0]
