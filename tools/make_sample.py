"""Makes the sample in the package from openly licensed sets: `make_sample.py DATA OUT`.

Rows are drawn evenly over each file and keep the wording of their source. GPTeacher (MIT), GSM8K
(MIT), Self-Instruct (Apache-2.0), BELLE evaluation set (ODC-By), OASST Chinese (Apache-2.0).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES = {
    # name of the source: (file below DATA, rows, instruction, input, output)
    "self_instruct": (
        "self_instruct/self_instruct_5k.jsonl",
        700,
        "instruction",
        "input",
        "output",
    ),
    "gpteacher": (
        "gpteacher/roleplay-simple-deduped-roleplay-dataset.json",
        500,
        "instruction",
        "input",
        "output",
    ),
    "gsm8k": ("gsm8k/train.jsonl", 400, "question", "", "answer"),
    "belle": ("multilingual/belle_eval_set.json", 200, "question", "", "std_answer"),
    "oasst_zh": ("oasst_zh/oaast_sft_zh.json", 200, "instruction", "input", "output"),
}


def records(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def rows(data: Path) -> Iterator[dict[str, str]]:
    for name, (file, count, instruction, extra, output) in FILES.items():
        # rows with a history would lose their context: the sample is single-turn
        found = [r for r in records(data / file) if not r.get("history")]
        step = len(found) / count
        for i in range(count):
            record = found[int(i * step)]
            yield {
                "instruction": str(record[instruction]),
                "input": str(record.get(extra, "")) if extra else "",
                "output": str(record[output]),
                "source": name,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    lines = [json.dumps(row, ensure_ascii=False) for row in rows(given.data)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
