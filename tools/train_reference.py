"""Train the small reference language model on the corpus of reference_corpus.py.

Steps, each re-runnable on its own, all seeded:

    tokenizer   a byte-level BPE of 8,192 tokens, with chat markup
    stream      the training text as token ids, in the order it is read
    train       stopped at any time (SIGTERM saves), goes on from the last checkpoint
    export      config, float16 weights and tokenizer, to load with transformers

Needs torch and transformers.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference_spelling import common_words, wiki_spelling

from tamis.templates import END, TEMPLATES, Piece, render

ROOT = Path(__file__).resolve().parents[1]
END_TOKEN = "<|endoftext|>"
SPECIAL = [END_TOKEN, "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
VOCABULARY = 8_192
CONTEXT = 1_024
CHAT = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{{ '<|assistant|>\\n' }}{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}"
    "{{ '\\n' }}{% else %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '\\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
# How often a source is read, where not once (prose) or three times (rows), each time in another
# template: short, in-domain answers more, arithmetic and tool calls less.
COPIES = {
    "wikitext2-valid": 5.0,
    "gpteacher-roleplay": 2.0,
    "alpaca-eval-vicuna": 2.0,
    "gsm8k-train": 0.3,
    "gpteacher-toolformer": 0.35,
    "chatdoctor": 1.0,
    "hh-harmless": 1.0,
    "oda": 1.0,
    "self-instruct": 4.0,
    "self-instruct-user": 4.0,
    "alpaca-eval-alpaca": 4.0,
    "alpaca-eval-davinci": 4.0,
    "alpaca-eval-gpt4": 2.0,
    "vicuna-blog": 3.0,
}
ORDER = ("alpaca", "plain", "tulu", "alpaca", "plain", "vicuna")
# Running prose, of which a part is read in WikiText's spelling.
NARRATIVE = ("r-cran", "nltk", "anarchism", "wesnoth", "endless", "freeciv", "dict-j")
WIKI_SHARE = 0.4


def read_corpus(work: Path) -> list[dict[str, Any]]:
    """The documents."""
    with (work / "corpus.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def row_pieces(row: dict[str, Any], template: str) -> list[Piece]:
    """A row written down for the model, as tamis does when it scores."""
    pieces = render(TEMPLATES[template], row["messages"], row["given"])
    return [piece._replace(text=piece.text.replace(END, END_TOKEN)) for piece in pieces]


def planned(work: Path, rng: random.Random) -> Iterator[tuple[float, list[Piece]]]:
    """(place in training, pieces) of every copy of every document.

    Prose comes somewhat earlier and what is near to the uses somewhat later.
    """
    corpus = read_corpus(work)
    prose = [d["text"] for d in corpus if d["source"].startswith(NARRATIVE)]
    common = common_words(prose)
    for document in corpus:
        row = "messages" in document
        copies = COPIES.get(document["source"], 3.0 if row else 1.0)
        near = row or document["source"] == "wikitext2-valid"
        first = rng.randrange(len(ORDER))
        for copy in range(int(copies) + (rng.random() < copies % 1)):
            place = rng.uniform(0.1, 1.0) if near else rng.uniform(0.0, 0.85)
            if row:
                many = len(document["messages"]) > 2
                template = "tulu" if many and copy % 2 else ORDER[(first + copy) % len(ORDER)]
                yield place, row_pieces(document, template)
                continue
            text = document["text"]
            if document["source"].startswith(NARRATIVE) and rng.random() < WIKI_SHARE:
                text = wiki_spelling(text, common)
            yield place, [Piece(text, "text")]


def make_tokenizer(work: Path, seed: int) -> None:
    """Train the BPE on the text that will be read and write tokenizer.json."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces = (piece for _, parts in planned(work, random.Random(seed)) for piece in parts)
    plain = (piece.text for piece in pieces if piece.kind != "markup")
    tokenizer.train_from_iterator(plain, trainer)
    tokenizer.save(str(work / "tokenizer.json"))


def make_stream(work: Path, seed: int) -> None:
    """Write stream.npy: an end token in front of every document, then its pieces' ids."""
    from tokenizers import Tokenizer

    markup = Tokenizer.from_file(str(work / "tokenizer.json"))
    text = Tokenizer.from_file(str(work / "tokenizer.json"))
    text.encode_special_tokens = True  # a row that contains markup is data
    end = markup.token_to_id(END_TOKEN)
    documents = sorted(planned(work, random.Random(seed)), key=lambda item: item[0])
    ids: list[NDArray[np.uint16]] = []
    for _, pieces in documents:
        ids.append(np.array([end], np.uint16))
        for piece in pieces:
            encoder = markup if piece.kind == "markup" else text
            ids.append(np.array(encoder.encode(piece.text).ids, np.uint16))
    stream = np.concatenate(ids)
    np.save(work / "stream.npy", stream)
    print(f"{len(documents)} documents, {len(stream)} tokens")


def make_model(layers: int, heads: int, width: int, inner: int) -> Any:
    """A new Llama with tied embeddings."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config)


@dataclass
class Run:
    """A training run: the model, its optimizers and how far it is."""

    model: Any
    matrices: Any
    others: Any
    step: int = 0

    def save(self, path: Path) -> None:
        """Write a checkpoint aside and rename it."""
        import torch

        parts = {
            "step": self.step,
            "model": self.model.state_dict(),
            "torch": torch.get_rng_state(),
        }
        parts |= {"matrices": self.matrices.state_dict(), "others": self.others.state_dict()}
        torch.save(parts, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        import torch

        parts = torch.load(path)
        self.step = parts["step"]
        self.model.load_state_dict(parts["model"])
        self.matrices.load_state_dict(parts["matrices"])
        self.others.load_state_dict(parts["others"])
        torch.set_rng_state(parts["torch"])


def new_run(args: argparse.Namespace) -> Run:
    """Muon for the hidden matrices, AdamW for the embeddings and norms."""
    import torch

    model = make_model(args.layers, args.heads, args.width, args.inner)
    named = list(model.named_parameters())
    hidden = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in named if p.ndim != 2 or "embed" in name]
    muon = torch.optim.Muon(hidden, lr=args.rate, weight_decay=0.01, momentum=0.95)
    adam = torch.optim.AdamW(others, lr=args.table_rate, betas=(0.9, 0.95), weight_decay=0.0)
    return Run(model, muon, adam)


def loss_of(model: Any, ids: Any) -> Any:
    """Mean loss of the next token, in bfloat16 but for the loss itself."""
    import torch
    from torch.nn.functional import cross_entropy, linear

    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = linear(hidden, model.lm_head.weight)
    return cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


def batch_of(stream: NDArray[np.uint16], at: int, args: argparse.Namespace) -> Any:
    """Windows number `at` and following; each overlaps the next by the one token to predict."""
    import torch

    tokens = args.batch * args.window
    part = stream[at * tokens : (at + 1) * tokens + 1].astype(np.int64)
    rows = [part[i * args.window : (i + 1) * args.window + 1] for i in range(args.batch)]
    return torch.tensor(np.stack(rows))


def train(args: argparse.Namespace) -> None:
    """Train for `steps` steps, saving every few minutes and when told to stop."""
    import torch

    torch.set_num_threads(args.threads)
    stream = np.load(args.work / "stream.npy", mmap_mode="r")
    available = (len(stream) - 1) // (args.batch * args.window)
    steps = args.steps or available
    run = new_run(args)
    checkpoint = args.work / "checkpoint.pt"
    if checkpoint.exists():
        run.load(checkpoint)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    loss_fn = torch.compile(loss_of)
    began, saved, first = time.monotonic(), time.monotonic(), run.step
    parameters = list(run.model.parameters())
    while run.step < steps and not stopped:
        # Linear warm-up, then a linear decay to nothing.
        scale = min((run.step + 1) / args.warmup, (steps - run.step) / (steps - args.warmup))
        for optimizer, rate in ((run.matrices, args.rate), (run.others, args.table_rate)):
            optimizer.param_groups[0]["lr"] = rate * scale
        total = 0.0
        # Fewer steps than the stream has leave out its start: its end is nearest to the uses.
        parts = batch_of(stream, run.step + available - steps, args).split(args.micro)
        for part in parts:
            loss = loss_fn(run.model, part) / len(parts)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in (run.matrices, run.others):
            optimizer.step()
            optimizer.zero_grad()
        run.step += 1
        if run.step % 10 == 0 or run.step < 10:
            seconds = time.monotonic() - began
            pace = (run.step - first) * args.batch * args.window / seconds
            print(
                f"{run.step}/{steps} loss {total:.4f} {pace:.0f} tok/s {seconds:.0f} s", flush=True
            )
        if time.monotonic() - saved > args.save_every:
            run.save(checkpoint)
            saved = time.monotonic()
    run.save(checkpoint)


def export(args: argparse.Namespace) -> None:
    """Write the last checkpoint as a folder that transformers loads."""
    import torch
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    model = make_model(args.layers, args.heads, args.width, args.inner)
    parts = torch.load(args.work / "checkpoint.pt")
    model.load_state_dict(parts["model"])
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=0, pad_token_id=0)
    model.half().save_pretrained(args.out)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(args.work / "tokenizer.json"),
        bos_token=END_TOKEN,
        eos_token=END_TOKEN,
        pad_token=END_TOKEN,
        additional_special_tokens=SPECIAL[1:],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(args.out)
    (args.out / "model.safetensors").chmod(0o644)
    print(f"step {parts['step']} written to {args.out}")


def main() -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["tokenizer", "stream", "train", "export"])
    parser.add_argument("--work", type=Path, required=True, help="corpus, stream, checkpoint")
    parser.add_argument("--out", type=Path, default=ROOT / "src/tamis/assets/reference")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--inner", type=int, default=704)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16, help="windows a step")
    parser.add_argument("--micro", type=int, default=2, help="windows at a time")
    parser.add_argument("--steps", type=int, default=0, help="0: as the stream has")
    parser.add_argument("--warmup", type=int, default=30)
    parser.add_argument("--rate", type=float, default=0.02, help="Muon's, for hidden matrices")
    parser.add_argument("--table-rate", type=float, default=0.007, help="AdamW's, for the rest")
    parser.add_argument("--save-every", type=float, default=180.0, help="seconds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.step == "tokenizer":
        make_tokenizer(args.work, args.seed)
    elif args.step == "stream":
        make_stream(args.work, args.seed)
    elif args.step == "train":
        train(args)
    else:
        export(args)


if __name__ == "__main__":
    main()
