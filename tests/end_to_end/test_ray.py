"""`--executor ray` as a person uses it: on two nodes, clean output, killed and gone on with."""

import json
import os
import signal

import pytest
from ray_cluster import two_nodes
from test_processes import SLOW, committed, computed, few, finished, killed_amid, started, until

pytest.importorskip("ray")
__all__ = ["few"]


@pytest.fixture(scope="module")
def cluster():
    with two_nodes(connected=False) as nodes:
        yield f"ray(address={nodes.address})"


def test_a_killed_driver_leaves_nobody_and_the_next_goes_on(cluster, few):
    (few / "mine.py").write_text(f"import os\nos.chdir({str(few)!r})\n{SLOW}")
    kept, before = killed_amid(few, "--executor", cluster)
    (few / "most").write_text("20")
    run = started(few, "--json", "--executor", cluster)
    until(lambda: len(computed(few)) > before, "the work of the next run")
    os.kill(int(computed(few)[-1][0]), signal.SIGKILL)
    (few / "most").write_text("100")
    told = json.loads(finished(run))  # and nothing of Ray's stands there
    again = [name for _, name in computed(few)[before:]]
    assert not set(again) & set(kept)
    assert len(committed(few)) == len(set(committed(few))) == 40
    (few / "crowd").write_text("1")
    inline = json.loads(finished(started(few, "--json", "--executor", "inline")))
    assert told["columns"] == inline["columns"]
    assert not list((few / "scores/rows").glob("*.arrow"))
