"""Why a row: what is said of it is what happens when it is tried."""

import json

import numpy as np
import pytest
from _planted import Planted, records

import tamis
from tamis.reports.why import plain


@pytest.fixture
def planted(tmp_path):
    return Planted(tmp_path)


def asked(planted, out, rows, **more):
    return tamis.why(str(planted.folder / out), rows, run=planted.run(), **more)


def every(planted, out, count, **more):
    return asked(planted, out, [f"#{at + 1}" for at in range(count)], **more)


def test_a_row_that_was_kept_and_one_that_was_not(planted):
    path = planted.file("pool.jsonl", records([1.0, 5.0, 3.0, 4.0, 2.0]))
    planted.select(path, "top_k(by=SCORE)", 2, "run")
    kept, out = asked(planted, "run", ["#2", "#3"])
    assert (kept.kept, kept.rank, kept.gain, kept.said) == (True, 0, 5.0, "kept: pick 1 of 2")
    assert (kept.budget, kept.budget_said) == ("1", "in from a budget of 1 on")
    assert kept.source == path and kept.record == 2
    assert [turn.role for turn in kept.turns] == ["user", "assistant"]
    assert kept.turns[0].content == "What is number 1?"
    assert (out.kept, out.rank, out.gain, out.reason) == (False, None, None, "not reached")
    assert out.said == "not picked: the budget of 2 was spent before its turn came"
    assert (out.budget, out.place) == ("3", 3)
    assert out.needed.low == 4.0 and out.needed.missing == 1.0 and out.needed.high is None


def test_percentiles_are_those_counted_by_hand(planted):
    # of 4 scored rows; 2.0 stands there twice
    path = planted.file("pool.jsonl", records([1.0, 2.0, 2.0, 8.0, None]))
    planted.select(path, "top_k(by=SCORE)", 2, "run")
    found = every(planted, "run", 5)
    scores = [one.scores[0] for one in found]
    assert [score.percentile for score in scores] == [12.5, 50.0, 50.0, 87.5, None]
    # the kept ones are 8.0 and one of the 2.0
    assert [score.among_kept for score in scores] == [0.0, 25.0, 25.0, 75.0, None]
    assert (scores[0].prefer, scores[0].unit) == ("high", "points")
    assert scores[4].value is None and scores[4].problem == "not_scored"
    assert found[4].said.startswith("dropped: it has no value in") and "not_scored" in found[4].said
    assert found[4].budget_said.startswith("no budget has it: ")


def moved(rows, row, value):
    return [{**one, "score": value} if at == row else one for at, one in enumerate(rows)]


def near(needed):
    """Values just inside the range that is told, and just outside of it."""
    up, down = np.inf, -np.inf
    inside, outside = [], []
    for end, itself, inner, outer in (
        (needed.low, needed.low_itself, up, down),
        (needed.high, needed.high_itself, down, up),
    ):
        if end is None:
            inside.append(1e9 if inner is down else -1e9)
            continue
        inside.append(end if itself else float(np.nextafter(end, inner)))
        outside.append(float(np.nextafter(end, outer)) if itself else end)
    return inside, outside


@pytest.mark.parametrize(
    ("method", "budget"),
    [
        ("top_k(by=SCORE)", 3),
        ("bottom_k(by=SCORE)", 3),
        ("SCORE", 3),
        ("threshold(by=SCORE,at_least=2,at_most=6,closed=left)", 2),
        ("threshold(by=SCORE,at_least=2,at_most=6,closed=right,first=low)", 2),
        ("threshold(by=SCORE,at_least=5)", 9),
        ("top_k(by=SCORE)", "30tok"),
        ("threshold(by=SCORE,at_most=5)", "30tok"),
    ],
)
def test_a_row_is_kept_exactly_where_its_value_is_in_the_range(planted, method, budget):
    rng = np.random.default_rng(len(method))
    scores = [float(s) for s in rng.integers(0, 8, 7)]  # with ties, which go by id
    scores[3] = None
    rows = records(scores, rng.integers(1, 9, 7).tolist())
    picked = planted.select(rows, method, budget, "run")
    ids = picked.data.ids.to_pylist()
    kept = set(picked.selection.rows.tolist())
    told = 0
    for row, one in enumerate(asked(planted, "run", ids)):
        assert one.kept == (row in kept)
        if one.needed is None:
            continue
        inside, outside = near(one.needed)
        value = one.needed.value
        if value is not None:
            low = -np.inf if one.needed.low is None else one.needed.low
            high = np.inf if one.needed.high is None else one.needed.high
            assert one.needed.missing == max(low - value, value - high, 0)
        told += 1
        for value, wanted in [*((v, True) for v in inside), *((v, False) for v in outside)]:
            again = planted.rows(moved(rows, row, value), method, budget)
            assert (row in again) == wanted, (row, value)
    assert told >= 5


def test_no_value_would_do_for_a_row_that_costs_more_than_the_budget(planted):
    rows = records([1.0, 2.0, 3.0, 0.5], [1, 1, 1, 500])
    ids = planted.select(rows, "top_k(by=SCORE)", "20tok", "run").data.ids.to_pylist()
    found = asked(planted, "run", ids)
    assert found[3].needed is None and found[0].needed is not None


@pytest.mark.parametrize(
    "method",
    [
        "top_k(by=SCORE)",
        "random(seed=3)",
        "gumbel_top_k(by=SCORE,seed=1)",
        "stratified(by=field(name=kind),then=SCORE)",
        "percentile_band(by=SCORE,low=20,high=80)",
        "complexity_first(tags=field_tags(name=kind))",
    ],
)
@pytest.mark.parametrize("unit", ["", "tok"])
def test_with_the_budget_that_is_told_a_row_is_in_and_with_one_less_it_is_not(
    planted, method, unit
):
    rng = np.random.default_rng(7)
    rows = records(
        rng.integers(0, 9, 7).astype(float).tolist(),
        rng.integers(1, 6, 7).tolist(),
        kind=rng.choice(["a", "b", "c"], 7).tolist(),
    )
    run = planted.run()
    picked = planted.select(rows, method, f"{25 if unit else 2}{unit}", "run", run=run)
    found = asked(planted, "run", picked.data.ids.to_pylist())
    there = 0
    for row, one in enumerate(found):
        if one.budget is None:
            whole = planted.rows(rows, method, f"{999 if unit else 7}{unit}", run)
            assert row not in whole and one.budget_said.startswith("no budget")
            continue
        there += 1
        total = int(one.budget.removesuffix("tok"))
        with_it = planted.rows(rows, method, f"{total}{unit}", run)
        assert with_it[one.place - 1] == row
        if total > 1:
            less = planted.rows(rows, method, f"{total - 1}{unit}", run)
            assert row not in less, (row, one.budget)
    assert there >= 3


def test_a_row_without_tokens_needs_a_budget_that_is_not_spent(planted):
    rows = records([3.0, 2.0, 1.0, 2.5])
    rows[1] |= {"instruction": "", "output": ""}
    run = planted.run()
    ids = planted.select(rows, "top_k(by=SCORE)", "10tok", "run", run=run).data.ids.to_pylist()
    for row, one in enumerate(asked(planted, "run", ids)):
        total = int(one.budget.removesuffix("tok"))
        assert row in planted.rows(rows, "top_k(by=SCORE)", f"{total}tok", run)
        assert row not in planted.rows(rows, "top_k(by=SCORE)", f"{total - 1}tok", run)


def test_a_row_without_tokens_is_not_taken_when_all_is_spent(planted):
    rows = records([3.0, 1.0, 2.0])
    rows[1] |= {"instruction": "", "output": ""}
    whole = planted.select(rows, "top_k(by=SCORE)", "99tok", "run")
    costs = whole.pool.scores("tokens(of=all)")
    budget = f"{int(costs[0] + costs[2])}tok"
    planted.select(rows, "top_k(by=SCORE)", budget, "run")
    (one,) = asked(planted, "run", whole.data.ids.to_pylist()[1])
    assert not one.kept and one.needed.low == 2.0  # it has to come before the last pick
    assert 1 in planted.rows(moved(rows, 1, 2.5), "top_k(by=SCORE)", budget)
    assert 1 not in planted.rows(moved(rows, 1, 1.9), "top_k(by=SCORE)", budget)


def test_with_quotas_the_budget_that_is_told_has_the_row_and_one_less_has_not(planted):
    rng = np.random.default_rng(5)
    rows = records(rng.permutation(16).astype(float).tolist(), kind=["a", "b"] * 8)
    quota = "field(name=kind)=a:75%"
    run = planted.run()
    picked = planted.select(rows, "top_k(by=SCORE)", 4, "run", quota=quota, run=run)
    found = asked(planted, "run", picked.data.ids.to_pylist())
    told = [one for one in found if one.budget is not None]
    assert len(told) >= 8
    for one in told:
        row, total = found.index(one), int(one.budget)
        assert "with quotas a row may come and go" in one.budget_said and one.needed is None
        assert row in planted.rows(rows, "top_k(by=SCORE)", total, run, [quota])
        if total > 1:
            assert row not in planted.rows(rows, "top_k(by=SCORE)", total - 1, run, [quota])


def test_a_greedy_selection_is_searched_only_when_asked(planted):
    rng = np.random.default_rng(1)
    words = ["sea", "tax", "cat", "law", "sun", "code", "bread", "war"]
    rows = [
        {"instruction": " ".join(rng.choice(words, 4)), "output": f"{at} {rng.choice(words)}"}
        for at in range(24)
    ]
    path, run = planted.file("pool.jsonl", rows), planted.run()
    picked = planted.select(path, "k_center", 3, "run", run=run)
    out = sorted(set(range(24)) - set(picked.selection.rows.tolist()))[:6]
    named = [f"#{row + 1}" for row in out]
    for one in asked(planted, "run", named):
        assert one.budget is None and "--search" in one.budget_said
        assert one.said == "not picked under the budget of 3"
    for row, one in zip(out, asked(planted, "run", named, search=True), strict=True):
        total = int(one.budget)
        assert planted.select(path, "k_center", total, run=run).selection.rows[-1] == row
        less = planted.select(path, "k_center", total - 1, run=run)
        assert row not in less.selection.rows


def test_a_search_compares_with_the_target_set_of_the_run(planted):
    words = ["sea", "tax", "cat", "law", "sun", "code", "bread", "war"]
    rng = np.random.default_rng(2)
    rows = [
        {"instruction": " ".join(rng.choice(words, 4)), "output": f"{at} {rng.choice(words)}"}
        for at in range(12)
    ]
    path, target = planted.file("pool.jsonl", rows), planted.file("target.jsonl", rows[::-4])
    run, more = planted.run(), {"target": target}
    picked = planted.select(path, "round_robin", "30tok", "run", run=run, **more)
    out = sorted(set(range(12)) - set(picked.selection.rows.tolist()))[:3]
    for row in out:
        (one,) = asked(planted, "run", f"#{row + 1}", search=True)
        total = int(one.budget.removesuffix("tok"))
        again = planted.select(path, "round_robin", f"{total}tok", run=run, **more)
        assert again.selection.rows[-1] == row
        less = planted.select(path, "round_robin", f"{total - 1}tok", run=run, **more)
        assert row not in less.selection.rows
    (planted.folder / "target.jsonl").unlink()
    (one,) = asked(planted, "run", f"#{out[0] + 1}", search=True)
    assert one.budget is None and "no file" in one.budget_said


def test_a_recipe_is_searched_and_the_rule_that_drops_a_row_is_named(planted):
    rows = records([1.0] * 12, [*range(3, 14), 2])
    rows[4]["output"] = ""
    rows[5]["output"] = rows[6]["output"] = "I am sorry, but I cannot help with that."
    path = planted.file("pool.jsonl", rows)
    planted.select(path, "clean_cover", 2, "run")
    found = every(planted, "run", 12, search=True)
    assert found[4].said.startswith(
        "dropped: empty answer. empty(of=response) is 1, and rows above"
    )
    assert found[4].rule.value == 1 and found[4].rule.drops == "above 0"
    assert found[4].budget_said == "no budget has it: empty answer"
    assert found[5].rule.score == "refusal"
    assert sorted(int(one.budget) for one in found if one.budget) == list(range(1, 10))


def test_a_rule_with_a_bound_tells_the_bound(planted):
    rows = records([1.0, 5.0, 9.0])
    ids = planted.select(rows, "threshold(by=SCORE,at_least=4,at_most=8)", 2, "run").data.ids
    low, inside, high = asked(planted, "run", ids.to_pylist())
    assert (low.rule.drops, low.rule.value) == ("below 4", 1.0)
    assert high.rule.drops == "above 8"
    assert inside.rule is None and inside.needed.low == 4 and inside.needed.high == 8
    assert low.needed.missing == 3 and low.budget_said == f"no budget has it: {low.reason}"


def test_the_nearest_kept_row_is_the_one_with_the_largest_cosine(planted):
    rows = [
        {
            "instruction": "Bake bread with flour and yeast",
            "output": "Knead the dough.",
            "score": 9,
        },
        {"instruction": "File a tax return", "output": "Use the tax form.", "score": 8},
        {"instruction": "Bake bread with flour and yeast!", "output": "Knead dough.", "score": 1},
        {"instruction": "File a tax return", "output": "Use the tax form.", "score": 2},
        {"instruction": "", "output": "", "score": 3},
    ]
    path = planted.file("pool.jsonl", rows)
    picked = planted.select(path, "top_k(by=SCORE)", 2, "run")
    ids = picked.data.ids.to_pylist()
    kept, other, like, twin, empty = every(planted, "run", 5)
    assert like.neighbour.id == ids[0] and like.neighbour.nearly_same and not like.neighbour.same
    assert twin.neighbour.id == ids[1] and twin.neighbour.same and twin.neighbour.nearly_same
    assert twin.neighbour.similarity == pytest.approx(1, abs=1e-6)
    assert kept.neighbour.id == ids[1] and other.neighbour.id == ids[0]  # not themselves
    vectors = planted.run().score(picked.data, ["embedding"]).vectors("embedding")
    assert like.neighbour.similarity == pytest.approx(float(vectors[0] @ vectors[2]), abs=1e-6)
    assert like.neighbour.turns[1].content == "Knead the dough."
    assert empty.neighbour is None and "no_known_token" in empty.missing


def test_without_the_source_all_is_told_but_texts_and_the_neighbour(planted):
    path = planted.file("pool.jsonl", records([1.0, 5.0, 3.0]))
    planted.select(path, "top_k(by=SCORE)", 1, "run")
    planted.select(path, "k_center", 1, "spread")
    (planted.folder / "pool.jsonl").unlink()
    (found,) = asked(planted, "run", "#3")
    assert found.budget == "2" and found.needed.low == 5.0
    assert found.turns == () and found.neighbour is None
    assert "no text and no neighbour" in found.missing and "pool.jsonl" in found.missing
    spread = every(planted, "spread", 3, search=True)
    assert sum("the source is needed" in one.budget_said for one in spread) == 2


def test_a_run_that_selects_otherwise_today_is_not_reckoned_with(planted):
    rows = records([1.0, 5.0, 3.0, 2.0])
    ids = planted.select(rows, "top_k(by=SCORE)", 2, "run").data.ids.to_pylist()
    path = planted.folder / "run/run.toml"
    text = path.read_text()
    assert 'method = "top_k"' in text
    path.write_text(text.replace('method = "top_k"', 'method = "bottom_k"'))
    (found,) = asked(planted, "run", ids[3])
    assert found.budget is None and found.needed is None
    assert "begins with other rows" in found.budget_said


def test_what_would_train_or_ask_a_judge_is_not_searched(planted):
    path = planted.file("pool.jsonl", records([1.0, 5.0, 3.0]))
    picked = planted.select(path, "clean_cover", 1, "run")
    out = next(at for at in range(3) if at not in picked.selection.rows)
    manifest = planted.folder / "run/manifest.json"
    told = json.loads(manifest.read_text())
    for more, said in (({"judges": {"judge": {"calls": 3}}}, "ask a judge"),):
        manifest.write_text(json.dumps({**told, **more}))
        (found,) = asked(planted, "run", f"#{out + 1}", search=True)
        assert found.budget is None and said in found.budget_said
    manifest.write_text(json.dumps({**told, "steps": [*told["steps"], {"train": "m"}]}))
    (found,) = asked(planted, "run", f"#{out + 1}", search=True)
    assert found.budget is None and "train models" in found.budget_said


def test_labels_and_lists_are_told_and_json_takes_all_of_it(planted):
    rows = records([2.0, 5.0, None], kind=["[bold]x[/bold]", "شرح", "c"])
    path = planted.file("pool.jsonl", rows)
    planted.select(
        path,
        "top_k(by=SCORE)",
        1,
        "run",
        scores=["field(name=kind)", "field_tags(name=kind)"],
    )
    found = every(planted, "run", 3)
    assert found[1].labels["field(name=kind)"] == "شرح"
    assert found[0].labels["field_tags(name=kind)"] == ["[bold]x[/bold]"]
    told = json.loads(json.dumps([one.told() for one in found], allow_nan=False))
    assert [one["scores"][0]["value"] for one in told] == [2.0, 5.0, None]
    assert told[1]["turns"][0] == {
        "role": "user",
        "content": "What is number 1?",
        "tool_calls": None,
    }


def test_numbers_that_json_does_not_have():
    told = plain({"a": [float("nan"), float("inf"), (-float("inf"), 1.5)], "b": "x", "c": None})
    assert told == {"a": [None, "inf", ["-inf", 1.5]], "b": "x", "c": None}
