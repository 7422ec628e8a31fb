import json
from math import exp

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.run.plan import columns_of
from tamis.scorers._rules import PUBLISHED, columns, rule_of, stated
from tamis.scorers.instruct_mining import instruct_mining
from tamis.spec import spec_of
from tamis.testing import a_run, dataset
from tamis.types import Pool

UND, NAT, COH = (
    f"boolean_question(question={name})"
    for name in ("understandability", "naturalness", "coherence")
)


def pool(**columns):
    rows = len(next(iter(columns.values())))
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(rows)])
    return Pool.of(data, **{name: np.array(values) for name, values in columns.items()})


def test_the_first_rule():
    given = {"reward": [1.5, 0], "tokens(of=response)": [200.0, 200.0]}
    found = instruct_mining(pool(**given, **{"neighbour_distance(k=6)": [0.9, 0.9]}), rule="v1")
    one, two = found.values.to_pylist()
    assert (one, two) == pytest.approx((0.019714, 0.244414), abs=1e-9)  # oracle I1
    assert exp(one) == pytest.approx(1.019910, abs=5e-7)


def test_the_third_rule():
    same = {UND: [0.9, 0.9], NAT: [0.8, 0.8], COH: [0.95, 0.95]}
    found = instruct_mining(pool(reward=[1.5, -1], **same))
    one, two = found.values.to_pylist()
    assert (one, two) == pytest.approx((0.012230, 0.031730), abs=1e-9)  # oracle I1
    assert exp(one) == pytest.approx(1.012305, abs=5e-7)


@pytest.mark.parametrize("rule", ["v1", "v3"])
def test_a_published_rule_names_its_columns_as_they_are_written(rule):
    assert [str(parse(name)) for name in columns(rule)] == columns(rule)


def test_only_the_rules_own_columns_are_computed(tmp_path):
    run, data = a_run(str(tmp_path)), dataset()
    names = [step.name for step in run.plan(data, ["instruct_mining(rule=v1)"])]
    assert not any("boolean" in name for name in names)
    assert "neighbour_distance(k=6)" in names


def test_a_rule_out_of_a_file(tmp_path):
    (tmp_path / "rule.json").write_text(
        json.dumps({"intercept": 1, "coefficients": {"length": -0.5}, "runs": 12})
    )
    spec = spec_of(instruct_mining)
    params = spec.resolve({"rule": str(tmp_path / "rule.json")})
    assert columns_of(spec, params) == ["length"]
    assert instruct_mining(pool(length=[4.0]), **params).values.to_pylist() == [-1]


def test_a_file_may_change_and_then_the_key_does(tmp_path):
    spec, path, keys = spec_of(instruct_mining), tmp_path / "rule.json", set()
    for number in (1, 2):
        path.write_text(json.dumps({"intercept": number, "coefficients": {"length": 1}}))
        keys.add(spec.key(spec.resolve({"rule": str(path)}), {}))
    assert len(keys) == 2


def test_a_rule_as_text_is_read_again():
    text = rule_of("v3").text()
    assert stated(text) == text
    assert rule_of(text) == PUBLISHED["v3"]


def test_a_rules_columns_are_computed(tmp_path):
    run, data = a_run(str(tmp_path / "store")), dataset()
    path = tmp_path / "rule.json"
    path.write_text('{"intercept": 2, "coefficients": {"length(unit=words)": 1}}')
    name = str(parse(f"instruct_mining(rule={path})"))
    found = run.score(data, [name, "length(unit=words)"])
    np.testing.assert_allclose(found.scores(name), found.scores("length(unit=words)") + 2)


def test_rows_are_taken_from_below(tmp_path):
    run, data = a_run(str(tmp_path)), dataset()
    found = run.select(data, "bottom_k(by=instruct_mining)", Budget(count=5))
    scores = run.columns(data).scores("instruct_mining")
    assert scores[found.rows].tolist() == sorted(scores[~np.isnan(scores)])[:5]


def test_a_missing_indicator_leaves_no_score(tmp_path):
    run = a_run(str(tmp_path))
    data = dataset([{"instruction": "say nothing", "output": ""}])
    assert run.score(data, ["instruct_mining"]).column("instruct_mining").problem.to_pylist() == [
        "empty_answer"
    ]


@pytest.mark.parametrize(
    "given",
    [
        "v2",
        "{}",
        '{"intercept": 1, "coefficients": {}}',
        '{"intercept": "high", "coefficients": {"length": 1}}',
        '{"intercept": 1, "coefficients": {"length": NaN}}',
        '{"intercept": 1, "coefficients": ["length"]}',
    ],
)
def test_what_is_no_rule_is_refused(given):
    with pytest.raises(UserError, match="rule"):
        stated(given)
