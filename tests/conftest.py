"""Shared helpers: where the optional real data lies, and datasets made in one line."""

import contextlib
import gc
import io
import os
import subprocess
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest

from tamis.testing import dataset

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items) -> None:
    """Spreads the slow modules among the others: each worker begins with an equal part of all."""
    modules = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    slow = [tests for tests in modules if _is_slow(tests[0].path)]
    quick = [tests for tests in modules if not _is_slow(tests[0].path)]
    places = [(at / len(part), tests) for part in (slow, quick) for at, tests in enumerate(part)]
    items[:] = [test for _, tests in sorted(places, key=itemgetter(0)) for test in tests]


def _is_slow(path) -> bool:
    return "end_to_end" in path.parts or path.stem in ("test_executor_ray", "test_teach")


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
    """Runs `tamis ARGS` in an empty folder, in this process: what is imported once stays."""
    return _runner(tmp_path, store, command_here)


@pytest.fixture
def tamis_process(tmp_path, store):
    """Runs `tamis ARGS` in an empty folder as a process of its own, as a shell does."""
    return _runner(tmp_path, store, command_alone)


def _runner(folder, store, command):
    def run(*args, code=0, stdin=None, **how):
        verb_takes_store = args[0] in ("select", "score", "inspect", "demo", "agree", "evolve")
        extra = ["--store", store] if verb_takes_store and "--help" not in args else []
        found, out, err = command(folder, [*map(str, args), *extra], stdin, **how)
        assert found == code, out + err
        assert "Traceback" not in err
        run.err = err
        return out if code == 0 else err

    run.folder = folder
    return run


def command_alone(folder, args, stdin=None, path=ROOT / "src"):
    """Exit code, output and messages of `python -m tamis ARGS`."""
    done = subprocess.run(
        [sys.executable, "-m", "tamis", *args],
        cwd=folder,
        capture_output=True,
        input=stdin,
        env={**os.environ, "PYTHONPATH": str(path), "COLUMNS": "200"},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def command_here(folder, args, stdin=None):
    """The same of the command's entry point, called; what it raises is raised."""
    from tamis.cli.main import main

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(sys, "argv", ["tamis", *args])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin or b""), "utf-8"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            main()
    for stream in (out, err):
        stream.flush()
    return ended.value.code, *(stream.buffer.getvalue().decode() for stream in (out, err))
