"""Methods asked together share what they read; shards are committed one by one."""

import json
from dataclasses import dataclass, field
from threading import Event, Thread
from time import sleep

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.models.fake import FakeLikelihood
from tamis.models.merging import merged
from tamis.models.shared import Shared, Waiting
from tamis.protocols import Passage
from tamis.run import execute
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.types import Column

SAME = "template=tulu,max_length=256"


@dataclass
class Counting:
    """A fake model that counts the tokens it reads, equal passages once a call."""

    lm: FakeLikelihood = field(default_factory=FakeLikelihood)
    tokens: int = 0
    calls: int = 0

    def __getattr__(self, name):
        return getattr(self.lm, name)

    def read(self, passages):
        found = merged(passages)
        self.tokens += sum(len(p.ids) for p in found.passages)
        self.calls += 1
        return self.lm.read(passages)


def counted(tmp_path, references):
    lm = Counting()
    run = Run(store=tmp_path / str(len(references)), model=lm)
    return lm, run, run.score(dataset(), references)


def test_four_methods_together_cost_at_most_a_tenth_more_than_ifd_alone(tmp_path):
    alone, _, _ = counted(tmp_path, [f"ifd({SAME})"])
    asked = [
        f"ifd({SAME})",
        f"perplexity({SAME})",
        f"s_ifd(of=loss_difference({SAME}))",
        f"hidden_state(pooling=weighted,{SAME})",
    ]
    together, _, pool = counted(tmp_path, asked)
    assert together.tokens <= 1.1 * alone.tokens
    assert len(pool.columns) == 5


def test_together_they_score_what_each_scores_alone(tmp_path):
    asked = [f"ifd({SAME})", "perplexity(of=all)", "el2n", "hidden_state(pooling=mean)"]
    _, _, pool = counted(tmp_path, asked)
    for name in asked:
        _, _, single = counted(tmp_path / name.partition("(")[0], [name])
        (column,) = single.columns.values()
        mine = pool.columns[next(iter(single.columns))]
        assert mine.problem.equals(column.problem)
        assert mine.values.equals(column.values)


def test_a_method_that_asks_twice_is_answered_twice():
    lm = Shared(FakeLikelihood())
    one, two = (Passage(np.arange(n), ((1, n),)) for n in (4, 9))
    with pytest.raises(Waiting):
        lm.read([one])
    lm.answer()
    assert len(lm.read([one])[0].tokens["loss"]) == 3
    with pytest.raises(Waiting):
        lm.read([one, two])
    lm.answer()
    assert [len(r.tokens["loss"]) for r in lm.read([two, one])] == [8, 3]


def test_a_run_that_dies_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "SLOW_SHARD", 8)
    whole = Counting()
    asked = ["ifd", "perplexity"]
    Run(store=tmp_path / "whole", model=whole).score(dataset(), asked)

    class Dying(Counting):
        def read(self, passages):
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().read(passages)

    first = Dying()
    with pytest.raises(KeyboardInterrupt):
        Run(store=tmp_path / "killed", model=first).score(dataset(), asked)
    second = Counting()
    pool = Run(store=tmp_path / "killed", model=second).score(dataset(), asked)
    assert first.tokens + second.tokens == whole.tokens
    assert 0 < second.tokens < whole.tokens
    assert len(pool.columns["ifd"]) == len(dataset())


def test_only_what_a_column_lacks_is_read(tmp_path):
    lm = Counting()
    Run(store=tmp_path, model=lm).score(dataset(), ["ifd"])
    before = lm.tokens
    Run(store=tmp_path, model=lm).score(dataset(), ["ifd", "perplexity"])
    again = Counting()
    Run(store=tmp_path, model=again).score(dataset(), ["ifd", "perplexity"])
    assert before < lm.tokens < 2 * before
    assert again.tokens == 0


def test_another_model_is_another_column(tmp_path):
    run = Run(store=tmp_path, model=FakeLikelihood())
    run.loaded["language model other float32"] = FakeLikelihood(id="other", context=64)
    pool = run.score(dataset(), ["perplexity", "perplexity(model=other,dtype=float32)"])
    one, two = pool.columns.values()
    assert not one.values.equals(two.values)
    steps = run.plan(dataset(), list(pool.columns))
    assert steps[0].key != steps[1].key


def test_one_column_in_two_spellings_is_computed_once(tmp_path):
    lm, _, pool = counted(tmp_path, ["ifd", "ifd(ratio=loss)"])
    alone, _, _ = counted(tmp_path / "alone", ["ifd"])
    assert lm.tokens == alone.tokens
    one, two = pool.columns.values()
    assert one.values.equals(two.values)


def test_a_shard_that_another_process_holds_is_left_for_last(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "SLOW_SHARD", 8)
    data, asked = dataset(), ["ifd", "ifd(ratio=loss)", "perplexity"]
    lm = Counting()
    run = Run(store=tmp_path, model=lm)
    (step, *_) = run.plan(data, asked)
    folder = run.scores.folder(step.spec.name, step.key)
    elsewhere = Run(store=tmp_path / "elsewhere", model=FakeLikelihood()).score(data, ["ifd"])
    held = data.ids.slice(8, 8)

    def other():
        with run.scores.claim(folder, held, wait=True):
            claimed.set()
            sleep(1.0)
            values = elsewhere.columns["ifd"]
            part = Column(values.values.slice(8, 8), values.problem.slice(8, 8))
            run.scores.append(folder, held, part)

    claimed = Event()
    thread = Thread(target=other)
    thread.start()
    claimed.wait()
    pool = run.score(data, asked)
    thread.join()
    parts = [pq.read_table(run.scores.root.shown(path)) for path in run.scores.parts(folder)]
    assert sum(map(len, parts)) == len(data)  # nothing was computed twice
    assert pool.columns["ifd"].values.equals(elsewhere.columns["ifd"].values)


def test_the_log_tells_how_long_the_reading_took(tmp_path):
    _, run, _ = counted(tmp_path, ["ifd", "perplexity"])
    (entry,) = [e for e in run.log if "together" in e]
    assert entry["together"] == ["ifd", "perplexity"]
    assert entry["seconds"] > max(e["seconds"] for e in run.log if "score" in e)


def test_precisions_with_one_id_are_one_model(tmp_path):
    run = Run(store=tmp_path, model="a name")
    run._load = lambda protocol, given, dtype: FakeLikelihood(id="same")
    one, two = run.resource("Likelihood"), run.resource("Likelihood", dtype="float32")
    assert one is two


def test_the_header_names_the_model(tmp_path):
    _, run, _ = counted(tmp_path, ["ifd"])
    (header,) = run.scores.root.folder.glob("ifd/*/header.json")
    assert json.loads(header.read_text())["inputs"] == {"lm": "fake"}


def test_a_row_with_an_input_apart_is_another_row():
    apart = [{"instruction": "Add.", "input": "1 and 2", "output": "3"}]
    turns = [("user", "Add.\n\n1 and 2"), ("assistant", "3")]
    joined = [{"messages": [{"role": r, "content": c} for r, c in turns]}]
    unused = [{"instruction": "Add.\n\n1 and 2", "context": "other", "output": "3"}]
    one, two, three = (dataset(rows).ids.to_pylist() for rows in (apart, joined, unused))
    assert one != two
    assert three != one
