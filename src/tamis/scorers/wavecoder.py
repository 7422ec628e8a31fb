"""WaveCoder's discriminator: a judge checks a row of code data against the rules of its task.

Formula: 1 where the judge's verdict over all rules is yes, else 0;
    threshold(by=wavecoder,at_least=1)
value=share gives the share of rules with a yes instead.
Tasks are generation, summary, translation and repair; the rules of each are in our own words in the
rubric. The judge answers yes or no to each rule by its number and ends with one verdict.
Paper (arXiv:2312.14187): a generator writes instruction and answer to raw code for the four tasks,
a discriminator checks them against rules, and what failed and what passed are shown to the
generator as bad and good examples. Here it is a filter; the generator is not part of it.
Official code looks for "no" anywhere in the overall answer, so that "yes, notation aside" rejects a
row, and breaks off where nothing could be read. Ours reads the last line, which is yes or no.
A yes to all with a no to one rule contradicts itself. Which of the two the judge meant is not
known, so the row is null (inconsistent). A no to all with a yes to every rule is a no: only a yes
needs all of them. A judge that gives the verdict alone is believed, but then there is no share:
null (unparsed).
Cost: one question a row, and a second one where the verdict is missing.
Oracle: methods.md W2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from tamis.errors import UserError, nearest
from tamis.judging.rows import Verdicts, asked, field_of, fits, shown
from tamis.judging.rubrics import open_marks, question, rubric
from tamis.judging.verdict import Read
from tamis.protocols import Judge
from tamis.spec import scorer
from tamis.types import Batch, Column

Own = Annotated[str, fits("rules", marks=("rules", "count", "task"))]


@scorer(prefer="high", family="powerful-llm", unit="passed", paper="arXiv:2312.14187")
def wavecoder(
    batch: Batch,
    judge: Judge,
    *,
    task: str = "generation",
    value: Literal["passed", "share"] = "passed",
    prompt: Own = "wavecoder",
) -> Column:
    """1 where a row of code data keeps every rule of its task, else 0; or the share of rules kept.

    Args:
        task: generation, summary, translation, repair, or field:NAME, a field of the row that
            says which
        value: passed is 1 or 0 by the judge's verdict over all rules; share counts the rules
        prompt: a TOML file with a rubric of your own, with a verdict of the kind rules
    """
    about = rubric(prompt)
    if "rules" not in open_marks(about):
        raise UserError("wavecoder: the rubric needs the mark {rules}, where the rules will stand")
    texts, problems = shown(batch, about)
    tasks = _tasks(batch, task, about.rules)
    for row, name in enumerate(tasks):
        if name not in about.rules:
            problems[row] = problems[row] or ("unknown_task" if name else "no_field")
    there = [row for row, problem in enumerate(problems) if problem is None]
    given = {name: _written(name, rules) for name, rules in about.rules.items()}
    questions = [question(about, texts[row], given[tasks[row]]) for row in there]
    counts = [len(about.rules[tasks[row]]) for row in there]
    values: list[float | None] = [None] * len(batch)
    for row, count, read in zip(there, counts, asked(judge, questions, about, counts), strict=True):
        found = read if value == "passed" else _share(read, count)
        problems[row] = found.problem
        if found.problem is None:
            values[row] = float(found.value[0]) if value == "passed" else found.value
    return Verdicts(values, problems).floats()


def _tasks(batch: Batch, task: str, rules: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The name of each row's task; of a row that does not say it, nothing."""
    if task.startswith("field:"):
        name = task.removeprefix("field:")
        return [field_of(extra, name).strip() for extra in batch.table["extra"].to_pylist()]
    if task not in rules:
        raise UserError(f"wavecoder: no task {task!r}; {nearest(task, rules)}, or field:NAME")
    return [task] * len(batch)


def _written(task: str, rules: tuple[str, ...]) -> dict[str, str]:
    """What the rubric's marks stand for."""
    lines = [f"{number}. {rule}" for number, rule in enumerate(rules, 1)]
    return {"task": task, "rules": "\n".join(lines), "count": str(len(rules))}


def _share(read: Read, count: int) -> Read:
    """The share of the rules that a row keeps, if each has its answer."""
    if read.problem:
        return read
    _, ticks = read.value
    return Read(sum(ticks.values()) / count) if len(ticks) == count else Read(problem="unparsed")
