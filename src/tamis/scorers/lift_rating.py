"""LIFT's rating: a judge's points out of 100 for what a row asks and how it is answered.

Formula: clarity of the request (15) + difficulty of the request (25) + explanation in the answer
(25) + accuracy of the answer (35).
Paper (arXiv:2312.11508): GPT-4, temperature 0.5, shown three rated examples; this rating counts
nine tenths of the final score, `length_score` the rest:
    weighted_mean(of=[lift_rating,length_score],weights=[9,1])
Ours asks for the four parts and their sum, at temperature 0 and without examples; a file in
`prompt` can have others. total=checked takes the sum that the judge states where it is that of the
parts, and leaves the row null where it is not (wrong_total), because a judge that cannot add may
have mixed up the parts; total=parts adds them up itself; total=stated believes the judge.
Official code takes the first number in the first line of an answer, whatever it is, and turns every
failure into 0, a value that is then ranked. It writes the ratings to one file name and reads them
from another, and its rows are matched by position, which an embedding that failed has shifted.
Here a failure is null: unparsed, out_of_range (a part above its points), or what the judge's own
problem was.
Cost: one question a row, and a second one where the verdict is missing.
Oracle: the three examples of the official prompt, 67, 91 and 81, and its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import Verdicts, fits, judged
from tamis.judging.rubrics import rubric
from tamis.judging.verdict import Read
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

Own = Annotated[str, fits("numbers", marks=("count",)), RUBRIC]
Total = Literal["checked", "parts", "stated"]
MOST = (15, 25, 25, 35)
"""Points for clarity, difficulty, explanation and accuracy."""


@scorer(
    prefer="high", family="powerful-llm", unit="points of 100", paper="arXiv:2312.11508", version=2
)
def lift_rating(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    total: Total = "checked",
    prompt: Own = "lift_rating",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """A judge's points for clarity, difficulty, explanation and accuracy, 0 to 100.

    Args:
        total: checked is the stated sum where it is right, parts adds up, stated does not look
        prompt: a TOML file with a rubric of your own that asks for the same five numbers
        prompt_language: as_written, or row: in the row's own language where the prompt has it
    """
    told = row_languages(batch, languages, prompt_language)
    found = judged(batch, judge, rubric(prompt), count=len(MOST) + 1, languages=told)
    reads = [
        Read(problem=problem) if problem else summed(points, total)
        for points, problem in zip(found.values, found.problems, strict=True)
    ]
    return Verdicts([r.value for r in reads], [r.problem for r in reads]).floats()


def summed(points: Sequence[float], total: Total = "checked") -> Read:
    """The rating out of four parts and their stated sum, or why there is none."""
    *parts, stated = points
    if total == "stated":
        return Read(stated)
    if any(not 0 <= part <= most for part, most in zip(parts, MOST, strict=True)):
        return Read(problem="out_of_range")
    if total == "checked" and abs(sum(parts) - stated) >= 0.01:
        return Read(problem="wrong_total")
    return Read(sum(parts))
