"""The same judge on another real server: `transformers serve` with the model in the package."""

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from _judging import judge_at, questions

import tamis
from tamis.models import named_judge
from tamis.models.asking import Asking

for needed in ("openai", "torch", "transformers", "fastapi", "uvicorn"):
    pytest.importorskip(needed)

MODEL = str(Path(tamis.__file__).parent / "assets/reference")
SERVE = "from transformers.cli.transformers import main; main()"


@contextmanager
def transformers_serve(folder):
    """The server's address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--device", "cpu", "--host", "127.0.0.1", "--port", str(port), MODEL]
    log = folder / "serve.log"
    with log.open("wb") as file:
        running = subprocess.Popen(
            [sys.executable, "-c", SERVE, *words], stdout=file, stderr=file, cwd=folder
        )
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            if running.poll() is not None:
                pytest.skip(f"transformers serve does not run here: {log.read_text()[-500:]}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        running.kill()
        running.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url):
            return True
    except OSError:
        return False


def test_a_served_model_says_what_it_says_in_this_process(tmp_path):
    asked = questions(5, tokens=12)
    with transformers_serve(tmp_path) as url:
        judge = judge_at(SimpleNamespace(url=url), tmp_path, name=MODEL, timeout=600.0)
        served = judge.ask(asked)
    local = named_judge("reference", Asking(ledger=tmp_path / "local.sqlite"))
    assert served == local.ask(asked)
    assert judge.report()["calls"] == 5 and judge.report()["failures"] == {}
