"""What a model costs: a table in the package, and one of the user's that comes before it.

A file of prices is TOML, a table a model, by the name that the server is asked for:

    ["my-model"]
    input = 0.50      # USD for a million tokens of questions
    output = 1.50     # USD for a million tokens of answers, thinking included
    as_of = "2026-11-01"
    source = "invoice"

The package's are list prices of the day that stands with them. Discounts (cached questions, batch
files) are not taken off, so what is reported is at most what a list price would be.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tamis.errors import UserError

CURRENCY = "USD"
FORM = '["MODEL"] with input = 0.50 and output = 1.50, in USD for a million tokens'


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens, and where that is known from."""

    input: float
    output: float
    as_of: str = ""
    source: str = ""

    def of(self, prompt: int, completion: int) -> float:
        """The cost of a call."""
        return (prompt * self.input + completion * self.output) / 1_000_000


FREE = Price(0.0, 0.0, source="a model in this process")


def price_of(model: str, own: str | None = None) -> Price | None:
    """The price of a model; the user's file, if there is one, comes first; None if unknown."""
    if own is not None:
        found = read_prices(Path(own).expanduser()).get(model)
        if found is not None:
            return found
    text = files("tamis").joinpath("assets/prices.toml").read_text("utf-8")
    return _prices(text, "assets/prices.toml").get(model)


def read_prices(path: Path) -> Mapping[str, Price]:
    """The prices of a file."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"the file of prices {path} cannot be read: {reason}") from None
    return _prices(text, str(path))


def _prices(text: str, place: str) -> Mapping[str, Price]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{place} is no TOML: {error}; a price is {FORM}") from None
    return {name: _price(name, table, place) for name, table in tables.items()}


def _price(name: str, table: Any, place: str) -> Price:
    values = table if isinstance(table, dict) else {}
    numbers = [values.get("input"), values.get("output")]
    unknown = values.keys() - {"input", "output", "as_of", "source"}
    if unknown or not all(_amount(number) for number in numbers):
        more = f" (unknown: {', '.join(sorted(unknown))})" if unknown else ""
        raise UserError(f"{place}: {name!r} is no price{more}; a price is {FORM}")
    said = (str(values.get(key, "")) for key in ("as_of", "source"))
    return Price(float(numbers[0]), float(numbers[1]), *said)  # type: ignore[arg-type]


def _amount(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= value < math.inf
