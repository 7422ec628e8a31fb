import numpy as np
import pytest
from _spelling import Reads, text_of

from tamis.errors import UserError
from tamis.models.fake import START, FakeLikelihood
from tamis.protocols import Passage
from tamis.scorers.nuggets import golden_score, nuggets
from tamis.testing import dataset
from tamis.types import Column, Pool

ZERO = np.array([-10.0, -8, -12, -5, -7])
ONE = np.array([-9.0, -8, -13, -4.5, -6])


def pool(said, vectors=None):
    """Rows of (question, answer) with a vector each, all far apart unless given."""
    data = dataset([{"instruction": q, "output": a} for q, a in said])
    given = np.diag(np.arange(1, len(said) + 1)) if vectors is None else np.array(vectors)
    missing = np.isnan(given).any(axis=1)
    return Pool.of(data, v=Column.vectors(given.astype(np.float32), missing=missing))


def values(table, lm=None, **params):
    return nuggets(table, lm or FakeLikelihood(), of="v", **params)


def log_chance(text, answer):
    """Log P of the answer after the text, the start token in front."""
    before, after = (np.frombuffer(t.encode(), np.uint8).astype(np.int64) for t in (text, answer))
    ids = np.concatenate([[START], before, after])
    passage = Passage(ids, ((1 + len(before), len(ids)),))
    return -FakeLikelihood().read([passage])[0].tokens["loss"].sum()


def test_a_tie_is_no_win():
    assert golden_score(ZERO, ONE) == pytest.approx(0.6)


def test_an_anchor_that_is_left_out_does_not_count():
    assert golden_score(ZERO, np.where(np.arange(5) == 1, np.nan, ONE)) == pytest.approx(0.75)


def test_without_an_anchor_there_is_no_score():
    assert np.isnan(golden_score(ZERO, np.full(5, np.nan)))


SAID = [("one", "eins"), ("two", "zwei"), ("three", "drei"), ("four", "vier"), ("five", "fuenf")]


def test_the_scores_are_those_of_a_loop_over_rows_and_anchors():
    byhand = []
    for row, (q, a) in enumerate(SAID):
        wins = [
            log_chance(f"{q}\n{a}\n{q2}\n", a2) > log_chance(f"{q2}\n", a2)
            for anchor, (q2, a2) in enumerate(SAID)
            if anchor != row
        ]
        byhand.append(np.mean(wins))
    found = values(pool(SAID), template="plain").values.to_pylist()
    assert found == pytest.approx(byhand)
    assert len(set(found)) > 1


def test_a_template_stands_around_row_and_anchor():
    lm = Reads([])
    values(pool(SAID[:2]), lm, template="tulu")
    one, two = ("<|user|>\n{}\n<|assistant|>\n{}".format(*said) for said in SAID[:2])
    assert sorted(lm.texts()) == sorted([one, two, f"{one}\n{two}", f"{two}\n{one}"])


def test_the_start_token_begins_every_passage_once_and_the_same_tokens_are_scored():
    lm = Reads([])
    values(pool(SAID), lm, template="plain")
    assert all(passage.ids[0] == START for passage in lm.asked)
    assert all((passage.ids == START).sum() == 1 for passage in lm.asked)
    scored = {text_of(passage.ids[slice(*passage.spans[0])]) for passage in lm.asked}
    assert scored == {a for _, a in SAID}


def test_without_a_start_token_none_is_read():
    lm = Reads([])
    values(pool(SAID), lm, template="plain", start=False)
    assert not any((passage.ids == START).any() for passage in lm.asked)


def test_anchors_are_the_rows_nearest_to_the_centres():
    lm = Reads([])
    table = pool(SAID, [[0, 0], [0.2, 0], [0.6, 0], [0.1, 0.3], [9, 0]])
    values(table, lm, template="plain", anchors=2)
    zero = [text for text in lm.texts() if text.count("\n") == 1]
    assert sorted(zero) == ["five\nfuenf", "two\nzwei"]


def test_a_row_is_not_tried_on_itself_nor_on_its_copy():
    lm = Reads([])
    table = pool([SAID[0], SAID[0], SAID[1]], [[0, 0], [0, 0], [5, 5]])
    found = values(table, lm, template="plain", anchors=2)
    assert "one\neins\none\neins" not in lm.texts()
    assert found.values.to_pylist()[:2] == [found.values[0].as_py()] * 2
    assert len(lm.asked) == 2 + 3


def test_a_row_that_is_the_only_anchor_has_no_score():
    found = values(pool(SAID[:1]))
    assert found.problem.to_pylist() == ["undefined"]


def test_a_row_without_room_for_an_answer_or_without_a_vector_is_no_anchor():
    said = [*SAID[:3], ("long " * 10, "too far away")]
    vectors = np.diag([1.0, 2, 3, 4])
    vectors[2] = np.nan
    lm = Reads([])
    found = values(pool(said, vectors), lm, template="plain", anchor_length=20)
    zero = [text for text in lm.texts() if text.count("\n") == 1]
    assert sorted(zero) == ["one\neins", "two\nzwei"]
    assert found.problem.to_pylist() == [None] * 4


def test_a_pool_without_anchors_says_so():
    found = values(pool(SAID[:2], np.full((2, 2), np.nan)))
    assert found.problem.to_pylist() == ["no_anchor"] * 2


def test_a_long_row_is_cut_and_the_anchor_stays_whole():
    lm = Reads([])
    said = [("q", "a" * 400), ("two", "zwei")]
    values(pool(said), lm, template="plain", anchor_length=30, max_length=100)
    shown = [p for p in lm.asked if text_of(p.ids).endswith("two\nzwei") and len(p.ids) > 20]
    assert [text_of(p.ids) for p in shown] == ["q\n" + "a" * 67 + "\ntwo\nzwei"]


def test_a_row_without_an_answer_keeps_its_problem_and_moves_no_other():
    whole = values(pool(SAID), template="plain").values.to_pylist()
    found = values(pool([*SAID, ("six", " ")]), template="plain")
    assert found.problem.to_pylist() == [None] * 5 + ["empty_answer"]
    assert found.values.to_pylist()[:5] == whole


def test_blocks_change_nothing(monkeypatch):
    whole = values(pool(SAID), template="plain").values.to_pylist()
    monkeypatch.setattr("tamis.scorers.nuggets.AT_A_TIME", 10)
    assert values(pool(SAID), template="plain").values.to_pylist() == whole


@pytest.mark.parametrize("params", [{"anchors": 0}, {"anchor_length": 1}, {"anchor_length": 511}])
def test_settings_without_room_are_refused(params):
    with pytest.raises(UserError, match="nuggets needs an anchor"):
        values(pool(SAID), **params)


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("template", ["alpaca", "tulu"])
def test_a_long_row_and_a_long_anchor_fill_the_context_and_no_more(template, start):
    lm = Reads([])
    said = [("q", "a" * 600), ("r", "b" * 600)]
    found = values(pool(said), lm, template=template, anchor_length=240, start=start)
    assert found.problem.to_pylist() == [None, None]
    assert max(len(passage.ids) for passage in lm.asked) == lm.context


def test_the_markup_between_row_and_anchor_takes_part_of_the_room():
    params = {"template": "plain", "start": False, "anchor_length": 40}
    assert len(values(pool(SAID), **params, max_length=43)) == len(SAID)
    with pytest.raises(UserError, match="of 42 tokens 100 anchors of 40 and the markup leave 1"):
        values(pool(SAID), **params, max_length=42)


def test_a_row_that_begins_another_one_is_no_copy_of_it():
    lm = Reads([])
    values(pool([("one", "ein"), ("one", "eins")]), lm, template="plain")
    assert {"one\nein\none\neins", "one\neins\none\nein"} <= set(lm.texts())


def test_a_row_is_not_tried_on_itself_where_they_are_cut_at_different_lengths():
    lm = Reads([])
    said = [("q", "a" * 400), ("two", "zwei")]
    values(pool(said), lm, template="plain", anchor_length=30, max_length=100)
    assert not any(text.count("q\n") == 2 for text in lm.texts())
