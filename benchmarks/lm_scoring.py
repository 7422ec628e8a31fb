"""Speed of scoring with a language model, against one row at a time and against bare products.

    python benchmarks/lm_scoring.py speed --shape 124m --rows 96
    python benchmarks/lm_scoring.py cascade --rows 4000

`speed`: both passes of IFD over real Alpaca rows, by a loop of the published kind (one row at a
time, all logits, twice) and by tamis, alternating, medians; the largest difference of a mean loss;
and the share of the floating-point rate that plain matrix products of the model's own shapes reach
in the same run, counting the multiplications of necessary tokens and scored positions only.
The weights are random: they do not change the time. `cascade`: the 5 % with the highest IFD by the
cascade and by exact scores of all rows, with the model in the package.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tamis.budget import Budget
from tamis.models.hf import HuggingFace
from tamis.models.hub import locate
from tamis.passages import Setting, opening, written
from tamis.protocols import Passage
from tamis.run.session import Run
from tamis.scorers._passages import alone, conditioned
from tamis.testing import dataset
from tamis.types import Batch

SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[2] / "shared"))
ALPACA = SHARED / "data/instructions/alpaca/alpaca_30k.json"


def shapes() -> dict[str, Any]:
    llama = {"num_attention_heads": 8, "num_key_value_heads": 8, "tie_word_embeddings": True}
    return {
        "124m": transformers.GPT2Config(),
        "30m": transformers.GPT2Config(n_embd=384, n_layer=6, n_head=6),
        "14m": transformers.LlamaConfig(
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=8,
            vocab_size=32_000,
            max_position_embeddings=1024,
            **llama,
        ),
    }


def made_model(shape: str, folder: Path) -> Path:
    """A folder with a model of that shape; GPT-2's tokenizer where the vocabulary is so large."""
    torch.manual_seed(0)
    config = shapes()[shape]
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    own = SHARED / "models/tokenizers/gpt2"
    if config.vocab_size > 50_000 and own.is_dir():
        vocabulary = json.loads((own / "encoder.json").read_text())
        lines = (own / "vocab.bpe").read_text().split("\n")[1:]
        merges = [tuple(line.split()) for line in lines if line]
        end = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
        tokenizer = transformers.GPT2Tokenizer(vocab=vocabulary, merges=merges, **end)
    else:
        tokenizer = transformers.AutoTokenizer.from_pretrained(locate("reference").folder)
    tokenizer.save_pretrained(folder)
    return folder


def passes(lm: HuggingFace, rows: int) -> list[Passage]:
    """Both passes of IFD over the first rows: after the question, and the answer alone."""
    data = dataset(json.loads(ALPACA.read_text())[:rows])
    setting = Setting(template="alpaca")
    found = [row for row in written(Batch(data.table), lm, setting) if row.answers]
    first = opening(lm, True)
    return [conditioned(row) for row in found] + [p for row in found for p in alone(row, first)]


def one_by_one(model: Any, passages: list[Passage]) -> list[float]:
    """Mean losses as the published scripts compute them: a row, all its logits, its loss."""
    losses = []
    with torch.no_grad():
        for passage in passages:
            ids = torch.from_numpy(passage.ids)[None].to(model.device)
            labels = ids.clone()
            labels[:, : passage.spans[0][0]] = -100
            losses.append(model(ids, labels=labels).loss.item())
    return losses


def by_tamis(lm: HuggingFace, passages: list[Passage]) -> list[float]:
    return [float(reading.tokens["loss"].mean()) for reading in lm.read(passages)]


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def linear_layers(model: Any) -> list[tuple[int, int]]:
    """(in, out) of every linear layer of the body."""
    found = []
    for layer in model.base_model.modules():
        weight = getattr(layer, "weight", None)
        if weight is None or weight.ndim != 2 or isinstance(layer, torch.nn.Embedding):
            continue
        shape = tuple(weight.shape)
        transposed = type(layer).__name__ == "Conv1D"
        found.append(shape if transposed else shape[::-1])
    return found


def bare_seconds(
    model: Any, passages: list[Passage], batch: int, tokens: int
) -> tuple[float, float]:
    """(seconds that bare products of the model's own shapes take, their multiply-adds x 2).

    `tokens` are those that have to go through the model: what texts begin with counts once.
    """
    scored = sum(b - a for p in passages for a, b in p.spans)
    width, vocabulary = model.get_output_embeddings().weight.shape[::-1]
    layers = linear_layers(model)
    jobs = [(batch, i, o, tokens / batch) for i, o in layers]
    per_pack = max(int(batch * scored / tokens), 1)
    jobs.append((per_pack, int(width), int(vocabulary), scored / per_pack))
    total = 0.0
    flops = attention_flops(model, passages)
    known: dict[tuple[int, int, int], float] = {}
    for rows, i, o, times in jobs:
        if (rows, i, o) not in known:
            known[rows, i, o] = product_seconds(rows, i, o, model)
        total += known[rows, i, o] * times
        flops += 2.0 * rows * i * o * times
    # attention's own products are necessary too; they are counted at the rate of the others
    return total * flops / (flops - attention_flops(model, passages)), flops


def attention_flops(model: Any, passages: list[Passage]) -> float:
    """Multiply-adds x 2 of scores and values, each token with itself and those before it."""
    config = model.config
    pairs = sum(len(p.ids) * (len(p.ids) + 1) / 2 for p in passages)
    return 4.0 * pairs * config.hidden_size * config.num_hidden_layers


def product_seconds(rows: int, width: int, out: int, model: Any) -> float:
    """Seconds of one bare matrix product where the model is and in its precision."""
    x, w = (torch.randn(n, width).to(model.device, model.dtype) for n in (rows, out))

    def multiply() -> None:
        torch.nn.functional.linear(x, w)
        if x.is_cuda:
            torch.cuda.synchronize()

    multiply()
    return statistics.median(seconds(multiply)[0] for _ in range(7))


def speed(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(made_model(arguments.shape, Path(folder)))
        lm = HuggingFace(path, device=arguments.device, batch_tokens=arguments.batch_tokens)
        quick = HuggingFace(path, dtype="int8") if arguments.device == "cpu" else None
        kind = getattr(torch, lm.dtype)
        model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=kind).eval()
        model.to(lm.devices[0])
        passages = passes(lm, arguments.rows)
        by_tamis(lm, passages[:8])
        before = lm.forward_tokens
        by_tamis(lm, passages)
        needed = lm.forward_tokens - before
        times: dict[str, list[float]] = {"loop": [], "tamis": [], "int8": [], "bare": []}
        with torch.inference_mode():
            for _ in range(arguments.repeat):
                took, ours = seconds(lambda: by_tamis(lm, passages))
                times["tamis"].append(took)
                times["bare"].append(bare_seconds(model, passages, lm.batch_tokens, needed)[0])
                took, theirs = seconds(lambda: one_by_one(model, passages))
                times["loop"].append(took)
                if quick:
                    times["int8"].append(seconds(lambda: by_tamis(quick, passages))[0])
        middle = {name: statistics.median(found) for name, found in times.items() if found}
        flops = bare_seconds(model, passages, lm.batch_tokens, needed)[1]
    print(f"{arguments.shape}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")
    tokens = sum(len(p.ids) for p in passages)
    scored = sum(b - a for p in passages for a, b in p.spans)
    print(f"{len(passages)} passages, {tokens:,} tokens, {needed:,} without repeated beginnings,")
    print(f"{scored:,} scored; medians, seconds")
    for name, value in middle.items():
        print(f"  {name:6} {value:8.2f}   loop / this {middle['loop'] / value:5.2f}")
    print(f"  largest difference of a mean loss {np.abs(np.subtract(ours, theirs)).max():.1e}")
    print(f"  {flops / middle['tamis'] / 1e9:.0f} GFLOP/s of {flops / middle['bare'] / 1e9:.0f}")
    print(f"  share of the bare products' rate {middle['bare'] / middle['tamis']:.2f}")


def cascade(arguments: argparse.Namespace) -> None:
    data = dataset(json.loads(ALPACA.read_text())[: arguments.rows])
    budget = Budget.parse("5%")
    by = "ifd(template=alpaca)"
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        exact = Run(store=one, model=arguments.model)
        exact.resource("Likelihood").readers  # noqa: B018  loading is not what is timed
        slow, wanted = seconds(lambda: exact.select(data, f"threshold(by={by},at_most=1)", budget))
        from tamis.recipes.cascade import cascade as walk

        run = Run(store=two, model=arguments.model)
        run.resource("Likelihood").readers  # noqa: B018
        run.resource("Likelihood", dtype="int8").readers  # noqa: B018
        fast, picked = seconds(lambda: walk(run, data, budget.of(len(data)), by=by, at_most=1.0))
    print(
        f"{len(data)} rows, 5 %: exact {slow:.1f} s, cascade {fast:.1f} s, {slow / fast:.2f} times"
    )
    ours, theirs = (dict(zip(s.rows.tolist(), s.gains, strict=True)) for s in (picked, wanted))
    same = ours.keys() & theirs.keys()
    moved = max((abs(ours[row] - theirs[row]) for row in same), default=0.0)
    print(f"  identical picks in identical order: {list(ours) == list(theirs)}")
    print(f"  {len(same)} of {len(wanted)} picks in both, scores differ by at most {moved:.1e}")
    print(f"  {json.dumps(dict(picked.info), default=str)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("speed")
    one.add_argument("--shape", choices=["124m", "30m", "14m"], default="30m")
    one.add_argument("--rows", type=int, default=200)
    one.add_argument("--repeat", type=int, default=3)
    one.add_argument("--device", default="cpu")
    one.add_argument("--batch-tokens", type=int, default=0)
    one.set_defaults(run=speed)
    two = commands.add_parser("cascade")
    two.add_argument("--rows", type=int, default=4000)
    two.add_argument("--model", default="reference")
    two.set_defaults(run=cascade)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
