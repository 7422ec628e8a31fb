"""Answers of models on the command line: made, compared, graded, and looked for in a pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tamis.cli import evaluating, flags, judges, show
from tamis.cli.running import read, running
from tamis.errors import UserError
from tamis.verbs import evaluating as verbs

if TYPE_CHECKING:
    from tamis.evaluation.grading import Graded, Mean
    from tamis.intervals import Interval
    from tamis.protocols import Judge
    from tamis.run.estimate import Estimate
    from tamis.run.session import Run

Given = dict[str, Any]


def generate(given: Given) -> None:
    """Have a model answer prompts, and write the answers in AlpacaEval's form."""
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        found = verbs.generate(data, **flags.values_of(verbs.generate, given), run=run)
    failed = Counter(problem for one in found for problem in one.problems if problem)
    turns = sum(len(one.answers) for one in found)
    counts = {"prompts": len(found), "answers": turns - failed.total(), "without": dict(failed)}
    if given["json"]:
        return show.as_json({**counts, "generator": _generator(found), "out": given["out"]})
    rows = [("prompts", len(found)), ("answers", turns - failed.total())]
    rows += [(f"without an answer: {why}", count) for why, count in failed.most_common()]
    show.table(_generator(found), ("", ""), rows, right=(1,))
    return show.say(f"written to {given['out']}")


def _generator(found: Sequence[Any]) -> str:
    return found[0].generator if found else ""


def compare(given: Given) -> None:
    """Have judges compare two models' answers, each pair in both orders, and count the wins."""
    files = given["files"] or []
    if len(files) < 2:
        raise UserError("a comparison is of two or more files: tamis compare OURS THEIRS ...")
    settings = flags.values_of(verbs.compare, given)
    with _asking(given) as run:
        estimates = _compared(run, files, settings)
        if given["dry_run"]:
            return _planned(estimates, given)
        judges.say(estimates)
        found = verbs.compare(files[0], files[1:], **settings, run=run)
    if given["json"]:
        return show.as_json({**found.told(), "out": given["out"], "judges": run.judges})
    for one in found.comparisons:
        evaluating._compared(one)
    _report(found)
    for match in found.matches:
        if match.ours_alone or match.theirs_alone:
            show.say(
                f"{match.pairs[0].theirs.generator}: {len(match.pairs):,} prompts in common; "
                f"{match.ours_alone:,} are ours alone, {match.theirs_alone:,} theirs"
            )
    judges.took(run.judges)
    return show.say(f"written to {given['out']}")


def _report(found: verbs.Compared) -> None:
    """The comparison under its name, a line for each of the other models and each judge."""
    rows = []
    for one in found.comparisons:
        for judged in (*one.judges, *one.together):
            total = judged.total
            counts = (total.total, total.wins, total.ties, total.losses)
            rows.append((one.theirs, judged.judge, *counts, *_ends(total.winning_score)))
    columns = ("against", "judge", "prompts", "wins", "ties", "losses", "score", "95 % from", "to")
    title = f"{found.comparisons[0].ours}: {verbs.REPORTS[found.report]}"
    show.table(title, columns, rows, right=range(2, 9))


def _compared(run: Run, files: Sequence[str], settings: Given) -> list[Estimate]:
    """What the judges of a comparison will be asked."""
    from tamis.evaluation.pairwise import compare, compared_by

    about = compared_by(settings.get("prompt", "pairwise"))
    matches = verbs.matches_of(files[0], files[1:], settings.get("questions", ""))
    pairs = sum(len(match.pairs) for match in matches)
    return _counted(run, settings, pairs, lambda judge: compare(matches, [judge], about))


def _counted(run: Run, settings: Given, rows: int, ask: Callable[[Judge], Any]) -> list[Estimate]:
    """What each judge will be asked, found by a rehearsal in which nobody is."""
    from tamis.models.asking import Asking
    from tamis.run.estimate import Counting, counted

    found = []
    for judge in verbs.judges(run, settings.get("judge", ())):
        rehearsal = Counting(judge, run.resource("Tokenizer"))
        ask(rehearsal)
        found.append(counted(rehearsal, rows, run.asking or Asking()))
    return found


def _planned(estimates: Sequence[Estimate], given: Given) -> None:
    if given["json"]:
        return show.as_json([asdict(one) for one in estimates])
    return judges.table(estimates)


def _asking(given: Given) -> Any:
    """A run of a command that names its judges itself."""
    return running({**given, "judge": None})


def grade(given: Given) -> None:
    """Have judges grade answers from 1 to 10, turn by turn, as MT-Bench does."""
    files = given["files"] or []
    if not files:
        raise UserError("no answers: name one or more files that `tamis generate` wrote")
    settings = flags.values_of(verbs.grade, given)
    with _asking(given) as run:
        estimates = _graded(run, files, settings)
        if given["dry_run"]:
            return _planned(estimates, given)
        judges.say(estimates)
        found = verbs.grade(files, **settings, run=run)
    if given["json"]:
        told = [one.told() for one in found.means]
        return show.as_json({"graded": told, "out": given["out"], "judges": run.judges})
    for one in found.means:
        _means(one)
    judges.took(run.judges)
    return show.say(f"written to {given['out']}")


def _graded(run: Run, files: Sequence[str], settings: Given) -> list[Estimate]:
    """What the judges of grades will be asked."""
    from tamis.evaluation.grading import rubrics

    by = rubrics(
        settings.get("prompt", "grade"), settings.get("reference_prompt", "grade_reference")
    )
    outputs = verbs.answers_of(list(files), settings.get("questions", ""))
    reference = settings.get("reference", "")
    return _counted(
        run, settings, len(outputs), lambda judge: verbs.graded_by(outputs, [judge], reference, by)
    )


def _means(one: Graded) -> None:
    """A table of one model's grades by one judge."""
    lines = [one.total, *(one.turns if len(one.turns) > 1 else ())]
    lines += one.categories if len(one.categories) > 1 else ()
    columns = ("", "prompts", "graded", "grade", "95 % from", "to", "failed")
    title = f"{one.generator}, graded by {one.judge}"
    show.table(title, columns, [_line(line) for line in lines], right=range(1, 6))


def _line(one: Mean) -> tuple[Any, ...]:
    failed = ", ".join(f"{count:,} {why}" for why, count in one.failed.items())
    return (one.part, one.prompts, one.graded, *_ends(one.grade), failed)


def _ends(one: Interval) -> tuple[Any, ...]:
    told = one.told()
    return told["value"], told["low"], told["high"]


def contamination(given: Given) -> None:
    """Show which test prompts stand in a pool, and write the pool without these rows."""
    from tamis.evaluation.contamination import told

    with running(given) as run:
        data = read(given["files"] or [], given, run)
        checked = verbs.contamination(data, **flags.values_of(verbs.contamination, given))
    found, files = checked.found, [str(file) for file in checked.files]
    if given["json"]:
        return show.as_json({**told(found, checked.sets), "files": files})
    sets = found.by_set(checked.sets)
    rows = [(name, *counts.values()) for name, counts in sets.items()]
    columns = ("test file", "prompts repeated", "of these equal", "pool rows")
    title = f"{len(found.rows):,} of {found.pool:,} rows repeat one of {found.prompts:,} prompts"
    show.table(title, columns, rows, right=(1, 2, 3))
    first = [
        (one.row, one.set, one.kind, one.share, " ".join(one.text.split())[:60])
        for one in found.repeats[:SHOWN]
    ]
    if first:
        names = ("row", "test file", "how", "share", "prompt")
        show.table(f"the first of {len(found.repeats):,}", names, first, right=(0, 3))
    for file in files:
        show.say(f"{len(found.clean):,} rows written: {file}")
    return None


SHOWN = 10
"""Repeats in the table; --json has all."""
