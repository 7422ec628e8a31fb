"""The steps in which INSTAG makes few tags of many, each with what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Embedder
from tamis.scorers._associations import associated
from tamis.scorers._dbscan import dbscan
from tamis.scorers._tag_rules import Rules, plain, stems
from tamis.tags import Tagged


@dataclass(frozen=True, slots=True)
class Steps:
    """The settings of the four steps; normal_tags explains them."""

    min_count: int
    rules: Rules
    eps: float
    min_samples: int
    min_support: int
    confidence: float

    def __post_init__(self) -> None:
        faults = {
            f"min_count and min_samples are at least 1, got {self.min_count}, {self.min_samples}": (
                self.min_count < 1 or self.min_samples < 1
            ),
            f"eps is a cosine distance from 0 to below 2, got {self.eps}": not 0 <= self.eps < 2,
            f"min_support is a number of rows, or 0 for no merging, got {self.min_support}": (
                self.min_support < 0
            ),
            f"confidence is a share above 0 and at most 1, got {self.confidence}": (
                not 0 < self.confidence <= 1
            ),
        }
        if any(faults.values()):
            raise UserError("\n".join(f"normal_tags: {fault}" for fault in faults if faults[fault]))

    def __call__(self, tags: Tagged, embedder: Embedder) -> Iterator[tuple[str, Tagged]]:
        """The tags after each step that is on, by the step's name, what was given first."""
        yield "given", tags
        if self.min_count > 1:
            tags = frequent(tags, self.min_count)
            yield "frequent", tags
        if self.rules != "off":
            tags = written(tags, self.rules)
            yield "rules", tags
        if self.eps:
            tags = alike(tags, embedder, self.eps, self.min_samples)
            yield "semantic", tags
        if self.min_support:
            tags = tags.merged(associated(tags, self.min_support, self.confidence))
            yield "associated", tags


def frequent(tags: Tagged, least: int) -> Tagged:
    """The tags that at least so many rows have; raises UserError where there were only others."""
    keep = tags.counts >= least
    if len(tags) and not keep.any():
        most = int(np.argmax(tags.counts))
        raise UserError(
            f"normal_tags: none of {len(tags)} tags is in min_count={least} rows or more; the most "
            f"frequent one, {tags.names[most]!r}, is in {tags.counts[most]}. The paper's 20 is for "
            "300,000 rows: set a smaller one, as normal_tags(min_count=2), or 1 to keep all tags"
        )
    return tags.kept(keep)


def written(tags: Tagged, rules: Rules) -> Tagged:
    """Plain tags; those with the same stems become the most frequent of them."""
    tags = tags.renamed([plain(name) for name in tags.names])
    tags = tags.kept(np.array([bool(name) for name in tags.names], bool))
    stem = stems(rules)
    keys = [stem(name) for name in tags.names]
    number = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    return tags.merged(np.array([number[key] for key in keys], np.int64))


def alike(tags: Tagged, embedder: Embedder, eps: float, least: int) -> Tagged:
    """Tags whose vectors are in one cluster become the most frequent of them."""
    if not len(tags):
        return tags
    groups = dbscan(embedder.embed(tags.names), eps, least)
    alone = groups < 0
    groups[alone] = len(tags) + np.flatnonzero(alone)
    return tags.merged(groups)
