"""Instruction rows whose licence lets the reference model learn from them, in one form."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
# Name and file. Benchmarks that a canary string or custom keeps out of training stay out.
FILES = [
    ("gpteacher-roleplay", "instructions/gpteacher/roleplay-simple-deduped-roleplay-dataset.json"),
    ("gpteacher-toolformer", "instructions/gpteacher/toolformer-dedupe-only-dataset.json"),
    ("chatdoctor", "instructions/medical/chatdoctor5k.json"),
    ("self-instruct", "instructions/self_instruct/self_instruct_5k.jsonl"),
    ("self-instruct-user", "instructions/self_instruct/user_oriented_instructions.jsonl"),
    ("gsm8k-train", "instructions/gsm8k/train.jsonl"),
    ("oda", "selections/oda/example_input.jsonl"),
    ("pandalm", "evaluation/pandalm/testset-v1.json"),
    ("alpaca-eval-alpaca", "evaluation/alpaca_eval/results/alpaca-7b/model_outputs.json"),
    ("alpaca-eval-gpt4", "evaluation/alpaca_eval/results/gpt4_1106_preview/model_outputs.json"),
    ("alpaca-eval-davinci", "evaluation/alpaca_eval/results/text_davinci_003/model_outputs.json"),
    ("alpaca-eval-vicuna", "evaluation/alpaca_eval/results/vicuna-7b/model_outputs.json"),
]
HH = "instructions/multi_turn/hh_harmless_test.jsonl.gz"
DUMMY = "instructions/multi_turn/fastchat_dummy_conversation.json"
MT_BENCH = "evaluation/mt_bench"
VICUNA = "evaluation/vicuna_blog"
SPEAKERS = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant"}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON array or JSON-lines file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def one_turn(name: str, ask: str, given: str, answer: str) -> Row:
    """A row of one question and its answer."""
    question = f"{ask}\n\n{given}" if given else ask
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"source": name, "messages": turns, "given": given or None}


def turns_row(name: str, texts: list[str]) -> Row:
    """A row of questions and answers in turn."""
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": text.strip()} for at, text in enumerate(texts)]
    return {"source": name, "messages": turns[: len(turns) // 2 * 2], "given": None}


def single_rows(data: Path) -> Iterator[Row]:
    """Rows of the files with one question and one answer (PandaLM: two answers)."""
    for name, file in FILES:
        for row in read_rows(data / file):
            ask = str(row.get("instruction") or row.get("question") or "").strip()
            pairs = row.get("instances") or [row]
            for pair in pairs:
                given = str(pair.get("input") or "").strip()
                for field in ("output", "answer", "response1", "response2"):
                    if answer := str(pair.get(field) or "").strip():
                        answer = re.sub(r"<<.*?>>", "", answer)  # GSM8K's calculator notes
                        yield one_turn(name, ask, given, answer)


def many_turn_rows(data: Path) -> Iterator[Row]:
    """Rows of the conversations."""
    with gzip.open(data / HH, "rt", encoding="utf-8") as lines:
        for line in lines:
            texts = re.split(r"\n\n(?:Human|Assistant): ", json.loads(line)["chosen"])[1:]
            yield turns_row("hh-harmless", texts)
    for row in read_rows(data / DUMMY)[:200]:
        yield turns_row("fastchat-dummy", [turn["value"] for turn in row["conversations"]])
    questions = {row["question_id"]: row for row in read_rows(data / MT_BENCH / "question.jsonl")}
    for row in read_rows(data / MT_BENCH / "gpt-4.jsonl"):
        asked = questions[row["question_id"]]["turns"]
        said = row["choices"][0]["turns"]
        pairs = zip(asked, said, strict=True)
        yield turns_row("mt-bench", [text for pair in pairs for text in pair])
    asked = {row["question_id"]: row["text"] for row in read_rows(data / VICUNA / "question.jsonl")}
    for path in sorted((data / VICUNA / "answer").glob("*.jsonl")):
        for row in read_rows(path):
            if row["text"].strip():
                yield one_turn("vicuna-blog", asked[row["question_id"]], "", row["text"].strip())


def instruction_rows(shared: Path, rng: random.Random) -> Iterator[Row]:
    """Every row once, in random order."""
    rows = [*single_rows(shared / "data"), *many_turn_rows(shared / "data")]
    unique = {json.dumps(row["messages"]): row for row in rows if row["messages"]}
    kept = list(unique.values())
    rng.shuffle(kept)
    yield from kept
