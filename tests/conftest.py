"""Shared helpers: where the optional real data lies, and datasets made in one line."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tamis.testing import dataset

ROOT = Path(__file__).parents[1]


def pytest_collection_finish() -> None:
    """What was collected stays: collections of garbage need not look through it each time."""
    gc.collect()
    gc.freeze()


def shared_root() -> Path:
    """The folder of real data that some tests read; they skip where it is absent."""
    return Path(os.environ.get("TAMIS_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def alpaca() -> Path:
    path = shared_root() / "data/instructions/alpaca/alpaca_30k.json"
    if not path.exists():
        pytest.skip(f"real data is absent: {path.name}")
    return path


@pytest.fixture
def rows():
    """Records in memory -> Dataset."""
    return dataset


@pytest.fixture(scope="session")
def sample() -> Path:
    return ROOT / "src/tamis/assets/sample/sample.jsonl"


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("scores"))


@pytest.fixture
def tamis(tmp_path, store):
    """Runs `tamis ARGS` in an empty folder."""

    def run(*args, code=0, stdin=None, path=ROOT / "src"):
        verb_takes_store = args[0] in ("select", "score", "inspect", "demo", "agree", "evolve")
        extra = ["--store", store] if verb_takes_store and "--help" not in args else []
        done = subprocess.run(
            [sys.executable, "-m", "tamis", *map(str, args), *extra],
            cwd=tmp_path,
            capture_output=True,
            input=stdin,
            env={**os.environ, "PYTHONPATH": str(path), "COLUMNS": "200"},
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, out + err
        assert "Traceback" not in err
        return out if code == 0 else err

    run.folder = tmp_path
    return run
