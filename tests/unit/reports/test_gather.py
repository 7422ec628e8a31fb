"""Facts of run folders that were selected in the test, beside counts by hand."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import tamis
from tamis.errors import UserError
from tamis.reports import explore, gather, shown
from tamis.reports.opened import names, opened

COLOURS = ["red", "green", "[bold]", "<script>alert(1)</script>"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A source of 40 rows, one of them broken, and two selections of ten."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [
        {
            "instruction": f"Name {i} rivers of country {i}.",
            "output": "The Loire and the Rhône flow. " * (i % 7 + 1) if i else "",
            "colour": COLOURS[i % 4],
        }
        for i in range(40)
    ]
    lines = [json.dumps(row) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    run = tamis.Run(store=folder / "scores")
    for name, method in (("long", "length"), ("clean", "clean_cover")):
        tamis.select(
            str(folder / "rows.jsonl"),
            method=method,
            budget=10,
            scores=["mtld"],
            out=str(folder / name),
            run=run,
        )
    return folder


def gathered(place, *folders, **settings):
    run = tamis.Run(store=place / "scores")
    return gather.gather([place / name for name in folders], run, **settings)


def test_a_funnel_counts_every_record_once(place):
    for run in gathered(place, "long", "clean").facts["runs"]:
        first, *between, last = run["funnel"]
        assert first == {"name": "records in the source", "rows": 41}
        assert last == {"name": "selected", "rows": 10}
        assert first["rows"] - sum(one["rows"] for one in between) == 10
        assert {"name": "could not be read", "rows": 1} in between


def test_groups_are_counted_before_and_after(place):
    facts = gathered(place, "long", group=["field(name=colour)"]).facts
    (colours,) = [one for one in facts["groups"] if one["name"] == "field(name=colour)"]
    assert {one["name"]: one["pool"] for one in colours["groups"]} == dict.fromkeys(COLOURS, 10)
    kept = pq.read_table(place / "long/selection.parquet").to_pylist()
    expected = [
        sum(row["rank"] is not None and row["row"] % 4 == i for row in kept) for i in range(4)
    ]
    by_name = {one["name"]: one["kept"] for one in colours["groups"]}
    assert [by_name[name] for name in COLOURS] == [[count] for count in expected]


def test_the_row_without_a_score_is_missing_with_its_reason(place):
    facts = gathered(place, "long").facts
    (mtld,) = [one for one in facts["scores"] if one["name"] == "mtld"]
    assert mtld["missing"] == [{"name": "empty_text", "rows": 1}]
    assert mtld["parts"][0]["rows"] == 39 and mtld["parts"][1]["rows"] == 10
    assert {"name": "mtld: empty_text", "rows": 1} in facts["failures"]


def test_rows_begin_with_the_picks_and_tell_the_truth(place):
    found = gathered(place, "long", "clean")
    rows, table = found.rows, pq.read_table(place / "long/selection.parquet").to_pylist()
    by_id = {row["id"]: row for row in table}
    assert rows["shown"] == rows["of"] == 40 and rows["sampled"] == ""
    kept = [min(ranks) >= 0 or max(ranks) >= 0 for ranks in zip(*rows["rank"], strict=True)]
    assert kept == sorted(kept, reverse=True)
    (mtld,) = [one for one in rows["scores"] if one["name"] == "mtld"]
    for at, name in enumerate(rows["id"]):
        row = by_id[name]
        assert rows["rank"][0][at] == (-1 if row["rank"] is None else row["rank"])
        why = rows["why"][0]
        assert why["names"][why["codes"][at]] == row["why"]
        value = mtld["values"][at]
        assert value == (None if row["mtld"] is None else float(f"{row['mtld']:.6g}"))
    assert len(rows["x"]) == 40 and "principal components" in rows["map"]


def test_a_sample_has_picks_and_others_and_says_so(place):
    found = gathered(place, "long", rows=24)
    rows = found.rows
    assert rows["shown"] == 24 and sum(rank >= 0 for rank in rows["rank"][0]) == 10
    assert rows["sampled"].startswith("24 of 40 rows")
    assert found.facts["rows"] == 40


def test_where_picks_alone_are_too_many_both_kinds_are_sampled():
    ids = [f"{i:05}" for i in range(1000)]
    kept = np.arange(1000) % 10 != 0
    at = shown.chosen(ids, [kept], 100)
    assert len(set(at.tolist())) == 100 and kept[at].sum() == 50


def test_texts_that_do_not_fit_leave_rows_out(place):
    data = opened([place / "long"], tamis.Run(store=place / "scores")).data
    whole, at = shown.fitting(data, np.arange(40))
    assert len(at) == 40
    some, left = shown.fitting(data, np.arange(40), most=1)
    assert len(some) == 1 and len(left) <= len(at)  # at least one block is shown
    assert whole


def test_a_text_of_any_length_is_cut_with_a_word_on_it():
    assert shown.cut("a" * 10) == "a" * 10
    found = shown.cut("é" * (shown.LONGEST + 5))
    assert found.endswith("[5 more characters are in the source]")


def test_without_the_source_the_rest_is_told(place, tmp_path):
    moved = tmp_path / "long"
    moved.mkdir()
    for file in (place / "long").iterdir():
        text = file.read_bytes().replace(b"rows.jsonl", b"gone.jsonl")
        (moved / file.name).write_bytes(
            text if file.suffix in (".json", ".toml") else file.read_bytes()
        )
    found = gather.gather([moved], tamis.Run(store=tmp_path / "scores"))
    assert found.texts == () and found.rows["x"] == []
    assert "gone.jsonl" in found.rows["texts"]
    assert found.facts["runs"][0]["selected"] == 10


def test_runs_of_different_data_are_refused(place, tmp_path):
    (tmp_path / "other.jsonl").write_text('{"instruction": "Name one.", "output": "One."}\n' * 3)
    run = tamis.Run(store=tmp_path / "scores")
    tamis.select(
        str(tmp_path / "other.jsonl"), method="length", budget=1, out=str(tmp_path / "o"), run=run
    )
    with pytest.raises(UserError, match="different data"):
        gather.gather([place / "long", tmp_path / "o"], run)


def test_what_is_no_run_is_named(place, tmp_path):
    with pytest.raises(UserError, match="no run"):
        gather.gather([], tamis.Run())
    with pytest.raises(UserError, match="is no run folder"):
        gather.gather([tmp_path], tamis.Run())


def test_runs_are_called_by_as_little_of_their_path_as_tells_them_apart():
    assert names(["a/x", "b/x", "b/y"]) == ["a/x", "b/x", "y"]
    with pytest.raises(UserError, match="twice"):
        names(["a/x", "a/../a/x"])


def test_all_rows_with_texts_for_embedding_atlas(place, tmp_path):
    found = gathered(place, "long", rows=5)
    table = pq.read_table(explore.write(found, tmp_path / "all.parquet"))
    assert table.num_rows == 40 and table["x"].null_count <= 1
    kept = [rank is not None for rank in table["rank, long"].to_pylist()]
    assert sum(kept) == 10
    assert "Name 3 rivers" in "\n".join(table["text"].to_pylist())
    with pytest.raises(UserError, match="no map"):
        explore.write(gathered(place, "long", map="none"), tmp_path / "none.parquet")


def in_colours(facts, of):
    (found,) = [one for one in facts["groups"] if one["name"] == "field(name=colour)"]
    return {one["name"]: one[of][0] for one in found["groups"]}


def raw_facts(place, name, method, budget=8, **more):
    out, run = place / name, tamis.Run(store=place / "scores")
    tamis.select(
        str(place / "rows.jsonl"), method=method, budget=budget, out=str(out), run=run, **more
    )
    return gathered(place, name, group=["field(name=colour)"]).facts


def best_in_colours(rows, count, key):
    found = dict.fromkeys(COLOURS, 0)
    for row in sorted(
        (row for row in rows if row[key] is not None), key=lambda r: (-r[key], r["id"])
    )[:count]:
        found[COLOURS[row["row"] % 4]] += 1
    return found


def test_groups_show_what_a_raw_ranking_would_have_kept(place):
    facts = raw_facts(place, "shared", "length", quota="field(name=colour)=*:equal")
    rows = pq.read_table(place / "shared/selection.parquet").to_pylist()
    assert in_colours(facts, "kept") == dict.fromkeys(COLOURS, 2)
    expected = best_in_colours(rows, 8, "length")
    assert in_colours(facts, "raw") == expected != dict.fromkeys(COLOURS, 2)
    assert facts["runs"][0]["raw"] == "length"


def test_a_calibrated_score_is_compared_with_the_raw_one(place):
    within = "group_quantile(of={},within=field(name=colour))"
    by = f"mean_rank(of=[{within.format('length')},{within.format('mtld')}])"
    facts = raw_facts(place, "calibrated", f"top_k(by={by})")
    assert facts["runs"][0]["raw"] == "mean_rank(of=[length,mtld])"
    tamis.select(
        str(place / "rows.jsonl"),
        method="mean_rank(of=[length,mtld])",
        budget=8,
        out=str(place / "plain"),
        run=tamis.Run(store=place / "scores"),
    )
    plain = gathered(place, "plain", group=["field(name=colour)"]).facts
    assert in_colours(facts, "raw") == in_colours(plain, "kept")
    assert plain["runs"][0]["raw"] == "" and set(in_colours(plain, "raw").values()) == {None}


def test_what_ranks_by_no_score_is_compared_with_none(place):
    facts = raw_facts(place, "chance", "random", quota="field(name=colour)=*:equal")
    assert facts["runs"][0]["raw"] == ""
    assert set(in_colours(facts, "raw").values()) == {None}


def test_a_raw_ranking_pays_in_tokens_too(place):
    facts = raw_facts(
        place, "paid", "bottom_k(by=length)", "200tok", quota="field(name=colour)=*:proportional"
    )
    rows = pq.read_table(place / "paid/selection.parquet").to_pylist()
    left, expected = 200, dict.fromkeys(COLOURS, 0)
    for row in sorted(
        (r for r in rows if r["length"] is not None), key=lambda r: (r["length"], r["id"])
    ):
        if row["tokens(of=all)"] > left:
            break
        left -= row["tokens(of=all)"]
        expected[COLOURS[row["row"] % 4]] += 1
    assert in_colours(facts, "raw") == expected
