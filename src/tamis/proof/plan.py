"""What an experiment will take, out of a short measurement: time, memory, tokens and money.

Nothing of it is kept: scores go to a store that is thrown away, a few updates of a training and a
few answers are made and forgotten, and judges are not asked. Selecting is rehearsed on a part of
the pool and scaled by rows, less what the store has; a selector that grows faster than its rows
takes longer than that. A recipe that trains is rehearsed with trainings that are only counted.
Training and reading are scaled by tokens. Take the sum as right to a third on a machine that does
nothing else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.proof.design import Arm
from tamis.proof.prove import Experiment, trained_before
from tamis.proof.values import Held, answers, loss_column, losses
from tamis.run.estimate import ASSUMED, Counting
from tamis.run.pick import pick
from tamis.run.progress import silent
from tamis.run.session import TOKENS, Run
from tamis.store import Store
from tamis.training.settings import Training
from tamis.training.sft import Kept, Trained, peak_bytes, train, updates
from tamis.types import Dataset

ROWS = 256
"""Rows of the pool, and of each test set, that are tried."""
STEPS = 4
"""Updates of the training that is tried."""
PROMPTS = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of work: how often it is done, and what all of it takes."""

    name: str
    times: int
    done: int  # of these that are there already
    tokens: float
    seconds: float
    bytes: int = 0  # of memory, at its peak
    disk: int = 0  # bytes that stay there
    calls: int = 0
    money: float | None = 0.0
    most_money: float | None = 0.0
    how: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a training takes, as measured on a few updates."""

    opening: float  # seconds before and after the updates
    longer: float  # tokens of a row for the model, markup included, by those of the run's tokenizer
    second_tokens: float  # tokens a second
    bytes: int
    disk: int  # of a trained model


def plan(found: Experiment) -> list[Stage]:
    """Every stage of the experiment, in order."""
    with tempfile.TemporaryDirectory() as folder:
        sample = _some(found.pool, ROWS)
        stages = [_selecting(found, sample, method, folder) for method in found.proof.method]
        trial = _trained(found, sample, Path(folder) / "trial")
        trainings = list(_trainings(found))
        stages.append(_training(trainings, _pace(found, sample, trial)))
        run, there = _apart(found.run, folder), [model for _, model in trainings]
        stages += [_reading(found, run, test, trial.model, there) for test in found.exam.tests]
        for prompts in found.exam.prompts:
            stages += _answering(found, run, prompts, trial.model, len(trainings))
    return stages


def _some(data: Dataset, count: int) -> Dataset:
    """Rows spread evenly over the data."""
    rows = np.linspace(0, len(data) - 1, min(count, len(data))).astype(np.int64)
    return data.take(np.unique(rows))


def _apart(run: Run, folder: str) -> Run:
    """A run with what is loaded already, that leaves nothing behind and asks no judge."""
    tokenizer = run.resource("Tokenizer")
    loaded = {n: one for n, one in run.loaded.items() if not n.startswith("judge")}
    anew: dict[str, Any] = {"loaded": loaded, "log": [], "computed": {}, "progress": silent}
    # inline: workers would be timed while they start
    apart = replace(run, store=str(Path(folder) / "scores"), executor="inline", **anew)
    apart.scores = Store.at(Path(folder) / "scores")
    apart.around_judges = lambda judge: Counting(judge, tokenizer)
    return apart


def _selecting(found: Experiment, sample: Dataset, method: str, folder: str) -> Stage:
    """A method's selection, rehearsed on some rows."""
    run, trainings = _apart(found.run, tempfile.mkdtemp(dir=folder)), list[int]()

    def counted(data: Dataset, training: Training, model: str) -> Trained:
        trainings.append(len(data))
        kept = Kept(model, 1, 1.0, training.learning_rate)
        return Trained(model, (kept,), {"seconds": 0.0})

    run.trainer = counted
    share = Budget(count=max(len(sample) // 10, 1))
    before, started = run.spent(), time.perf_counter()
    fault = ""
    try:
        pick(sample, parse(method), share, run)
    except UserError as error:  # examples instead of answers may leave nothing to select
        fault = f"the rehearsal ended early: {error}"
    seconds = time.perf_counter() - started
    spent = run.spent()
    left = missing(found.run, run, found.pool)
    scale = len(found.pool) / len(sample) * left
    asked = [one for one in run.loaded.values() if isinstance(one, Counting)]
    costs = [_price(one, scale) for one in asked]
    how = f"rehearsed on {len(sample):,} rows" + (f"; {fault}" if fault else "")
    if trainings:
        how += f"; trains {len(trainings)} models besides, counted nowhere"
    return Stage(
        name=f"select by {method}",
        times=1,
        done=int(left == 0),
        tokens=scale * (spent["tokens"] - before["tokens"]),
        seconds=scale * seconds,
        bytes=peak_bytes("cpu"),
        calls=round(scale * sum(one.calls for one in asked)),
        money=_sum([cost for cost, _ in costs]),
        most_money=_sum([most for _, most in costs]),
        how=how,
    )


def missing(real: Run, rehearsal: Run, pool: Dataset) -> float:
    """Share of the work that the store does not have yet, by the columns of a rehearsal.

    A column of rows has the same key for any rows; one that sees all of them has another.
    """
    shares = []
    for step in rehearsal.log:
        if "key" not in step:
            continue
        method = parse(step["score"]).method.rpartition(":")[2]
        lacking = real.scores.missing(real.scores.folder(method, step["key"]), pool.ids)
        shares.append((float(lacking.mean()), step["seconds"]))
    weight = sum(seconds for _, seconds in shares)
    return sum(share * seconds for share, seconds in shares) / weight if weight > 0 else 1.0


def _price(one: Counting, scale: float) -> tuple[float | None, float | None]:
    price = getattr(one.judge, "price", None)
    if price is None:
        return None, None
    prompt = round(scale * one.prompt_tokens)
    usual, most = (round(scale * n) for n in (one.answer_tokens, one.most_answer_tokens))
    return price.of(prompt, usual), price.of(prompt, most)


def _sum(costs: list[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _trained(found: Experiment, sample: Dataset, folder: Path) -> Trained:
    """A training of a few updates."""
    settings = replace(found.training, steps=STEPS, tokens=0, keep="last", keep_every=0)
    return train(sample, settings, str(found.run.model), folder, device=found.run.device)


def _pace(found: Experiment, sample: Dataset, trial: Trained) -> Pace:
    told = trial.manifest
    counted = float(np.nansum(found.run.score(sample, [TOKENS]).scores(TOKENS)))
    step = told["seconds_a_step"] or told["seconds"] / max(told["steps"], 1)
    opening = max(told["seconds"] - step * told["steps"], 0.0)
    tokens = told["tokens_read"] / max(told["steps"], 1)
    longer = told["data"]["tokens"] / max(counted, 1.0)
    disk = sum(path.stat().st_size for path in Path(trial.model).rglob("*") if path.is_file())
    return Pace(opening, longer, tokens / max(step, 1e-9), told["peak_bytes"], disk)


def _training(trainings: Sequence[tuple[float, str | None]], pace: Pace) -> Stage:
    """All trainings that the comparison comes to, each once."""
    sizes = [(size * pace.longer, there) for size, there in trainings]
    tokens = sum(size for size, _ in sizes)
    done = sum(there is not None for _, there in sizes)
    left = sum(size for size, there in sizes if there is None)
    seconds = left / pace.second_tokens + pace.opening * (len(sizes) - done)
    how = f"{STEPS} updates measured: {pace.second_tokens:,.0f} tokens a second"
    disk = pace.disk * (len(sizes) - done)
    return Stage("train", len(sizes), done, tokens, seconds, pace.bytes, disk, how=how)


def _trainings(found: Experiment) -> Iterator[tuple[float, str | None]]:
    """Tokens of each training, and its model if it is there; those in two views count once."""
    costs = np.nan_to_num(found.run.score(found.pool, [TOKENS]).scores(TOKENS))
    longest = np.sort(costs)[::-1]
    seen = set()
    for arm in found.arms:
        for seed in range(found.proof.seeds):
            if arm.kind == "base":
                continue
            size = _size(found, arm, longest)
            same = (arm.kind, arm.method, arm.matched, seed, round(size))
            if same not in seen:
                seen.add(same)
                yield size, trained_before(found, arm, seed)


def _size(found: Experiment, arm: Arm, longest: Any) -> float:
    """Tokens that a training of this arm reads, about; rows of a method count as typical ones."""
    assert arm.share is not None
    typical, training = float(longest.mean()), found.training
    count = arm.share.count if arm.share.count is not None else len(longest)
    rows = longest if arm.kind == "full" else longest[:count]
    one_epoch = float(rows.sum()) if arm.kind in ("full", "longest") else typical * count
    if arm.share.tokens is not None and arm.kind != "full":
        one_epoch = float(arm.share.tokens)
    if arm.kind == "full" and arm.view == "steps":
        steps = updates(np.full(count, typical), training)
        return steps * training.batch * typical
    if training.tokens:
        return float(training.tokens)
    mean = one_epoch / max(len(rows), 1)
    return training.steps * training.batch * mean if training.steps else one_epoch * training.epochs


def _reading(
    found: Experiment, run: Run, test: Held, model: str, trained: Sequence[str | None]
) -> Stage:
    """The losses of one test set under all models."""
    some = Held(test.name, _some(test.data, ROWS))
    models = [str(found.run.model), *trained]
    done = sum(_read(found, test, one) for one in models if one is not None)
    before, started = run.spent(), time.perf_counter()
    losses(run, some, model, found.training)
    scale = (len(models) - done) * len(test.data) / len(some.data)
    tokens = run.spent()["tokens"] - before["tokens"]
    return Stage(
        name=f"losses on {test.name}",
        times=len(models),
        done=done,
        tokens=scale * tokens,
        seconds=scale * (time.perf_counter() - started),
        bytes=peak_bytes("cpu"),
        how=f"measured on {len(some.data):,} rows",
    )


def _read(found: Experiment, test: Held, model: str) -> bool:
    """Whether the store has the losses of a test set under a model."""
    (step,) = found.run.plan(test.data, [loss_column(model, found.training)])
    folder = found.run.scores.folder(step.spec.name, step.key)
    return not found.run.scores.missing(folder, test.data.ids).any()


def _answering(
    found: Experiment, run: Run, prompts: Held, model: str, models: int
) -> Iterator[Stage]:
    """Answers to one set of prompts by all models, and what judges are asked about them."""
    from tamis.evaluation.pairwise import compared_by, judgments, matched

    some = Held(prompts.name, _some(prompts.data, PROMPTS))
    started = time.perf_counter()
    ours = answers(run, some, model, found.training, found.exam.answer_tokens)
    seconds = time.perf_counter() - started
    scale = len(prompts.data) / len(some.data)
    yield Stage(
        name=f"answers to {prompts.name}",
        times=models,
        done=0,
        tokens=scale * models * len(some.data) * found.exam.answer_tokens,
        seconds=scale * models * seconds,
        how=f"measured on {len(some.data):,} prompts; tokens at most",
    )
    theirs = [replace(one, generator="another") for one in ours]
    pairs = models - sum(arm.kind == "random" for arm in found.arms) * found.proof.seeds
    judge: Counting = run.resource("Judge")
    judgments(matched(ours, theirs).pairs, judge, compared_by())
    money, most = _price(judge, scale * pairs)
    yield Stage(
        name=f"judgments by {judge.judge.id} on {prompts.name}",
        times=pairs,
        done=0,
        tokens=scale * pairs * (judge.prompt_tokens + judge.answer_tokens),
        seconds=scale * pairs * judge.calls * (getattr(judge.judge, "pace", None) or ASSUMED),
        calls=round(scale * pairs * judge.calls),
        money=money,
        most_money=most,
        how=f"counted; {ASSUMED:g} s an answer where the judge was never timed, one by one",
    )


def told(stages: list[Stage]) -> Mapping[str, Any]:
    """Stages and their sum, as JSON takes it."""
    money = _sum([stage.money for stage in stages])
    return {
        "stages": [stage.told() for stage in stages],
        "seconds": sum(stage.seconds for stage in stages),
        "bytes": max(stage.bytes for stage in stages),
        "disk": sum(stage.disk for stage in stages),
        "calls": sum(stage.calls for stage in stages),
        "money": money,
        "most_money": _sum([stage.most_money for stage in stages]),
    }
