"""`train` and `teach`, as typed functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tamis.verbs.reading import Data, begun, read

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.training.settings import Training
    from tamis.training.sft import Trained
    from tamis.training.teach import Taught
    from tamis.training.teaching import Teaching


def train(
    data: Data, *, out: str = "trained", training: Training | None = None, run: Run | None = None
) -> Trained:
    """Fine-tunes the run's model on the rows, answers only, and writes it as others load it.

    Args:
        data: what `read` takes: a run folder's subset, or any other data
        out: folder for the model and train.json; the same training there goes on or is done
        training: how, `Training(epochs=2)`
        run: model, device and progress to use
    """
    from tamis.run.train import train as train_in

    return train_in(begun(run), read(data), training, Path(out).expanduser())


def teach(
    data: Data,
    *,
    kind: Literal["regression", "pairs", "scar", "ratings"],
    out: str = "taught",
    label: str = "score",
    table: str = "",
    worse: str = "rejected",
    prompt: str = "quality",
    seeds: int = 0,
    rounds: int = 5,
    teaching: Teaching | None = None,
    run: Run | None = None,
) -> Taught:
    """Teaches the run's model to score rows and writes it as `reward` or `expected_rating` read it.

    Args:
        data: what `read` takes: rows with numbers, with worse answers, or with answers of three
            kinds (fields direct and referenced beside the human's)
        kind: regression learns a number, pairs which of two answers to a question is better, scar
            the order of three kinds of answers by style, ratings to write a rating from 1 to 6
        out: folder for the model; the same teaching there goes on or is done
        label: field that holds a row's number, or the column of the table
        table: file that `tamis score --out` wrote, whose numbers are found by id
        worse: for pairs: field with a worse answer; rows without one are paired by their numbers
        prompt: for ratings: complexity, quality, or a file with {question}, {answer} and {rating}
        seeds: for ratings: rows that the judge rates variants of; 0 takes numbers that are there
        rounds: for ratings: how often each of those is rewritten
        teaching: how, `Teaching(epochs=2)`
        run: model, judge, device and progress to use
    """
    from tamis.recipes._teaching import Asked, taught

    asked = Asked(kind, out, label, table, worse, prompt, seeds, rounds)
    return taught(begun(run), read(data), asked, teaching)
