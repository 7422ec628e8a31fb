"""Batch files in runs: all that can be asked is written before anybody has to send it."""

import json

import pytest

from tamis.errors import Pending, UserError
from tamis.models.asking import Asking
from tamis.run import execute
from tamis.run.session import Run
from tamis.testing import dataset

pytest.importorskip("openai")

PLACE = "judge@http://127.0.0.1:9/v1"  # nobody answers there
OTHER = "alpagasus(judge=other@http://127.0.0.1:9/v1)"
DATA = dataset([{"instruction": f"question {i}", "output": f"answer {i}"} for i in range(7)])


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(execute, "SHARD", 2)


def run(folder, **asking):
    settings = {"batches": str(folder / "batches"), "ledger": folder / "replies.sqlite", **asking}
    return Run(store=folder / "store", judge=PLACE, asking=Asking(**settings))


def requests(folder):
    """The requests of all files, file by file."""
    files = sorted((folder / "batches").glob("requests-*.jsonl"))
    return [[json.loads(line) for line in path.open()] for path in files]


def answer(folder, name="outputs.jsonl", text="Good.\nScore: 4", but=0):
    """Puts an answer to every request into the folder, but for the first few."""
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    response = {"status_code": 200, "body": {"choices": [choice]}}
    asked = [request for file in requests(folder) for request in file][but:]
    lines = [{"id": "x", "custom_id": r["custom_id"], "response": response} for r in asked]
    (folder / "batches" / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_all_shards_are_written_before_anybody_has_to_send_them(tmp_path):
    with pytest.raises(Pending, match=r"7 questions .* 7 requests .*0001.jsonl, .*0004.jsonl"):
        run(tmp_path).score(DATA, ["alpagasus"])
    assert [len(file) for file in requests(tmp_path)] == [2, 2, 2, 1]
    answer(tmp_path)
    column = run(tmp_path).score(DATA, ["alpagasus"]).column("alpagasus")
    assert column.values.to_pylist() == [4.0] * 7
    assert len(requests(tmp_path)) == 4


def test_shards_with_all_answers_are_stored_while_others_wait(tmp_path):
    with pytest.raises(Pending):
        run(tmp_path).score(DATA, ["alpagasus"])
    answer(tmp_path, but=1)
    with pytest.raises(Pending, match="1 questions have no answer yet: 1 stand in earlier files"):
        run(tmp_path).score(DATA, ["alpagasus"])
    (tmp_path / "replies.sqlite").unlink()
    later = run(tmp_path, batches=None, max_calls=0)
    assert (
        later.score(DATA.take(range(2, 7)), ["alpagasus"]).column("alpagasus").problem.null_count
        == 5
    )


def test_every_column_is_written_before_anybody_has_to_send_it(tmp_path):
    with pytest.raises(Pending):
        run(tmp_path).score(DATA, ["alpagasus", "length", OTHER])
    asked = [request["body"]["model"] for file in requests(tmp_path) for request in file]
    assert sorted(asked) == ["judge"] * 7 + ["other"] * 7
    answer(tmp_path)
    again = run(tmp_path)
    pool = again.score(DATA, ["alpagasus", OTHER])
    assert pool.column(OTHER).values.to_pylist() == [4.0] * 7
    assert [report["calls"] for report in again.judges.values()] == [7, 7]


def test_a_column_made_of_one_that_waits_waits_too(tmp_path):
    with pytest.raises(Pending, match="7 questions"):
        run(tmp_path).score(DATA, [f"weighted_mean(of=[alpagasus,{OTHER}],weights=[1,1])"])
    assert sum(map(len, requests(tmp_path))) == 14


def test_max_calls_is_of_all_shards_together(tmp_path):
    with pytest.raises(UserError, match=r"max_calls is 5, and 6 calls .*written before: .*0002"):
        run(tmp_path, max_calls=5).score(DATA, ["alpagasus"])
    assert [len(file) for file in requests(tmp_path)] == [2, 2]


def test_max_calls_is_of_all_judges_together(tmp_path):
    with pytest.raises(UserError, match="max_calls is 10"):
        run(tmp_path, max_calls=10).score(DATA, ["alpagasus", OTHER])
    assert sum(map(len, requests(tmp_path))) <= 10
