"""AlpaGasus: a judge's rating of one dimension of a row's answer, from 0 to 5.

Formula: the number that the judge gives. Rows at or above 4.5 are kept,
    threshold(by=alpagasus,at_least=4.5)
or the best ones, top_k(by=alpagasus), since the share at a fixed threshold moves with the judge.
Paper (arXiv:2307.08701): gpt-3.5-turbo, temperature 0, at most 256 tokens, the dimension accuracy;
an ablation rates helpfulness. At 4.5 it keeps 9,229 of 52,002 Alpaca rows (17.75 %) and 2,996 of
Dolly. The judge writes the number alone on the first line and its reasons after it: verdict=first.
Ours puts the reasons first and the number on the last line, so that they can bear on it and nothing
that a row makes the judge quote stands where the number is read; half points are allowed.
Code: the only repository is unofficial. One of its two parsers takes a single character behind the
label, so that 4.5 becomes 4; the other returns -1 on failure, which is then compared with the
threshold; and failures are asked again without end. Here "4.5", "Score: 4.5" and "4.5/5" are 4.5;
"10" is null (out_of_range), "4,5" and an answer without a number are null (unparsed), after one
more question. Answers that end at the limit of tokens are null (cut_off), unless the number came
first. With verdict=first an answer that holds </think> is null too: what stands before it may have
been a model's thinking, or the judge may have quoted a row.
Know before you use it: the paper itself reports that the filter takes more of the programming rows
than of others, so compare the shares of kinds of rows before and after, and hold them with quotas
where that matters. Judges of one name change with time, and two versions do not rate on one scale:
name a dated version where the provider has one.
Cost: one question a row, and a second one where the verdict is missing.
Oracle: methods.md A2.
"""

from __future__ import annotations

from typing import Annotated, Literal

from tamis.errors import UserError
from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import fits, judged
from tamis.judging.rubrics import open_marks, rubric
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

USUAL = "accuracy"
"""The paper's dimension."""
Own = Annotated[str, fits("number", "integer", marks=("dimension",)), RUBRIC]


@scorer(prefer="high", family="powerful-llm", unit="rating", paper="arXiv:2307.08701", version=2)
def alpagasus(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    dimension: str = USUAL,
    verdict: Literal["last", "first"] = "last",
    prompt: Own = "alpagasus",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """A judge's rating of one dimension of a row's answer, such as its accuracy, from 0 to 5.

    Args:
        dimension: what is rated, such as accuracy or helpfulness
        verdict: last: reasons, then the number on the last line; first: the paper's form, the
            number on the first line and then the reasons
        prompt: a TOML file with a rubric of your own, in which {dimension} is the one above
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    first = verdict == "first"
    about = rubric("alpagasus_first" if first and prompt == "alpagasus" else prompt)
    if first and about.line != "first":
        raise UserError("alpagasus: verdict=first needs a rubric that has line = 'first'")
    if dimension != USUAL and "dimension" not in open_marks(about):
        raise UserError(
            f"alpagasus: the rubric has no {{dimension}}, where {dimension} would stand"
        )
    told = row_languages(batch, languages, prompt_language)
    return judged(batch, judge, about, {"dimension": dimension}, languages=told).floats()
