"""Batch files: requests out, answers in, nothing twice; and not one call."""

import json
from collections import Counter

import pytest
from _judging import SCHEMA, question, questions

from tamis.errors import Pending, UserError
from tamis.models import batch_files
from tamis.models.asking import Asking
from tamis.models.http import HttpJudge

PLACE = "judge@http://127.0.0.1:9/v1"  # nobody answers there


def judge(folder, **more):
    asking = {"ledger": folder / "replies.sqlite", "batches": str(folder / "batches"), **more}
    return HttpJudge.named(PLACE, Asking(**asking))


def requests(folder):
    """The requests of all files, by file."""
    files = sorted((folder / "batches").glob("requests-*.jsonl"))
    return {path.name: [json.loads(line) for line in path.open()] for path in files}


def output(request, text="Rating: 4", status=200, error=None, number=0):
    """What a service makes of a request."""
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    body = {"choices": [choice], "usage": usage, "model": "served"} if status == 200 else error
    response = {"status_code": status, "request_id": "r", "body": body}
    custom = request["custom_id"]
    line = {"id": f"batch_req_{custom}_{number}", "custom_id": custom, "error": None}
    return {**line, "response": response}


def put(folder, name, lines):
    (folder / "batches" / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def asked(folder, count=3, **more):
    """Asks, and gives back the requests that stand in files and the message."""
    with pytest.raises(UserError) as error:
        judge(folder, **more).ask(questions(count))
    return requests(folder), str(error.value)


def test_requests_have_the_form_of_the_service(tmp_path):
    files, said = asked(tmp_path)
    (lines,) = files.values()
    assert len(lines) == 3
    assert lines[0]["method"] == "POST" and lines[0]["url"] == "/v1/chat/completions"
    assert lines[0]["body"]["messages"] == [{"role": "user", "content": "How good is answer 0?"}]
    assert lines[0]["body"]["max_tokens"] == 512
    assert "3 requests were written to" in said and "run the same command again" in said


def test_answers_are_taken_in(tmp_path):
    files, _ = asked(tmp_path)
    lines = [output(r, f"Rating: {n}") for n, r in enumerate(files["requests-0001.jsonl"])]
    put(tmp_path, "batch_output.jsonl", reversed(lines))
    one = judge(tmp_path)
    assert [answer.text for answer in one.ask(questions(3))] == [f"Rating: {n}" for n in range(3)]
    assert one.report()["calls"] == 3 and one.report()["models"] == {"served": 3}
    assert len(requests(tmp_path)) == 1


def test_answers_taken_in_once_need_no_files_any_more(tmp_path):
    files, _ = asked(tmp_path)
    put(tmp_path, "out.jsonl", [output(r) for r in files["requests-0001.jsonl"]])
    judge(tmp_path).ask(questions(3))
    (tmp_path / "batches" / "out.jsonl").unlink()
    later = HttpJudge.named(PLACE, Asking(ledger=tmp_path / "replies.sqlite"))
    assert len(later.ask(questions(3))) == 3


def test_a_request_is_not_written_twice(tmp_path):
    asked(tmp_path, 3)
    files, said = asked(tmp_path, 5)
    assert [len(lines) for lines in files.values()] == [3, 2]
    assert "2 requests were written" in said and "3 stand in earlier files" in said
    again, said = asked(tmp_path, 5)
    assert again == files and "were written" not in said


def test_the_same_judge_writes_nothing_twice(tmp_path):
    one = judge(tmp_path)
    for _ in range(2):
        with pytest.raises(UserError):
            one.ask(questions(4))
    assert [len(lines) for lines in requests(tmp_path).values()] == [4]


def test_what_failed_is_listed_and_asked_once_more(tmp_path):
    files, _ = asked(tmp_path)
    first, second, third = files["requests-0001.jsonl"]
    broken = output(second, status=500, error={"error": {"message": "it broke"}})
    expired = {
        "id": "x",
        "custom_id": third["custom_id"],
        "response": None,
        "error": {"code": "batch_expired", "message": "too late"},
    }
    put(tmp_path, "out.jsonl", [output(first), broken, expired])
    for _ in range(2):  # the second time the next file waits for its outputs
        files, said = asked(tmp_path)
        assert "it broke" in said and "too late" in said
        assert [r["custom_id"] for r in files["requests-0002.jsonl"]] == [
            second["custom_id"],
            third["custom_id"],
        ]
        assert len(files) == 2


def test_what_failed_twice_is_asked_a_third_time(tmp_path):
    for number in range(3):
        files, _ = asked(tmp_path, 1)
        assert len(files) == number + 1
        (request,) = list(files.values())[-1]
        broken = output(request, status=500, error={"message": "no"}, number=number)
        put(tmp_path, f"out-{number}.jsonl", [broken])


def test_an_answer_beats_a_failure_of_the_same_request(tmp_path):
    files, _ = asked(tmp_path, 1)
    (request,) = files["requests-0001.jsonl"]
    broken = output(request, status=500, error={"message": "no"}, number=1)
    put(tmp_path, "out.jsonl", [output(request), broken])
    assert judge(tmp_path).ask(questions(1))[0].text == "Rating: 4"


def test_what_the_model_will_not_answer_is_not_asked_again(tmp_path):
    files, _ = asked(tmp_path, 2)
    one, other = files["requests-0001.jsonl"]
    long = {"error": {"message": "x", "code": "context_length_exceeded"}}
    bad = {"error": {"message": "rejected by our safety system"}}
    lines = [output(one, status=400, error=long), output(other, status=400, error=bad)]
    put(tmp_path, "out.jsonl", lines)
    answers = judge(tmp_path).ask(questions(2))
    assert [answer.problem for answer in answers] == ["too_long", "refused"]


def test_fields_that_the_service_does_not_know_are_left_out_of_the_next_file(tmp_path):
    with pytest.raises(UserError):
        judge(tmp_path).ask([question(schema=SCHEMA)])
    ((request,),) = requests(tmp_path).values()
    said = {"error": {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}}
    put(tmp_path, "out.jsonl", [output(request, status=400, error=said)])
    with pytest.raises(UserError, match="1 requests were written"):
        judge(tmp_path).ask([question(schema=SCHEMA)])
    body = requests(tmp_path)["requests-0002.jsonl"][0]["body"]
    assert body["max_completion_tokens"] == 512 and "max_tokens" not in body


def test_files_are_cut_by_number_and_by_size(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_files, "MOST_REQUESTS", 4)
    files, _ = asked(tmp_path, 10)
    assert [len(lines) for lines in files.values()] == [4, 4, 2]
    monkeypatch.setattr(batch_files, "MOST_BYTES", 500)
    files, _ = asked(tmp_path, 14)
    sizes = [p.stat().st_size for p in sorted((tmp_path / "batches").glob("requests-*"))[3:]]
    assert len(sizes) > 1 and max(sizes) <= 500
    ids = Counter(line["custom_id"] for lines in files.values() for line in lines)
    assert len(ids) == 14 and set(ids.values()) == {1}


def test_lines_that_are_no_answers_are_counted(tmp_path):
    (tmp_path / "batches").mkdir()
    text = '{"custom_id": "row-7", "response": {}}\nnot json\n{"cut off\n[1]\n\n'
    (tmp_path / "batches" / "notes.jsonl").write_text(text)
    _, said = asked(tmp_path)
    assert "4 lines could not be read" in said


def test_requests_that_could_cost_too_much_are_not_written(tmp_path):
    prices = tmp_path / "prices.toml"
    prices.write_text("[judge]\ninput = 1000\noutput = 1000\n")
    files, said = asked(tmp_path, prices=str(prices), max_cost=1.0)
    assert files == {} and "may cost up to" in said
    files, said = asked(tmp_path, max_calls=2)
    assert files == {} and "max_calls is 2" in said


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "batches").write_text("")
    with pytest.raises(UserError, match="batches cannot be written"):
        judge(tmp_path).ask(questions(1))


def test_no_half_written_file_is_left(tmp_path):
    asked(tmp_path)
    names = {path.name for path in (tmp_path / "batches").iterdir()}
    assert names == {"requests-0001.jsonl", ".lock"}


def test_costs_are_list_prices(tmp_path):
    prices = tmp_path / "prices.toml"
    prices.write_text("[judge]\ninput = 1000\noutput = 2000\n")
    files, _ = asked(tmp_path, prices=str(prices))
    put(tmp_path, "out.jsonl", [output(r) for r in files["requests-0001.jsonl"]])
    one = judge(tmp_path, prices=str(prices))
    one.ask(questions(3))
    assert one.report()["cost"] == pytest.approx(3 * (0.010 + 0.006))


ROUNDS = [questions(3), [question(f"Another? {n}") for n in range(3)]]


def test_what_is_written_in_several_rounds_counts_together(tmp_path):
    one = judge(tmp_path, max_calls=5)
    with pytest.raises(Pending, match="3 questions have no answer yet: 3 requests were written"):
        one.ask(ROUNDS[0])
    with pytest.raises(UserError, match=r"3 requests .* max_calls is 5, and 6 .*requests-0001"):
        one.ask(ROUNDS[1])
    assert [len(lines) for lines in requests(tmp_path).values()] == [3]


def test_what_may_be_written_in_several_rounds_is_told_together(tmp_path):
    one = judge(tmp_path, max_calls=6)
    for asked_now, count in zip(ROUNDS, (3, 6), strict=True):
        with pytest.raises(Pending, match=f"{count} questions have no answer yet: {count} request"):
            one.ask(asked_now)
    with pytest.raises(Pending, match="6 questions have no answer yet: 6 requests"):
        one.ask(ROUNDS[0])  # told again, not counted again
    assert [len(lines) for lines in requests(tmp_path).values()] == [3, 3]


def test_money_for_several_rounds_is_set_aside_together(tmp_path):
    prices = tmp_path / "prices.toml"
    prices.write_text("[judge]\ninput = 0\noutput = 1000\n")  # 0.512 at most for a question
    one = judge(tmp_path, prices=str(prices), max_cost=2.0)
    with pytest.raises(Pending):
        one.ask(ROUNDS[0])
    with pytest.raises(UserError, match=r"all may cost up to 3.07"):
        one.ask(ROUNDS[1])


def test_what_is_answered_is_no_longer_set_aside(tmp_path):
    one = judge(tmp_path, max_calls=6)
    with pytest.raises(Pending):
        one.ask(ROUNDS[0])
    put(tmp_path, "out.jsonl", [output(r) for r in requests(tmp_path)["requests-0001.jsonl"]])
    with pytest.raises(Pending, match="3 questions have no answer yet: 6 requests were written"):
        one.ask(ROUNDS[1])


def test_two_judges_with_the_same_settings_share_what_may_be_written(tmp_path):
    asking = Asking(
        ledger=tmp_path / "replies.sqlite", batches=str(tmp_path / "batches"), max_calls=5
    )
    with pytest.raises(Pending):
        HttpJudge.named(PLACE, asking).ask(questions(3))
    with pytest.raises(UserError, match="max_calls is 5"):
        HttpJudge.named("other@http://127.0.0.1:9/v1", asking).ask(questions(3))


def test_a_judge_leaves_the_outputs_of_another_alone(tmp_path):
    asking = Asking(ledger=tmp_path / "replies.sqlite", batches=str(tmp_path / "batches"))
    other = HttpJudge.named("other@http://127.0.0.1:9/v1", asking)
    with pytest.raises(Pending):
        other.ask(questions(2))
    first, second = requests(tmp_path)["requests-0001.jsonl"]
    said = {"error": {"message": "Unsupported parameter: 'seed'"}}
    put(tmp_path, "batch_output.jsonl", [output(first), output(second, status=400, error=said)])
    one = judge(tmp_path)
    with pytest.raises(Pending, match="2 questions have no answer yet: 2 requests were written"):
        one.ask(questions(2))
    assert one.report()["calls"] == 0 and one.report()["left_out"] == []
    with pytest.raises(Pending, match="seed"):
        other.ask(questions(2))
    assert other.report()["calls"] == 1 and other.report()["left_out"] == ["seed"]


def test_a_request_that_is_refused_twice_keeps_nobody_waiting(tmp_path):
    files, _ = asked(tmp_path, 2)
    first, second = files["requests-0001.jsonl"]
    odd = output(second, status=400, error={"error": {"message": "something is odd"}})
    put(tmp_path, "out-1.jsonl", [output(first), odd])
    files, said = asked(tmp_path, 2)
    assert "something is odd" in said and len(files["requests-0002.jsonl"]) == 1
    put(tmp_path, "out-2.jsonl", [{**odd, "id": "another"}])
    answers = judge(tmp_path).ask(questions(2))
    assert [answer.problem for answer in answers] == [None, "server_error"]
