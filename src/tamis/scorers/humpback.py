"""Humpback's self-curation: a rating from 1 to 5 of an answer as that of an AI assistant.

Formula: the level that the judge names; 5 is kept (A5), or 4 and 5 (A4):
    threshold(by=humpback,at_least=5)
    threshold(by=humpback,at_least=4)
Paper (arXiv:2308.06259): texts from the web are answers, and a model trained the other way round
writes the instruction to each; the model itself, trained on 3,200 seed pairs, rates the new pairs.
A5 keeps 41.8k of 502k, A4 195k. The model is then trained on what it kept, and rates once more with
the better model; two rounds. Levels are categories, not points that add up. No code was published.
An unofficial one, with a rater of 7B, could not read 45 to 67 % of the ratings, and its trained
model was worse than the one it started from: look at how many rows are unparsed before you use a
small rater, and keep only 5 with one that gives all five.
Here the rating alone is done, of any rows. The rater is any judge, and so a model that is read on
this machine, as in the paper: `--judge ./folder`. The levels are in our own words; reasons come
first, and the last line is "Score: N". An unread rating is null and never 0 or 1; "Score: 6" is
out_of_range. A rater that was trained on rows like these rates them too high.
Cost: one question a row, and a second one where the verdict is missing.
Oracle: methods.md H2.
"""

from __future__ import annotations

from typing import Annotated

from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import fits, judged
from tamis.judging.rubrics import rubric
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

Own = Annotated[str, fits("integer", "number"), RUBRIC]


@scorer(prefer="high", family="trainable-llm", unit="level", paper="arXiv:2308.06259", version=2)
def humpback(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    prompt: Own = "humpback",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """The level from 1 to 5 at which a row's answer is what an AI assistant should say.

    Args:
        prompt: a TOML file with a rubric of your own
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    told = row_languages(batch, languages, prompt_language)
    return judged(batch, judge, rubric(prompt), languages=told).floats()
