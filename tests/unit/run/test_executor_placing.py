"""Where workers run: how many, on which GPU, with how many threads."""

import pytest

from tamis.run import execute
from tamis.run.executors import placing
from tamis.run.executors.placing import on_cores, on_gpus
from tamis.run.session import Run
from tamis.testing import dataset


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch):
    monkeypatch.setattr(placing, "cores", lambda: 4)
    for name in (*placing.THREADS, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def threads(places):
    return [{place.environment[name] for name in placing.THREADS} for place in places]


def visible(places):
    return [place.environment.get("CUDA_VISIBLE_DEVICES") for place in places]


def a_job(*references, **settings):
    run = Run(**settings)
    return execute.Job(run.plan(dataset(), references), dataset(), None, None), run


@pytest.mark.parametrize(("count", "workers", "each"), [(0, 4, "1"), (2, 2, "2"), (8, 8, "1")])
def test_workers_share_the_cores(count, workers, each):
    places = on_cores(Run(device="cpu"), count)
    assert [place.device for place in places] == ["cpu"] * workers
    assert threads(places) == [{each}] * workers


def test_a_limit_of_threads_that_is_smaller_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (place,) = on_cores(Run(), 1)
    assert place.environment["OMP_NUM_THREADS"] == "1"
    assert place.environment["RAYON_NUM_THREADS"] == "4"


def test_each_worker_sees_one_gpu():
    assert visible(on_gpus(["cuda:0", "cuda:1"], 0)) == ["0", "1"]
    assert visible(on_gpus(["cuda:2"], 2)) == ["2", "2"]
    assert visible(on_gpus(["cuda"], 0)) == ["0"]
    assert {place.device for place in on_gpus(["cuda:0", "cuda:1"], 0)} == {"cuda"}


def test_gpus_count_from_those_that_the_run_sees(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-7")
    assert visible(on_gpus(["cuda:0", "cuda:1"], 0)) == ["5", "GPU-7"]
    (missing,) = on_gpus(["cuda:2"], 0)
    assert (missing.device, visible([missing])) == ("cuda:2", [None])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert on_gpus(["cuda:0"], 0)[0].device == "cuda:0"  # hidden gpus stay hidden


def test_a_model_goes_to_the_gpus_that_are_named_and_other_columns_do_not():
    reads, run = a_job("perplexity", model="reference", device="cuda:0,cuda:1", dtype="float32")
    assert placing.loads(reads, run)
    assert placing.gpus(reads, run) == ["cuda:0", "cuda:1"]
    for plain in ("mtld", "embedding"):
        job, _ = a_job(plain)
        assert not placing.loads(job, run)
        assert placing.gpus(job, run) == []


def test_a_model_on_the_processor_has_no_gpu():
    job, run = a_job("perplexity", model="reference", device="cpu", dtype="float32")
    assert placing.gpus(job, run) == []


def test_devices_that_are_no_gpus_are_handed_out_in_turn():
    run = Run(device="xpu:0, xpu:1")
    assert [place.device for place in on_cores(run, 3)] == ["xpu:0", "xpu:1", "xpu:0"]


@pytest.mark.parametrize(("text", "expected"), [("max 100000", 3), ("200000 100000", 2)])
def test_a_container_may_use_a_part_of_the_cores(monkeypatch, tmp_path, text, expected):
    monkeypatch.undo()
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(placing, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(placing.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert placing.cores() == expected
