"""`prove` and `plan`, as typed functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis.errors import UserError
from tamis.proof.design import Proof

if TYPE_CHECKING:
    from tamis.proof.held_out import Parted
    from tamis.proof.prove import Exam, Experiment
    from tamis.run.session import Run
    from tamis.training.settings import Training
    from tamis.types import Dataset


def prove(
    data: Dataset,
    proof: Proof,
    *,
    out: str = "proof",
    training: Training | None = None,
    run: Run | None = None,
) -> Mapping[str, Any]:
    """Selects, trains and measures, and says whether selection beat random rows.

    Args:
        data: the pool
        proof: what is to be proved, `Proof(method=["cherry"], budget=["5%"])`
        out: folder for the report; an experiment there goes on
        training: how models are fine-tuned
        run: store, models, judge and progress to use
    """
    from tamis.proof.prove import prove as carry_out
    from tamis.proof.report import write
    from tamis.run.folder import open_folder, write_config, write_manifest
    from tamis.run.record import common, resources

    folder = open_folder(out)
    found, notes = _experiment(data, proof, folder, training, run)
    write_manifest(folder, {"unfinished": True, "files": []})  # the folder is ours when we go on
    carry_out(found)
    told = write(found, notes)
    settings = {"prove": asdict(proof), "train": found.training.told(), "run": resources(found.run)}
    write_config(folder, {**common(data), **settings})
    write_manifest(folder, {"proof": told["runs"], "notes": told["notes"], "files": []})
    return {**told, "out": out}


def plan(
    data: Dataset,
    proof: Proof,
    *,
    out: str = "proof",
    training: Training | None = None,
    run: Run | None = None,
) -> Mapping[str, Any]:
    """What `prove` will take: time, memory, tokens and money of each stage, measured on little.

    Args:
        data: the pool
        proof: what is to be proved
        out: the folder that `prove` will write: what is there already is not done again
        training: how models are fine-tuned
        run: store, models, judge and prices to use
    """
    from tamis.proof.plan import plan as reckon
    from tamis.proof.plan import told

    found, notes = _experiment(data, proof, Path(out).expanduser(), training, run)
    return {"notes": list(notes), **told(reckon(found))}


def _experiment(
    data: Dataset, proof: Proof, folder: Path, training: Training | None, run: Run | None
) -> tuple[Experiment, Sequence[str]]:
    """What is to be done; every fault of the question at once, before anything is computed."""
    from tamis.proof.prove import Experiment
    from tamis.run.session import Run
    from tamis.run.train import default

    run = run or Run()
    _check(run, proof)
    run.training = training or run.training or default()
    parted, exam = _exam(run, data, proof)
    return Experiment(run, parted.pool, proof, exam, run.training, folder), parted.notes


def _check(run: Run, proof: Proof) -> None:
    from tamis.notation import parse
    from tamis.run.pick import check

    faults = []
    for method in proof.method:
        try:
            check(parse(method), run)
        except UserError as fault:
            faults.append(str(fault))
    if faults:
        raise UserError("\n".join(faults))


def _exam(run: Run, data: Dataset, proof: Proof) -> tuple[Parted, Exam]:
    """The pool without what models are measured on, and that."""
    from tamis.data.read import read
    from tamis.proof.held_out import held_out, named, without_repeats
    from tamis.proof.prove import Exam

    tests = tuple(named(path, read(path)) for path in proof.test)
    asked = tuple(named(path, read(path)) for path in proof.prompts)
    notes: tuple[str, ...] = ()
    own = not tests and not asked
    if own:
        parted = held_out(data, proof.hold_out)
        data, tests, notes = parted.pool, parted.tests, parted.notes
    parted = without_repeats(data, [*tests, *asked], proof.repeats, runs=not own)
    exam = Exam(tests, asked, bool(run.judge), proof.answer_tokens)
    return replace(parted, notes=(*notes, *parted.notes)), exam
