"""A judge on a real server over HTTP; what is asserted of calls is what the server saw."""

import asyncio
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from _chat_server import Behaviour, serving
from _judging import SCHEMA, judge_at, question, questions

from tamis.errors import UserError
from tamis.models import named_judge
from tamis.models._calls import Passing
from tamis.models._stop import Stop
from tamis.models.asking import Asking
from tamis.protocols import PASSING, Judge, Question

pytest.importorskip("openai")

FAULTS = {
    "429": 0.03,
    "500": 0.05,
    "503": 0.02,
    "slow": 0.005,
    "truncated": 0.03,
    "malformed": 0.03,
    "empty": 0.02,
    "wrong_shape": 0.02,
    "reset": 0.03,
    "refusal": 0.02,
    "content_filter": 0.02,
    "cut": 0.02,
}


def test_a_server_is_a_judge(tmp_path):
    with serving() as server:
        assert isinstance(judge_at(server, tmp_path), Judge)


def test_answers_come_in_the_order_of_the_questions(tmp_path):
    asked = questions(40)
    with serving(Behaviour(reply="echo")) as server:
        answers = judge_at(server, tmp_path).ask(asked)
    assert [a.text for a in answers] == [q.messages[-1][1] for q in asked]


def test_equal_questions_are_asked_once(tmp_path):
    with serving() as server:
        answers = judge_at(server, tmp_path).ask([question()] * 30)
        assert len(server.facts().requests) == 1
    assert len(answers) == 30 and len(set(answers)) == 1


def test_no_question_makes_no_call(tmp_path):
    with serving() as server:
        assert judge_at(server, tmp_path).ask([]) == []
        assert server.facts().requests == []


def test_two_thousand_questions_to_a_faulty_server_end_with_an_answer_or_a_reason(tmp_path):
    asked = questions(2000)
    with serving(Behaviour(faults=FAULTS, retry_after="0.01", slow=2.0)) as server:
        judge = judge_at(server, tmp_path, timeout=1.0, concurrency=32)
        answers = judge.ask(asked)
        facts = server.facts()
    whole = [answer for answer in answers if answer.problem is None]
    assert len(answers) == 2000 and all(answer.text for answer in whole)
    assert {a.problem for a in answers} == {None, "refused", "cut_off"}
    assert 1800 < len(whole) < 1950
    struck = {"429", "500", "503", "truncated", "malformed", "empty", "wrong_shape", "reset"}
    assert struck <= facts.outcomes.keys()
    assert facts.most_at_once <= 32
    assert judge.report()["calls"] == 2000


def test_an_answer_in_the_ledger_is_not_asked_again(tmp_path):
    with serving() as server:
        first = judge_at(server, tmp_path).ask(questions(20))
        again = judge_at(server, tmp_path)
        assert again.ask(questions(20)) == first
        assert len(server.facts().requests) == 20
    assert (again.report()["calls"], again.report()["from_ledger"]) == (0, 20)


def test_known_says_what_is_in_the_ledger(tmp_path):
    with serving() as server:
        judge = judge_at(server, tmp_path)
        judge.ask(questions(3))
        assert judge.known(questions(5)) == [True] * 3 + [False] * 2
        assert len(server.facts().requests) == 3


@pytest.mark.parametrize(
    "changed",
    [{"tokens": 9}, {"temperature": 0.5}, {"schema": SCHEMA}],
    ids=["tokens", "temperature", "schema"],
)
def test_another_question_is_another_key(tmp_path, changed):
    with serving() as server:
        judge = judge_at(server, tmp_path)
        judge.ask([question()])
        assert judge.known([question(**changed)]) == [False]


def test_roles_and_other_models_and_thinking_are_other_keys(tmp_path):
    with serving() as server:
        judge_at(server, tmp_path).ask([question()])
        other = Question((("system", "How good is it?"),))
        assert judge_at(server, tmp_path).known([other]) == [False]
        assert judge_at(server, tmp_path, name="other").known([question()]) == [False]
        assert judge_at(server, tmp_path, thinking=100).known([question()]) == [False]


@pytest.mark.parametrize(
    "fault", ["429", "500", "503", "truncated", "malformed", "empty", "wrong_shape", "reset"]
)
def test_a_passing_fault_is_asked_again(tmp_path, fault):
    with serving(Behaviour(faults={fault: 1.0})) as server:
        judge = judge_at(server, tmp_path)
        (answer,) = judge.ask([question()])
        assert len(server.facts().requests) == 2
    assert answer.problem is None and answer.text.startswith("It is")
    assert judge.report()["retries"] == 1


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("429", "rate_limited"),
        ("500", "server_error"),
        ("slow", "timed_out"),
        ("truncated", "unreachable"),
        ("malformed", "bad_reply"),
        ("empty", "bad_reply"),
        ("wrong_shape", "bad_reply"),
        ("reset", "unreachable"),
    ],
)
def test_a_fault_that_stays_is_the_questions_problem(tmp_path, fault, problem):
    with serving(Behaviour(faults={fault: 1.0}, strikes=99)) as server:
        judge = judge_at(server, tmp_path, retries=1, timeout=0.3)
        (answer,) = judge.ask([question()])
        assert judge.known([question()]) == [False]
    assert (answer.text, answer.problem) == ("", problem)
    assert problem in PASSING
    assert judge.report()["problems"] == {problem: 1}


@pytest.mark.parametrize(
    ("fault", "text", "problem"),
    [("refusal", "", "refused"), ("content_filter", "", "refused"), ("cut", "It is w", "cut_off")],
)
def test_an_answer_that_is_none_is_paid_and_kept(tmp_path, fault, text, problem):
    with serving(Behaviour(faults={fault: 1.0})) as server:
        judge = judge_at(server, tmp_path)
        for _ in range(2):
            (answer,) = judge.ask([question()])
            assert (answer.text, answer.problem) == (text, problem)
        assert len(server.facts().requests) == 1


def test_a_question_beyond_the_context_is_too_long_and_the_others_are_answered(tmp_path):
    asked = [question("short"), question("long " * 100), question("brief")]
    with serving(Behaviour(context=50)) as server:
        answers = judge_at(server, tmp_path).ask(asked)
    assert [answer.problem for answer in answers] == [None, "too_long", None]


def test_a_refusal_of_one_row_does_not_change_how_the_others_are_asked(tmp_path):
    def refuses(messages):
        return "fine"

    with serving(Behaviour(reply=refuses, context=20)) as server:
        judge = judge_at(server, tmp_path)
        judge.ask([question("a" * 40, schema=SCHEMA), question("b", schema=SCHEMA)])
        assert all("response_format" in body for body in server.facts().bodies)


@pytest.mark.parametrize("silent", [False, True], ids=["named", "silent"])
@pytest.mark.parametrize(
    "unsupported",
    [
        ("json_schema",),
        ("max_tokens",),
        ("temperature",),
        ("seed",),
        ("json_schema", "max_tokens", "temperature", "seed"),
    ],
    ids=lambda names: "+".join(names),
)
def test_fields_that_a_server_does_not_know_are_left_out_for_good(tmp_path, unsupported, silent):
    with serving(Behaviour(unsupported=unsupported, silent=silent)) as server:
        asked = questions(10, schema=SCHEMA)
        answers = judge_at(server, tmp_path).ask(asked)
        refused = server.facts().outcomes["400"]
        later = judge_at(server, tmp_path)
        later.ask([*asked, question("one more", schema=SCHEMA)])
        facts = server.facts()
    assert all(answer.problem is None for answer in answers)
    assert (facts.outcomes["400"], facts.outcomes["200"]) == (refused, 11)
    assert not facts.bodies[-1].keys() & ({*unsupported} - {"json_schema"})
    assert ("response_format" in facts.bodies[-1]) == ("json_schema" not in unsupported)
    names = {"response_format" if n == "json_schema" else n for n in unsupported} - {"max_tokens"}
    assert later.report()["left_out"] == sorted(names)


def test_a_plain_question_says_nothing_about_schemas(tmp_path):
    with serving(Behaviour(unsupported=("json_schema",), silent=True)) as server:
        judge = judge_at(server, tmp_path)
        judge.ask(questions(3))
        (answer,) = judge.ask([question(schema=SCHEMA)])
    assert answer.problem is None


def test_a_server_that_takes_nothing_ends_the_run(tmp_path):
    said = (400, {"error": {"message": "no idea"}})
    with serving(Behaviour(always=said)) as server, pytest.raises(UserError, match="no idea"):
        judge_at(server, tmp_path).ask(questions(500))


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"message": "bad key"}, "OPENAI_API_KEY"),
        (403, {"message": "not you"}, "OPENAI_API_KEY"),
        (404, {"message": "no such model"}, "model's name"),
        (402, {"message": "pay first"}, "money"),
        (429, {"message": "over", "code": "insufficient_quota"}, "money"),
        (405, {"message": "what"}, "address"),
    ],
)
def test_what_no_retry_can_mend_ends_the_run_at_once(tmp_path, status, body, message):
    with serving(Behaviour(always=(status, {"error": body}))) as server:
        with pytest.raises(UserError, match=message):
            judge_at(server, tmp_path, concurrency=4).ask(questions(500))
        assert len(server.facts().requests) <= 4


def test_a_wait_of_hours_ends_the_run(tmp_path):
    behaviour = Behaviour(faults={"429": 1.0}, retry_after="7200")
    with serving(behaviour) as server, pytest.raises(UserError, match="7,200 seconds"):
        judge_at(server, tmp_path).ask(questions(3))


def test_a_server_that_dies_ends_the_run_and_answers_are_kept(tmp_path):
    with serving(Behaviour(dies_after=100)) as server:
        judge = judge_at(server, tmp_path, retries=1, concurrency=8)
        with pytest.raises(UserError, match="in a row got no answer"):
            judge.ask(questions(5000))
        facts = server.facts()
        assert sum(judge.known(questions(5000))) == facts.outcomes["200"] == 100
    assert facts.outcomes["reset"] < 50


def test_thinking_is_no_answer_and_has_tokens_of_its_own(tmp_path):
    behaviour = Behaviour(
        thinks="<think>Rating: 1, or 2?</think>\n", extra={"reasoning_content": "Rating: 9"}
    )
    with serving(behaviour) as server:
        (answer,) = judge_at(server, tmp_path, thinking=1000).ask([question(tokens=20)])
        assert server.facts().bodies[-1]["max_tokens"] == 1020
    assert answer.text.startswith("It is what it is.")


def test_thinking_that_never_ends_is_cut_off(tmp_path):
    with serving(Behaviour(thinks="<think>well, ")) as server:
        (answer,) = judge_at(server, tmp_path).ask([question()])
    assert (answer.text, answer.problem) == ("", "cut_off")


def test_it_works_inside_a_running_loop(tmp_path):
    async def notebook(judge):
        return judge.ask(questions(5))

    with serving() as server:
        answers = asyncio.run(notebook(judge_at(server, tmp_path)))
    assert [answer.problem for answer in answers] == [None] * 5


def test_two_threads_that_ask_the_same_pay_once(tmp_path):
    with serving(Behaviour(latency=0.2)) as server:
        judges = [judge_at(server, tmp_path) for _ in range(2)]
        threads = [threading.Thread(target=judge.ask, args=(questions(8),)) for judge in judges]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.facts().requests) == 8


def test_progress_is_told(tmp_path):
    told = []
    with serving(Behaviour(latency=0.05)) as server:
        judge = judge_at(server, tmp_path, concurrency=2)
        judge.told = told.append
        judge.ask(questions(6))
    assert (told[-1]["done"], told[-1]["of"], told[-1]["calls"]) == (6, 6, 6)


def test_the_report_names_what_answered(tmp_path):
    with serving(Behaviour(model="judge-2026-11")) as server:
        judge = judge_at(server, tmp_path)
        judge.ask(questions(4))
    report = judge.report()
    assert report["models"] == {"judge-2026-11": 4}
    assert report["fingerprints"] == {"fp_1": 4}
    assert report["prompt_tokens"] > 0 and report["completion_tokens"] > 0
    assert report["cost"] is None


def test_lone_surrogates_are_sent_as_question_marks(tmp_path):
    with serving(Behaviour(reply="echo")) as server:
        (answer,) = judge_at(server, tmp_path).ask([question("odd \ud800 text")])
    assert answer.text == "odd ? text"


def test_a_judge_is_made_by_name(tmp_path):
    asking = Asking(ledger=tmp_path / "replies.sqlite", thinking=7)
    assert named_judge("gpt@http://h:1/v1", asking).id == "gpt@http://h:1/v1/thinking=7"


def test_a_judge_without_a_name_is_refused(tmp_path):
    with pytest.raises(UserError, match="NAME@URL"):
        named_judge("@http://h:1/v1", Asking(ledger=tmp_path / "replies.sqlite"))


def test_no_server_at_all_is_one_message(tmp_path):
    asking = Asking(ledger=tmp_path / "replies.sqlite", retries=1, concurrency=4)
    with pytest.raises(UserError, match="unreachable"):
        named_judge("judge@http://127.0.0.1:9/v1", asking).ask(questions(300))


def test_what_is_paid_for_is_what_the_server_answered(tmp_path):
    with serving() as server:
        judge = judge_at(server, tmp_path)
        judge.ask(questions(30))
        assert set(Counter(server.facts().answered()).values()) == {1}
        assert judge.report()["calls"] == 30


def test_judges_that_come_and_go_lose_no_answer(tmp_path):
    # a client that is collected instead of closed takes the sockets of others with it
    with serving() as server:
        for run in range(30):
            judge = judge_at(server, tmp_path / str(run))
            judge.ask(questions(20))
            assert judge.report()["calls_lost"] == 0


@pytest.mark.parametrize("name", ["@cf/meta/llama", "claude@20240620", "a#b", "\u6a21\u578b"])
def test_a_name_may_hold_what_divides_an_address(tmp_path, name):
    with serving() as server:
        judge = judge_at(server, tmp_path, name)
        judge.ask(questions(1))
        assert server.facts().bodies[-1]["model"] == name
    assert judge.id == f"{name}@{server.url}"


def test_after_the_end_of_a_run_nothing_is_tried_again(tmp_path):
    judge, stop = judge_at(SimpleNamespace(url="http://127.0.0.1:9/v1"), tmp_path), Stop()

    async def fails(*_):
        stop.error = UserError("it is over")  # meanwhile, somewhere else
        raise Passing("server_error", "500")

    judge.asker._call = fails
    with pytest.raises(UserError, match="it is over"):
        asyncio.run(judge.asker.answer(question(), stop))
    assert judge.report()["retries"] == 0
