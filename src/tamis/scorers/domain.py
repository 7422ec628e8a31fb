"""What a row is about, as a label: clusters of the embedding named by their words; code and maths.

Rule: a row whose answer is code by at least `share` of its lines is `code`, one that is mathematics
by at least `share` of its characters is `mathematics`. All others are clustered by k-means on their
vectors, and a cluster is called by the `terms` words of its instructions with the largest
p log(p / q), p the share of the cluster's rows that have the word and q that of all clustered rows:
what each word adds to the divergence between the two, so words that stand everywhere count for
nothing. Function words of eight languages name nothing either. Equal values go by the alphabet. A
word has at least two letters (one where it is written without spaces) and two rows. Clusters with
the same name are numbered, the larger first.
A cluster is no subject: its name says what its rows have in common, and two pools do not share
clusters. A column of your own, `field(name=category)`, is better where there is one.
Related: class-based TF-IDF (BERTopic, arXiv:2203.05794) weighs terms of clusters by counts.
Oracle: planted subjects are found and named; the weights in plain loops.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tamis.errors import UserError
from tamis.kmeans import k_means
from tamis.protocols import Segmenter
from tamis.scorers import _function_words as small
from tamis.scorers._problems import carried
from tamis.scorers._words import CLUSTERS, words
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Ints, Pool
from tamis.vectors import Table, finite

SMALL = frozenset(
    word
    for table in (small.OPENING, small.OTHERS)
    for listed in table.values()
    for word in listed.split()
) | frozenset("的一是了在有和不我你他她它们这那个请为以与及或对")
"""Words that name no subject."""
NAMELESS = "other"
"""The name of a cluster whose rows have no word in common that others lack."""


@scorer(family="beyond", prefer="none", unit="label")
def domain(
    pool: Pool,
    segmenter: Segmenter = CLUSTERS,
    *,
    of: ColumnName = "embedding",
    code: ColumnName = "code_share",
    mathematics: ColumnName = "math_share",
    share: float = 0.5,
    clusters: int = 12,
    terms: int = 3,
    seed: int = 0,
) -> Column:
    """Code, mathematics, or the three words that tell a row's cluster from the others.

    Args:
        of: the vectors to cluster
        code: the share of a row that is code
        mathematics: the share of a row that is mathematics
        share: from this share on a row is code, or mathematics
        clusters: number of clusters of all other rows, at most
        terms: words in the name of a cluster
        seed: decides the clusters
    """
    if clusters < 1 or terms < 1:
        raise UserError(f"clusters={clusters} and terms={terms}: set both to 1 or more")
    order = np.argsort(pool.ids, kind="stable").astype(np.int64)
    columns = {"code": code, "mathematics": mathematics}
    marked = {name: pool.scores(column) >= share for name, column in columns.items()}
    rest = finite(pool, of) & ~np.logical_or.reduce(list(marked.values()))
    rows = order[rest[order]]
    labels = np.full(len(pool), None, dtype=object)
    if len(rows):
        found = k_means(Table(pool, of, rows, directions=True), clusters, seed=seed)
        texts = pool.data.take(rows).texts("instruction")
        flat = words(texts.combine_chunks(), segmenter)
        names = named(found.labels, flat.flat.to_pylist(), flat.counts, terms)
        labels[rows] = [names[cluster] for cluster in found.labels.tolist()]
    for name, mask in reversed(marked.items()):
        labels[mask] = name
    there = np.array([label is not None for label in labels], dtype=bool)
    missing = {n: mask & ~there for n, mask in carried(pool, [of]).items()}
    return Column.strings(labels.tolist(), **missing, no_vector=~there)


def named(clusters: Ints, flat: Sequence[str], counts: Ints, terms: int) -> list[str]:
    """A name for each cluster; `flat` are the words of all rows end to end, `counts` of each."""
    rows = np.repeat(np.arange(len(counts)), counts)
    term = pl.Series("term", list(flat), dtype=pl.String)
    frame = pl.DataFrame({"row": rows, "cluster": clusters[rows], "term": term}).unique()
    lettered = pl.col("term").str.contains(r"\p{L}\p{L}|^\p{Han}$|^\p{Thai}+$")
    frame = frame.filter(lettered & ~pl.col("term").is_in(list(SMALL)))
    inside = frame.group_by("cluster", "term").len("inside")
    whole = inside.group_by("term").agg(pl.col("inside").sum().alias("whole"))
    sizes = np.bincount(clusters)
    inside = inside.with_columns(size=sizes[inside["cluster"].to_numpy()])
    share = pl.col("inside") / pl.col("size")
    weight = share * (share / (pl.col("whole") / len(clusters))).log()
    best = (
        inside.filter(pl.col("inside") > 1)
        .join(whole, on="term")
        .with_columns(weight=weight)
        .filter(pl.col("weight") > 0)
        .sort(["cluster", "weight", "term"], descending=[False, True, False])
        .group_by("cluster", maintain_order=True)
        .head(terms)
    )
    found: dict[int, list[str]] = {}
    for cluster, term in best.select("cluster", "term").iter_rows():
        found.setdefault(cluster, []).append(term)
    return _numbered([", ".join(found.get(c, [])) or NAMELESS for c in range(len(sizes))], sizes)


def _numbered(names: Sequence[str], sizes: Ints) -> list[str]:
    """The names, those that occur again with a number; the larger clusters first."""
    seen: dict[str, int] = {}
    told = list(names)
    for cluster in sorted(range(len(names)), key=lambda c: (-int(sizes[c]), c)):
        seen[names[cluster]] = seen.get(names[cluster], 0) + 1
        if seen[names[cluster]] > 1:
            told[cluster] = f"{names[cluster]} ({seen[names[cluster]]})"
    return told
