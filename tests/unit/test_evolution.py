import re

import pytest
from _answering import Answering, quoted

from tamis import evolution
from tamis.errors import Pending, UserError
from tamis.evolution import evolve, operations_of, way
from tamis.models.fake import FakeJudge
from tamis.protocols import Answer
from tamis.scorers._rewritten import fault
from tamis.testing import dataset

ROWS = [
    {"messages": [{"role": "user", "content": f"Task {n}"}, {"role": "assistant", "content": "A"}]}
    for n in range(5)
]


def harder(question):
    """Adds a word to a request or an answer that is quoted; answers anything else."""
    texts = quoted(question)
    if not texts:
        return f"Answer to <{question.messages[-1][1]}>"
    return list(texts.values())[-1] + " more"


def drawn(data, judge, **settings):
    found = evolve(data, judge, **settings)
    return list(found.records), found.counts


def said(record):
    return [turn["content"] for turn in record["messages"]]


def test_each_round_rewrites_the_text_of_the_round_before():
    data = dataset(ROWS[:1])
    records, counts = drawn(data, Answering(harder), rounds=2)
    assert [said(r)[0] for r in records] == ["Task 0", "Task 0 more", "Task 0 more more"]
    assert [r["round"] for r in records] == [0, 1, 2]
    assert {r["evolved_from"] for r in records} == {data.ids[0].as_py()}
    assert counts == {"rows": 1, "rewritten": 2}


def test_a_rewritten_request_gets_an_answer_of_its_own():
    records, _ = drawn(dataset(ROWS[:1]), Answering(harder), rounds=2)
    assert [said(r)[1] for r in records[1:]] == [
        "Answer to <Task 0 more>",
        "Answer to <Task 0 more more>",
    ]


def test_a_rewritten_answer_keeps_its_question():
    records, _ = drawn(dataset(ROWS[:1]), Answering(harder), of="answer", rounds=2)
    assert [said(r) for r in records[1:]] == [["Task 0", "A more"], ["Task 0", "A more more"]]


def test_all_rows_are_asked_at_once_in_each_round_and_then_for_all_answers():
    judge = Answering(harder)
    drawn(dataset(ROWS), judge, rounds=3)
    assert [len(wave) for wave in judge.waves] == [5, 5, 5, 15]


def test_originals_are_read_back_as_what_they_were():
    data = dataset()
    records, _ = drawn(data, Answering(harder), rounds=1)
    again = dataset([r for r in records if r["round"] == 0])
    assert again.ids.to_pylist() == data.ids.to_pylist()


def test_other_fields_stay_with_the_original_alone():
    row = {**ROWS[0], "source": "mine", "tags": ["a"]}
    records, _ = drawn(dataset([row]), Answering(harder))
    assert records[0]["source"] == "mine" and records[0]["tags"] == ["a"]
    assert records[1].keys() == {"messages", "evolved_from", "round", "operation"}


def test_the_operation_follows_from_seed_row_and_round_whatever_the_order():
    plain = [(r["evolved_from"], r["round"], r["operation"]) for r in drawn_of(ROWS)]
    assert sorted(plain) == sorted(
        (r["evolved_from"], r["round"], r["operation"]) for r in drawn_of(ROWS[::-1])
    )
    assert {name for *_, name in plain if name} == set(operations_of("instruction"))


def drawn_of(rows, **settings):
    return drawn(dataset(rows), Answering(harder), rounds=6, **settings)[0]


def test_another_seed_draws_other_operations():
    one, two = ([r["operation"] for r in drawn_of(ROWS, seed=seed)] for seed in (0, 1))
    assert one != two


def test_the_judge_is_told_the_operation_that_the_record_names():
    judge = Answering(harder)
    records, _ = drawn(dataset(ROWS), judge, operations=["depth"])
    assert {r["operation"] for r in records} == {"", "depth"}
    asked = [question.messages[-1][1] for question in judge.waves[0]]
    assert all(operations_of("instruction")["depth"] in text for text in asked)


FAILURES = {
    "refused": Answer("", "refused"),
    "cut_off": Answer("half a", "cut_off"),
    "empty": "  \n",
    "unchanged": "task  0",
    "asks_back": "Please provide the request that you want rewritten.",
    "refuses": "I'm sorry, but I can't help with that.",
}


@pytest.mark.parametrize("reason", FAILURES)
def test_a_failed_rewriting_ends_the_chain_and_is_counted(reason):
    judge = Answering(lambda question: FAILURES[reason])
    records, counts = drawn(dataset(ROWS[:1]), judge, rounds=3)
    assert [said(r) for r in records] == [["Task 0", "A"]]
    assert counts == {"rows": 1, "rewritten": 0, f"ended: {reason}": 1}
    assert [len(wave) for wave in judge.waves] == [1]


def test_a_chain_that_ends_keeps_what_it_had():
    def say(question):
        second = "more" in quoted(question).get("question", "")
        return Answer("", "server_error") if second else harder(question)

    records, counts = drawn(dataset(ROWS[:1]), Answering(say), rounds=3)
    assert [r["round"] for r in records] == [0, 1]
    assert counts["ended: server_error"] == 1


def test_a_text_with_the_code_of_its_quotation_is_residue():
    def copies(question):
        lines = question.messages[-1][1].splitlines()
        return "\n".join(line for line in lines if re.search("Task|[0-9a-f]{12}", line))

    _, counts = drawn(dataset(ROWS[:1]), Answering(copies))
    assert counts["ended: residue"] == 1


def test_a_line_of_the_prompt_is_residue():
    sentence = operations_of("instruction")["depth"]
    judge = Answering(lambda question: f"Name three rivers. {sentence}")
    assert drawn(dataset(ROWS[:1]), judge, operations=["depth"])[1]["ended: residue"] == 1


def test_a_long_line_out_of_the_quoted_material_is_no_residue():
    material = "A table of rivers and their lengths in kilometres, from 1990."
    asked = {"role": "user", "content": f"Sort this:\n{material}"}
    judge = Answering(lambda q: f"Sort this twice:\n{material}" if quoted(q) else "An answer.")
    assert drawn(dataset([{"messages": [asked]}]), judge)[1]["rewritten"] == 1


def test_a_number_out_of_the_question_is_no_residue():
    asked = {"role": "user", "content": "What is at 0123456789ab?"}
    row = {"messages": [asked, {"role": "assistant", "content": "A line."}]}
    judge = Answering(lambda question: "At 0123456789ab there is a line.")
    assert drawn(dataset([row]), judge, of="answer")[1]["rewritten"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "Rewritten request: Name three rivers.",
        "Here is a harder version of the request:\nName three rivers.",
        "Sure! Here's the new instruction: Name three rivers.",
        "As the original request says, name three rivers.",
        "[question 412]",
    ],
)
def test_talk_about_the_task_is_residue(text):
    judge = Answering(lambda question: text)
    assert drawn(dataset(ROWS[:1]), judge)[1]["ended: residue"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "Give me an answer in JSON with three rivers.",
        "Write a new question about rivers: one that a child can answer.",
        "Please share the names of three rivers, and explain your answer.",
    ],
)
def test_requests_that_only_look_alike_are_kept(text):
    judge = Answering(lambda question: text)
    assert drawn(dataset(ROWS[:1]), judge)[1]["rewritten"] == 1


def test_what_the_text_before_it_says_too_is_no_fault():
    sent = Answering(harder)
    drawn(dataset(ROWS[:1]), sent)
    before = "Question: name the original request."
    assert fault("Question: name all rivers.", [before], sent.waves[0][0]) is None
    assert fault("Question: name all rivers.", ["Name a river."], sent.waves[0][0]) == "residue"


def test_a_version_whose_answer_fails_is_left_out_and_the_next_one_stays():
    def say(question):
        first = question.messages[-1][1] == "Task 0 more"
        return Answer("", "timed_out") if first and not quoted(question) else harder(question)

    records, counts = drawn(dataset(ROWS[:1]), Answering(say), rounds=2)
    assert [r["round"] for r in records] == [0, 2]
    assert counts == {"rows": 1, "rewritten": 2, "no answer: timed_out": 1}


def test_rows_that_cannot_be_rewritten_are_counted_by_reason():
    _, counts = drawn(dataset(), Answering(harder), of="answer")
    started = counts["rows"] - counts["rewritten"]
    reasons = {name: n for name, n in counts.items() if name.startswith("not started")}
    assert set(reasons) == {
        "not started: tools",
        "not started: no_question",
        "not started: no_answer",
    }
    assert sum(reasons.values()) == started


def test_the_last_question_of_a_conversation_is_rewritten_and_the_turns_before_it_stay():
    talk = ["Hi", "Hello!", "Bye", "Goodbye."]
    turns = [
        {"role": r, "content": t} for r, t in zip(("user", "assistant") * 2, talk, strict=True)
    ]
    judge = Answering(lambda q: "Bye for good" if quoted(q) else "Farewell.")
    records, _ = drawn(dataset([{"messages": turns}]), judge)
    assert said(records[1]) == ["Hi", "Hello!", "Bye for good", "Farewell."]
    assert quoted(judge.waves[0][0])["question"].splitlines()[-1] == "user: Bye"
    assert [role for role, _ in judge.waves[1][0].messages] == ["user", "assistant", "user"]


def test_batches_change_nothing(monkeypatch):
    whole = drawn(dataset(ROWS), Answering(harder), rounds=2)
    monkeypatch.setattr("tamis.evolution.ROWS", 2)
    judge = Answering(harder)
    assert drawn(dataset(ROWS), judge, rounds=2) == whole
    assert max(len(wave) for wave in judge.waves) == 4


def test_records_are_made_as_they_are_drawn():
    judge = Answering(harder)
    found = evolve(dataset(ROWS), judge)
    assert not judge.waves
    next(found.records)
    assert judge.waves


def test_the_stand_in_goes_through_the_whole_way():
    records, counts = drawn(dataset(), FakeJudge(), rounds=3)
    assert counts["rewritten"] > 40
    assert len(dataset(records)) == len(records)


def test_an_unknown_operation_is_named():
    with pytest.raises(UserError, match="constraints"):
        way("instruction", ["constraint"])


def test_a_rubric_that_shows_the_answer_cannot_rewrite_a_request(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("ask = '{question} {answer}'\nverdict = 'text'")
    with pytest.raises(UserError, match="question"):
        way("instruction", prompt=str(mine))


def test_a_rubric_of_your_own_is_what_is_asked(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("ask = 'Rewrite like a pirate: {question}'\nverdict = 'text'")
    judge = Answering(harder)
    drawn(dataset(ROWS[:1]), judge, prompt=str(mine))
    assert "like a pirate" in judge.waves[0][0].messages[-1][1]


def test_no_rounds_are_refused():
    with pytest.raises(UserError, match="rounds"):
        evolve(dataset(ROWS), FakeJudge(), rounds=0)


def test_where_somebody_has_to_do_something_first_all_rows_are_asked_about(monkeypatch):
    class Waiting(Answering):
        def ask(self, questions):
            super().ask(questions)
            raise Pending("send the files")

    monkeypatch.setattr(evolution, "ROWS", 2)
    judge, records = Waiting(harder), []
    with pytest.raises(Pending, match="send the files"):
        records.extend(evolve(dataset(ROWS), judge, rounds=1).records)
    assert records == []
    assert [len(asked) for asked in judge.waves] == [2, 2, 1]


def test_a_field_of_the_row_that_gives_way_is_counted():
    rows = [{"instruction": "Task", "output": "A", "round": "final", "lang": "en"}]
    records, counts = drawn(dataset(rows), Answering(harder))
    assert (records[0]["round"], records[0]["lang"]) == (0, "en")
    assert counts["own field replaced: round"] == 1 and "own field replaced: lang" not in counts
