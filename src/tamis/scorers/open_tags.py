"""INSTAG's tags: what a row's queries ask for, in a judge's own words.

Formula: the tags that the judge lists for each query, without repeats, in their order; a row of
several turns has the union over its queries.
Paper: #InsTag (arXiv:2308.07074): ChatGPT is given one query at a time and answers with a JSON list
of tags, each with an explanation; 306,044 rows gave more than 100,000 tags, which normal_tags makes
few. Its own small tagger repeats 31.8 % of them exactly, 73.4 % in their meaning (F1).
Official code has neither the tagging script nor what comes after it.
Here a query is a user's turn, shown by itself, without a system message, tools or what was said
before, as in the paper; per=conversation asks once a row and shows everything before the last
answer. prompt=bare_tags asks for the tags without explanations: answers have a quarter of the
tokens, in the rubrics' examples. Tags are kept as they are written, blanks around them removed; no
tag at all is an empty list. A row of which one query has no answer has no tags, for that query's
reason.
Cost: one question for each user turn of a row, equal ones once; per=conversation: one for each row.
Oracle: a judge with given answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import Texts, Verdicts, asked, fits, in_language_of, shown
from tamis.judging.rubrics import question, rubric
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.tags import distinct
from tamis.templates import said
from tamis.types import Batch, Column

Own = Annotated[str, fits("tags", "explained_tags"), RUBRIC]


@scorer(prefer="none", family="powerful-llm", unit="tags", paper="arXiv:2308.07074", version=2)
def open_tags(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    per: Literal["query", "conversation"] = "query",
    prompt: Own = "open_tags",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """Tags of what a row's queries ask for, in the words of a judge.

    Args:
        per: query: each user turn is asked about by itself; conversation: once a row, all that
            stands before the last answer
        prompt: a rubric with a verdict of tags: open_tags, bare_tags, or a TOML file of your own
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    about = rubric(prompt)
    texts, problems = shown(batch, about)
    if per == "query":
        parts = by_query(batch, texts)
        for row, part in enumerate(parts):
            problems[row] = problems[row] or (None if part else "empty_question")
    else:
        parts = [[text] for text in texts]
    parts = [part if why is None else [] for part, why in zip(parts, problems, strict=True)]
    told = row_languages(batch, languages, prompt_language)
    said = [in_language_of(row, about, told) for row, part in enumerate(parts) for _ in part]
    queries = [text for part in parts for text in part]
    questions = [question(one, text) for one, text in zip(said, queries, strict=True)]
    found = iter(asked(judge, questions, about, said=said))
    values: list[list[str] | None] = [None] * len(batch)
    for row, part in enumerate(parts):
        reads = [next(found) for _ in part]
        problems[row] = problems[row] or next((r.problem for r in reads if r.problem), None)
        if problems[row] is None:
            values[row] = distinct([tag for read in reads for tag in read.value])
    return Verdicts(values, problems).tags()


def by_query(batch: Batch, texts: Sequence[Texts]) -> list[list[Texts]]:
    """The texts of each row, once for each user turn before its last answer that says something."""
    found: list[list[Texts]] = []
    for messages, text in zip(batch.table["messages"].to_pylist(), texts, strict=True):
        answers = [at for at, turn in enumerate(messages) if turn["role"] == "assistant"]
        before = messages[: answers[-1]] if answers else messages
        queries = [said(turn) for turn in before if turn["role"] == "user"]
        found.append([{**text, "question": query} for query in queries if query.strip()])
    return found
