"""The engine on a GPU: the same scores as on a processor. Skips by name where there is none."""

import json

import numpy as np
import pytest

from tamis.models.hf import HuggingFace
from tamis.run.session import Run
from tamis.testing import dataset

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: torch sees none")

ROWS = 400


@pytest.fixture(scope="module")
def pool(request):
    alpaca = request.getfixturevalue("alpaca")
    return dataset(json.loads(alpaca.read_text())[:ROWS])


def scores(tmp_path, pool, name="ifd", **given):
    run = Run(store=tmp_path / "-".join(given.values()), model="reference", **given)
    return run.score(pool, [name]).scores(name)


def test_float32_on_a_gpu_is_float32_on_a_processor(tmp_path, pool):
    one = scores(tmp_path, pool, device="cpu", dtype="float32")
    two = scores(tmp_path, pool, device="cuda", dtype="float32")
    np.testing.assert_allclose(one, two, atol=2e-3)


def test_bfloat16_ranks_as_float32(tmp_path, pool):
    exact = scores(tmp_path, pool, device="cuda", dtype="float32")
    rough = scores(tmp_path, pool, device="cuda", dtype="bfloat16")
    there = ~np.isnan(exact)
    ranks = [np.argsort(np.argsort(values[there])) for values in (exact, rough)]
    agreement = np.corrcoef(*ranks)[0, 1]
    assert agreement > 0.99


def test_nothing_depends_on_what_is_read_beside_it(pool):
    from tamis.passages import Setting, written
    from tamis.scorers._passages import conditioned
    from tamis.types import Batch

    large = HuggingFace("reference", device="cuda", dtype="float32", batch_tokens=16_384)
    small = HuggingFace("reference", device="cuda", dtype="float32", batch_tokens=1)
    rows = [r for r in written(Batch(pool.table), large, Setting()) if r.answers][:100]
    asked = [conditioned(row, ("loss", "entropy", "el2n")) for row in rows]
    for one, two in zip(large.read(asked), small.read(asked), strict=True):
        for name in one.tokens:
            np.testing.assert_allclose(one.tokens[name], two.tokens[name], atol=1e-3)
