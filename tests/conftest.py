"""Shared helpers: where the optional real data lies, and datasets made in one line."""

import os
from pathlib import Path

import pytest

from tamis.testing import dataset

ROOT = Path(__file__).parents[1]


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
