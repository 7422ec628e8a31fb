"""`tamis measure` as a person uses it: real processes, real run folders, exit codes, messages."""

import json
import shutil
import subprocess
import sys

import pytest

import tamis as package
from conftest import command_here


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("scores"))


@pytest.fixture
def tamis(tmp_path, store):
    """Runs `tamis ARGS` in an empty folder; every command is told of the store."""

    def run(*args, code=0, stdin=None):
        found, out, err = command_here(tmp_path, [*map(str, args), "--store", store], stdin)
        assert found == code, out + err
        assert "Traceback" not in err
        run.err = err
        return out if code == 0 else err

    run.folder = tmp_path
    return run


def test_runs_are_measured_beside_random_rows(tamis, sample):
    tamis("select", sample, "--method", "k_center", "--budget", "3%", "--out", "spread")
    tamis(
        "select", sample, "--method", "top_k", "--by", "length", "--budget", "3%", "--out", "long"
    )
    tamis("select", sample, "--method", "random", "--budget", "20", "--out", "few")
    shown = tamis("measure", "spread", "long", "few")
    head = shown.splitlines()[1].split()
    assert head[:4] == ["measure", "better", "spread", "long"]
    assert shown.count("60 random rows") == shown.count("20 random rows") == 1
    assert {"vendi_score", "novel_sum", "covering_radius"} <= set(shown.split())
    found = json.loads(tamis("measure", "spread", "long", "few", "--json"))
    assert [(one["subset"], one["rows"], one["of"]) for one in found] == [
        ("spread", 60, 2000),
        ("long", 60, 2000),
        ("few", 20, 2000),
    ]
    radius = [one["measures"]["covering_radius"] for one in found]
    manifest = json.loads((tamis.folder / "spread/manifest.json").read_text())
    assert radius[0]["value"] == pytest.approx(manifest["info"]["radius"], rel=1e-4)
    assert radius[0]["prefer"] == "low" and radius[0]["value"] < min(radius[0]["random"])
    assert radius[0]["random"] == radius[1]["random"] != radius[2]["random"]
    vendi = found[2]["measures"]["vendi_score"]  # a random run is not measured against itself
    assert vendi["value"] not in vendi["random"]


def test_a_measure_with_parameters_and_the_same_in_python(tamis, sample, store):
    tamis("select", sample, "--method", "random", "--seed", "7", "--budget", "30", "--out", "o")
    asked = ("--of", "knn_distance,tag_coverage(tags=field(name=source))", "--knn-distance.k", "2")
    (found,) = json.loads(tamis("measure", "o", *asked, "--random", "0", "--json"))
    assert list(found["measures"]) == ["knn_distance(k=2)", "tag_coverage(tags=field(name=source))"]
    assert found["measures"]["knn_distance(k=2)"]["random"] == []
    data = package.read(str(sample))
    picked = package.select(data, method="random(seed=7)", budget=30, run=package.Run(store=store))
    (same,) = package.measure(
        data, picked.selection.rows, of="knn_distance(k=2)", run=package.Run(store=store)
    )
    value = found["measures"]["knn_distance(k=2)"]["value"]
    assert same.values["knn_distance(k=2)"] == pytest.approx(value, rel=1e-9)


def test_a_source_is_read_as_it_was_read_and_a_changed_one_is_told(tamis):
    lines = [json.dumps({"frage": f"what is {i}?", "antwort": f"it is {i * i}"}) for i in range(40)]
    path = tamis.folder / "rows.jsonl"
    path.write_text("\n".join(lines))
    fields = ("--fields", "instruction=frage,output=antwort")
    tamis("select", "rows.jsonl", *fields, "--method", "random", "--budget", "8", "--out", "o")
    (found,) = json.loads(tamis("measure", "o", "--of", "vendi_score", "--json"))
    assert (found["rows"], found["of"]) == (8, 40)
    path.write_text("\n".join(lines[1:]))
    assert "rows.jsonl changed since o was selected from it" in tamis("measure", "o", code=2)
    path.unlink()
    assert "the source of o cannot be read again: no file rows.jsonl" in tamis(
        "measure", "o", code=2
    )


def test_what_is_no_run_is_one_message(tamis, sample):
    assert "none is no run folder" in tamis("measure", "none", code=2)
    (tamis.folder / "other").mkdir()
    assert "other is no run folder" in tamis("measure", "other", code=2)
    assert "is no run folder" in tamis("measure", sample, code=2)
    assert "no run: name one" in tamis("measure", code=2)
    rows = sample.read_bytes()
    tamis("select", "-", "--method", "random", "--budget", "5", "--out", "piped", stdin=rows)
    assert "cannot be read again" in tamis("measure", "piped", code=2)
    tamis("select", sample, "--method", "random", "--budget", "1", "--out", "one")
    assert "did you mean 'vendi_score'" in tamis("measure", "one", "--of", "vendi", code=2)
    assert "--kk is no flag" in tamis("measure", "one", "--kk", "3", code=2)
    assert "valid integer" in tamis("measure", "one", "--random", "many", code=2)
    assert "vendi_score" in tamis("measure", "one")
    assert "one: no knn_distance: k 1 of a subset of 1 rows" in tamis.err
    shutil.copytree(tamis.folder / "one", tamis.folder / "cut")
    (tamis.folder / "cut/manifest.json").write_text('{"unfinished": true}')
    assert "did not end" in tamis("measure", "cut", code=2)
    (tamis.folder / "one/selection.parquet").unlink()
    assert "one is no run folder" in tamis("measure", "one", code=2)


def test_help_loads_no_data_library_and_names_the_measures():
    code = (
        "import sys; sys.argv = ['tamis', 'measure', '--help']\n"
        "from tamis.cli.main import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'polars', 'torch', 'faiss'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cluster_entropy" in done.stdout and "--random" in done.stdout


def test_methods_shows_measures(tamis):
    listed = json.loads(
        subprocess.run(
            [sys.executable, "-m", "tamis", "methods", "--json"], capture_output=True, check=True
        ).stdout
    )
    found = {m["name"]: m for m in listed if m["stage"] == "measure"}
    assert found["vendi_score"]["paper"] == "arXiv:2210.02410"
