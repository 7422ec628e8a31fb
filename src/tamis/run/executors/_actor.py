"""A worker on a Ray cluster: an actor that is asked for one shard at a time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.metadata import version
from typing import Any

from tamis.run.executors.answering import Answering
from tamis.run.session import Run


class Actor:
    """Answers as a worker process does; everything that it is told is strings and numbers."""

    def __init__(self, device: str) -> None:
        self._answering = Answering(Run(device=device))

    def version(self) -> str:
        """Which tamis is installed there."""
        return version("tamis")

    def answer(self, said: Mapping[str, Any]) -> dict[str, Any]:
        with redirect_stdout(sys.stderr):  # what methods print
            return self._answering.answer(said)

    def leave(self) -> None:
        self._answering.leave()
