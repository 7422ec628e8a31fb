"""`benchmark`, as a typed function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tamis.verbs.reading import begun

if TYPE_CHECKING:
    from tamis.evaluation.benchmarks import Benchmarked
    from tamis.run.session import Run


def benchmark(
    *,
    tasks: Sequence[str] = (),
    data: Sequence[str] = (),
    examples: str | None = None,
    include: str | None = None,
    out: str = "benchmark.json",
    chat: bool = False,
    shots: int | None = None,
    limit: int | None = None,
    batch: int = 8,
    seed: int = 0,
    against: str | None = None,
    run: Run | None = None,
) -> Benchmarked:
    """Runs lm-eval on the run's model and keeps what it says of every row.

    Args:
        tasks: tasks of lm-eval, as arc_easy,gsm8k
        data: files of questions instead or besides: CSV in MMLU's form, or JSON with questions and
            answers
        examples: file of the same form from which shots of such questions are taken
        include: folder with further tasks of lm-eval's form
        out: file for the result, .json; the rows' values go beside it as .parquet
        chat: write questions in the model's chat template
        shots: answered questions in front of each; the task's own number unless given
        limit: this many questions of each task
        batch: rows that lm-eval reads at once
        seed: decides the shots
        against: result of another model: the difference row by row
        run: model, dtype and device to use
    """
    from tamis.evaluation import benchmarks

    asked = benchmarks.Asked(tasks, data, examples, include, chat, shots, limit, batch, seed)
    other = Path(against).expanduser() if against else None
    return benchmarks.benchmark(begun(run), asked, Path(out).expanduser(), other)
