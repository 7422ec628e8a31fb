"""Which examples rows give, and what is said of rows that give none."""

import pytest

from tamis.errors import UserError
from tamis.testing import dataset
from tamis.training.teach_rows import ANSWERS, PAIRS, Examples, exchange, paired, rated, styled
from tamis.training.teaching import Teaching

USUAL = Teaching()


def turn(role, text):
    return {"role": role, "content": text}


def row(question, answer, **more):
    return {"instruction": question, "output": answer, **more}


def both(found):
    return sorted(one.answers for one in found.found)


def test_numbers_are_read_from_a_field_whatever_their_form():
    rows = [row("a", "b", score=1), row("c", "d", score="0.5"), row("e", "f", score=True)]
    assert [one.number for one in rated(dataset(rows), "score").found] != []
    assert sorted(one.number for one in rated(dataset(rows), "score").found) == [0.5, 1.0, 1.0]


def test_rows_without_a_number_or_text_are_counted_by_reason():
    rows = [
        row("a", "b"),
        row("c", "d", score="many"),
        row("e", "f", score="nan"),
        row("g", "", score=1),
        row("", "h", score=1),
        row("i", "j", score=2),
    ]
    found = rated(dataset(rows), "score")
    assert found.told == {
        "rows": 6,
        "used": 1,
        "left_out": {
            "no answer": 1,
            "no number": 1,
            "no question": 1,
            "not a finite number": 1,
            "not a number": 1,
        },
        "examples": 1,
    }


def test_the_last_exchange_counts_with_its_system_turn():
    talk = [turn("user", "a"), turn("assistant", "b"), turn("system", "s"), turn("user", "c")]
    assert exchange([*talk, turn("assistant", "d")]) == ("s\n\nc", "d")
    assert exchange(talk) == ("a", "b")  # what nobody answered is not part of it
    assert exchange(talk[:1]) == ("a", "")


def test_exchanges_are_those_that_the_reward_scorer_shows():
    from tamis.hard_rows import hard_rows
    from tamis.scorers._exchanges import exchanges
    from tamis.training.teach_rows import rows_of
    from tamis.types import Batch

    data = dataset(hard_rows())
    shown = exchanges(Batch(data.table), "last", "last", {"question", "answer"})
    usable = [one for one in rows_of(data) if one.problem is None]
    assert [(t["question"], t["answer"]) for t in shown.turns] == [
        (one.question, one.answer) for one in usable
    ]
    assert len(usable) > 5


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_table_of_scores_is_joined_by_id(tmp_path, suffix):
    import pyarrow as pa

    from tamis.run.tables import write_table

    data = dataset([row("a", "b"), row("c", "d"), row("e", "f")])
    ids = data.ids.to_pylist()
    table = tmp_path / f"scores{suffix}"
    columns = {"id": [ids[2], ids[0], ids[1]], "alpagasus": [4.5, 2.0, None]}
    write_table(pa.table(columns), table)
    found = rated(data, "alpagasus", str(table))
    assert {one.key: one.number for one in found.found} == {ids[2]: 4.5, ids[0]: 2.0}
    assert found.left_out == {"no number": 1}


def test_pairs_are_made_of_the_numbers_in_a_table(tmp_path):
    data = dataset([row("q", "one"), row("q", "two", rejected="none")])
    table = tmp_path / "scores.csv"
    first, second = data.ids.to_pylist()
    table.write_text(f"id,judge\n{first},4.5\n{second},2\n")
    assert both(paired(data, "judge", "rejected", USUAL, str(table))) == [("one", "two")]


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [("a.txt", "x", "ending"), ("a.csv", "x", "no column 'x'"), ("none.csv", "x", "no file")],
)
def test_a_table_that_cannot_be_joined_is_refused(tmp_path, name, label, message):
    (tmp_path / "a.csv").write_text("id,score\n1,2\n")
    with pytest.raises(UserError, match=message):
        rated(dataset([row("a", "b")]), label, str(tmp_path / name))


def test_a_row_with_a_worse_answer_is_a_pair():
    rows = [
        {"prompt": "a", "chosen": "good", "rejected": "bad"},
        {"prompt": "b", "chosen": "same", "rejected": "same"},
        {"prompt": "c", "chosen": "good", "rejected": " "},
    ]
    found = paired(dataset(rows), "score", "rejected", USUAL)
    assert both(found) == [("good", "bad")]
    assert found.left_out == {"same answer": 1, "no worse answer": 1}
    assert found.used == 1


def test_a_worse_answer_may_end_a_conversation():
    talk = [turn("user", "a"), turn("assistant", "bad")]
    rows = [row("a", "good", rejected=talk), row("b", "fine", rejected=["poor", "worse"])]
    found = paired(dataset(rows), "score", "rejected", USUAL)
    assert both(found) == [("fine", "poor"), ("fine", "worse"), ("good", "bad")]


def test_rated_rows_of_one_question_are_paired_by_their_numbers():
    rows = [row("q", "low", score=1), row("q", "high", score=3), row("q", "mid", score=2)]
    found = paired(dataset([*rows, row("other", "x", score=1)]), "score", "rejected", USUAL)
    assert both(found) == [("high", "low"), ("high", "mid"), ("mid", "low")]
    assert found.left_out == {"alone with its question": 1}


def test_numbers_have_to_differ_by_more_than_the_gap():
    rows = [row("q", "low", score=1), row("q", "high", score=3), row("q", "mid", score=2)]
    found = paired(dataset(rows), "score", "rejected", Teaching(gap=1))
    assert both(found) == [("high", "low")]
    assert found.left_out == {"in no pair of different numbers": 1}


def test_a_question_with_many_answers_gives_a_bounded_number_of_pairs():
    rows = [row("q", f"answer {n}", score=n) for n in range(ANSWERS + 40)]
    found = paired(dataset(rows), "score", "rejected", USUAL)
    assert len(found.found) == PAIRS
    assert found.left_out[f"beyond {ANSWERS} answers to a question"] == 40
    again = paired(dataset(rows[::-1]), "score", "rejected", USUAL)
    assert again.found == found.found


def style(direct, referenced, human, *quality):
    names = ("direct_quality", "referenced_quality", "human_quality")
    return row(
        "q" + human,
        human,
        direct=direct,
        referenced=referenced,
        **dict(zip(names, quality, strict=False)),
    )


def test_pairs_of_styles_count_within_the_bounds_of_quality():
    rows = [style("d", "r", "h", 8, 9, 5), style("d", "r", "hh", 8, [6, 8], 7)]
    found = styled(dataset(rows), USUAL)
    counts = {one.answers[2]: one.counts for one in found.found}
    assert counts == {"h": (True, False, False), "hh": (True, True, True)}


def test_bounds_of_quality_are_outside():
    rows = [style("d", "r", "h", 5, 10, 7), style("d", "r", "hh", 5.1, 9.9, 10)]
    found = styled(dataset(rows), USUAL)
    assert {one.answers[2]: one.counts for one in found.found} == {"hh": (True, False, False)}
    assert found.left_out == {"quality out of bounds": 1}


def test_rows_without_quality_are_left_out_unless_none_is_asked_for():
    rows = [style("d", "r", "h"), row("q", "a", direct="d")]
    assert styled(dataset(rows), USUAL).left_out == {
        "no quality of an answer": 1,
        "no referenced answer": 1,
    }
    free = styled(dataset(rows), Teaching(constraint="none"))
    assert [one.counts for one in free.found] == [(True, True, True)]


def test_answers_that_are_the_same_are_no_pair():
    found = styled(dataset([style("x", "x", "h")]), Teaching(constraint="none"))
    assert found.found[0].counts == (False, True, True)


def test_examples_do_not_depend_on_the_order_of_the_file():
    rows = [row(f"q{n % 7}", f"a{n}", score=n % 3) for n in range(40)]
    one, two = (rated(dataset(r), "score") for r in (rows, rows[::-1]))
    assert one.fingerprint == two.fingerprint
    pairs = [paired(dataset(r), "score", "rejected", USUAL) for r in (rows, rows[::-1])]
    assert pairs[0].fingerprint == pairs[1].fingerprint != one.fingerprint


def test_a_question_is_on_one_side_of_what_is_kept_aside():
    rows = [row(f"q{n % 100}", f"a{n}", score=n % 3) for n in range(400)]
    found = rated(dataset(rows), "score")
    learned, aside = found.divided(0.2, 0)
    assert not {one.question for one in learned} & {one.question for one in aside}
    assert 0.1 < len(aside) / 400 < 0.3
    assert Examples(found.found[:10]).divided(0.0, 0)[1] == []


def test_another_seed_keeps_other_questions_aside():
    found = rated(dataset([row(f"q{n}", "a", score=n) for n in range(100)]), "score")
    assert found.divided(0.2, 0)[1] != found.divided(0.2, 1)[1]
