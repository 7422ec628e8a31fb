"""How many rows were asked about in which language, for the log of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tamis.judging.prompt_language import prompt_of, told

if TYPE_CHECKING:
    from tamis.run.plan import Step
    from tamis.run.session import Run
    from tamis.types import Column, Dataset

LANGUAGE = "language"
"""The column with the language of each row, by the detector that the scorers use."""

_UNASKED = frozenset(("no_answer", "empty_answer", "empty_question", "no_field", "unknown_task"))


def asked_in(run: Run, step: Step, data: Dataset, column: Column) -> dict[str, Any]:
    """What the log tells of a column whose rows were asked about in their own language."""
    types = {name: param.type for name, param in step.spec.params.items()}
    spoken = prompt_of(types, step.params)
    if spoken is None or not len(data):
        return {}
    codes = run.score(data, [LANGUAGE]).column(LANGUAGE).values.to_pylist()
    problems = column.problem.to_pylist()
    asked = [
        code or "unknown" for code, why in zip(codes, problems, strict=True) if why not in _UNASKED
    ]
    return told(spoken, asked)
