"""The small language model in the package does what its card says."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tamis.models.hub import locate
from tamis.passages import Setting, written
from tamis.scorers._passages import conditioned
from tamis.testing import dataset
from tamis.types import Batch

pytest.importorskip("torch")
from tamis.models.hf import HuggingFace

ROWS = 150
FOLDER = Path(locate("reference").folder)


@pytest.fixture(scope="module")
def model():
    return HuggingFace("reference", device="cpu")


def losses(model, rows):
    """Sum of the losses of each answer, in nats."""
    found = written(Batch(dataset(rows).table), model, Setting(template="alpaca"))
    return [r.tokens["loss"] for r in model.read([conditioned(row) for row in found])]


def test_it_is_small_and_says_what_it_was_made_of():
    weights = FOLDER / "model.safetensors"
    assert weights.stat().st_size <= 20_000_000
    assert "licen" in (FOLDER / "NOTICE").read_text().lower()


def test_it_starts_a_text_and_knows_the_ends_of_turns(model):
    (markup,) = model.encode(["<|user|>\n{end}"], markup=True)
    assert markup[-1] == model.start
    (text,) = model.encode(["<|user|>"])
    assert text[0] != markup[0]


def test_it_knows_english(model, alpaca):
    rows = json.loads(alpaca.read_text())[:ROWS]
    rows = [row for row in rows if row["output"].strip()]
    total = sum(values.sum() for values in losses(model, rows))
    characters = sum(len(row["output"]) for row in rows)
    assert total / math.log(2) / characters <= 1.6


def test_an_answer_is_likelier_after_its_own_question(model, alpaca):
    rows = [row for row in json.loads(alpaca.read_text())[:ROWS] if row["output"].strip()]
    turned = rows[1:] + rows[:1]
    others = [{**asked, "output": row["output"]} for row, asked in zip(rows, turned, strict=True)]
    own, other = (np.array([v.mean() for v in losses(model, r)]) for r in (rows, others))
    assert (own < other).mean() > 0.75  # 0.8 of 1,000 rows on the card; fewer rows vary
