"""Every instruction file of the shared data goes through the main job, whatever its format."""

import gzip
import json

import pyarrow.parquet as pq
import pytest

import tamis
from conftest import shared_root

FOLDER = shared_root() / "data/instructions"
FILES = sorted(p for p in FOLDER.rglob("*") if p.is_file() and "LICENSE" not in p.name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tamis.Run(store=tmp_path_factory.mktemp("scores"))


def records(path):
    """The records of a file in a form that can be compared."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    text = data.decode().strip()
    if text.startswith("["):
        return [json.dumps(record) for record in json.loads(text)]
    return [line for line in text.split("\n") if line.strip()]


@pytest.mark.skipif(not FILES, reason="shared/data/instructions is absent")
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_select(path, run, tmp_path):
    data = tamis.read(path)
    assert sum(source.rejected for source in data.sources) == 0
    source = set(records(path))
    for budget, method in (("5%", "clean_cover"), ("1000", "random"), ("200000tok", "length")):
        picked = tamis.select(data, method=method, budget=budget, out=tmp_path / method, run=run)
        (subset,) = (tmp_path / method).glob("subset.*")
        written = records(subset)
        assert len(written) == len(picked) > 0
        assert set(written) <= source
        table = pq.read_table(tmp_path / method / "selection.parquet")
        assert table.num_rows == len(data)
        assert len(tamis.read(subset)) == len(picked)
