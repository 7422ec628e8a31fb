"""Adam's next step as a direction: what a gradient becomes given the moments of a training so far.

    m' = b1 m + (1 - b1) g        v' = b2 v + (1 - b2) g^2
    adam          m' / sqrt(v' + eps)         as LESS's code has it: no correction of the bias
    adam_outside  m' / (sqrt(v') + eps)       as Adam is usually written
The arithmetic holds for numbers, arrays and tensors alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tamis.protocols import Direction


@dataclass(frozen=True, slots=True)
class Adam:
    """Settings of the optimiser whose moments they are."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8


def step(g: Any, m: Any, v: Any, direction: Direction, adam: Adam | None = None) -> Any:
    """The direction of a gradient g, given the mean m and the mean square v of those before it."""
    if direction == "sgd":
        return g
    adam = adam or Adam()
    mean = adam.beta1 * m + (1 - adam.beta1) * g
    square = adam.beta2 * v + (1 - adam.beta2) * (g * g)
    if direction == "adam":
        return mean / (square + adam.eps) ** 0.5
    return mean / (square**0.5 + adam.eps)
