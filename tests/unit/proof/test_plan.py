"""What an experiment will take: counted where it can be, measured where not, and nothing kept."""

import pytest
from _small_pool import PLAIN, RECORDS
from tiny import tiny_model

from tamis.proof.design import Proof
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.verbs.proving import plan, prove

pytest.importorskip("trl")
pytest.importorskip("peft")

ASKED = Proof(
    method=["top_k(by=ifd)"], budget=["20%"], equal=["rows", "steps"], hold_out=8, seeds=2
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_model(tmp_path_factory.mktemp("base")))


@pytest.fixture
def run(base, tmp_path):
    return Run(store=tmp_path / "scores", model=base, device="cpu")


def stages(told):
    return {stage["name"].split()[0]: stage for stage in told["stages"]}


def test_every_stage_is_counted_and_the_same_training_in_two_views_once(run, tmp_path):
    found = plan(dataset(RECORDS), ASKED, out=str(tmp_path / "p"), training=PLAIN, run=run)
    told = stages(found)
    assert told["train"]["times"] == 5 * 2 + 2  # all rows in equal steps is a training of its own
    assert told["losses"]["times"] == 13
    assert told["select"]["tokens"] > 0
    assert found["seconds"] == pytest.approx(sum(one["seconds"] for one in found["stages"]))
    assert found["bytes"] > 1e8
    assert found["money"] == 0


def test_nothing_is_left_behind(run, tmp_path):
    plan(dataset(RECORDS), ASKED, out=str(tmp_path / "p"), training=PLAIN, run=run)
    assert not (tmp_path / "p").exists()
    assert not (tmp_path / "models").exists()
    assert {path.name for path in (tmp_path / "scores").iterdir()} <= {"tokens"}


def test_what_is_there_is_not_counted_again(run, tmp_path):
    asked = Proof(method=["mtld"], budget=["20%"], equal=["rows"], hold_out=8, seeds=1)
    given = {"out": str(tmp_path / "p"), "training": PLAIN, "run": run}
    prove(dataset(RECORDS), asked, **given)
    told = stages(plan(dataset(RECORDS), asked, **given))
    assert told["train"]["done"] == told["train"]["times"] == 5
    assert told["losses"]["done"] == told["losses"]["times"] == 6
    assert told["train"]["seconds"] == told["losses"]["seconds"] == 0
    assert told["select"]["done"] == 1


def test_tokens_of_trainings_are_those_that_are_read(run, tmp_path):
    asked = Proof(method=["mtld"], budget=["20%"], equal=["rows"], hold_out=8, seeds=1)
    given = {"out": str(tmp_path / "p"), "training": PLAIN, "run": run}
    counted = stages(plan(dataset(RECORDS), asked, **given))["train"]["tokens"]
    told = prove(dataset(RECORDS), asked, **given)
    read = sum(one["tokens"] for one in told["runs"])
    assert counted == pytest.approx(read, rel=0.1)
