import subprocess
import sys

import pytest

from tamis import registry
from tamis.errors import UserError

MINE = '''
"""Vowels in the answer."""
from tamis import Batch, Column, scorer

@scorer(prefer="high", unit="vowels")
def vowels(batch: Batch, *, extra: int = 0) -> Column:
    """Number of vowels.

    Args:
        extra: added to each
    """
    return Column.floats([extra + sum(c in "aeiou" for c in t) for t in batch.texts().to_pylist()])
'''


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return f"{path}:vowels"


def test_methods_are_found_by_file_name():
    assert {"length", "mtld", "near_duplicate"} <= set(registry.names("score"))
    assert registry.find("length").name == "length"
    assert not [n for n in registry.names("score") if n.startswith("_")]


def test_measures_are_methods_too():
    assert {"vendi_score", "tag_coverage"} <= set(registry.names("measure"))
    assert registry.find("vendi_score").kind == "measure"
    assert "vendi_score" in {spec.name for spec in registry.specs()}
    with pytest.raises(UserError, match="no method 'vendi_score'"):
        registry.find("vendi_score", kinds=("recipe", "select", "score"))


def test_names_are_unique_over_all_kinds():
    every = [name for kind in registry.FOLDERS for name in registry.names(kind)]
    assert len(every) == len(set(every))


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'length'"):
        registry.find("lenght")


def test_code_of_a_file_needs_permission(mine):
    with pytest.raises(UserError, match="--allow-code"):
        registry.find(mine)


def test_a_method_from_a_file_carries_the_hash_of_its_code(mine, tmp_path):
    first = registry.find(mine, allow_code=True)
    assert first.name == "vowels"
    (tmp_path / "mine.py").write_text(MINE.replace("aeiou", "aeiouy"))
    second = registry.find(mine, allow_code=True)
    assert first.key({}, {}) != second.key({}, {})


def test_a_broken_file_is_one_message(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module")
    with pytest.raises(UserError, match="fails on import: ModuleNotFoundError"):
        registry.find(f"{path}:f", allow_code=True)
    with pytest.raises(UserError, match="is not a file"):
        registry.find(f"{tmp_path}/none.py:f", allow_code=True)


def test_entry_points_bring_methods_and_cannot_shadow(monkeypatch):
    class Entry:
        def __init__(self, name, value):
            self.name, self.value = name, value

    brought = [Entry("plugged", "tamis.scorers.length:length")]
    monkeypatch.setattr(registry, "entry_points", lambda group: brought)
    assert "plugged" in registry.names("score")
    assert registry.find("plugged").name == "length"
    brought.append(Entry("mtld", "elsewhere:mtld"))
    with pytest.raises(UserError, match="named like the built-in 'mtld'"):
        registry.names("score")


def test_listing_names_imports_no_method():
    code = (
        "import sys; from tamis import registry; registry.names('score');"
        "print([m for m in sys.modules if m.startswith('tamis.scorers')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
