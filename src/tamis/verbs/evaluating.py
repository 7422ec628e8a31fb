"""The verbs of evaluation as typed functions: answers, comparisons, grades, contamination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tamis.errors import Pending, UserError
from tamis.templates import TemplateName
from tamis.verbs.reading import read

# What the verbs compute with loads when they run, so that --help is instant.
if TYPE_CHECKING:
    from tamis.evaluation.contamination import Contamination
    from tamis.evaluation.grading import Grade, Graded
    from tamis.evaluation.judgments import Judgment
    from tamis.evaluation.outputs import Output
    from tamis.evaluation.pairwise import Match
    from tamis.evaluation.winrate import Comparison
    from tamis.protocols import Judge
    from tamis.run.session import Run

REPORTS: Mapping[str, str] = {
    "": "comparison",
    "inner": "inner comparison, with other trainings of the same base model",
    "external": "external comparison, with given models",
}
"""What a comparison is called in its report."""


def generate(
    data: Any,
    *,
    out: str,
    template: TemplateName = "alpaca",
    max_length: int = 1024,
    tokens: int = 256,
    no_start: bool = False,
    name: str = "",
    run: Run | None = None,
) -> Sequence[Output]:
    """Has the run's model answer prompts and writes the answers in AlpacaEval's form.

    Args:
        data: what `read` takes: prompts, or rows whose last answer is left out
        out: file for the answers: a JSON list, or JSON lines where it ends in .jsonl
        template: markup around the turns, that of the training; chat is the model's own
        max_length: most tokens of a question
        tokens: most tokens of an answer
        no_start: leave out the model's start token
        name: what the model is called in the file; its own name unless given
        run: model, store and progress to use
    """
    from tamis.evaluation.generating import generated
    from tamis.evaluation.outputs import write_outputs

    settings = {
        "template": template,
        "max_length": max_length,
        "tokens": tokens,
        "start": not no_start,
    }
    found = generated(read(data), _begun(run), settings, name)
    write_outputs(found, out)
    return found


@dataclass(frozen=True, slots=True)
class Compared:
    """What judges said of answers beside each other, and the win rates of it."""

    report: str
    matches: Sequence[Match]
    judgments: Sequence[Judgment]
    comparisons: Sequence[Comparison]

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        joined = [
            {
                "theirs": match.pairs[0].theirs.generator,
                "prompts": len(match.pairs),
                "ours_alone": match.ours_alone,
                "theirs_alone": match.theirs_alone,
            }
            for match in self.matches
        ]
        found = [one.told() for one in self.comparisons]
        return {"report": REPORTS[self.report], "joined": joined, "comparisons": found}


def compare(
    ours: Any,
    theirs: Sequence[Any],
    *,
    out: str,
    judge: Sequence[str] = (),
    questions: str = "",
    prompt: str = "pairwise",
    report: Literal["", "inner", "external"] = "",
    run: Run | None = None,
) -> Compared:
    """Has judges compare two models' answers to the same prompts, each pair in both orders.

    Args:
        ours: a file of answers, as `generate` writes it, or what `read` takes
        theirs: one or more such files, each of another model
        out: file of JSON lines for the judgments, which `winrate` reads
        judge: one or more judges; the run's unless given
        questions: file of the questions, where a file holds answers and question_ids alone
        prompt: a TOML file with a rubric of your own that has the marks of `pairwise`
        report: what the comparison is called: inner is with other trainings of the same base
            model, as on all data or on random rows; external is with given models
        run: judge, limits and progress to use
    """
    from tamis.evaluation import judgments as files
    from tamis.evaluation.pairwise import compare as compared
    from tamis.evaluation.pairwise import compared_by
    from tamis.evaluation.winrate import winrate

    about, run = compared_by(prompt), _begun(run)
    matches = matches_of(ours, theirs, questions)
    found = compared(matches, judges(run, judge), about)
    files.write(out, found)
    return Compared(report, matches, found, winrate(found))


def matches_of(ours: Any, theirs: Sequence[Any], questions: str = "") -> list[Match]:
    """Our answers beside those of each of the others."""
    from tamis.evaluation.outputs import read_outputs
    from tamis.evaluation.pairwise import matched

    if not theirs:
        raise UserError("a comparison is of two or more files: tamis compare OURS THEIRS ...")
    asked = read_outputs(questions) if questions else ()
    mine = read_outputs(ours, asked)
    found = [matched(mine, read_outputs(one, asked)) for one in theirs]
    names = [match.pairs[0].theirs.generator for match in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(
            f"two of the files are answers of {twice}: give one another name (`generator`)"
        )
    return found


def judges(run: Run, names: Sequence[str]) -> list[Judge]:
    """The judges of these names, or the run's."""
    return [run.resource("Judge", judge=name) for name in dict.fromkeys(names)] or [
        run.resource("Judge")
    ]


@dataclass(frozen=True, slots=True)
class Gradings:
    """Grades of single turns, and the means of each model by each judge."""

    grades: Sequence[Grade]
    means: Sequence[Graded] = field(default_factory=tuple)


def grade(
    outputs: Any,
    *,
    out: str,
    judge: Sequence[str] = (),
    reference: str = "",
    questions: str = "",
    prompt: str = "grade",
    reference_prompt: str = "grade_reference",
    run: Run | None = None,
) -> Gradings:
    """Has judges grade answers from 1 to 10, turn by turn, as MT-Bench does.

    Args:
        outputs: one or more files of answers, as `generate` writes them, or what `read` takes
        out: file of JSON lines for the grades
        judge: one or more judges; the run's unless given
        reference: file of reference answers by question_id, as MT-Bench's gpt-4.jsonl
        questions: file of the questions, where a file holds answers and question_ids alone
        prompt: a TOML file with a rubric of your own for answers without a reference
        reference_prompt: the same for answers with one, with the mark {field:reference answer}
        run: judge, limits and progress to use
    """
    from tamis.evaluation.grading import graded, rubrics, write

    by, run = rubrics(prompt, reference_prompt), _begun(run)
    given = answers_of(outputs, questions)
    found = graded_by(given, judges(run, judge), reference, by)
    write(out, found)
    return Gradings(found, graded(found))


def answers_of(sources: Any, questions: str = "") -> list[Output]:
    """The answers in one or more files."""
    from tamis.evaluation.outputs import read_outputs

    asked = read_outputs(questions) if questions else ()
    listed = list(sources) if isinstance(sources, list | tuple) and sources else [sources]
    if not all(isinstance(one, str | Path) for one in listed):
        return read_outputs(sources, asked)
    return [output for one in listed for output in read_outputs(one, asked)]


def graded_by(
    outputs: Sequence[Output], asked: Sequence[Judge], reference: str, by: Any
) -> list[Grade]:
    """The grades of every judge; what one has to wait for does not hold up the others."""
    from tamis.evaluation.grading import grades
    from tamis.evaluation.outputs import references

    known = references(reference) if reference else {}
    found: list[Grade] = []
    pending: Pending | None = None
    for one in asked:
        try:
            found += grades(outputs, one, known, by)
        except Pending as error:
            pending = error
    if pending is not None:
        raise pending
    return found


@dataclass(frozen=True, slots=True)
class Checked:
    """What of the test prompts stands in a pool, and where the other rows were written."""

    found: Contamination
    sets: Sequence[str]
    files: Sequence[Path] = ()


def contamination(
    pool: Any, *, test: Sequence[str], out: str | None = None, length: int = 13
) -> Checked:
    """Finds test prompts in a pool: equal texts, and runs of words in common.

    Args:
        pool: what `read` takes
        test: files of test prompts
        out: file for the rows that repeat none, unchanged; its ending is that of the pool's form
        length: words in a row that count as repeated; a shorter prompt is repeated by an equal text
    """
    from tamis.evaluation.contamination import Prompts, contamination, prompts_of
    from tamis.evaluation.outputs import set_name

    texts: list[str] = []
    sets: list[str] = []
    for file in test:
        found = prompts_of(read(file))
        texts += found
        sets += [set_name(str(file))] * len(found)
    data = read(pool)
    repeated = contamination(data, Prompts.of(texts, sets, length))
    names = list(dict.fromkeys(sets))
    if out is None:
        return Checked(repeated, names)
    return Checked(repeated, names, _written(data, repeated, Path(out)))


def _written(data: Any, found: Contamination, out: Path) -> list[Path]:
    from tamis.data.write import write

    if not len(found.clean):
        raise UserError("every row of the pool repeats a test prompt: there is nothing to write")
    ends = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".gz", ".zst")
    name = out.name
    while name.endswith(ends):
        name = name.rpartition(".")[0]
    return write(data, found.clean, out.parent, name=name or "clean", order="source")


def _begun(run: Run | None) -> Run:
    from tamis.run.session import Run

    return (run or Run()).begin()


def winrate(
    judgments: str | Sequence[str],
    *,
    ours: str = "",
    failed: Literal["leave_out", "other_order", "tie"] = "leave_out",
    difficulty: str = "",
    resamples: int = 10_000,
    seed: int = 0,
    export: Literal["tamis", "alpaca_eval"] = "tamis",
    out: str | None = None,
) -> Sequence[Comparison]:
    """Win rates out of pairwise judgments: counts, rates and intervals of each set and of all.

    Args:
        judgments: files of judgments: our own, AlpacaEval's annotations, two-order scores, PandaLM
            labels, Vicuna reviews; or `-`
        ours: the generator whose side is taken, where a file has it as the other
        failed: a pair of which the judge's word failed in an order is left out, counts by the other
            order, or has a tie there as in survey-style scripts
        difficulty: file with a number `difficulty` for each `id` or `instruction`, a further term
            of the model of equal lengths
        resamples: bootstrap samples for the intervals
        seed: of the bootstrap
        export: form of the file `out`
        out: file for the judgments, all in one form
    """
    from tamis.evaluation import judgment_files
    from tamis.evaluation.winrate import Tally

    if export != "tamis" and not out:
        raise UserError(f"to export as {export}, name the file: --out annotations.json")
    hard = judgment_files.difficulties(difficulty) if difficulty else None
    tally = Tally(failed, hard)
    found = tally.taking(judgment_files.read(judgments, ours=ours))
    if out:
        judgment_files.write_as(export, Path(out), found, failed)
    for _ in found:
        pass
    return tally.compared(resamples=resamples, seed=seed)
