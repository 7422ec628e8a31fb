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
from tamis.judging.prompt_language import RUBRIC, PromptLanguage
from tamis.judging.rows import Verdicts, asked, field_of, fits, in_language_of, shown
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import in_words, open_marks, question, rubric
from tamis.judging.verdict import Read
from tamis.protocols import Judge, Languages
from tamis.scorers._row_language import WORDS, row_languages
from tamis.spec import scorer
from tamis.types import Batch, Column

Own = Annotated[str, fits("rules", marks=("rules", "count", "task")), RUBRIC]


@scorer(prefer="high", family="powerful-llm", unit="passed", paper="arXiv:2312.14187", version=2)
def wavecoder(
    batch: Batch,
    judge: Judge,
    languages: Languages = WORDS,
    *,
    task: str = "generation",
    value: Literal["passed", "share"] = "passed",
    prompt: Own = "wavecoder",
    prompt_language: PromptLanguage = "as_written",
) -> Column:
    """1 where a row of code data keeps every rule of its task, else 0; or the share of rules kept.

    Args:
        task: generation, summary, translation, repair, or field:NAME, a field of the row that
            says which
        value: passed is 1 or 0 by the judge's verdict over all rules; share counts the rules
        prompt: a TOML file with a rubric of your own, with a verdict of the kind rules
        prompt_language: as_written, or row: in the row's own language where the prompt has it
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
    told = row_languages(batch, languages, prompt_language)
    said = [in_language_of(row, about, told) for row in there]
    questions = [
        question(one, texts[row], _written(tasks[row], one))
        for row, one in zip(there, said, strict=True)
    ]
    counts = [len(about.rules[tasks[row]]) for row in there]
    values: list[float | None] = [None] * len(batch)
    reads = asked(judge, questions, about, counts, said)
    for row, count, read in zip(there, counts, reads, strict=True):
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


def _written(task: str, about: Rubric) -> dict[str, str]:
    """What the rubric's marks stand for, in its language."""
    rules = about.rules[task]
    lines = [f"{number}. {rule}" for number, rule in enumerate(rules, 1)]
    name = in_words(about.language, task)
    return {"task": name, "rules": "\n".join(lines), "count": str(len(rules))}


def _share(read: Read, count: int) -> Read:
    """The share of the rules that a row keeps, if each has its answer."""
    if read.problem:
        return read
    _, ticks = read.value
    return Read(sum(ticks.values()) / count) if len(ticks) == count else Read(problem="unparsed")
