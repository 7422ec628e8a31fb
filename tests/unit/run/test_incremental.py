"""New rows cost their own scoring, and a changed parameter its own method."""

from collections import Counter

from tamis.run.session import Run
from tamis.testing import dataset

METHODS = """
from tamis import Batch, Column, scorer

@scorer()
def first(batch: Batch, *, log: str, times: int = 1) -> Column:
    return noted("first", batch, log, times)

@scorer()
def second(batch: Batch, *, log: str, times: int = 1) -> Column:
    return noted("second", batch, log, times)

def noted(name, batch, log, times):
    with open(log, "a") as file:
        file.write("".join(f"{name} {row}\\n" for row in batch.ids))
    return Column.floats([float(times * len(t)) for t in batch.texts().to_pylist()])
"""


def test_two_per_cent_of_new_rows_and_one_changed_parameter(tmp_path):
    log, code = tmp_path / "log", tmp_path / "mine.py"
    code.write_text(METHODS)
    log.touch()

    def asked(*params):
        """What each method computes for the pool, which is scored with these parameters."""
        before = len(log.read_text().splitlines())
        references = [f"{code}:{name}(log={log},times={n})" for name, n in params]
        pool = Run(store=tmp_path / "scores", allow_code=True).score(data, references)
        lengths = [len(text) for text in data.texts().to_pylist()]
        for (_, times), reference in zip(params, references, strict=True):
            assert pool.scores(reference).tolist() == [float(times * n) for n in lengths]
        new = log.read_text().splitlines()[before:]
        return Counter(line.split()[0] for line in new), {line.split()[1] for line in new}

    texts = [{"instruction": f"Say {n}", "output": "o" * (n % 7 + 1)} for n in range(1020)]
    data = dataset(texts[:1000])
    old = set(data.ids.to_pylist())
    assert asked(("first", 1), ("second", 1)) == ({"first": 1000, "second": 1000}, old)
    data = dataset(texts[::-1])  # in another order
    new = set(data.ids.to_pylist()) - old
    assert len(new) == 20
    assert asked(("first", 1), ("second", 1)) == ({"first": 20, "second": 20}, new)
    assert asked(("first", 1), ("second", 2)) == ({"second": 1020}, old | new)
    data = data.take([3, 1, 2])
    assert asked(("first", 1), ("second", 2)) == ({}, set())
