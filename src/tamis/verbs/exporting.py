"""`export_training`, as a typed function: the same training in another trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tamis.errors import UserError
from tamis.verbs.reading import Data, begun, read

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.training.elsewhere import Elsewhere
    from tamis.training.settings import Training


def export_training(
    data: Data,
    *,
    to: str,
    out: str = "trained",
    form: Literal["tokens", "messages"] = "tokens",
    training: Training | None = None,
    run: Run | None = None,
) -> Elsewhere:
    """Writes the rows and a configuration with which another trainer does what `train` would do.

    Args:
        data: what `read` takes: a run folder's subset, or any other data
        to: write rows and a configuration for llamafactory or axolotl instead of training
        out: folder for the rows and the configuration
        form: of rows for another trainer: tokens are learned there just as here; messages are
            written down by a template of its own, which is said, or refused where it has none
        training: how, `Training(epochs=2)`
        run: model to use
    """
    from tamis.run.train import default
    from tamis.training.elsewhere import write_elsewhere

    run = begun(run)
    if not isinstance(run.model, str):
        raise UserError("to train a model elsewhere, name it: an object has no name there")
    chosen = training or run.training or default()
    folder = Path(out).expanduser()
    return write_elsewhere(read(data), chosen, run.model, folder, to=to, form=form)
