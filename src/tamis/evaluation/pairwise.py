"""Two models' answers to the same prompts, compared by judges.

Every pair is asked about twice, with each answer in the first place once, at temperature 0. The
judge gives both answers a score from 1 to 10 on one line; of each order it is noted who won, by the
scores. A reply that cannot be read is asked for once more; what fails then, a refusal, and a model
without an answer are problems of that order, never a tie. Answers are quoted between lines with a
code that does not occur in them, so an answer that speaks to the judge is material.
Survey and Cherry LLM (github.com/tianyi-lab/Cherry_LLM): both orders, scores from 1 to 10, a score
line read by an expression evaluator and a reply without one counted as a tie. Our words are the
rubric `pairwise`; a rubric of your own has the same three marks.
Prompts are joined by their text; one that stands in a file more than once is joined with the same
occurrence in the other file. Nothing is kept here: judges keep their answers in the ledger, so a
comparison that was interrupted asks only what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tamis.errors import Pending, UserError
from tamis.evaluation.judgments import Judgment, Pair, by_scores, prompt_id
from tamis.evaluation.outputs import Output
from tamis.judging.rows import asked, only
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import question, rubric, stated
from tamis.judging.verdict import Read
from tamis.protocols import Judge, Question

FIRST, SECOND = "field:first answer", "field:second answer"
MARKS = ("question", FIRST, SECOND)


@dataclass(frozen=True, slots=True)
class Matched:
    """Two answers to one prompt; `id` is the same for this prompt whoever answers it."""

    id: str
    ours: Output
    theirs: Output


@dataclass(frozen=True, slots=True)
class Match:
    """The prompts that both answered, and how many of each side have no counterpart."""

    pairs: tuple[Matched, ...]
    ours_alone: int
    theirs_alone: int


def compared_by(given: str = "pairwise") -> Rubric:
    """The rubric of this name or file, if it compares two answers."""
    about = only(rubric(stated(given)), "numbers")
    if set(about.marks) != set(MARKS):
        wanted = ", ".join(f"{{{mark}}}" for mark in MARKS)
        shown = ", ".join(f"{{{mark}}}" for mark in about.marks)
        raise UserError(f"a rubric that compares answers has the marks {wanted}; it has {shown}")
    return about


def matched(ours: Sequence[Output], theirs: Sequence[Output]) -> Match:
    """The prompts that stand in both, in our order."""
    one, other = named(ours), named(theirs)
    if one == other:
        raise UserError(
            f"both sides are answers of {one}: give one of them another name "
            "(`generator` in its file, --name when answers are generated)"
        )
    known = _by_prompt(theirs)
    keyed = _by_prompt(ours)
    pairs = tuple(
        Matched(_id(key), output, known[key]) for key, output in keyed.items() if key in known
    )
    if not pairs:
        raise UserError(
            f"{one} and {other} have no prompt in common: compare answers to the same prompts"
        )
    return Match(pairs, len(keyed) - len(pairs), len(known) - len(pairs))


def named(outputs: Sequence[Output]) -> str:
    """The one generator of a file; UserError where it holds several or none."""
    names = sorted({output.generator for output in outputs})
    if len(names) == 1:
        return names[0]
    if not names:
        raise UserError("there are no answers to compare: the file is empty")
    raise UserError(
        f"a side of a comparison is one model's answers, and these are of {len(names)}: "
        f"{', '.join(names[:5])}; put each model's answers into a file of its own"
    )


def _by_prompt(outputs: Sequence[Output]) -> dict[tuple[str, ...], Output]:
    """Outputs by their questions; a repeated prompt has the number of the occurrence besides."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = {}
    for output in outputs:
        key = tuple(text.strip() for text in output.questions)
        seen[key] += 1
        found[(*key, str(seen[key])) if seen[key] > 1 else key] = output
    return found


def _id(key: Sequence[str]) -> str:
    """A prompt's id: of a single question the one that judgments of others have too."""
    return prompt_id("\x00".join(key))


def compare(matches: Sequence[Match], judges: Sequence[Judge], about: Rubric) -> list[Judgment]:
    """What every judge says of every pair; each judge is asked everything at once."""
    pairs = [pair for match in matches for pair in match.pairs]
    found: list[Judgment] = []
    pending: Pending | None = None
    for judge in judges:
        try:
            found += judgments(pairs, judge, about)
        except Pending as error:  # the other judges' questions can be prepared
            pending = error
    if pending is not None:
        raise pending
    return found


def judgments(pairs: Sequence[Matched], judge: Judge, about: Rubric) -> list[Judgment]:
    """What one judge says of each pair, in both orders."""
    problems = [_missing(pair) for pair in pairs]
    there = [pair for pair, problem in zip(pairs, problems, strict=True) if problem is None]
    sent = [one for pair in there for one in _both_orders(pair, about)]
    reads = iter(asked(judge, sent, about, 2))
    found = []
    for pair, problem in zip(pairs, problems, strict=True):
        orders = (next(reads), next(reads)) if problem is None else (Read(problem=problem),) * 2
        found.append(_judgment(pair, judge.id, orders))
    return found


def _missing(pair: Matched) -> str | None:
    """Why a pair cannot be shown."""
    for side, output in (("ours", pair.ours), ("theirs", pair.theirs)):
        if output.problem:
            return f"{side}: {output.problem}"
    return None


def _both_orders(pair: Matched, about: Rubric) -> tuple[Question, Question]:
    asked_for = in_turns(pair.ours.questions)
    ours, theirs = answer_text(pair.ours), answer_text(pair.theirs)
    return (
        _shown(asked_for, ours, theirs, about),
        _shown(asked_for, theirs, ours, about),
    )


def _shown(asked_for: str, first: str, second: str, about: Rubric) -> Question:
    texts: Mapping[str, str] = {"question": asked_for, FIRST: first, SECOND: second}
    return question(about, {mark: texts[mark] for mark in about.marks}, {"count": "2"})


def in_turns(texts: Sequence[str]) -> str:
    """A single text as it is, several under the numbers of their turns."""
    if len(texts) == 1:
        return texts[0]
    return "\n\n".join(f"turn {at}: {text}" for at, text in enumerate(texts, 1))


def answer_text(output: Output) -> str:
    """What a model answered, all turns."""
    return in_turns([answer or "" for answer in output.answers])


def _judgment(pair: Matched, judge: str, orders: tuple[Read, Read]) -> Judgment:
    """A judgment out of the verdicts on the two orders; the second one had theirs in front."""
    scores = tuple(map(_scores, orders, (False, True)))
    return Judgment(
        set=pair.ours.set,
        id=pair.id,
        judge=judge,
        ours=pair.ours.generator,
        theirs=pair.theirs.generator,
        preferences=tuple(None if pair is None else by_scores(pair) for pair in scores),
        problems=tuple(read.problem for read in orders),
        scores=scores if any(scores) else (),
        instruction=in_turns(pair.ours.questions),
        answers=(answer_text(pair.ours), answer_text(pair.theirs)),
    )


def _scores(read: Read, turned: bool) -> Pair | None:
    """(ours, theirs) of a verdict."""
    if read.problem:
        return None
    first, second = read.value
    return (second, first) if turned else (first, second)
