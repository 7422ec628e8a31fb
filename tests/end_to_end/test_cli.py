"""The command line as a person uses it: real files, exit codes, messages; some as processes."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]


def lines(path):
    return Path(path).read_bytes().splitlines()


def test_select_writes_rows_byte_for_byte_and_runs_again_to_the_same_subset(tamis_process, sample):
    tamis_process("select", sample, "--budget", "5%", "--out", "one")
    subset = lines(tamis_process.folder / "one/subset.jsonl")
    assert len(subset) == 100
    assert set(subset) <= set(lines(sample))
    tamis_process("select", "--config", "one/run.toml", "--out", "two")
    assert (tamis_process.folder / "two/subset.jsonl").read_bytes() == (
        tamis_process.folder / "one/subset.jsonl"
    ).read_bytes()
    table = pq.read_table(tamis_process.folder / "one/selection.parquet")
    assert table.num_rows == 2000
    assert sum(r is not None for r in table["rank"].to_pylist()) == 100
    assert "mtld" in table.schema.names
    manifest = json.loads((tamis_process.folder / "one/manifest.json").read_text())
    assert manifest["selected"] == 100
    assert manifest["data"]["rows"] == 2000


def test_a_smaller_budget_is_the_start_of_a_larger_one(tamis, sample):
    for budget in ("1%", "5%"):
        tamis("select", sample, "--budget", budget, "--out", budget)
    small, large = (lines(tamis.folder / b / "subset.jsonl") for b in ("1%", "5%"))
    assert large[: len(small)] == small and len(small) == 20


def test_a_token_budget_is_never_exceeded(tamis, sample):
    tamis("select", sample, "--budget", "3000tok", "--method", "random", "--out", "tok")
    table = json.loads(tamis("score", "tok/subset.jsonl", "--method", "tokens(of=all)", "--json"))
    assert 0 < table["columns"][0]["mean"] * table["rows"] <= 3000


def test_flags_that_only_the_method_knows(tamis, sample):
    tamis(
        "select",
        sample,
        "--method",
        "threshold",
        "--by",
        "length",
        "--at-most=30",
        "--budget",
        "10",
    )
    picked = lines(tamis.folder / "sample-threshold-10/subset.jsonl")
    assert len(picked) == 10
    assert all(len(json.loads(line)["output"]) <= 30 for line in picked)
    message = tamis(
        "select", sample, "--method", "threshold", "--by", "length", "--att", "3", code=2
    )
    assert "did you mean 'at_least'" in message or "did you mean 'at_most'" in message
    message = tamis("select", sample, "--method", "random", "--buget", "3", code=2)
    assert "random has no parameter 'buget'" in message


def test_a_scorer_selects_its_best_rows_and_quotas_use_the_rows_own_fields(tamis, sample):
    tamis("select", sample, "--method", "length", "--budget", "3", "--out", "long")
    lengths = [
        len(json.loads(line)["output"]) for line in lines(tamis.folder / "long/subset.jsonl")
    ]
    assert (
        lengths == sorted((len(json.loads(r)["output"]) for r in lines(sample)), reverse=True)[:3]
    )
    quota = ["--method", "stratified", "--by", "field(name=source)", "--allocation", "equal"]
    tamis("select", sample, *quota, "--budget", "50", "--out", "quota")
    sources = [json.loads(line)["source"] for line in lines(tamis.folder / "quota/subset.jsonl")]
    assert {sources.count(s) for s in set(sources)} == {10}


def test_scores_are_not_computed_again(tamis, sample, store):
    wanted = ("score", sample, "--method", "length(of=all),turns")
    tamis(*wanted, "--out", "scores.parquet")
    assert pq.read_table(tamis.folder / "scores.parquet").schema.names == [
        "id",
        "source",
        "row",
        "length(of=all)",
        "turns",
    ]
    plan = json.loads(tamis(*wanted, "--dry-run", "--json"))
    assert [(step["stored"], step["to_compute"]) for step in plan["columns"]] == [(2000, 0)] * 2
    assert plan["judges"] == []


def test_standard_input_and_several_files(tamis_process, sample):
    rows = lines(sample)
    (tamis_process.folder / "a.jsonl").write_bytes(b"\n".join(rows[:50]))
    (tamis_process.folder / "b.json").write_text(json.dumps([json.loads(r) for r in rows[50:80]]))
    tamis_process(
        "select",
        "-",
        "--method",
        "random",
        "--budget",
        "5",
        "--out",
        "piped",
        stdin=b"\n".join(rows[:50]),
    )
    assert len(lines(tamis_process.folder / "piped/subset.jsonl")) == 5
    found = json.loads(tamis_process("inspect", "a.jsonl", "b.json", "--json"))
    assert [s["rows"] for s in found["sources"]] == [50, 30]
    assert found["lengths"] and found["scripts"] and found["problems"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"   \n\n", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "binary"),
        (b'{"a": 1}\n{"b": 2}\n', "format"),
        ("instruction: größe".encode("utf-16"), ""),
        (b'[{"instruction": "x", "output": ', ""),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message(tamis, content, expected):
    (tamis.folder / "bad.json").write_bytes(content)
    message = tamis("select", "bad.json", "--out", "o", code=2)
    assert message.startswith("tamis: ") and "bad.json" in message and expected in message


def test_what_is_not_there_is_one_message(tamis, sample):
    assert "no-such-file.json" in tamis("inspect", "no-such-file.json", code=2)
    assert "no data" in tamis("select", code=2)
    assert "did you mean 'length'" in tamis("score", sample, "--method", "lenght", code=2)
    assert "not understood" in tamis("select", sample, "--budget", "lots", code=2)
    assert "cannot be read" in tamis("select", "--config", "none.toml", code=2)
    (tamis.folder / "full").mkdir()
    (tamis.folder / "full/mine.txt").write_text("precious")
    assert "holds no earlier run" in tamis("select", sample, "--out", "full", code=2)
    assert (tamis.folder / "full/mine.txt").read_text() == "precious"


def test_rejects_are_counted_kept_and_strict_stops(tamis, sample):
    broken = b"\n".join([*lines(sample)[:20], b'{"instruction": "cut', *lines(sample)[20:30]])
    (tamis.folder / "some.jsonl").write_bytes(broken)
    args = ("some.jsonl", "--method", "random", "--budget", "3")
    tamis("select", *args, "--rejects", "rejects.jsonl", "--out", "ok")
    (rejected,) = map(json.loads, lines(tamis.folder / "rejects.jsonl"))
    assert rejected["line"] == 21 and rejected["reason"]
    assert (
        json.loads((tamis.folder / "ok/manifest.json").read_text())["data"]["sources"][0][
            "rejected"
        ]
        == 1
    )
    assert "21" in tamis("select", *args, "--strict", "--out", "no", code=2)


def test_run_toml_reads_the_data_as_it_was_read(tamis, sample):
    plain = [json.loads(line) for line in lines(sample)[:40]]
    talk = [
        {
            "messages": [
                {"role": "user", "content": r["instruction"]},
                {"role": "assistant", "content": r["output"]},
            ]
        }
        for r in plain[20:]
    ]
    rows = [row for pair in zip(plain[:20], talk, strict=True) for row in pair]
    (tamis.folder / "mixed.jsonl").write_text("\n".join(map(json.dumps, rows)))
    renamed = [{"frage": r["instruction"], "antwort": r["output"]} for r in plain]
    (tamis.folder / "renamed.jsonl").write_text("\n".join(map(json.dumps, renamed)))
    fields = ("--fields", "instruction=frage,output=antwort")
    for name, extra in (("mixed", ()), ("renamed", fields)):
        tamis(
            "select", f"{name}.jsonl", *extra, "--method", "random", "--budget", "9", "--out", name
        )
        tamis("select", "--config", f"{name}/run.toml", "--out", f"{name}2")
        one, two = (tamis.folder / n / "subset.jsonl" for n in (name, f"{name}2"))
        assert one.read_bytes() == two.read_bytes() and len(lines(one)) == 9


def test_run_toml_holds_every_parameter_and_the_version(tamis, sample):
    tamis("select", sample, "--budget", "5", "--out", "o")
    config = tomllib.loads((tamis.folder / "o/run.toml").read_text())
    assert set(config["select"]["params"]) == {"quality", "similarity", "strength", "seed"}
    assert config["tamis"] and config["read"]["format"] == "auto"


def test_a_run_that_fails_leaves_the_earlier_one_and_the_next_replaces_it(tamis, sample):
    tamis("select", sample, "--method", "random", "--budget", "5", "--out", "o")
    before = (tamis.folder / "o/subset.jsonl").read_bytes()
    assert "more tokens" in tamis(
        "select", sample, "--method", "random", "--budget", "1tok", "--out", "o", code=2
    )
    assert (tamis.folder / "o/subset.jsonl").read_bytes() == before
    (tamis.folder / "rows.csv").write_text("instruction,output\nq1,a1\nq2,a2\n")
    tamis("select", "rows.csv", "--method", "random", "--budget", "1", "--out", "o")
    written = {path.name for path in (tamis.folder / "o").iterdir()}
    assert written == {"subset.csv", "selection.parquet", "run.toml", "manifest.json"}


FAULTY = """
from tamis import Batch, Column, scorer
import numpy as np

@scorer()
def boom(batch: Batch) -> Column:
    return {}["missing"]

@scorer()
def short(batch: Batch) -> Column:
    return Column.floats([1.0])

@scorer()
def nans(batch: Batch) -> Column:
    return Column.floats(np.full(len(batch), np.nan))

@scorer(prefer="high")
def noisy(batch: Batch) -> Column:
    print("HELLO")
    return Column.floats(np.arange(len(batch)))
"""


def test_faults_of_code_that_is_not_ours_are_one_line(tamis, sample):
    (tamis.folder / "faulty.py").write_text(FAULTY)
    expected = {"boom": "line 7", "short": "1 values for 2000 rows", "nans": "no problem says why"}
    for name, said in expected.items():
        message = tamis("score", sample, "--method", f"./faulty.py:{name}", "--allow-code", code=2)
        assert f"the method {name} failed" in message and said in message
        assert len(message.strip().splitlines()) == 1
    out = tamis("score", sample, "--method", "./faulty.py:noisy", "--allow-code", "--json")
    assert json.loads(out)["rows"] == 2000


def test_methods_lists_what_a_program_needs(tamis):
    listed = json.loads(tamis("methods", "--json"))
    families = {"indicators", "trainable-llm", "powerful-llm", "small-model", "baseline", "beyond"}
    for method in listed:
        assert {"name", "family", "stage", "needs", "paper"} <= set(method)
        assert method["family"] in families and method["stage"] in (
            "score",
            "select",
            "measure",
            "recipe",
        )
    card = tamis("methods", "mtld")
    assert "--threshold" in card and "Oracle" in card


def test_export_for_every_trainer(tamis, sample):
    for trainer in ("trl", "llamafactory", "axolotl"):
        out = json.loads(tamis("export", sample, "--to", trainer, "--out", trainer, "--json"))
        assert out["rows"] == 2000 and all((tamis.folder / f).exists() for f in out["files"])


def test_the_demo_runs(tamis_process):
    shown = tamis_process("demo")
    assert "selected" in shown and (tamis_process.folder / "tamis-demo/subset.jsonl").exists()


VOWELS = '''"""Vowels in the answer, an example of a scorer in one file.

Oracle: counted by hand.
"""

from tamis.spec import scorer
from tamis.types import Batch, Column


@scorer(prefer="high", unit="vowels")
def vowels(batch: Batch, *, letters: str = "aeiou") -> Column:
    """Number of vowels of the answer.

    Args:
        letters: what counts as a vowel
    """
    return Column.floats([sum(c in letters for c in t) for t in batch.texts().to_pylist()])
'''


def test_a_newcomer_adds_a_scorer_in_one_file(tamis_process, sample):
    package = tamis_process.folder / "src"
    shutil.copytree(ROOT / "src/tamis", package / "tamis")
    (package / "tamis/scorers/vowels.py").write_text(VOWELS)
    assert "vowels" in {
        m["name"] for m in json.loads(tamis_process("methods", "--json", path=package))
    }
    assert "vowels" in tamis_process("score", "--help", path=package)
    table = tamis_process("score", sample, "--method", "vowels", "--letters", "ae", path=package)
    assert "vowels" in table
    code = "from tamis.testing import checks\nfor c in checks('vowels'): c(); print(c)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"vowels-does_not_see_the_batch" in done.stdout


def test_a_scorer_in_a_file_of_ones_own(tamis, sample):
    (tamis.folder / "mine.py").write_text(VOWELS)
    assert "--allow-code" in tamis("score", sample, "--method", "./mine.py:vowels", code=2)
    tamis("score", sample, "--method", "./mine.py:vowels", "--allow-code", "--out", "v.csv")
    assert (tamis.folder / "v.csv").read_text().count("\n") == 2001
    own = ("--method", "./mine.py:vowels", "--allow-code", "--letters", "ae", "--budget", "3")
    tamis("select", sample, *own, "--out", "own")
    assert len(lines(tamis.folder / "own/subset.jsonl")) == 3
    assert "--allow-code" in tamis("select", "--config", "own/run.toml", "--out", "no", code=2)
    tamis("select", "--config", "own/run.toml", "--allow-code", "--out", "again")
    assert lines(tamis.folder / "again/subset.jsonl") == lines(tamis.folder / "own/subset.jsonl")


def test_quotas_hold_are_shown_and_run_again(tamis, sample):
    asked = ["--quota", "script=Han:25%..", "--quota", "script=Latin:..30"]
    args = ["select", sample, "--method", "random", "--budget", "80", *asked]
    shown = tamis(*args, "--out", "one")
    assert "script=Han" in shown and "script=Latin" in shown
    manifest = json.loads((tamis.folder / "one/manifest.json").read_text())
    groups = manifest["info"]["quotas"]
    assert groups["script=Han"]["has"] >= 20 and groups["script=Latin"]["has"] <= 30
    assert manifest["quotas"] == ["script=Han:25%..", "script=Latin:..30"]
    tamis("select", "--config", "one/run.toml", "--out", "two")
    assert lines(tamis.folder / "one/subset.jsonl") == lines(tamis.folder / "two/subset.jsonl")
    error = tamis(*args[:-4], "--quota", "script=Hun:1..", "--out", "three", code=2)
    assert "no row has it" in error and "Han" in error
    assert "no method 'scrip'" in tamis(*args[:-4], "--quota", "scrip=a:1..", code=2)
