"""INSTRUCTMINING: the loss that a model tuned on such rows is expected to have, low for good rows.

Formula: log L = intercept + sum over the indicators of coefficient times indicator; lower is
better, so rows are taken from below: bottom_k(by=instruct_mining). Two published rules:
    rule=v1  1.0694 - 0.1498 Rew + 8.257e-5 Len - 0.9350 Knn6
    rule=v3  0.0274 - 0.0078 Rew + 0.4421 Und - 0.3212 Nat - 0.1520 Coh
Rew reward, Len tokens(of=response), Knn6 neighbour_distance(k=6), and Und, Nat and Coh
boolean_question(question=understandability), naturalness and coherence. rule=FILE takes one that
`instruct_mining_fit` found, or any other; it names its own columns.
Paper (arXiv:2307.06290): least squares of the log of the loss on held-out prompts on the mean
indicators of 129 subsets, each fine-tuned; R^2 of v3 about 0.52. The values are from secondary
sources, as no code was published; the sources agree on v3 and name no unit for Len in v1.
A published rule holds for its paper's own indicators: another reward model, encoder or tokenizer
shifts and scales its column, and KNN depends on the pool. With the columns here the order of rows
is at best like the paper's, and the loss is not to be believed: fit the rule to runs of your own.
Signs are not to be read: the indicators go together, so that v3 punishes understandability. The
rule was fitted to means of subsets and is applied to single rows, far outside of what it saw.
The paper's own 10,000 rows are not better than random ones on average (58.65 against 58.74).
A row that lacks an indicator of the rule has no score, for the indicator's reason.
Cost: what the rule's columns cost; a T5 of 0.8 B parameters three times and a reward model once.
Oracle: methods.md I1.
"""

from __future__ import annotations

import numpy as np

from tamis.scorers._problems import carried
from tamis.scorers._rules import Rule, RuleName, rule_of
from tamis.spec import scorer
from tamis.types import Column, Floats, Pool


@scorer(prefer="low", family="indicators", unit="log loss", paper="arXiv:2307.06290")
def instruct_mining(pool: Pool, *, rule: RuleName = "v3") -> Column:
    """Predicted log loss: intercept + sum of coefficient times indicator; lower is better.

    Args:
        rule: v1 or v3, the published ones, or a file with coefficients of your own
    """
    found = rule_of(rule)
    return Column.floats(predicted(pool, found), **carried(pool, list(found.coefficients)))


def predicted(pool: Pool, rule: Rule) -> Floats:
    """What a rule says of each row; NaN where an indicator is missing."""
    total = np.full(len(pool), rule.intercept)
    for name, coefficient in rule.coefficients.items():
        total += coefficient * pool.scores(name)
    return total
