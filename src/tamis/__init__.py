"""tamis: select the instruction-tuning data that trains a better model, and prove it.

    import tamis
    data = tamis.read("alpaca.json")
    table = tamis.score(data, ["length", "mtld"])
    picked = tamis.select(data, budget="5%", out="selected")

Names load when they are first used: importing tamis costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    **dict.fromkeys(
        ("read", "score", "select", "estimate", "agree", "measure", "export", "inspect", "methods"),
        "tamis.api",
    ),
    **dict.fromkeys(
        ("generate", "compare", "grade", "winrate", "contamination"), "tamis.verbs.evaluating"
    ),
    **dict.fromkeys(("train", "teach"), "tamis.verbs.training"),
    "export_training": "tamis.verbs.exporting",
    "benchmark": "tamis.verbs.benchmarking",
    **dict.fromkeys(("why", "diff"), "tamis.verbs.looking"),
    "report": "tamis.verbs.reporting",
    "competence": "tamis.verbs.competence",
    **dict.fromkeys(("prove", "plan"), "tamis.verbs.proving"),
    "Proof": "tamis.proof.design",
    "Training": "tamis.training.settings",
    **dict.fromkeys(("scorer", "selector", "recipe"), "tamis.spec"),
    "Budget": "tamis.budget",
    **dict.fromkeys(("Batch", "Column", "Dataset", "Pool", "Selection"), "tamis.types"),
    "Asking": "tamis.models.asking",
    "Run": "tamis.run.session",
    "UserError": "tamis.errors",
}

__all__ = [*_HOME, "__version__"]

if TYPE_CHECKING:
    from tamis.api import agree as agree
    from tamis.api import estimate as estimate
    from tamis.api import export as export
    from tamis.api import inspect as inspect
    from tamis.api import measure as measure
    from tamis.api import methods as methods
    from tamis.api import read as read
    from tamis.api import score as score
    from tamis.api import select as select
    from tamis.budget import Budget as Budget
    from tamis.errors import UserError as UserError
    from tamis.models.asking import Asking as Asking
    from tamis.proof.design import Proof as Proof
    from tamis.run.session import Run as Run
    from tamis.spec import recipe as recipe
    from tamis.spec import scorer as scorer
    from tamis.spec import selector as selector
    from tamis.training.settings import Training as Training
    from tamis.types import Batch as Batch
    from tamis.types import Column as Column
    from tamis.types import Dataset as Dataset
    from tamis.types import Pool as Pool
    from tamis.types import Selection as Selection
    from tamis.verbs.benchmarking import benchmark as benchmark
    from tamis.verbs.competence import competence as competence
    from tamis.verbs.evaluating import compare as compare
    from tamis.verbs.evaluating import contamination as contamination
    from tamis.verbs.evaluating import generate as generate
    from tamis.verbs.evaluating import grade as grade
    from tamis.verbs.evaluating import winrate as winrate
    from tamis.verbs.exporting import export_training as export_training
    from tamis.verbs.looking import diff as diff
    from tamis.verbs.looking import why as why
    from tamis.verbs.proving import plan as plan
    from tamis.verbs.proving import prove as prove
    from tamis.verbs.reporting import report as report
    from tamis.verbs.training import teach as teach
    from tamis.verbs.training import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tamis' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
