"""A run: scores and selects with one store, one set of resources and one progress display."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tamis.errors import Pending, UserError
from tamis.notation import parse
from tamis.registry import find
from tamis.run.executors import parse as parse_executor
from tamis.run.progress import Progress, silent, warned

# What a run computes with loads when it runs: the command line reads its fields for flags.
if TYPE_CHECKING:
    from tamis.budget import Budget
    from tamis.models.asking import Asking
    from tamis.run.estimate import Estimate
    from tamis.run.execute import Inputs
    from tamis.run.plan import Setting, Step
    from tamis.run.shards import Executor
    from tamis.store import Store
    from tamis.training.settings import Training
    from tamis.training.sft import Trained
    from tamis.types import Column, Dataset, Pool, Selection

Trainer = Callable[["Dataset", "Training", str], "Trained"]
"""What trains a model: rows, settings and the model's name -> a finished training."""

TOKENS = "tokens(of=all)"
"""The column that a budget in tokens is paid from."""


@dataclass
class Run:
    """What scores and selections share.

    Args:
        store: place of the score store: a folder, or an address such as s3://bucket/scores
        embedder: `static+chargrams`, `static` or `chargrams` (in the package), or a
            sentence-transformers model by name or folder
        tokenizer: `tamis` (in the package), a tokenizer.json, or a name on the Hub
        model: language model: a Hub name (name:revision), a folder, `reference` (in the package),
            vllm:NAME, or NAME@URL for an OpenAI-compatible server (NAME@URL#TOKENIZER where
            the tokenizer has another name)
        dtype: precision of the language model: auto, float32, bfloat16, float16 or int8
        device: where it runs: auto, cpu, cuda, or several as cuda:0,cuda:1
        judge: chat model that methods ask: NAME@URL for an OpenAI-compatible server, as
            gpt-4o-mini@https://api.openai.com/v1, or what --model takes, read in this process
        reward: reward model: any sequence classifier with one output by Hub name or folder, or
            what `tamis teach` wrote; in float32 unless --dtype names bfloat16 or float16
        yes_no: model that answers yes or no, by Hub name or folder; the same holds for it
        languages: what tells languages apart: `words`, in the package, or `lingua` (extra `lang`)
        segmenter: what divides Chinese, Japanese, Thai, Lao, Khmer and Burmese into words:
            `clusters`, in the package, or `icu` (extra `lang`)
        models: folder of the models that methods train, each kept by what it was trained on;
            beside the scores where none is named, or in ~/.cache/tamis where scores are elsewhere
        executor: who computes columns: inline, in this process; processes, in one for each core, or
            for each GPU where a model reads the rows; processes:4, in so many
        competence: before a model scores rows: warn where it cannot read a group of them, strict
            stops there (--strict does too), off does not look
        competence_group: the label whose groups these are: language, domain, field(name=category)
        allow_code: permits methods from files, `./file.py:function`
        progress: called with step, rows done and rows in all
    """

    store: Path | str | None = None
    embedder: str | Any = "static+chargrams"
    tokenizer: str | Any = "tamis"
    model: str | Any = "openai-community/gpt2"
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"
    device: str = "auto"
    judge: str | Any = ""
    reward: str | Any = "OpenAssistant/reward-model-deberta-v3-large-v2"
    yes_no: str | Any = "MingZhong/unieval-dialog"
    languages: str | Any = "words"
    segmenter: str | Any = "clusters"
    models: Path | str | None = None
    executor: str = "inline"
    competence: Literal["warn", "strict", "off"] = "warn"
    competence_group: str = "language"
    allow_code: bool = False
    progress: Progress = silent
    say: Callable[[str], None] = field(default=warned, repr=False)
    training: Training | None = field(default=None, repr=False)
    trainer: Trainer | None = field(default=None, repr=False)
    asking: Asking | None = field(default=None, repr=False)
    around_judges: Callable[[Any], Any] | None = field(default=None, repr=False)
    target: Dataset | None = field(default=None, repr=False)
    log: list[dict[str, Any]] = field(default_factory=list, repr=False)
    loaded: dict[str, Any] = field(default_factory=dict, repr=False)
    computed: dict[tuple[str, str], Column] = field(default_factory=dict, repr=False)
    judged_models: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)
    elsewhere: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        parse_executor(self.executor)  # before anything is read

    def begin(self, target: Dataset | None = None) -> Run:
        """Forgets the last verb's log and columns; models stay loaded."""
        self.target, self.log, self.computed, self.judged_models = target, [], {}, {}
        return self

    @cached_property
    def scores(self) -> Store:
        from tamis.store import Store, default_root

        return Store.at(self.store or default_root())

    @cached_property
    def workers(self) -> Executor:
        """What computes the columns whose rows stand by themselves."""
        from tamis.run.executors import named

        return named(self)

    def resource(self, protocol: str, model: str = "", dtype: str = "", judge: str = "") -> Any:
        """The object behind a protocol's name, loaded when it is first asked for.

        `model`, `dtype` and `judge` name others than the run's; `loaded` keeps each one.
        """
        from tamis.spec import GRADERS, LANGUAGE_MODEL

        own = {
            "Embedder": self.embedder,
            "Tokenizer": self.tokenizer,
            "Judge": self.judge,
            "Reward": self.reward,
            "YesNo": self.yes_no,
            "Languages": self.languages,
            "Segmenter": self.segmenter,
        }
        if protocol == "Languages":  # a method that asks in a row's language has both
            model = dtype = judge = ""
        given, dtype = model or judge or own.get(protocol, self.model), dtype or self.dtype
        name = protocol
        if protocol in LANGUAGE_MODEL:
            name = "language model" if (given, dtype) == (self.model, self.dtype) else ""
            name = name or f"language model {given} {dtype}"
        elif protocol == "Judge":
            name = "judge" if given == self.judge else f"judge {given}"
        elif protocol in GRADERS and given != own[protocol]:
            name = f"{protocol} {given}"
        if name not in self.loaded:
            found = self._load(protocol, given, dtype)
            if protocol == "Judge" and self.around_judges:
                found = self.around_judges(found)
            # auto and float32 may be one model: it is loaded once
            same = (
                one
                for one in self.loaded.values()
                if (type(one), one.id) == (type(found), found.id)
            )
            self.loaded[name] = next(same, found)
        return self.loaded[name]

    def _load(self, protocol: str, given: Any, dtype: str) -> Any:
        """A resource by name; an object is one already."""
        from tamis import models

        if not isinstance(given, str):
            return given
        if protocol == "Embedder":
            return models.named_embedder(given)
        if protocol == "Tokenizer":
            return models.named_tokenizer(given)
        if protocol == "Judge":
            return self._judge(given)
        if protocol in ("Languages", "Segmenter"):
            from tamis.run import texts

            named = {"Languages": texts.named_languages, "Segmenter": texts.named_segmenter}
            return named[protocol](given)
        if protocol == "Reward":
            return models.named_reward(given, dtype, self.device)
        if protocol == "YesNo":
            return models.named_yes_no(given, dtype, self.device)
        return models.named_language_model(given, dtype, self.device)

    def _judge(self, given: str) -> Any:
        """A judge by name, which tells the progress display what it has been asked."""
        from tamis import models
        from tamis.models.asking import Asking

        if not given:
            raise UserError(
                "a judge is needed: name one with --judge, a server's model as "
                "gpt-4o-mini@https://api.openai.com/v1, or a Hub name or a folder"
            )
        found: Any = models.named_judge(given, self.asking or Asking(), self.dtype, self.device)
        found.told = lambda told: self.progress(f"asking {found.id}", told["done"], told["of"])
        return found

    def forget(self, model: str) -> None:
        """Lets go of a language model by name, which a run with many of them has no room for."""
        for name in list(self.loaded):
            if name.startswith(f"language model {model} ") or name == f"judge {model}":
                del self.loaded[name]
        vars(self).pop("workers", None)  # other processes have loaded it, too

    @property
    def judges(self) -> dict[str, Any]:
        """What each judge was asked and what it took: calls, tokens, money, failures by kind."""
        return {n: one.report() for n, one in self.loaded.items() if hasattr(one, "report")}

    def spent(self) -> dict[str, float]:
        """Seconds from any moment on, and what this run's models were asked since it began."""
        from tamis.run.execute import clock

        reports = list(self.judges.values())
        asked = [told for told in reports if told.get("calls")]
        read = sum(getattr(one, "forward_tokens", 0) for one in self.loaded.values())
        read += self.elsewhere.get("tokens", 0)  # by other processes
        kinds = ("prompt_tokens", "completion_tokens")
        costs = [told.get("cost") for told in asked]
        return {
            **clock(),
            "tokens": read + sum(told.get(kind, 0) for told in asked for kind in kinds),
            "calls": sum(told["calls"] for told in asked),
            # NaN where a judge has no price
            "money": sum(math.nan if cost is None else cost for cost in costs),
        }

    @property
    def setting(self) -> Setting:
        from tamis.run.plan import Setting

        return Setting(self.resource, self.target, self.allow_code)

    def plan(self, data: Dataset, references: Sequence[str]) -> list[Step]:
        """The steps that the references need; raises UserError with every fault at once."""
        from tamis.run.plan import plan

        return plan(references, data.fingerprint, self.setting)

    def train(self, data: Dataset, training: Training | None = None) -> Trained:
        """The run's model trained on all rows of `data`, or what is there of the same training."""
        from tamis.run.train import train

        return train(self, data, training)

    def estimate(self, data: Dataset, references: Sequence[str]) -> list[Estimate]:
        """What the judges of these columns will be asked, found without asking them."""
        from tamis.models.asking import Asking
        from tamis.run.estimate import estimate
        from tamis.run.execute import Inputs
        from tamis.run.plan import asks

        inputs, asking = Inputs(self.resource, self.target), self.asking or Asking()
        # the others may need a language model, which is not to be looked for here
        asked = [text for text in references if asks(text, self.allow_code)]
        steps = [step for step in self.plan(data, asked) if step.spec.asks]
        found = [estimate(step, data, inputs, self.scores, asking) for step in steps]
        return [one for one in found if one is not None]

    def score(self, data: Dataset | Pool, references: Sequence[str]) -> Pool:
        """The rows with the named columns, computed or read from the store."""
        from tamis.run.execute import Inputs, by_row, together
        from tamis.run.plan import plan
        from tamis.types import Pool

        pool = data if isinstance(data, Pool) else Pool.of(data)
        place = pool.data.fingerprint
        # what was computed here has a key; what was handed over is known by what it holds
        given = {n: c for n, c in pool.columns.items() if self.computed.get((place, n)) is not c}
        inputs = Inputs(self.resource, self.target, self.spent, self._before)
        steps = plan(references, place, self.setting, given)
        new = [s for s in steps if (place, s.name) not in self.computed]
        self._recall(new, pool.data)
        for group in together(new) if len(pool) else ():
            started = time.perf_counter()
            by_row(group, pool.data, inputs, self.scores, self.progress, self.workers)
            names, seconds = [step.name for step in group], time.perf_counter() - started
            self.log.append({"together": names, "rows": len(pool), "seconds": seconds})
        waiting: set[str] = set()  # keys of columns that wait for somebody; others are prepared
        told: dict[tuple[str, ...], str] = {}  # by whom they ask: the last says all of it
        for step in steps:
            column = self.computed.get((place, step.name))
            if column is None and waiting.isdisjoint(step.inputs.values()):
                try:
                    column = self._compute(step, pool, inputs)
                except Pending as error:
                    told[tuple(step.inputs[name] for name in step.spec.resources)] = str(error)
            if column is None:
                waiting.add(step.key)
            else:
                pool = replace(pool, columns={**pool.columns, step.name: column})
        if told:
            raise Pending("\n".join(told.values()))
        return pool

    def _recall(self, steps: Sequence[Step], data: Dataset) -> None:
        """What the store knows of whether the models of these steps can judge the rows."""
        if any(_judges(step) for step in steps):
            from tamis.run.competence import recalled

            recalled(self, steps, data)

    def _before(self, steps: Sequence[Step], data: Dataset) -> None:
        """Before steps are computed: whether their models can judge the rows."""
        if any(_judges(step) for step in steps):
            from tamis.run.competence import checked

            checked(self, steps, data)

    def _compute(self, step: Step, pool: Pool, inputs: Inputs) -> Column:
        """Computes a column and takes note of it."""
        from tamis.run.asked_in import asked_in
        from tamis.run.execute import compute

        started = time.perf_counter()
        column = compute(step, pool, inputs, self.scores, self.progress, self.workers)
        self.computed[pool.data.fingerprint, step.name] = column
        spent = time.perf_counter() - started
        told = asked_in(self, step, pool.data, column)
        self._note(step, column, spent)
        self.log[-1] |= told
        return column

    def select(self, data: Dataset | Pool, reference: str, budget: Budget) -> Selection:
        """Picks rows with a selector, in pick order, as positions in the dataset that was read.

        Columns that the selector names are computed first. Rows without a value in one of them
        cannot be picked and are listed in `dropped` by reason.
        """
        from tamis.run.execute import borrowed, scored
        from tamis.run.plan import columns_of, resolve
        from tamis.types import Pool

        written = parse(reference)
        spec = find(written.method, kinds=("select",), allow_code=self.allow_code)
        params = resolve(spec, written)
        columns = columns_of(spec, params)
        pool, limit = self.payable(data, columns, budget)
        if spec.targets and self.target is None:
            raise UserError(f"{spec.name} compares with a target set: give one with --target FILE")
        keep, dropped = scored(pool, columns)
        handed: dict[str, Any] = {
            argument: self._target_pool(columns) if kind is Pool else self.target
            for argument, kind in spec.targets.items()
        }
        handed |= {name: self.resource(kind.__name__) for name, kind in spec.resources.items()}
        self.progress(spec.name, 0, 0)
        started = time.perf_counter()
        inside = pool if len(keep) == len(pool) else pool.take(keep)
        with borrowed(spec):
            picked: Selection = spec.function(inside, limit, **handed, **params)
        self.log.append(
            {"select": reference, "rows": len(pool), "seconds": time.perf_counter() - started}
        )
        gone = {reason: inside.rows[rows] for reason, rows in picked.dropped.items()}
        return replace(picked, rows=inside.rows[picked.rows], dropped={**dropped, **gone})

    def payable(
        self, data: Dataset | Pool, columns: Sequence[str], budget: Budget
    ) -> tuple[Pool, Budget]:
        """The rows with these columns and with what the budget is paid in, and its limit."""
        import numpy as np

        pool = self.score(data, [*columns, *(quota.column for quota in budget.quotas)])
        limit = budget.of(len(pool))
        if limit.tokens is not None and pool.costs is None:
            pool = self.score(pool, [TOKENS])
            pool = replace(pool, costs=pool.scores(TOKENS).astype(np.int64))
        if limit.allocates:
            limit = limit.sized({q.column: pool.labels(q.column) for q in limit.quotas}, pool.costs)
        return pool, limit

    def _target_pool(self, columns: Sequence[str]) -> Pool:
        """The target set with the columns that a selector compares; rows without one are left out.

        The steps go to the same log as those of the pool.
        """
        from tamis.run.execute import scored

        assert self.target is not None
        pool = self.score(self.target, columns)
        keep, _ = scored(pool, columns)
        if not len(keep):
            raise UserError(f"no row of the target set has a value in {', '.join(columns)}")
        return pool if len(keep) == len(pool) else pool.take(keep)

    def columns(self, data: Dataset) -> Pool:
        """The dataset with every column computed for all of its rows since `begin`."""
        from tamis.types import Pool

        found = {name: c for (place, name), c in self.computed.items() if place == data.fingerprint}
        return Pool.of(data, **found)

    def _note(self, step: Step, column: Column, seconds: float) -> None:
        from tamis.run.execute import problems

        self.log.append(
            {
                "score": step.name,
                "version": step.spec.version,
                "key": step.key,
                "rows": len(column),
                "without_score": problems(column),
                "seconds": seconds,
            }
        )


def _judges(step: Step) -> bool:
    """Whether a step asks a model of which it can be told whether it reads a text."""
    return step.spec.reads_model or any(
        kind.__name__ == "Embedder" for kind in step.spec.resources.values()
    )
