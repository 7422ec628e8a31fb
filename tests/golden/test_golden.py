"""A method's numbers do not move without its version: both are written down here.

After a change on purpose: raise the version, then `python tests/golden/test_golden.py` writes anew.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.notation import parse
from tamis.registry import FOLDERS, find, names
from tamis.run.plan import columns_of, resolve
from tamis.testing import a_run, arguments, dataset

PAGE = Path(__file__).with_name("values.json")
SETTINGS = {
    "threshold": {"at_least": 20},
    "complexity_first": {"tags": "script"},
    "mig": {"tags": "script"},
    "davir": {"base": "length"},  # its reference is length here, and both have to be one score
    "t_shirt": {"of": "loss_difference(neighbours=3)"},
    "normal_tags": {"min_count": 2, "min_support": 5},
    "tag_count": {"of": "script"},
    "instruct_mining_fit": {"of": "[length,mtld]", "subsets": 5, "rows": 9},
    "size_search": {"by": "length", "least": 2, "tries": 4},
    "instag": {"tags": "normal_tags(min_count=2)"},
    "s2l": {"every": 1, "clusters": 4},
    "active_it": {"tasks": "script", "start": 1, "add": 1, "by": "perplexity"},
    "instruction_gpt4": {"of": "[length]", "parts": 2, "subsets": 9, "rows": 5},
    "mods": {"seeds": 3, "tokens": 8},
    "diverse_evol": {"start": 3, "add": 4, "rounds": 2},
    "two_round": {"parts": 2},  # the hard rows are fewer than eight budgets
}


def rounded(value):
    """Six figures: another processor may round the last of sixteen."""
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) > 1e-6 else "0"
    return [rounded(v) for v in value] if isinstance(value, list) else value


def numbers(name):
    """Values, rows picked, or a measure, on the hard rows with stand-ins, as one short hash."""
    spec = find(name)
    data = dataset()
    with tempfile.TemporaryDirectory() as store:
        run = a_run(store)
        given = {**arguments(spec), **SETTINGS.get(name, {})}
        inside = ",".join(f"{k}={v}" for k, v in given.items())
        reference = f"{name}({inside})" if inside else name
        if spec.kind == "score":
            column = run.score(data, [reference]).column(str(parse(reference)))
            found = [rounded(v) for v in column.values.to_pylist()], column.problem.to_pylist()
        elif spec.kind == "select":
            found = run.select(data, reference, Budget(count=12)).rows.tolist()
        elif spec.kind == "measure":
            params = resolve(spec, parse(reference))
            pool = run.score(data, columns_of(spec, params))
            found = f"{spec.function(pool, np.arange(12), **params):.4g}"  # sums of float32
        else:
            params = resolve(spec, parse(reference))
            found = spec.function(run, data, Budget(count=12), **params).rows.tolist()
    return hashlib.blake2b(json.dumps(found).encode(), digest_size=8).hexdigest()


ALL = [name for kind in FOLDERS for name in names(kind)]


@pytest.mark.parametrize("name", ALL)
def test_numbers_move_only_with_the_version(name):
    known = json.loads(PAGE.read_text())
    assert name in known, "a new method: run python tests/golden/test_golden.py"
    version, value = known[name]
    if find(name).version == version:
        assert numbers(name) == value, f"{name} gives other numbers: raise its version"
    else:
        pytest.fail(f"{name} is at version {find(name).version}: write the page anew")


if __name__ == "__main__":
    PAGE.write_text(json.dumps({n: [find(n).version, numbers(n)] for n in ALL}, indent=0) + "\n")
