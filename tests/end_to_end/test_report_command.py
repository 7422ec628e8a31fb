"""`tamis report` as a person runs it: the page, the tables, JSON, and what is no run."""

import json

import pytest


@pytest.fixture
def runs(tamis):
    for out, method in (("cover", "clean_cover"), ("longest", "length")):
        tamis("demo", "--method", method, "--budget", "30", "--out", out)
    return tamis


def test_the_page_is_written_and_the_numbers_are_told(runs):
    told = runs("report", "cover", "longest", "--store", "scores")
    assert "records in the source" in told and "medians of scores" in told
    page = (runs.folder / "report.html").read_bytes()
    again = runs("report", "cover", "longest", "--store", "scores", "--out", "again.html", "--json")
    assert (runs.folder / "again.html").read_bytes() == page
    facts = json.loads(again)
    assert [run["name"] for run in facts["runs"]] == ["cover", "longest"]
    assert [run["selected"] for run in facts["runs"]] == [30, 30]
    assert facts["jaccard"]["values"][0][0] == 1


def test_the_command_on_the_page_selects_the_same_rows(runs):
    facts = json.loads(runs("report", "cover", "--store", "scores", "--json"))
    command = facts["runs"][0]["command"].split()
    assert command[0] == "tamis"
    runs(*command[1:], "--out", "twice")
    first, second = (runs.folder / name / "subset.jsonl" for name in ("cover", "twice"))
    assert first.read_bytes() == second.read_bytes()


def test_all_rows_are_written_for_embedding_atlas_even_where_it_is_missing(runs):
    import shutil

    if shutil.which("embedding-atlas"):
        pytest.skip("embedding-atlas is installed")
    said = runs("report", "cover", "--store", "scores", "--explore", code=2)
    assert "pip install 'tamis[explore]'" in said
    assert (runs.folder / "report.parquet").exists()


def test_what_is_no_run_gets_one_message(tamis):
    assert "no run: tamis report RUN" in tamis("report", code=2)
    assert "is no run folder" in tamis("report", "nothing", code=2)
    (tamis.folder / "page").mkdir()
    (tamis.folder / "page/manifest.json").write_text("{}")
    assert "is no run folder" in tamis("report", "page", code=2)


def test_the_folder_of_the_page_is_made_and_what_cannot_be_is_told(runs):
    runs("report", "cover", "--store", "scores", "--out", "pages/of/mine.html")
    assert (runs.folder / "pages/of/mine.html").stat().st_size > 1_000_000
    said = runs("report", "cover", "--store", "scores", "--out", "cover/run.toml/x.html", code=2)
    assert "cannot be made" in said
