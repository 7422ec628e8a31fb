"""What the examples bring along: the judge that answers what experts decided."""

import importlib.util
import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

import tamis
from tamis.models.asking import Asking

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    found = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_method_reads_the_ratings_of_the_experts_judge(tmp_path):
    pytest.importorskip("openai")
    rows = [
        {"instruction": "Name a river.", "input": "", "output": "The Loire.", "expert": 1},
        {"instruction": "Name a river.", "input": "", "output": "river", "expert": 0},
        {"instruction": "给出一条河。", "input": "", "output": "长江。", "expert": 1},
    ]
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judge = example("expert_judge")
    server = ThreadingHTTPServer(("127.0.0.1", 0), judge.handler(judge.marks_of(pool)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"gpt-4o-mini@http://127.0.0.1:{server.server_port}/v1"
    asking = Asking(ledger=tmp_path / "replies.sqlite")
    run = tamis.Run(judge=address, store=tmp_path / "scores", asking=asking)
    found = tamis.score(str(pool), method="alpagasus", run=run)["alpagasus"]
    server.shutdown()
    assert found.tolist() == [5, 2, 5]


def test_examples_name_methods_and_settings_that_exist():
    import tomllib

    from tamis.proof.design import Proof
    from tamis.training.settings import Training
    from tamis.verbs.proving import _check

    files = sorted(EXAMPLES.glob("*.toml"))
    assert len(files) == 4
    for file in files:
        settings = tomllib.loads(file.read_text())
        Training(**settings["train"])
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in settings["prove"].items()}
        _check(tamis.Run(), Proof(**given))
