"""DEITA: complex requests with good answers, none too similar to a better one.

1. Draw `seeds` rows. A judge rewrites the instruction of each, and its answer, `rounds` times: the
   instruction to be harder, the answer to be better (`evolve`).
2. The judge rates the variants of each row together, from 1 to 6, in an order drawn anew for each.
3. A small scorer learns complexity from the instructions and quality from the answers.
4. It rates every turn of every row; evol score = sum over the turns of complexity * quality.
5. Walk down the evol score and skip a row whose cosine with a chosen one is above the threshold
   (`deita_filter`).
Paper (arXiv:2312.15685): about 2,000 seeds of Alpaca, five rounds, ChatGPT as the judge, two
language models of 13B parameters as the scorers, the sum over turns, threshold 0.9, last-token
vectors of LLaMA-1-13B (of=hidden_state), 6,000 and 10,000 rows.
Here the scorers of step 3 are ridge regressions on form, words and vectors (card of `learned`),
which a laptop trains in a minute; they see no more than that, and `correlation` in the manifest
says how well they foresee the judge on variants of rows held out. With columns in `complexity` and
`quality` nothing is asked or trained. The paper's own scorers are:
    deita(complexity=expected_rating(prompt=./c.txt,turns=each,model=A),
          quality=expected_rating(prompt=./q.txt,turns=each,model=B))
A turn is rated by itself: the complexity of its question and the quality of its answer to it.
Ratings are held at 1 from below, so that two bad ones do not multiply to a good score; above 6
they are left, because they order the best rows. Variants whose rewriting or rating failed are left
out and counted by reason; official code turns failures of its scorers into 3.0.
The sum favours long conversations; turns=mean is MIG's form. A smaller selection is the start of a
larger one: neither seeds nor ratings depend on the budget.
The manifest tells of each side what became of the seeds (`rows`, `rewritten`, `rated`, and by
reason what failed). Columns are reported as `complexity, by deita`, `quality, by deita` and
`evol_score, by deita`.
Cost: (2 rounds + 2) * seeds questions, 24,000 by default; the pool is not asked about. Besides, on
one core, 25 s to learn and rate by default, and 0.4 ms for each turn of the pool.
Oracle: methods.md S1, S2; a judge with a hidden rule, whose order the scorers have to recover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.evolution import Kind
from tamis.judging.rubrics import rubric
from tamis.notation import parse
from tamis.recipes._passing import scored_pool
from tamis.recipes._small_scorer import by_turn, learn
from tamis.recipes._variants import RUBRICS, sample, variants
from tamis.run.session import Run
from tamis.scorers._labelled import LEAST
from tamis.scorers.evol_score import evol_score
from tamis.spec import recipe
from tamis.types import Column, ColumnName, Dataset, Part, Pool, Selection

EVOL = "deita_evol_score"
"""The pool's column with the score that the filter walks down."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two things that are rated: what is rewritten for it, and what its scorer reads."""

    kind: Kind
    reads: Part


SIDES: Mapping[str, Side] = {
    "complexity": Side("instruction", "instruction"),
    "quality": Side("answer", "all"),
}


@recipe(family="powerful-llm", paper="arXiv:2312.15685")
def deita(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    complexity: ColumnName = "",
    quality: ColumnName = "",
    turns: Literal["sum", "mean"] = "sum",
    of: ColumnName = "embedding",
    threshold: float = 0.9,
    seeds: int = 2000,
    rounds: int = 5,
    seed: int = 0,
) -> Selection:
    """Rows by complexity times quality, rated by scorers that a judge taught, none too similar.

    Args:
        complexity: a rating of each turn's question, as a series; learned where none is named
        quality: a rating of each turn's answer, as a series; learned where none is named
        turns: the sum over the turns, as in the paper, or their mean
        of: the vectors that are compared
        threshold: largest cosine allowed with a chosen row
        seeds: rows that are rewritten and rated to learn from, at most all
        rounds: how often each is rewritten
        seed: decides the seeds, the operations, and the order in which variants are shown
    """
    if seeds < 1:
        raise UserError(f"deita: seeds is at least 1, got {seeds}")
    given = {"complexity": complexity, "quality": quality}
    names = {side: str(parse(name)) for side, name in given.items() if name}
    pool = scored_pool(run, data, budget, str(parse(of)), *names.values())
    missing = [side for side in SIDES if side not in names]
    learned, info = taught_columns(run, data, missing, (seeds, rounds, seed))
    for side, column in learned.items():
        names[side] = f"deita_{side}"
        pool = with_column(run, pool, names[side], column)
    score = evol_score(pool, **names, turns=turns)
    pool = with_column(run, pool, EVOL, score)
    picked = run.select(pool, f"deita_filter(by={EVOL},of={of},threshold={threshold})", budget)
    return replace(picked, info={**picked.info, **info})


def with_column(run: Run, pool: Pool, name: str, column: Column) -> Pool:
    """The pool with one column more, which the run reports under a name no reference can have."""
    reported = f"{name.removeprefix('deita_')}, by deita"
    run.computed[pool.data.fingerprint, reported] = column
    return replace(pool, columns={**pool.columns, name: column})


def taught_columns(
    run: Run, data: Dataset, sides: Sequence[str], drawn: tuple[int, int, int]
) -> tuple[dict[str, Column], dict[str, Any]]:
    """Ratings of every turn by scorers that a judge taught, and what became of the seeds."""
    if not sides:
        return {}, {}
    seeds, rounds, seed = drawn
    most = min(seeds, len(data)) * (rounds + 1)
    if most < LEAST:
        raise UserError(
            f"deita: {min(seeds, len(data))} rows and {rounds} rounds give {most} variants at "
            f"most, and {LEAST} are needed to learn from (a few hundred are better): raise seeds "
            "or rounds, or name scores in complexity and quality; nothing was asked"
        )
    kinds = [SIDES[side].kind for side in sides]
    rated = variants(sample(data, seeds, seed), run.resource("Judge"), kinds, rounds, seed)
    scorers, info = {}, {}
    for side in sides:
        some, lowest = rated[SIDES[side].kind], rubric(RUBRICS[SIDES[side].kind]).least
        scorer = learn(some.pool, run.resource("Embedder"), SIDES[side].reads, lowest, side, seed)
        scorers[side] = scorer
        info[side] = {**some.counts, "correlation": scorer.correlation}
    return by_turn(data, scorers), info
