"""SelectIT: a base model's rating of a row, higher where it is sure of it and steady in it.

Formula, with p_1..p_K the probabilities of the digits 1..K after a prompt, normalised over them,
and b the likeliest digit (the smallest of several):
    token     S = b * (sum over i of |p_b - p_i|) / (K - 1), by the first prompt
    sentence  mean(S) / (1 + alpha * std(S)) over the prompts, population std
    model     weighted_mean(of=[select_it(model=A),select_it(model=B)],weights=[7,13]): by the
              models' parameters
Paper (arXiv:2402.16705): K 5, five prompts, alpha 0.2, LLaMA-2 of 7B, 13B and 70B; the top 20 % are
kept: top_k(by=select_it) with that share as budget.
Official code at commit 21e3ba7 divides the digits' probabilities by their sum and then takes their
softmax again, which makes them nearly equal and S small (softmax=twice: none can be more than e
times another); a later one, 1a6fe70, takes it once. Its token level draws one of the prompts at
random for each row, where ours asks the first.
Its three weights are 7/20, 13/20 and 70/90, which do not sum to 1; K is the number of prompts and
of ratings at once; a failed prompt moves the ratings of all later rows by one; and of equal scores
the row that comes later is taken first, where ties here go by id.
The prompts of the package are our own words: `prompts` takes a file with yours. A row with several
turns has the mean over them. It costs one pass for each prompt and turn.
Oracle: methods.md Q1, Q2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.choices import normalised
from tamis.errors import UserError
from tamis.judging.prompt_language import PromptLanguage
from tamis.protocols import Languages, Likelihood
from tamis.scorers import _prompts
from tamis.scorers._options import Rating, Translated, Wrapping, rated
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column, Floats


@scorer(prefer="high", family="beyond", unit="rating", paper="arXiv:2402.16705")
def select_it(
    batch: Batch,
    lm: Likelihood,
    languages: Languages = WORDS,
    *,
    level: Literal["token", "sentence"] = "sentence",
    prompts: _prompts.Prompts = "select_it",
    ratings: int = 5,
    alpha: float = 0.2,
    softmax: Literal["once", "twice"] = "once",
    template: Wrapping = "none",
    max_length: int = 2048,
    start: bool = True,
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """Likeliest digit times how far it stands out; mean / (1 + alpha std) of that over prompts.

    Args:
        level: token is the first prompt alone, sentence all prompts
        prompts: a file with prompts, a line of three hyphens between them
        ratings: the highest rating
        alpha: how much disagreement between the prompts costs
        softmax: twice takes the softmax of the probabilities again, as the official code does
        template: what the prompt is put into; chat is the model's own template
        max_length: tokens of a prompt with its texts, at most the model's context
        start: begin with the model's start token
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    if alpha < 0:
        raise UserError(f"select_it: alpha must be at least 0, got {alpha}")
    wanted = slice(1 if level == "token" else None)
    told = row_languages(batch, languages, prompt_language)
    own = None
    if told is not None:
        spoken = _prompts.translations(prompts)
        own = Translated({code: some[wanted] for code, some in spoken.items()}, told)
    asked = _prompts.prompts(prompts)[wanted]
    found = rated(batch, lm, asked, Rating(ratings, template, max_length, start), own)
    chances = normalised(found.chances) if softmax == "twice" else found.chances
    return found.column(sentence_level(token_level(chances), alpha), "mean")


def token_level(chances: Floats) -> Floats:
    """Likeliest digit times the mean distance of its probability to the others'; last axis gone."""
    best = chances.max(axis=-1, keepdims=True)
    ahead = (best - chances).sum(axis=-1) / (chances.shape[-1] - 1)
    scores: Floats = (chances.argmax(axis=-1) + 1) * ahead
    return scores


def sentence_level(scores: Floats, alpha: float) -> Floats:
    """Mean over the prompts, the last axis, divided by 1 + alpha times their population std."""
    steady: Floats = scores.mean(axis=-1) / (1 + alpha * np.std(scores, axis=-1))
    return steady
