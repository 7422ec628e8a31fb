"""The verbs as typed functions: the command line is derived from their signatures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.registry import find, names, specs
from tamis.verbs.competence import competence as competence
from tamis.verbs.evaluating import compare as compare
from tamis.verbs.evaluating import contamination as contamination
from tamis.verbs.evaluating import generate as generate
from tamis.verbs.evaluating import grade as grade
from tamis.verbs.evaluating import winrate as winrate
from tamis.verbs.looking import diff as diff
from tamis.verbs.looking import why as why
from tamis.verbs.proving import plan as plan
from tamis.verbs.proving import prove as prove
from tamis.verbs.reading import Data, begun
from tamis.verbs.reading import read as read
from tamis.verbs.reporting import report as report
from tamis.verbs.training import teach as teach
from tamis.verbs.training import train as train

# What the verbs compute with loads when they run, so that --help is instant.
if TYPE_CHECKING:
    import pyarrow as pa

    from tamis.agreement import Agreement
    from tamis.run.estimate import Estimate
    from tamis.run.measure import Measured
    from tamis.run.session import Run
    from tamis.spec import Spec
    from tamis.types import Dataset, Pool, Selection


@dataclass(frozen=True, slots=True)
class Scores:
    """Rows with their score columns."""

    pool: Pool
    log: Sequence[Mapping[str, Any]] = ()
    competence: Sequence[Mapping[str, Any]] = ()  # what was found of the models that were asked

    @property
    def table(self) -> pa.Table:
        """id, source, row, and for each column its value and its problem."""
        import pyarrow as pa

        data = self.pool.data.table
        found = {"id": data["id"], "source": data["source"], "row": data["row"]}
        for name, column in self.pool.columns.items():
            found[name] = pa.chunked_array([column.values])
            if column.problem.null_count < len(column):
                found[f"{name} problem"] = pa.chunked_array([column.problem])
        return pa.table(found)

    def __getitem__(self, name: str) -> Any:
        """A score column as a numpy array, NaN where there is no score."""
        return self.pool.scores(str(parse(name)))


def score(
    data: Data,
    *,
    method: str | Sequence[str],
    out: str | None = None,
    target: Data | None = None,
    run: Run | None = None,
) -> Scores:
    """Scores every row; what the store has is read, what is missing is computed and stored.

    Args:
        data: what `read` takes
        method: one or more scorers, with parameters if need be: length, mtld(of=instruction)
        out: file for the table, by its ending .parquet, .csv or .jsonl
        target: data to compare with, for methods that need a target set
        run: store, resources and progress to use
    """
    run = begun(run, target)
    wanted = [method] if isinstance(method, str) else list(method)
    pool = run.score(read(data), [str(parse(m)) for m in wanted])
    found = tuple(one for told in run.judged_models.values() for one in told)
    scores = Scores(pool, tuple(run.log), found)
    if out:
        from tamis.run.tables import write_table

        write_table(scores.table, Path(out))
    return scores


def estimate(
    data: Data, *, method: str | Sequence[str], target: Data | None = None, run: Run | None = None
) -> list[Estimate]:
    """What judges will be asked for these columns: calls, tokens, money; nobody is asked.

    Args:
        data: what `read` takes
        method: one or more scorers, with parameters if need be
        target: data to compare with, for methods that need a target set
        run: store, judge and prices to use
    """
    wanted = [method] if isinstance(method, str) else list(method)
    return begun(run, target).estimate(read(data), [str(parse(m)) for m in wanted])


def agree(
    data: Data, *, method: Sequence[str], target: Data | None = None, run: Run | None = None
) -> Agreement:
    """How far scores of the same rows agree, pair by pair and together, with 95 % intervals.

    Args:
        data: what `read` takes
        method: two or more scorers on one scale, as alpagasus and alpagasus(judge=NAME@URL)
        target: data to compare with, for methods that need a target set
        run: store, judge and progress to use
    """
    from tamis.agreement import agreement

    wanted = [str(parse(m)) for m in method]
    pool = begun(run, target).score(read(data), wanted)
    return agreement({name: pool.scores(name) for name in wanted})


def evolve(
    data: Data,
    *,
    out: str,
    of: Literal["instruction", "answer"] = "instruction",
    rounds: int = 1,
    operations: Sequence[str] = (),
    prompt: str = "",
    seed: int = 0,
    run: Run | None = None,
) -> Mapping[str, int]:
    """Has a judge rewrite rows and writes them with their originals; returns counts by reason.

    Args:
        data: what `read` takes
        out: file of JSON lines for the rows, each with evolved_from, round and operation
        of: the last instruction, to which a new answer is written, or the last answer
        rounds: how often each is rewritten, each time from the text before
        operations: names of what a round may do; all of this kind where none are named
        prompt: a TOML file with a rubric of your own, with {question}, {answer} and {operation}
        seed: decides which operation a row gets in a round
        run: judge, limits and progress to use
    """
    from tamis.data.write import write_records
    from tamis.evolution import evolve as evolution

    judge = begun(run, None).resource("Judge")
    found = evolution(
        read(data),
        judge,
        of=of,
        rounds=rounds,
        operations=operations,
        prompt=prompt,
        seed=seed,
    )
    write_records(found.records, Path(out))
    return found.counts


@dataclass(frozen=True, slots=True)
class Picked:
    """A finished selection: the rows, how they came about, and where they were written."""

    data: Dataset
    selection: Selection
    pool: Pool
    manifest: Mapping[str, Any]
    files: Sequence[Path] = field(default_factory=tuple)

    def __len__(self) -> int:
        return len(self.selection)

    @property
    def subset(self) -> Dataset:
        """The selected rows in pick order."""
        return self.data.take(self.selection.rows)


def select(
    data: Data,
    *,
    method: str = "clean_cover",
    budget: str | int | float = "5%",
    out: str | None = None,
    params: Mapping[str, Any] | None = None,
    scores: str | Sequence[str] = (),
    target: Data | None = None,
    quota: str | Sequence[str] = (),
    order: Literal["pick", "source"] = "pick",
    run: Run | None = None,
) -> Picked:
    """Selects a subset under a budget and writes it in the form it was read.

    Args:
        data: what `read` takes
        method: a method, a selector, or a scorer (its best rows); parameters in brackets
        budget: 1000 (rows), 5% (of the rows read) or 200000tok (tokens, never exceeded)
        out: folder for subset, selection.parquet, run.toml and manifest.json
        params: parameters of the method, instead of brackets
        scores: further scores to write beside each row
        target: data to compare with, for methods that need a target set
        quota: bounds for a group of rows, as source=alpaca:100..500 or script=Han:20%..; the part
            before the sign is a column, * stands for every other group, shares are of the budget;
            or seats for all groups by their sizes, as language=*:proportional (or square_root,
            equal)
        order: rows of the subset in pick order, or as they stood in the source
        run: store, resources and progress to use
    """
    from tamis.budget import Budget
    from tamis.run import folder as run_folder
    from tamis.run import record
    from tamis.run.pick import check, pick

    if order not in ("pick", "source"):
        raise UserError(f"order is pick or source, not {order!r}")
    run = begun(run, target)
    limit = Budget.parse(budget).within([quota] if isinstance(quota, str) else list(quota))
    scores = [scores] if isinstance(scores, str) else list(scores)
    written = parse(method)
    reference = Reference(written.method, {**written.params, **(params or {})})
    check(reference, run, limit)
    folder = run_folder.open_folder(out) if out else None
    dataset = read(data)
    started = time.perf_counter()  # the command reads before: reading would count as nothing
    run.score(dataset, scores)
    pool, selection = pick(dataset, reference, limit, run)
    manifest = record.manifest(dataset, selection, reference, limit, run)
    files: list[Path] = []
    if folder:
        from tamis.data.write import write

        run_folder.clear_folder(folder)
        files = write(dataset, selection.rows, folder, order=order)
        files.append(run_folder.write_selection(folder, pool, selection))
        config = record.config(dataset, reference, limit, scores, order, target, run)
        files.append(run_folder.write_config(folder, config))
        manifest["files"] = [file.name for file in files]
        manifest["seconds"] = time.perf_counter() - started
        files.append(run_folder.write_manifest(folder, manifest))
    return Picked(dataset, selection, pool, manifest, files)


def export(
    data: Data, *, to: str = "trl", out: str = "export", name: str = "subset", skip: bool = False
) -> list[Path]:
    """Writes data so that a trainer loads it directly.

    Args:
        data: what `read` takes: a run folder's subset, or any other data
        to: trl, llamafactory, axolotl or messages
        out: folder for the files
        name: name of the dataset
        skip: leave out rows that the trainer cannot load, and list them in a file
    """
    import numpy as np

    from tamis.data.export import export as export_data

    dataset = read(data)
    return list(
        export_data(dataset, np.arange(len(dataset)), Path(out), to=to, name=name, skip=skip)
    )


def measure(
    data: Data,
    rows: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    *,
    of: str | Sequence[str] = (),
    random: int = 3,
    run: Run | None = None,
) -> list[Measured]:
    """Says what subsets look like, each beside random subsets of as many rows.

    Args:
        data: folders that `select` wrote; where rows are given, what `read` takes
        rows: positions of the subset in the data, or of several subsets by name
        of: measures, with parameters if need be; without one, all that need only the embedding
        random: number of random subsets, drawn by seeds that `select` does not use by default
        run: store, resources and progress to use
    """
    from tamis.run.measure import asked, measures, subsets_of

    run = begun(run, None)
    wanted = asked([of] if isinstance(of, str) else of, run)  # told before a large file is read
    parts = subsets_of(data if rows is None else read(data), rows, run)
    return [m for pool, subsets in parts for m in measures(run, pool, subsets, wanted, random)]


def inspect(data: Data, *, run: Run | None = None) -> dict[str, Any]:
    """What a pool holds: sources, lengths, scripts, duplicates, problems, as tables by title."""
    from tamis.overview import overview

    return overview(read(data), begun(run, None))


def demo(
    *,
    method: str = "clean_cover",
    out: str = "tamis-demo",
    budget: str = "5%",
    run: Run | None = None,
) -> Picked:
    """Selects from the sample in the package; needs no network.

    Args:
        method: what `select` takes; those that read a language model work with --model reference
        out: folder for the subset
        budget: how much to select
    """
    from importlib.resources import as_file, files

    with as_file(files("tamis").joinpath("assets/sample/sample.jsonl")) as sample:
        return select(str(sample), method=method, budget=budget, out=out, run=run)


def methods(name: str | None = None, *, allow_code: bool = False) -> list[Spec]:
    """Every registered method, or the one of that name.

    Args:
        name: a method
        allow_code: permits a method from a file, ./file.py:function
    """
    return list(specs()) if name is None else [find(name, allow_code=allow_code)]


def method_names(*kinds: str) -> list[str]:
    """Names of the methods of these kinds; nothing is imported."""
    return sorted(n for kind in kinds for n in names(kind))
