"""Print the figures of docs/reference_model.md: what the reference language model is worth.

Bits per character are the negative log2 likelihood over the number of characters. WikiText is read
in windows of the whole context that overlap by half: every token but the first window's is scored
with at least half a context in front of it. A text starts with the model's end-of-text token.
Answers are scored in a template of tamis, truncated to the context with their question.
Needs torch and transformers.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from reference_rows import one_turn, read_rows

from tamis.templates import END, TEMPLATES, render

ROOT = Path(__file__).resolve().parents[1]
SHUFFLED_LETTERS = 200_000  # enough for a comparison


class Scored(NamedTuple):
    """A text as ids, and which of them count."""

    ids: list[int]
    counted: list[bool]
    letters: int


class Model:
    """A causal language model and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Load in float32."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.start: int = self.tokenizer.bos_token_id or self.tokenizer.eos_token_id or 0
        self.context: int = self.model.config.max_position_embeddings

    def encode(self, text: str, *, markup: bool = False) -> list[int]:
        """Token ids; a row's text never holds special tokens."""
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=not markup
        )["input_ids"]
        return ids

    @torch.inference_mode()
    def losses(self, rows: list[list[int]]) -> list[NDArray[np.float64]]:
        """The loss in nats of each token but the first of each row."""
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        logits = self.model(input_ids=ids).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        ).view(len(rows), -1)
        return [loss[i, : len(row) - 1].double().numpy() for i, row in enumerate(rows)]


def running_bits(model: Model, text: str) -> float:
    """Bits per character of a long text, in windows that overlap by half."""
    ids = [model.start, *model.encode(text)]
    stride = model.context // 2
    total, scored = 0.0, 1
    for at in range(0, max(len(ids) - stride, 1), stride):
        window = ids[at : at + model.context]
        (losses,) = model.losses([window])
        new = at + len(window) - scored
        total += float(losses[-new:].sum()) if new else 0.0
        scored += new
    assert scored == len(ids)
    return total / math.log(2) / len(text)


def scored_row(model: Model, row: dict[str, Any], template: str, answer: str) -> Scored:
    """An answer after its question; without a template the answer alone."""
    if not template:
        ids = [model.start, *model.encode(answer)]
        return Scored(ids, [False] + [True] * (len(ids) - 1), len(answer))
    turns = one_turn("", row["instruction"].strip(), row["input"].strip(), answer)
    ids, counted = [model.start], [False]
    end = model.tokenizer.eos_token or ""
    for piece in render(TEMPLATES[template], turns["messages"], turns["given"]):
        text = piece.text.replace(END, end) if piece.kind == "markup" else piece.text
        more = model.encode(text, markup=piece.kind == "markup")
        ids += more
        counted += [piece.kind == "answer"] * len(more)
    return Scored(ids, counted, len(answer))


def row_bits(model: Model, rows: list[Scored]) -> NDArray[np.float64]:
    """(bits, letters, counted tokens) of each row's counted tokens, as far as the context goes."""
    found = np.zeros((len(rows), 3))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    for at in range(0, len(order), 16):
        part = order[at : at + 16]
        losses = model.losses([rows[i].ids[: model.context] for i in part])
        for i, loss in zip(part, losses, strict=True):
            mask = np.array(rows[i].counted[1 : model.context])
            # A truncated answer counts for the share of its tokens that was scored.
            share = mask.sum() / max(sum(rows[i].counted), 1)
            found[i] = loss[mask].sum() / math.log(2), rows[i].letters * share, mask.sum()
    return found


def per_letter(bits: NDArray[np.float64]) -> float:
    """Bits per character over all rows."""
    return float(bits[:, 0].sum() / bits[:, 1].sum())


def lower(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The share of rows whose mean loss per token is lower in the first."""
    mean_one, mean_other = (x[:, 0] / np.maximum(x[:, 2], 1) for x in (one, other))
    return float((mean_one < mean_other).mean())


def shuffled(text: str, rng: random.Random) -> str:
    """The same words in random order."""
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


def sample_rows(path: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Random Alpaca rows that have an answer of two words or more."""
    rows = [row for row in read_rows(path) if len(row["output"].split()) >= 2]
    return random.Random(seed).sample(rows, count)


def alpaca_figures(
    model: Model, rows: list[dict[str, Any]], templates: list[str], seed: int
) -> Iterator[str]:
    """The lines about instruction rows."""
    rng = random.Random(seed)
    answers = [row["output"].strip() for row in rows]
    others = rows[1:] + rows[:1]  # rows are in random order: another row's question

    def bits(questions: list[dict[str, Any]], said: list[str], template: str) -> Any:
        pairs = zip(questions, said, strict=True)
        return row_bits(model, [scored_row(model, row, template, text) for row, text in pairs])

    alone = bits(rows, answers, "")
    words = bits(rows, [shuffled(answer, rng) for answer in answers], "")
    yield f"answers alone: {per_letter(alone):.3f} bits per character"
    yield f"the same, words shuffled: {per_letter(words):.3f}"
    yield f"real words lower in {lower(alone, words):.1%}"
    for template in templates:
        own, other = bits(rows, answers, template), bits(others, answers, template)
        yield (
            f"{template}: answers after their question {per_letter(own):.3f}, after another row's "
            f"{per_letter(other):.3f}; own lower in {lower(own, other):.1%}, "
            f"lower than alone in {lower(own, alone):.1%}"
        )


def main() -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "src/tamis/assets/reference")
    shared = os.environ.get("TAMIS_SHARED", ROOT.parent / "shared")
    parser.add_argument("--shared", type=Path, default=Path(shared))
    parser.add_argument("--part", choices=["both", "wikitext", "alpaca"], default="both")
    parser.add_argument("--templates", nargs="*", default=list(TEMPLATES))
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--context", type=int, default=0, help="shorter than the model's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Model(args.model)
    model.context = args.context or model.context
    began = time.monotonic()
    if args.part != "alpaca":
        text = (args.shared / "text/wikitext2/test.txt").read_text(encoding="utf-8")
        print(f"WikiText-2 test: {running_bits(model, text):.3f} bits per character", flush=True)
        some = text[:SHUFFLED_LETTERS]
        mixed = "\n".join(shuffled(line, random.Random(args.seed)) for line in some.split("\n"))
        print(f"its first {len(some)} characters: {running_bits(model, some):.3f}; ", end="")
        print(f"words of each line shuffled: {running_bits(model, mixed):.3f}", flush=True)
    if args.part != "wikitext":
        file = args.shared / "data/instructions/alpaca/alpaca_30k.json"
        rows = sample_rows(file, args.rows, args.seed)
        for line in alpaca_figures(model, rows, args.templates, args.seed):
            print(line, flush=True)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
