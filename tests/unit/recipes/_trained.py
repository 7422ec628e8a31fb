"""Runs that train: the real trainer on a tiny model, and one that counts and can fail."""

from pathlib import Path

from tamis.run.fake import FakeTrainer
from tamis.run.session import Run
from tamis.testing import a_run, dataset
from tamis.training.settings import Training

WORDS = "red blue green stone river cloud bread winter lamp horse paper music".split()


def small(rows=24, **more):
    """Rows whose questions and answers differ, each with a task."""
    return dataset(
        [
            {
                "instruction": f"Say {WORDS[n % 12]} {n} times.",
                "output": " ".join([WORDS[(n * n) % 12]] * (n % 5 + 1)) + f" {n}",
                "task": "abc"[n % 3],
                **more,
            }
            for n in range(rows)
        ]
    )


def real_run(folder: Path, **settings) -> Run:
    """A run whose model is a random one of two layers, which the real trainer trains."""
    from tiny import tiny_model

    usual = {"batch": 4, "rank": 2, "max_length": 128, "rate": 5e-3, "template": "plain"}
    return Run(
        store=str(folder / "scores"),
        models=str(folder / "models"),
        model=str(tiny_model(folder / "base")),
        device="cpu",
        training=Training(**{**usual, **settings}),
    )


class Counted:
    """A trainer around another one; it notes what it trained, and fails at the Nth call."""

    def __init__(self, trainer, fails_at=0):
        self.trainer, self.fails_at, self.calls = trainer, fails_at, []

    def __call__(self, data, training, model):
        if len(self.calls) + 1 == self.fails_at:
            raise KeyboardInterrupt
        self.calls.append((sorted(data.ids.to_pylist()), training))
        return self.trainer(data, training, model)


def fake_run(folder: Path, fails_at=0) -> Run:
    """A run on stand-ins whose trainings are counted: `run.trainer.calls`."""
    run = a_run(str(folder / "scores"))
    run.trainer = Counted(FakeTrainer(run), fails_at)
    return run
