"""Runs over small pools whose scores stand in the rows themselves."""

import json

import tamis
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.run.pick import pick

SCORER = '''
import json
import numpy as np
from tamis.spec import scorer
from tamis.types import Batch, Column

@scorer(prefer="high", unit="points")
def planted(batch: Batch, *, name: str = "score") -> Column:
    """The number in a field of the row.

    Args:
        name: the field
    """
    found = [json.loads(text).get(name) for text in batch.table["extra"].to_pylist()]
    missing = np.array([value is None for value in found], bool)
    values = np.array([np.nan if value is None else value for value in found], float)
    return Column.floats(values, not_scored=missing)
'''


class Planted:
    """Selects from rows with planted scores; every run has a store of its own."""

    def __init__(self, folder):
        self.folder, self.made = folder, 0
        (folder / "planted.py").write_text(SCORER)
        self.score = f"{folder / 'planted.py'}:planted"

    def named(self, name):
        return f"{self.score}(name={name})"

    def run(self):
        self.made += 1
        return tamis.Run(store=self.folder / f"store{self.made}", allow_code=True)

    def select(self, rows, method, budget, out=None, **more):
        """`rows` is a file, or records that need no file; `method` says SCORE for the score."""
        method = method.replace("SCORE", self.score)
        run = more.pop("run", None) or self.run()
        found = str(self.folder / out) if out else None
        return tamis.select(rows, method=method, budget=budget, out=found, run=run, **more)

    def rows(self, rows, method, budget, run=None, quota=()):
        """The picks alone, which is quicker; [] where nothing fits."""
        run = (run or self.run()).begin()
        limit = Budget.parse(budget).within(quota)
        reference = parse(method.replace("SCORE", self.score))
        try:
            return pick(tamis.read(rows), reference, limit, run)[1].rows.tolist()
        except UserError:
            return []

    def file(self, name, rows):
        path = self.folder / name
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return str(path)


def records(scores, words=None, **more):
    """One record a score, of as many words as are named for it."""
    words = words or [2] * len(scores)
    return [
        {
            "instruction": f"What is number {at}?",
            "output": " ".join([f"it{at}"] + ["so"] * count),
            "score": score,
            **{name: values[at] for name, values in more.items()},
        }
        for at, (score, count) in enumerate(zip(scores, words, strict=True))
    ]
