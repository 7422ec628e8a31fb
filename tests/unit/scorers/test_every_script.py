"""Every scorer that only looks at the text, on texts of many scripts."""

import math

import pyarrow as pa
import pytest
from test_segments import TEXTS

from tamis import registry
from tamis.testing import a_run, dataset

CHEAP = {"Segmenter", "Tokenizer"}
LEXICAL = [
    spec.name
    for spec in registry.specs(("score",))
    if spec.scope == "row"
    and {kind.__name__ for kind in spec.resources.values()} <= CHEAP
    and not any(param.required for param in spec.params.values())
]
AT_LEAST_ONE = {"length", "tokens", "turns", "mtld", "compression_ratio", "tree_proxy"}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A row and the same text twenty times, a line each, of every script."""
    texts = [text for text, _ in TEXTS.values()]
    texts = [*texts, *("\n".join([text] * 20) for text in texts)]
    rows = [{"instruction": text[:10], "output": text} for text in texts]
    return a_run(str(tmp_path_factory.mktemp("scores"))).score(dataset(rows), LEXICAL)


def test_those_that_are_known_are_among_them():
    assert {"mtld", "compression_ratio", "alpha_share", "tokens", "readability"} <= set(LEXICAL)


@pytest.mark.parametrize("name", LEXICAL)
def test_a_value_or_a_reason_in_every_script(scored, name):
    column = scored.column(name)
    values, problems = column.values.to_pylist(), column.problem.to_pylist()
    assert all((v is None) == (p is not None) for v, p in zip(values, problems, strict=True))
    assert not any(problems[len(TEXTS) :])  # a long text has a value whatever its script
    if not pa.types.is_floating(column.values.type):
        return
    there = [value for value in values if value is not None]
    assert all(map(math.isfinite, there))
    unit = registry.find(name, kinds=("score",)).unit
    if unit.endswith("0 to 1") or unit.startswith(("0 or 1", "1 ")):
        assert 0 <= min(there) and max(there) <= 1
    if name in AT_LEAST_ONE:
        assert min(there) >= 1 if name != "compression_ratio" else min(values[len(TEXTS) :]) > 2
    if name in ("length", "tokens"):
        assert all(b > 10 * a for a, b in zip(values, values[len(TEXTS) :], strict=False))


def test_letters_of_every_script_are_letters(scored):
    shares = dict(zip(TEXTS, scored.scores("alpha_share").tolist(), strict=False))
    assert (
        min(shares.values()) > 0.5
    )  # marks of Thai and Hindi count with the letters they stand on
