"""Batch files: requests out, answers in, nothing twice; and not one call."""

import json
from collections import Counter

import pytest
from _judging import SCHEMA, question, questions

from tamis.errors import UserError
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
