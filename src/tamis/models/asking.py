"""How a judge is asked: how fast, how long, how often again, and for how much money."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tamis.errors import UserError

# The command line reads the settings for its flags: nothing else loads with them.
if TYPE_CHECKING:
    from tamis.models._purse import Purse


def default_ledger() -> Path:
    """Where answers are kept unless told otherwise: one file a user, shared by all runs."""
    return Path.home() / ".cache" / "tamis" / "replies.sqlite"


@dataclass(frozen=True)
class Asking:
    """Settings of a judge; those of a server mean nothing to a model in this process.

    Args:
        concurrency: calls at a time at most; fewer while the server is overloaded
        requests_per_minute: calls a minute at most; 0: what the server's headers say, if anything
        tokens_per_minute: tokens a minute at most, of questions and answers; 0 likewise
        thinking: tokens that a reasoning model may think before it answers
        timeout: seconds for an answer
        retries: how often a call that failed for a passing reason is made again
        max_calls: most calls that servers may charge for, all judges together
        max_cost: most that may be spent, all judges together, in the currency of the prices (USD)
        prices: a TOML file with prices of your own, which come before those in the package
        batches: a folder for the provider's batch files, which are written there instead of calls
        ledger: the file that keeps answers; ~/.cache/tamis/replies.sqlite unless given
    """

    concurrency: int = 16
    requests_per_minute: float = 0
    tokens_per_minute: float = 0
    thinking: int = 0
    timeout: float = 120
    retries: int = 6
    max_calls: int | None = None
    max_cost: float | None = None
    prices: str | None = None
    batches: str | None = None
    ledger: Path | None = None

    def __post_init__(self) -> None:
        least = {
            "concurrency": 1,
            "requests_per_minute": 0,
            "tokens_per_minute": 0,
            "thinking": 0,
            "retries": 0,
            "max_calls": 0,
            "max_cost": 0,
        }
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and not (bound <= value < math.inf):
                raise UserError(f"{name} must be at least {bound} and finite, got {value}")
        if not (0 < self.timeout < math.inf):
            raise UserError(f"timeout must be a number of seconds above 0, got {self.timeout}")

    @property
    def replies(self) -> Path:
        """The file of the ledger."""
        return Path(self.ledger).expanduser() if self.ledger else default_ledger()

    @cached_property
    def purse(self) -> Purse:
        """What these settings allow to be spent: all judges that have them share it."""
        from tamis.models._purse import Purse

        return Purse(self.max_calls, self.max_cost)
