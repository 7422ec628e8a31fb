"""A stand-in for trainings, so that methods which train run in tests in no time."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING

from tamis.models.fake import FakeJudge, FakeLikelihood
from tamis.run.session import Run
from tamis.types import Dataset

if TYPE_CHECKING:
    from tamis.training.settings import Training
    from tamis.training.sft import Trained


@dataclass(frozen=True, slots=True)
class FakeTrainer:
    """Trains nothing: what it names by rows, settings and base reads and judges as stand-ins do."""

    run: Run

    def __call__(self, data: Dataset, training: Training, model: str) -> Trained:
        from tamis.training.sft import Kept, Trained

        ids = sorted(data.ids.to_pylist())
        said = "\n".join([*ids, str(training.told()), model])
        name = f"trained-{blake2b(said.encode(), digest_size=6).hexdigest()}"
        each = -(-len(ids) // training.batch)  # updates an epoch
        steps = training.steps or max(ceil(each * training.epochs), 1)
        every = each if training.keep == "epochs" else training.keep_every or steps + 1
        places = range(every, steps + 1, every)
        kept = [Kept(f"{name}-{at}", at, at / each, 1 - (at - 1) / (steps + 1)) for at in places]
        for known in [name, *(one.model for one in kept)]:
            self.run.loaded[f"language model {known} {self.run.dtype}"] = FakeLikelihood(id=known)
            self.run.loaded[f"judge {known}"] = FakeJudge(id=known)
        return Trained(name, tuple(kept), {"steps": steps})
