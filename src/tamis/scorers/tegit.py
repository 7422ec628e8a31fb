"""TEGIT's discriminator: whether a task that was made from a document is a valid one.

Formula: 1 where the judge finds instruction, input and output valid for the document, else 0;
    threshold(by=tegit(document=passage),at_least=1)
value=reason gives the verdict itself: valid; format_invalid, where a part is missing, cut off or
refers to what is not there; ungrounded, where the output says what the document does not support;
unanswerable, where nothing in document and input answers the instruction. The first that holds
counts, in this order, since what is malformed cannot be judged further.
Paper (arXiv:2309.05447): a generator and a discriminator, both open models trained on tasks that
ChatGPT (in a later version GPT-4) made from documents; the discriminator says valid or invalid.
Prompt, negatives and thresholds are not published; the repository holds a later model alone.
Ours is the filter over (document, instruction, input, output) with any judge and a prompt in our
own words; the generator is not part of it. The document is a field of the row, quoted like the
rest; a row without it is null (no_field), one without an answer is null (empty_answer).
Know before you use it: a judge has a tendency of its own to say yes. Look at the share of valid
rows, and rate a few dozen by hand: a share is no error rate.
Cost: one question a row, as long as its document, and a second one where the verdict is missing.
Oracle: a judge that says each of the four by a mark in the row.
"""

from __future__ import annotations

from typing import Annotated, Literal

from tamis.errors import UserError
from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import Verdicts, fits, judged
from tamis.judging.rubrics import rubric
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

VALID = "valid"
Own = Annotated[str, fits("label"), RUBRIC]


@scorer(prefer="high", family="trainable-llm", unit="validity", paper="arXiv:2309.05447", version=2)
def tegit(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    document: str = "document",
    value: Literal["validity", "reason"] = "validity",
    prompt: Own = "tegit",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """1 where a judge finds a row a valid task for its document, else 0; or the verdict by name.

    Args:
        document: the field of the row that holds the text the task was made from
        value: validity is 1 or 0; reason is the label: valid, format_invalid, ungrounded,
            unanswerable
        prompt: a TOML file with a rubric of your own; one of its labels is valid, and
            {field:document} is the field above
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    about = rubric(prompt)
    if VALID not in about.labels:
        raise UserError(f"tegit: one of the rubric's labels is 'valid', got {list(about.labels)}")
    told = row_languages(batch, languages, prompt_language)
    found = judged(batch, judge, about, fields={"document": document}, languages=told)
    if value == "reason":
        return found.strings()
    numbers = [None if label is None else float(label == VALID) for label in found.values]
    return Verdicts(numbers, found.problems).floats()
