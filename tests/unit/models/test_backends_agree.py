"""A scorer gives the same column whether its model is read in this process or over HTTP.

The fake model is on both sides, and JSON keeps every digit of a float64, so the columns may differ
by the order of a few additions only: 1e-9, absolute and relative.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _completions_server import LM, MODEL, Behaviour, serving

from tamis.errors import UserError
from tamis.models.server import Server
from tamis.run import execute
from tamis.run.session import Run
from tamis.scorers.ifd import ifd
from tamis.scorers.perplexity import perplexity
from tamis.testing import dataset
from tamis.types import Batch, Column

# One token more than the fake model's, so that on both sides passages of as many tokens fit.
CARD = {"max_model_len": 513}


class Longer:
    """The fake model's tokenizer, of a model that reads one token more."""

    id, context, start = "fake", 513, LM.start
    encode, chat = staticmethod(LM.encode), staticmethod(LM.chat)


@pytest.fixture(scope="module", params=["prompt_logprobs", "echo", "echo_one"])
def served(request: pytest.FixtureRequest) -> Iterator[Any]:
    with serving(Behaviour((request.param,), card=CARD)) as url:
        yield Server(MODEL, url, tokenizer=Longer())


@pytest.fixture(scope="module")
def batch() -> Batch:
    return Batch(dataset().table)  # the hard rows: many scripts, turns, tools, empty and huge


def same(one: Column, other: Column) -> None:
    assert one.problem.to_pylist() == other.problem.to_pylist()
    found, wanted = (np.array(c.values.to_pylist(), dtype=float) for c in (one, other))
    assert np.isfinite(wanted).sum() > 10
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [{}, {"ratio": "perplexity", "template": "plain", "turns": "each"}, {"start": False}],
    ids=str,
)
def test_ifd_is_the_same(served: Any, batch: Batch, settings: dict[str, Any]) -> None:
    same(ifd(batch, served, **settings), ifd(batch, LM, **settings))


@pytest.mark.parametrize(
    "settings", [{}, {"of": "all", "template": "chat"}, {"of": "answer", "max_length": 64}], ids=str
)
def test_perplexity_is_the_same(served: Any, batch: Batch, settings: dict[str, Any]) -> None:
    same(perplexity(batch, served, **settings), perplexity(batch, LM, **settings))


def test_a_run_that_a_server_stopped_goes_on_after_its_finished_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "SLOW_SHARD", 8)
    data = dataset()
    does = Behaviour(card=CARD)
    with serving(does) as url:
        lm = Server(MODEL, url, tokenizer=Longer(), retries=0, concurrency=1)
        does.lasts = 30
        with pytest.raises(UserError, match="Rows of finished shards are kept"):
            Run(store=tmp_path, model=lm, competence="off").score(data, ["perplexity"])
        does.lasts = 10_000
        before = len(does.requests)
        run = Run(store=tmp_path, model=lm, competence="off")
        found = run.score(data, ["perplexity"]).columns["perplexity"]
        again = len(does.requests) - before
    wanted = perplexity(Batch(data.table), LM)
    same(found, wanted)
    read = sum(wanted.values.is_valid().to_pylist())
    assert again <= read - 16  # two shards at least were there
