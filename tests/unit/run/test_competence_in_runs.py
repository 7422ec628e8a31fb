"""Before models score a pool: whether they can, once a model and pool, with no score changed."""

import json
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest

import tamis
from tamis.competences import LIMITS
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder, FakeLikelihood
from tamis.run.competence import SAMPLE, sample
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.types import Dataset

ENGLISH = "Tell me about the number {0}, please.", "The number {0} is what you get by counting."
FRENCH = "Parlez-moi du nombre {0}, je vous prie.", "Le nombre {0} est celui que vous avez compté."


def rows_of(many, *forms) -> Dataset:
    said = [[part.format(n) for part in form] for form in forms for n in range(many)]
    return dataset([{"instruction": q, "output": a, "kind": q[:4]} for q, a in said])


@dataclass(frozen=True, slots=True)
class Counts:
    """An embedder that guesses, and knows how many texts it was given."""

    id: str = "guesses"
    given: list = field(default_factory=list)

    def embed(self, texts):
        self.given.append(len(texts))
        return FakeEmbedder().embed(texts)


@dataclass
class Told:
    said: list = field(default_factory=list)

    def run(self, store, **settings):
        return Run(store=store, say=self.said.append, **settings)


def test_it_warns_once_and_the_scores_are_the_same(tmp_path):
    told, data, model = Told(), rows_of(40, ENGLISH), Counts()
    pool = told.run(tmp_path / "a", embedder=model).score(data, ["embedding", "embedding(of=all)"])
    assert len(told.said) == 1 and told.said[0].startswith("guesses does not read en well enough")
    assert "--embedder NAME" in told.said[0] and "--competence off" in told.said[0]
    quiet = told.run(tmp_path / "b", embedder=Counts(), competence="off")
    unasked = quiet.score(data, ["embedding"])
    assert len(told.said) == 1 and not quiet.judged_models
    for name in ("embedding",):
        np.testing.assert_array_equal(pool.vectors(name), unasked.vectors(name))


def test_a_run_that_goes_on_measures_nothing_again(tmp_path):
    told, data = Told(), rows_of(40, ENGLISH)
    for of in ("instruction", "instruction", "response"):
        model = Counts()
        run = told.run(tmp_path, embedder=model)
        run.score(data, [f"embedding(of={of})"])
        found = run.judged_models["guesses"]
        assert [one["group"] for one in found] == ["en"] and found[0]["rows_of"] == 40
        asked = sum(model.given)
        assert asked == {3: 2 * 40 + 40, 0: 0}.get(len(model.given), 40)
    assert len(told.said) == 3  # each run tells what is known


def test_strict_stops_before_anything_is_scored(tmp_path):
    data, model = rows_of(40, ENGLISH), Counts()
    with pytest.raises(UserError, match="does not read en"):
        Told().run(tmp_path, embedder=model, competence="strict").score(data, ["embedding"])
    assert sum(model.given) == 80  # questions and answers of the sample
    with pytest.raises(UserError, match="does not read en"):  # as is known
        Told().run(tmp_path, embedder=model, competence="strict").score(data, ["embedding"])
    assert sum(model.given) == 80


def test_groups_are_judged_by_themselves(tmp_path):
    told, data = Told(), rows_of(40, ENGLISH, FRENCH)
    run = told.run(tmp_path, embedder="static+chargrams")
    run.score(data, ["embedding"])
    (found,) = run.judged_models.values()
    assert sorted((one["group"], one["judged"]) for one in found) == [("en", 40), ("fr", 40)]
    by = told.run(tmp_path, embedder="static+chargrams", competence_group="field(name=kind)")
    by.score(data, ["embedding(of=instruction)"])
    (found,) = by.judged_models.values()
    assert sorted(one["group"] for one in found) == ["Parl", "Tell"]


def test_labels_of_other_fields_are_not_taken_from_the_store(tmp_path):
    """Ids do not name them: another file may have the same rows with other labels."""
    first = rows_of(40, ENGLISH)
    other = dataset(
        [
            {"instruction": q, "output": a, "kind": "other"}
            for q, a in ([part.format(n) for part in ENGLISH] for n in range(40))
        ]
    )
    assert first.fingerprint == other.fingerprint
    groups = []
    for data, of in ((first, "instruction"), (other, "response")):
        run = Told().run(tmp_path, embedder=Counts(), competence_group="field(name=kind)")
        run.score(data, [f"embedding(of={of})"])
        groups += [one["group"] for one in run.judged_models["guesses"]]
    assert groups == ["Tell", "other"]


def test_few_rows_are_not_judged_and_nothing_is_said(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = Run(store=tmp_path, embedder=Counts(), model=FakeLikelihood())
        run.score(rows_of(LIMITS.rows - 1, ENGLISH), ["embedding", "perplexity", "ifd"])
        assert not run.judged_models
        run.score(rows_of(20, ENGLISH, FRENCH), ["embedding"])  # a pool of small groups
        assert [one["judged"] for one in run.judged_models["guesses"]] == [0, 0]


def test_a_language_model_is_asked_once_for_methods_that_ask_together(tmp_path):
    told, data = Told(), rows_of(40, ENGLISH)
    run = told.run(tmp_path, model=FakeLikelihood())
    run.score(data, ["perplexity", "ifd"])
    assert len(told.said) == 1 and "bits a byte" in told.said[0]
    assert list(run.judged_models) == ["fake"]


def test_columns_without_a_model_ask_nothing(tmp_path):
    run = Run(store=tmp_path, embedder=Counts())
    run.score(rows_of(40, ENGLISH), ["length", "language"])
    assert not run.judged_models and not run.embedder.given


def test_python_warns(tmp_path):
    with pytest.warns(UserWarning, match="does not read en"):
        tamis.score(rows_of(40, ENGLISH), method="embedding", run=Run(tmp_path, Counts()))


def test_the_manifest_has_what_was_found(tmp_path):
    run = Run(store=tmp_path / "s", embedder=Counts(), say=lambda text: None)
    data = rows_of(40, ENGLISH)
    tamis.select(data, method="k_center", budget=5, out=str(tmp_path / "o"), run=run)
    manifest = json.loads((tmp_path / "o/manifest.json").read_text())
    (found,) = manifest["competence"]
    assert found["model"] == "guesses" and found["by"] == "language" and found["faults"]
    assert tamis.score(data, method="embedding", run=run).competence[0]["group"] == "en"


def test_the_sample_does_not_depend_on_the_order_of_the_file():
    data = rows_of(SAMPLE + 500, ENGLISH)
    mixed = data.take(np.random.default_rng(0).permutation(len(data)))
    ids = sample(data).ids.to_pylist()
    assert ids == sorted(data.ids.to_pylist())[:SAMPLE] == sample(mixed).ids.to_pylist()
    said = dict(zip(data.ids.to_pylist(), data.texts("all").to_pylist(), strict=True))
    assert sample(mixed).texts("all").to_pylist() == [said[name] for name in ids]


def test_the_verb_judges_what_is_named(tmp_path):
    data = rows_of(40, ENGLISH)
    for settings, of, kinds in (
        ({}, "named", ["embedder"]),
        ({"model": FakeLikelihood()}, "named", ["language model"]),
        (
            {"model": FakeLikelihood(), "embedder": Counts()},
            "named",
            ["language model", "embedder"],
        ),
        ({"model": FakeLikelihood()}, "both", ["language model", "embedder"]),
        ({"model": FakeLikelihood()}, "embedder", ["embedder"]),
    ):
        found = tamis.competence(data, of=of, run=Run(store=tmp_path, **settings))
        assert [one.kind for one in found] == kinds and {one.group for one in found} == {"en"}
    with pytest.raises(UserError, match="set 32 or more"):
        tamis.competence(data, rows=5)


def test_parallel_rows_have_equal_places(tmp_path):
    left, right = rows_of(40, ENGLISH), rows_of(40, FRENCH)
    found = tamis.competence(left, parallel=right, run=Run(store=tmp_path))
    assert found[-1].group == "translations" and found[-1].judged == 40
    with pytest.raises(UserError, match="same number of records"):
        tamis.competence(left, parallel=rows_of(39, FRENCH), run=Run(store=tmp_path))
