"""The rating that a language model is expected to give to a row: DEITA's complexity and quality.

Formula: p_i = P(digit i | prompt) / sum over the digits j of P(digit j | prompt), i = 1..ratings;
a turn's score is the sum of i * p_i, and a row's the sum or the mean over its turns. A turn is what
is asked, with a system turn in front of it, and what the model answers until it is asked again.
Paper (arXiv:2312.15685): ratings 6; two scorers of 13B parameters, one trained to rate how complex
an instruction is and one for the quality of an answer; `evol_score` multiplies them turn by turn.
A scorer that was trained on a prompt needs that very prompt: give it as a file with {question},
{answer} and, at its end, {rating}. The prompts of the package are our own words.
Official code has the ids of the digits of two tokenizers written in, turns every failure into 3.0,
and with vLLM looks for a digit among the 1000 likeliest tokens alone. Here the ids come from the
tokenizer, a digit that is not one token there is an error, the probabilities are exact, and a row
that cannot be rated is null. Of a text too long for `max_length` the end is cut.
A turn without a question or an answer is not rated, so that complexity and quality are of the same
turns; official code rates the complexity of an unanswered question too: parts=shown.
A model that was not trained to rate says little with it: compare with a plain length.
Oracle: methods.md S1, Q2.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.judging.prompt_language import PromptLanguage
from tamis.protocols import Languages, Likelihood
from tamis.scorers._options import Parts, Rating, Together, Translated, Wrapping, rated
from tamis.scorers._prompts import Prompts, prompts, translations
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column, Floats


@scorer(prefer="high", family="powerful-llm", unit="rating", paper="arXiv:2312.15685")
def expected_rating(
    batch: Batch,
    lm: Likelihood,
    languages: Languages = WORDS,
    *,
    prompt: Prompts = "quality",
    ratings: int = 6,
    turns: Together = "sum",
    template: Wrapping = "none",
    max_length: int = 2048,
    start: bool = True,
    parts: Parts = "both",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """Sum over the digits 1..ratings of digit times its probability as the model's next token.

    Args:
        prompt: what is asked: complexity, quality, or a file with a prompt of your own
        ratings: the highest rating
        turns: the sum over the turns of a conversation, their mean, or each as a series
        template: what the prompt is put into; chat is the model's own template
        max_length: tokens of a prompt with its texts, at most the model's context
        start: begin with the model's start token
        parts: both rates turns with a question and an answer, shown those with what the prompt
            shows: questions without an answer too
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    asked = prompts(prompt)
    if len(asked) != 1:
        raise UserError(f"expected_rating: a prompt is one text, and {len(asked)} are given")
    told = row_languages(batch, languages, prompt_language)
    own = None if told is None else Translated(translations(prompt), told)
    found = rated(batch, lm, asked, Rating(ratings, template, max_length, start, parts), own)
    return found.column(expectation(found.chances[:, 0]), turns)


def expectation(chances: Floats) -> Floats:
    """Sum of i times p_i along the last axis, i from 1."""
    mean: Floats = chances @ np.arange(1.0, chances.shape[-1] + 1)
    return mean
