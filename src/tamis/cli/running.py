"""What commands begin with: their data, and a run with their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tamis import api
from tamis.cli import flags, show
from tamis.errors import UserError

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.types import Dataset


def read(files: list[str], given: Mapping[str, Any], run: Run) -> Dataset:
    """The dataset of the command's files; says how many rows could not be read."""
    if not files:
        raise UserError("no data: name a file, `-` for standard input, or a Hub dataset")
    source = files[0] if len(files) == 1 else files
    settings = flags.values_of(api.read, {**given, "source": None})
    data = api.read(source, **settings, progress=run.progress)
    rejected = sum(s.rejected for s in data.sources)
    if rejected:
        counts: dict[str, int] = {}
        for part in data.sources:
            for reason, count in dict(part.detail.get("reject_reasons", {})).items():
                counts[reason] = counts.get(reason, 0) + count
        top = "; ".join(f"{n:,} {reason}" for reason, n in list(counts.items())[:3])
        where = f"written to {data.rejects}" if data.rejects else "keep them with --rejects FILE"
        show.say(
            f"{rejected:,} of {rejected + len(data):,} rows could not be read ({top}); {where}"
        )
    return data


@contextmanager
def running(given: Mapping[str, Any]) -> Iterator[Run]:
    """A run with the command's settings and a progress display."""
    from tamis.cli.progress import progress
    from tamis.models.asking import Asking
    from tamis.run.session import Run
    from tamis.training.settings import Training

    asking = Asking(**flags.values_of(Asking, given))
    said = flags.pairs(given.get("training") or [])
    training = Training.parse(said) if said else None
    settings = {**flags.values_of(Run, given), "asking": asking, "training": training}
    if given.get("strict") and settings.get("competence") == "warn":
        settings["competence"] = "strict"
    with progress() as display:
        yield Run(**settings, progress=display, say=show.say)
