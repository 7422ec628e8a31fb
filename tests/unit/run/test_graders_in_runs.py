import pytest

from tamis.models.fake import FakeReward, FakeYesNo
from tamis.run.plan import columns_of
from tamis.run.session import Run
from tamis.spec import Naming, scorer, spec_of
from tamis.testing import a_run, dataset


@pytest.mark.parametrize(
    ("protocol", "flag", "fake"), [("Reward", "reward", FakeReward), ("YesNo", "yes_no", FakeYesNo)]
)
def test_a_run_has_one_of_its_own_and_others_by_name(monkeypatch, protocol, flag, fake):
    made = []

    def named(name, dtype, device):
        made.append((name, dtype, device))
        return fake(id=name)

    monkeypatch.setattr(f"tamis.models.named_{flag}", named)
    run = Run(**{flag: "./own"}, dtype="bfloat16", device="cpu")
    for _ in range(2):
        assert run.resource(protocol).id == "./own"
        assert run.resource(protocol, model="./other").id == "./other"
    assert made == [("./own", "bfloat16", "cpu"), ("./other", "bfloat16", "cpu")]


def test_another_language_model_is_not_another_grader(tmp_path):
    one, two = a_run(str(tmp_path)), a_run(str(tmp_path))
    two.model = "reference"
    keys = {run.plan(dataset(), ["reward"])[0].key for run in (one, two)}
    assert len(keys) == 1


def test_another_grader_is_another_score(tmp_path):
    one, two = a_run(str(tmp_path)), a_run(str(tmp_path))
    two.reward = FakeReward(id="other")
    keys = {run.plan(dataset(), ["reward"])[0].key for run in (one, two)}
    assert len(keys) == 2


def test_a_value_may_name_columns_without_being_one():
    from typing import Annotated

    from tamis.types import Column, Pool

    @scorer()
    def summed(pool: Pool, *, of: Annotated[str, Naming(lambda value: value.split("+"))]) -> Column:
        """Sum.

        Args:
            of: columns with + between them
        """
        return Column.floats(sum(pool.scores(name) for name in of.split("+")))

    assert columns_of(spec_of(summed), {"of": "length+mtld"}) == ["length", "mtld"]


def test_the_manifest_names_the_graders_that_were_asked(tmp_path):
    run = a_run(str(tmp_path))
    run.score(dataset(), ["instruct_mining"])
    assert {"Reward", "YesNo"} <= set(run.loaded)


def test_a_style_ranker_is_known_by_its_file(tmp_path):
    from tamis.models import named_reward

    pytest.importorskip("torch")
    (tmp_path / "scar.json").write_text("{}")
    found = named_reward(str(tmp_path), device="cpu")
    assert type(found).__name__ == "Scar"
