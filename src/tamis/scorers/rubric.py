"""A rubric of your own: one TOML file says what a judge is asked and what its verdict is.

Formula: the verdict. A number or an integer is a score, yes is 1 and no is 0, a label is a label,
and tags are tags.
    ask = '''
    Would a teacher of ten-year-olds use this answer as it stands?

    {question}

    {answer}'''
    verdict = "yes_no"
    word = "Verdict"
{question} is everything before the last answer, {answer} that answer, and {field:NAME} another
field of the row; each is quoted, so that what a row says is not taken for a part of your question.
Sentences on the form of the answer are added: leave them out. verdict = "number" has a scale, least
and most; verdict = "label" has labels = ["good", "bad"]. All keys: system, ask, verdict, least,
most, labels, word, line, tokens, temperature, examples.
A high number counts as good: write the question so, or select with bottom_k(by=rubric(file=...)).
A label or a tag has no better end; use it for quotas, or in a selector that reads labels.
The words of the file are the column's name in the store, not its path: another wording is another
column. The file is checked before anything is asked, and every fault is named at once.
A row without what the rubric shows is null: no_answer, empty_answer, empty_question or no_field.
Cost: one question a row, and a second one where the verdict is missing.
Oracle: a judge with given verdicts of each kind.
"""

from __future__ import annotations

from typing import Annotated

from tamis.judging import rubrics
from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import fits, judged
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

Own = Annotated[str, fits("number", "integer", "yes_no", "label", "tags", "explained_tags"), RUBRIC]


@scorer(prefer="high", family="powerful-llm", unit="verdict", version=2)
def rubric(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    file: Own = "rubric",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """A judge's verdict on a row by a rubric of your own: a number, yes or no, a label or tags.

    Args:
        file: a TOML file; the package's own, `rubric`, rates an answer from 1 to 5 and is there to
            be copied
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    about = rubrics.rubric(file)
    told = row_languages(batch, languages, prompt_language)
    found = judged(batch, judge, about, languages=told)
    if about.verdict == "label":
        return found.strings()
    return found.tags() if about.verdict in ("tags", "explained_tags") else found.floats()
