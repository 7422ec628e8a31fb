"""Linear rules over columns: an intercept, and a coefficient for each column by its reference.

As a file, a rule is JSON: {"intercept": 0.1, "coefficients": {"reward": -0.02, ...}}; whatever else
stands in it says where it comes from. So does the `rule` that `instruct_mining_fit` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from tamis.errors import UserError
from tamis.notation import parse
from tamis.spec import Naming


@dataclass(frozen=True, slots=True)
class Rule:
    """intercept + sum of coefficient times column."""

    intercept: float
    coefficients: Mapping[str, float]

    def text(self) -> str:
        """The rule as one line of JSON."""
        said = {"intercept": self.intercept, "coefficients": dict(self.coefficients)}
        return json.dumps(said, ensure_ascii=False)


PUBLISHED = {
    "v1": Rule(
        1.0694,
        {"reward": -0.1498, "tokens(of=response)": 8.257e-5, "neighbour_distance(k=6)": -0.9350},
    ),
    "v3": Rule(
        0.0274,
        {
            "reward": -0.0078,
            "boolean_question(question=understandability)": 0.4421,
            "boolean_question(question=naturalness)": -0.3212,
            "boolean_question(question=coherence)": -0.1520,
        },
    ),
}
"""The rules of two versions of INSTRUCTMINING's paper."""


def stated(given: str) -> str:
    """What a parameter holds: a published rule's name, or the rule itself as text.

    So a cache key holds the numbers of a rule and not the path of a file that may change.
    """
    return given if given in PUBLISHED else _read(given).text()


def rule_of(given: str) -> Rule:
    """The rule of a checked parameter."""
    return PUBLISHED[given] if given in PUBLISHED else _read(given)


def columns(given: str) -> list[str]:
    """The columns that a rule takes."""
    return list(rule_of(given).coefficients)


RuleName = Annotated[str, AfterValidator(stated), Naming(columns)]
"""A parameter of this type is v1, v3, a file with a rule, or a rule as JSON text."""


def _read(given: str) -> Rule:
    """A rule out of a file or a text; raises UserError for anything else."""
    text = given
    if not given.lstrip().startswith("{"):
        path = Path(given).expanduser()
        if not path.is_file():
            raise UserError(f"no rule and no file {given!r}; known: {', '.join(PUBLISHED)}")
        text = path.read_text("utf-8")
    try:
        said = json.loads(text)
        found = {str(parse(name)): float(by) for name, by in said["coefficients"].items()}
        rule = Rule(float(said["intercept"]), found)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _wrong(given) from None
    if not found or not all(map(isfinite, (rule.intercept, *found.values()))):
        raise _wrong(given)
    return rule


def _wrong(given: Any) -> UserError:
    return UserError(
        f"{str(given)[:60]!r} holds no rule: a rule is JSON with a number `intercept` and "
        "an object `coefficients` of numbers by the column that they belong to"
    )
