"""One selection by one process, by a Ray cluster, and by one where somebody dies in every phase.

    python benchmarks/scale.py --data ../shared/data/instructions --folder pools
    python benchmarks/cluster.py --pool pools/mixed-1000000.jsonl --out cluster.json

The cluster has two nodes of one processor on this machine; phases and picks are those of
`scale.py`. Each way begins with an empty store:

    inline              one process
    ray                 an actor on each node
    workers killed      in each phase in turn an actor gets SIGKILL at half of the time that `ray`
                        took for it: one that computes rows, else an idle one, else none is there
    driver killed       at the same moments the process that runs the selection gets SIGKILL, and
                        is started again with the same store

It ends with an error where a subset differs, a finished part is written anew or a row is twice.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from executors import hardware
from ray_cluster import two_nodes
from scale import digest, measuring, through

WAYS = ("inline", "ray", "workers killed", "driver killed")
Told = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("cluster.json"))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--drive", nargs=3, metavar=("POOL", "STORE", "EXECUTOR"))
    given = parser.parse_args()
    before = given.ways[: given.ways.index("ray")] if "ray" in given.ways else given.ways
    if any(way.endswith("killed") for way in before):
        parser.error("somebody is killed at half of the time that `ray` took: name it before")
    if given.drive:
        drive(*given.drive)
        return
    found: Told = {"hardware": hardware(), "pool": given.pool.name, "ways": {}}
    with two_nodes(connected=False) as nodes:
        for way in given.ways:
            executor = "inline" if way == "inline" else f"ray(address={nodes.address})"
            with tempfile.TemporaryDirectory(dir=given.pool.parent) as store:
                usual = found["ways"].get("ray", {}).get("phases", {})
                found["ways"][way] = told = one_way(way, str(given.pool), store, executor, usual)
            print(way, json.dumps(told, indent=1), flush=True)
            given.out.write_text(json.dumps(found, indent=1))
    subsets = {way: told["subset"] for way, told in found["ways"].items()}
    assert len(set(subsets.values())) == 1, f"the subsets differ: {subsets}"
    print("all subsets are the same")


def drive(pool: str, store: str, executor: str) -> None:
    """The selection itself; it tells each phase as it begins."""
    from tamis.run.session import Run

    phases: dict[str, Told] = {}

    @contextmanager
    def around(name: str) -> Iterator[None]:
        print(json.dumps({"begins": name}), flush=True)
        with measuring(phases.setdefault(name, {})):
            yield

    run = Run(store=store, executor=executor)
    pool_read, chosen = through(run, pool, Path(store), around)
    seconds = round(sum(phase["seconds"] for phase in phases.values()), 1)
    told = {"rows": len(pool_read), "seconds": seconds, "phases": phases}
    print(json.dumps(told | digest(pool_read, chosen)), flush=True)


def one_way(way: str, pool: str, store: str, executor: str, usual: dict[str, Told]) -> Told:
    """A selection from beginning to end, however often its driver is killed."""
    strikes: list[Told] = []
    begun, left = time.perf_counter(), parts(store)
    while True:
        told = started(way, [pool, store, executor], usual, strikes)
        there = parts(store)
        anew = [name for name, when in left.items() if there.get(name) != when]
        assert not anew, f"finished parts were written anew or are gone: {anew}"
        if told is not None:
            break
        left = there
    twice = repeated(store, told["rows"])
    assert not twice, f"rows were computed twice: {twice}"
    return {**told, "strikes": strikes, "seconds in all": round(time.perf_counter() - begun, 1)}


def started(way: str, args: list[str], usual: dict[str, Told], strikes: list[Told]) -> Told | None:
    """What a driver tells at its end, or None if it was killed."""
    command = [sys.executable, __file__, "--pool", args[0], "--drive", *args]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert driver.stdout
    timer: threading.Timer | None = None
    told: Told | None = None
    for line in driver.stdout:
        said = json.loads(line)
        if timer:
            timer.cancel()
        told = said if "subset" in said else None
        phase = said.get("begins")
        if way.endswith("killed") and phase and phase not in [one["phase"] for one in strikes]:
            wait = usual[phase]["seconds"] / 2
            timer = threading.Timer(wait, strike, [way, phase, driver.pid, wait, strikes])
            timer.start()
    if timer:
        timer.cancel()
    code = driver.wait()
    usual_end = code == 0 or (way == "driver killed" and code == -signal.SIGKILL)
    assert usual_end, f"the selection ended with {code}"
    return told


def strike(way: str, phase: str, driver: int, wait: float, strikes: list[Told]) -> None:
    """Kills the driver, or an actor: one at work if there is any."""
    names = actors()
    at_work = [pid for pid, name in names.items() if name.endswith("answer")]
    victims = [driver] if way == "driver killed" else [*at_work, *names][:1]
    who = "driver" if way == "driver killed" else "none is there"
    if way == "workers killed" and victims:
        who = "at work" if at_work else "idle"
    strikes.append({"phase": phase, "after": round(wait, 1), "who": who})
    for pid in victims:
        os.kill(pid, signal.SIGKILL)


def actors() -> dict[int, str]:
    """The actors of all nodes: process -> Ray's name of it, which tells what it does."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            name = path.read_bytes().split(b"\0")[0].decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if name.startswith("ray::Actor"):
            found[int(path.parent.name)] = name.strip()
    return found


def parts(store: str) -> dict[str, int]:
    """Committed parts, and when each was written."""
    return {str(path): path.stat().st_mtime_ns for path in Path(store).rglob("part-*.parquet")}


def repeated(store: str, rows: int) -> dict[str, int]:
    """Columns that have other than as many stored rows as the pool, and how many."""
    import pyarrow.parquet as pq

    count: dict[str, int] = {}
    for name in parts(store):
        if "/competence/" in name:  # what is known of models, not of rows
            continue
        column = str(Path(name).parent.relative_to(store))
        count[column] = count.get(column, 0) + pq.read_metadata(name).num_rows
    return {column: found for column, found in count.items() if found != rows}


if __name__ == "__main__":
    main()
