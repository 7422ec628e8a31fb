"""INSTAG's normalisation: many tags in a judge's words become few.

Formula, in this order, over the whole pool:
1. frequent: tags that fewer than `min_count` rows have are dropped.
2. rules: lower case, special characters to blanks, words stemmed; tags with the same stems merge.
3. semantic: DBSCAN on the cosine distance of the tags' vectors; the tags of a cluster merge.
4. associated: where `min_support` rows have tags A and B, and at least the share `confidence` of
   the rows with A have B, they merge, along such rules to their end.
Merged tags get the name that the most rows have, ties by name.
Paper: #InsTag (arXiv:2308.07074), 306,044 rows: 20 rows leave 8,541 tags of more than 100,000;
rules leave 7,157; PhraseBERT and eps 0.05 leave 6,587; FP-Growth with support 40 and confidence
0.99 finds 1,772 rules. Its stemmer is NLTK's, an extended Porter's.
The code of steps 2 to 4 was asked for and never released, so these are our decisions. Frequency is
counted in rows. c++ and c# keep their signs, or they would be c; words in other scripts than a to z
are not stemmed; a tag without a letter or digit is dropped by step 2. `min_samples`, which the
paper does not say, is 2: any two tags within eps are one cluster (scikit-learn's default is 5, and
leaves smaller groups apart). Vectors are the run's embedder's, of the name as a person reads it,
not of its stems. A rule between two tags merges the rarer one into the more frequent one; rules
with several tags before the arrow cannot say that two tags are one, so only pairs are looked at.
They are counted after step 3, where the paper looks at tags as given.
A step is off with min_count=1, rules=off, eps=0, min_support=0. A row may lose all of its tags, and
then has an empty list; where step 1 would leave no tag in the whole pool, it is an error: 20 and 40
are for 300,000 rows, and a small pool needs smaller numbers. Tags depend on the pool.
Cost: distances between all tags that step 1 leaves, and the pairs of tags in each row. 100,000 rows
with 600,000 tags, 30,000 different ones of which 5,014 are frequent: 2.5 s on one core, 330 MB.
Oracle: scikit-learn's DBSCAN; association rules by loops over all pairs; each step by hand.
"""

from __future__ import annotations

from tamis.protocols import Embedder
from tamis.scorers._problems import carried
from tamis.scorers._tag_rules import Rules
from tamis.scorers._tag_steps import Steps
from tamis.spec import scorer
from tamis.tags import tagged
from tamis.types import Column, ColumnName, Pool


@scorer(prefer="none", family="powerful-llm", unit="tags", paper="arXiv:2308.07074")
def normal_tags(
    pool: Pool,
    embedder: Embedder,
    *,
    of: ColumnName = "open_tags",
    min_count: int = 20,
    rules: Rules = "porter",
    eps: float = 0.05,
    min_samples: int = 2,
    min_support: int = 40,
    confidence: float = 0.99,
) -> Column:
    """A row's tags, rare ones dropped and those that mean the same merged.

    Args:
        of: the column with a list of tags a row
        min_count: a tag is kept if at least so many rows have it; 1 keeps all
        rules: lower case, words only, and the stemmer: porter, english (the later Porter),
            unstemmed, or off for none of these
        eps: tags within this cosine distance merge; 0 leaves the step out
        min_samples: tags within eps of one, itself counted, that make it the core of a cluster
        min_support: rows that have both tags of a rule; 0 leaves the step out
        confidence: share of the rows with a tag that have the other one as well
    """
    steps = Steps(min_count, rules, eps, min_samples, min_support, confidence)
    *_, (_, tags) = steps(tagged(pool, of), embedder)
    return Column.tags(tags.lists(), **carried(pool, [of]))
