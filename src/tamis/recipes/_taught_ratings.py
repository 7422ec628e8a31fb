"""A language model taught to rate as a judge did: it learns to write the digit after a prompt.

DEITA's own scorers (arXiv:2312.15685) are made so, of 13B parameters: a judge rates variants of a
text together from 1 to 6, and a model is fine-tuned to answer a prompt that shows one of them with
its rating. It is read by `expected_rating(model=FOLDER, prompt=FOLDER/prompt.txt)`, and a row that
is learned has the very tokens that are read there: the prompt's pieces and the row's texts are
tokenised one by one, and what comes next is the token whose probability is looked at.
A rating between two digits is the nearer one, a half the higher; one outside the scale is left out.
Ratings come with the rows, or from the run's judge: rows are drawn, rewritten, and their variants
rated together (recipes/_variants.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from tamis.choices import choices
from tamis.errors import UserError
from tamis.evolution import Kind
from tamis.notation import Reference
from tamis.recipes._variants import RATING, ROW, one_turn_each, sample, variants
from tamis.scorers._prompts import Prompt, cut, prompts, stated
from tamis.training.teach_rows import as_number, drawn, numbers, rows_of
from tamis.types import SCHEMA, Dataset, fingerprint

if TYPE_CHECKING:
    from tamis.protocols import Likelihood
    from tamis.run.session import Run
    from tamis.training.settings import Training
    from tamis.training.teach import Taught
    from tamis.training.teaching import Teaching

PROMPT = "prompt.txt"
"""The file with the prompt, in the words that were learned."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and an answer that were rated; those of one `group` are variants of one text."""

    id: str
    group: str
    question: str
    answer: str
    rating: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where ratings come from: a field or a column of a table, or the run's judge.

    Args:
        label: the field, or the column, that holds them
        table: a table of scores, whose rows are found by id
        seeds: rows that the judge rates the variants of; 0 takes the ratings that are there
        rounds: how often each is rewritten for that
    """

    label: str = "score"
    table: str = ""
    seeds: int = 0
    rounds: int = 5


def teach_ratings(
    run: Run, data: Dataset, out: str, prompt: str, source: Source, teaching: Teaching
) -> Taught:
    """The run's language model taught to rate, in a folder that `expected_rating` reads."""
    from filelock import FileLock

    from tamis.models.hf_tokenizer import ModelTokenizer
    from tamis.run.train import train
    from tamis.training import teach as teaching_of

    text = one_prompt(prompt)
    tokenizer = ModelTokenizer(str(run.model))
    way = Way.of(cut(text, teaching.ratings), cast("Likelihood", tokenizer), teaching.ratings)
    turns, counts = rated_turns(run, data, text, source, teaching)
    folder = teaching_of.opened(out)
    named = _key(turns, text, teaching, tokenizer.located.id)
    with FileLock(folder / teaching_of.ABOUT / ".lock"):
        earlier = teaching_of.finished(folder, named)
        if earlier is not None:
            return earlier
        learned = [t for t in turns if drawn(teaching.teach_seed, "held", t.group) >= teaching.held]
        _check(learned, counts)
        place = folder / teaching_of.ABOUT / "training"
        found = train(run, way.rows(learned), training_of(teaching), place)
        _copy(Path(found.model), folder, text)
        kept = set(learned)
        held = _held(run, [t for t in turns if t not in kept], folder, teaching, learned)
        manifest = {
            "key": named,
            "kind": "ratings",
            "base": tokenizer.name,
            "base_id": tokenizer.id,
            "settings": teaching.told(),
            "prompt": text,
            "data": counts,
            "learned": len(learned),
            "held_out": held,
            "training": dict(found.manifest),
            "versions": teaching_of.versions(),
        }
        taught = teaching_of.finish(folder, manifest)
        shutil.rmtree(place, ignore_errors=True)
        return taught


def one_prompt(given: str) -> str:
    """The text of the prompt by its name in the package or its file."""
    found = prompts(stated(given))
    if len(found) != 1:
        raise UserError(f"{given}: a prompt is one text, and {len(found)} are given")
    return found[0]


def training_of(teaching: Teaching) -> Training:
    """How the language model is fine-tuned: the digit alone is learned."""
    from tamis.training.settings import Training

    usual = teaching.of("ratings")
    return Training(
        tune=teaching.tune,
        template="none",
        turns="last",
        max_length=teaching.max_length,
        epochs=usual.epochs,
        batch=usual.batch,
        rate=teaching.rate,  # 0 is the usual one of what is tuned
        warmup=teaching.warmup,
        decay=teaching.decay,
        train_seed=teaching.teach_seed,
    )


def rated_turns(
    run: Run, data: Dataset, prompt: str, source: Source, teaching: Teaching
) -> tuple[list[Turn], dict[str, Any]]:
    """Turns with whole ratings, and what became of the rows."""
    if source.seeds:
        return _by_judge(run, data, prompt, source, teaching)
    counts = Counter[str]()
    known = numbers(source.table, source.label) if source.table else None
    turns, rows = [], 0
    for row in rows_of(data):
        rows += 1
        given = row.extra.get(source.label) if known is None else known.get(row.id)
        problem = row.problem if "{answer}" in prompt or row.problem != "no answer" else None
        number = as_number(given)
        digit = number if isinstance(number, str) else whole(number, teaching.ratings)
        problem = problem or (digit if isinstance(digit, str) else None)
        if problem:
            counts[problem] += 1
        else:
            turns.append(Turn(row.id, row.question, row.question, row.answer, int(digit)))
    return turns, {"rows": rows, "used": len(turns), "left_out": dict(sorted(counts.items()))}


def whole(number: float, most: int) -> int | str:
    """The nearest digit of the scale, or why there is none."""
    digit = floor(number + 0.5)
    return digit if 1 <= digit <= most else f"not within 1 and {most}"


def _by_judge(
    run: Run, data: Dataset, prompt: str, source: Source, teaching: Teaching
) -> tuple[list[Turn], dict[str, Any]]:
    """Variants of a random part of the rows, rated together by the run's judge."""
    kind: Kind = "answer" if "{answer}" in prompt else "instruction"
    seed = teaching.teach_seed
    some = sample(data, source.seeds, seed)
    found = variants(some, run.resource("Judge"), [kind], source.rounds, seed)[kind]
    counts = Counter(found.counts)
    turns = []
    groups = found.pool.labels(ROW)
    ratings = found.pool.scores(RATING)
    for row, group, rating in zip(rows_of(found.pool.data), groups, ratings, strict=True):
        digit = whole(float(rating), teaching.ratings)
        if isinstance(digit, str):
            counts[digit] += 1
        else:
            turns.append(Turn(row.id, str(group), row.question, row.answer, digit))
    return turns, {"rows": len(some), "used": len(turns), "variants": dict(sorted(counts.items()))}


@dataclass(frozen=True, slots=True)
class Way:
    """A prompt in pieces, and how each digit is written after it."""

    prompt: Prompt
    digits: tuple[str, ...]

    @classmethod
    def of(cls, prompt: Prompt, lm: Likelihood, most: int) -> Way:
        """Raises UserError where a model would read another token than it learns.

        A blank in front of a digit belongs to the prompt or to the digit, as the tokenizer has it.
        """
        digits = [str(digit) for digit in range(1, most + 1)]
        before, options = choices(lm, prompt.fixed[-1], digits)
        end = prompt.fixed[-1]
        bare = end.rstrip(" ")
        for fixed, lead in ((end, ""), (bare, end[len(bare) :])):
            (first,) = lm.encode([fixed])
            written = [ids.tolist() for ids in lm.encode([lead + digit for digit in digits])]
            if np.array_equal(first, before) and written == [[token] for token in options]:
                fixed_parts = (*prompt.fixed[:-1], fixed)
                return cls(Prompt(fixed_parts, prompt.names), tuple(lead + d for d in digits))
        raise UserError(
            f"{lm.id} would not learn the token that is read after {end[-20:]!r}: end the prompt "
            "with a line break before {rating}"
        )

    def rows(self, turns: Sequence[Turn]) -> Dataset:
        """Rows to learn from: the pieces of the prompt as turns of the user, then the digit."""
        listed = [
            {"id": turn.id, "messages": self.messages(turn), "source": 0, "row": place}
            for place, turn in enumerate(turns)
        ]
        table = pa.Table.from_pylist(listed, schema=SCHEMA)
        return Dataset(table, fingerprint(table["id"]))

    def messages(self, turn: Turn) -> list[Mapping[str, str]]:
        """What is shown of a turn, and its rating."""
        texts = {"question": turn.question, "answer": turn.answer}
        parts = [self.prompt.fixed[0]]
        for name, fixed in zip(self.prompt.names, self.prompt.fixed[1:], strict=True):
            parts += [texts[name], fixed]
        shown = [{"role": "user", "content": part} for part in parts if part]
        return [*shown, {"role": "assistant", "content": self.digits[turn.rating - 1]}]


def _key(turns: Sequence[Turn], prompt: str, teaching: Teaching, model: str) -> str:
    """What names a teaching."""
    listed = sorted((t.id, t.group, t.question, t.answer, t.rating) for t in turns)
    text = json.dumps(["ratings", listed, prompt, teaching.told(), model])
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _check(learned: Sequence[Turn], counts: Mapping[str, Any]) -> None:
    from tamis.training.teach import LEAST

    if len(learned) < LEAST:
        raise UserError(
            f"{len(learned)} ratings are left to learn from, and {LEAST} are needed (some hundreds "
            f"are better): {json.dumps(counts)}"
        )
    if len({turn.rating for turn in learned}) == 1:
        raise UserError(
            f"all {len(learned):,} ratings are {learned[0].rating}, which teaches nothing: "
            "take others with --label"
        )


def _copy(model: Path, folder: Path, prompt: str) -> None:
    """The trained model's files, and the prompt that it was taught with."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    (folder / PROMPT).write_text(prompt + "\n", encoding="utf-8")


def _held(
    run: Run, aside: Sequence[Turn], folder: Path, teaching: Teaching, learned: Sequence[Turn]
) -> dict[str, Any]:
    """How well ratings kept aside are foreseen; variants of one text count as one question."""
    from tamis.training import teach_held
    from tamis.training.teach_rows import Example

    if not aside:
        return {"examples": 0}
    data = one_turn_each(
        {"id": turn.id, "question": turn.question, "answer": turn.answer} for turn in aside
    )
    asked = {
        "model": str(folder),
        "prompt": str(folder / PROMPT),
        "ratings": teaching.ratings,
        "max_length": teaching.max_length,
        "turns": "mean",
        "parts": "shown",
    }
    name = str(Reference("expected_rating", asked))
    pool = replace(run, log=[], computed={}).score(data, [name])
    scores = pool.scores(name)
    seen = ~np.isnan(scores)
    examples = [
        Example(turn.id, turn.group, (turn.answer,), float(turn.rating))
        for turn, there in zip(aside, seen, strict=True)
        if there
    ]
    mean = float(np.mean([turn.rating for turn in learned]))
    told = teach_held.of_numbers(examples, scores[seen], mean)
    return {"examples": len(aside), "not_rated": int((~seen).sum()), **told}
