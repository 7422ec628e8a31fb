"""`tamis why` and `tamis diff` as people use them: processes, folders, tables, JSON, messages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tamis.cli.main import main

SOURCE = Path(__file__).parents[2] / "src"
HOSTILE = [
    "[bold]red[/bold] [/] [link=https://a.b]x[/link]",
    "اكتب جملة قصيرة \u202e reversed \u2066 isolated",
    "<script>alert(1)</script> $(rm -rf) `x`",
    "\x1b[31mred\x1b[0m \x07 bell",
    "写一首诗 👩‍👩‍👧 " * 3,
    "w" * 100_000,
    "half \ud83d of a pair",
]


@pytest.fixture
def tamis(tmp_path, monkeypatch, capfd):
    """Runs `tamis ARGS` in an empty folder, in this process: the commands are many."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*args, code=0, store=True):
        kept = ["--store", "scores"] if store and args[0] != "diff" else []
        monkeypatch.setattr(sys, "argv", ["tamis", *map(str, args), *kept])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert ended.value.code == code, out + err
        run.err = err
        return out if code == 0 else err

    run.folder = tmp_path
    return run


@pytest.fixture
def pool(tamis):
    """Eight rows whose answers grow longer, seven of them hostile."""
    rows = [
        {"instruction": text, "output": "so " * (at + 1)} for at, text in enumerate(HOSTILE)
    ] + [{"instruction": "plain", "output": "so " * 20}]
    path = tamis.folder / "pool.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path.name


def test_why_a_row_is_told_and_what_is_told_happens(tamis, pool):
    longest = ("--method", "top_k", "--by", "length")
    tamis("select", pool, *longest, "--budget", "2", "--out", "two")
    shown = tamis("why", "two", "#8", "#3")
    assert "kept: pick 1 of 2" in shown and "in from a budget of 1 on" in shown
    assert "in from a budget of 6 on" in shown
    assert "<script>alert(1)</script>" in shown
    kept, out = json.loads(tamis("why", "two", "#8", "pool.jsonl#3", "--json"))
    assert (kept["rank"], kept["budget"], out["budget"], out["place"]) == (0, "1", "6", 6)
    assert out["turns"][0]["content"] == HOSTILE[2]
    assert out["neighbour"]["id"] and out["scores"][0]["name"] == "length"
    for budget, there in ((6, True), (5, False)):
        tamis("select", pool, *longest, "--budget", str(budget), "--out", "more")
        (again,) = json.loads(tamis("why", "more", out["id"], "--json"))
        assert again["kept"] == there


def test_texts_of_any_kind_are_shown_as_text(tamis, pool):
    tamis("select", pool, "--method", "random", "--budget", "3", "--out", "run")
    shown = tamis("why", "run", *(f"#{at + 1}" for at in range(8)))
    assert "[bold]red[/bold] [/] [link=https://a.b]x[/link]" in shown
    assert "اكتب جملة قصيرة" in shown and "写一首诗" in shown
    assert "\x1b" not in shown and "\x07" not in shown  # nothing steers the terminal
    assert len(shown) < 60_000
    found = json.loads(tamis("why", "run", *(f"#{at + 1}" for at in range(8)), "--json"))
    assert found[3]["turns"][0]["content"] == HOSTILE[3]
    assert len(found[5]["turns"][0]["content"]) == 100_000


def test_a_greedy_selection_is_searched(tamis, pool):
    tamis("select", pool, "--method", "k_center", "--budget", "1", "--out", "run")
    found = json.loads(tamis("why", "run", "#1", "#2", "#3", "--json"))
    assert sum("--search" in one["budget_said"] for one in found) >= 2
    found = json.loads(tamis("why", "run", "#1", "#2", "#3", "--search", "--json"))
    out = next(one for one in found if not one["kept"])
    tamis("select", pool, "--method", "k_center", "--budget", out["budget"], "--out", "more")
    assert json.loads(tamis("why", "more", out["id"], "--json"))[0]["kept"]
    assert "what became of it" in tamis("why", "run", out["id"], "--search")


def test_two_runs_are_compared(tamis, pool):
    tamis("select", pool, "--method", "top_k", "--by", "length", "--budget", "3", "--out", "long")
    tamis("select", pool, "--method", "bottom_k", "--by", "length", "--budget", "3", "--out", "few")
    shown = tamis("diff", "long", "few")
    assert "what separates gained from lost rows" in shown
    assert "[bold]red[/bold]" in shown and "\x1b" not in shown
    assert shown.index("top_k") < shown.index("bottom_k")  # what differs: the method
    found = json.loads(tamis("diff", "long", "few", "--show", "2", "--json"))
    assert (found["counts"]["gained"], found["counts"]["lost"], found["counts"]["both"]) == (
        3,
        3,
        0,
    )
    assert found["scores"][0]["score"] == "length" and found["scores"][0]["auc"]["value"] == 0
    assert [one["what"] for one in found["examples"]] == ["gained"] * 2 + ["lost"] * 2
    tamis("diff", "long", "few", "--show", "0", "--out", "moved.jsonl")
    assert "written to moved.jsonl" in tamis.err
    lines = (tamis.folder / "moved.jsonl").read_text().splitlines()
    assert len(lines) == 6 and json.loads(lines[0])["what"] == "gained"
    (tamis.folder / pool).unlink()
    assert "gained" in tamis("diff", "long", "few")
    assert "texts are not shown: " in tamis.err
    assert "not shown" in tamis("why", "long", "#1")


def test_what_is_wrong_is_one_message(tamis, pool):
    tamis("select", pool, "--method", "random", "--budget", "2", "--out", "run")
    assert "tamis: no run: tamis why RUN ID" in tamis("why", code=2)
    assert "no row is named" in tamis("why", "run", code=2)
    assert "the nearest is #8" in tamis("why", "run", "#9", code=2)
    assert "no row has the id 'zzzz'; the nearest is " in tamis("why", "run", "zzzz", code=2)
    assert "did you mean 'pool.jsonl'" in tamis("why", "run", "pol.jsonl#1", code=2)
    assert "nowhere is no run folder" in tamis("why", "nowhere", "#1", code=2)
    assert "two runs are compared, 1 given" in tamis("diff", "run", code=2)
    assert "named twice" in tamis("diff", "run", "run", code=2)
    for verb in ("why", "diff"):
        assert "--json" in tamis(verb, "--help", store=False)


def test_both_are_commands_of_their_own(tamis, pool):
    for method in ("random", "k_center"):
        tamis("select", pool, "--method", method, "--budget", "3", "--out", method)
    for args in (("why", "random", "#1", "--json"), ("diff", "random", "k_center", "--json")):
        done = subprocess.run(
            [sys.executable, "-m", "tamis", *args],
            cwd=tamis.folder,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "HOME": str(tamis.folder)},
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
