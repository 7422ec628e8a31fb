"""A guess at the tree of a text: sentences counted by hand."""

from __future__ import annotations

import pytest
from _rows import batch

from tamis.scorers.tree_proxy import tree_proxy

COUNTED = [  # text, content words, depth
    ("Write a poem.", 2, 2),
    ("Write a poem about the colour of the sea.", 4, 4),
    ("Stop.", 1, 1),
    ("Write a poem. Write a story.", 4, 2),
    ("If the test fails, stop (or ask the author of the code).", 6, 4),
    ("Pi is 3.14159", 2, 2),
    ("Schreibe ein Gedicht über die Farbe des Meeres.", 4, 3),
    ("Écris un poème sur la couleur de la mer.", 4, 4),
    ("Напиши стихотворение о цвете моря.", 4, 3),
    ("시를 써 주세요", 3, 2),  # no list for Korean: every word counts
    ("写一首关于春天的诗。", 4, 4),  # 写一 首 | 春天 | 诗
    ("请解释光合作用", 3, 2),  # 解释 光合 作用
    ("データベースを説明する", 2, 2),
    ("เขียนบทกวีเกี่ยวกับทะเล", 3, 3),
    ("Who is it?", 0, 0),
]


@pytest.mark.parametrize(("text", "nodes", "depth"), COUNTED)
def test_nodes_are_content_words(text, nodes, depth):
    assert tree_proxy(batch([text]), of="response").values.to_pylist() == [nodes]


@pytest.mark.parametrize(("text", "nodes", "depth"), COUNTED)
def test_depth_is_what_words_and_brackets_open(text, nodes, depth):
    assert tree_proxy(batch([text]), of="response", count="depth").values.to_pylist() == [depth]


def test_rows_of_a_batch_are_told_apart():
    texts = [text for text, _, _ in COUNTED]
    found = tree_proxy(batch(texts), of="response", count="depth")
    assert found.values.to_pylist() == [depth for _, _, depth in COUNTED]


def test_the_instruction_is_read_by_default():
    found = tree_proxy(batch(["A long answer about nothing."], ["Sing a song"]))
    assert found.values.to_pylist() == [2]


def test_a_word_counts_as_its_language_has_it():
    german, english = "Die Sonne scheint", "The flowers die"
    assert tree_proxy(batch([german, english]), of="response").values.to_pylist() == [2, 2]


def test_a_comma_or_full_stop_closes_what_was_open():
    texts = ["cats in boxes on shelves", "cats in boxes, shelves", "cats in boxes. shelves"]
    found = tree_proxy(batch(texts), of="response", count="depth")
    assert found.values.to_pylist() == [4, 3, 3]


def test_a_bracket_that_was_never_opened_closes_nothing():
    texts = ["a) big cats (small dogs)", "cats) dogs"]
    found = tree_proxy(batch(texts), of="response", count="depth")
    assert found.values.to_pylist()[1] == 2


def test_no_words_is_no_tree():
    found = tree_proxy(batch(["", "...", "👍"]), of="response")
    assert found.problem.to_pylist() == ["empty_text", "no_words", "no_words"]
    assert found.values.null_count == 3
