"""Files of questions as tasks of lm-eval: what it asks, and how it counts an answer as right.

choices    a CSV without a head as MMLU's files are: question, options, letter of the right one. The
           letters A, B, ... are offered, and the likeliest is the answer.
answers    JSON or JSON lines of questions and answers, as the files of GSM8K and BIG-Bench Hard
           are. The model writes; where all answers are numbers (what follows #### counts), the last
           number that it writes is compared, else its first line, both without case.

A task is called local_ and the file's name, so that it is never taken for one that lm-eval has.
Oracle: accuracies are those that lm-eval reports; a model that always says one letter is right as
often as that letter is.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tamis.data.write import made_folder
from tamis.data.yaml_text import as_yaml
from tamis.errors import UserError

QUESTIONS = ("question", "input", "instruction", "prompt")
ANSWERS = ("answer", "target", "output")
"""Names of the fields, the first that is there counts."""

LETTERS = "ABCDEFGHIJ"
NUMBER = re.compile(r"-?[0-9][0-9,]*(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Questions:
    """What a file holds: rows for lm-eval, all of one kind."""

    rows: Sequence[dict[str, Any]]
    options: int = 0  # of each question; 0 where an answer is written
    numbers: bool = False


def local_task(path: Path, folder: Path, examples: Path | None = None) -> str:
    """Writes a file of questions as a task into a folder for lm-eval; returns the task's name.

    `examples` is a file of the same kind: shots are taken from its beginning.
    """
    found = questions(path)
    files = {"test": _rows(found, folder, path)}
    if examples is not None:
        shown = questions(examples)
        if (shown.options, shown.numbers) != (found.options, found.numbers):
            raise UserError(f"{examples} has another kind of questions than {path}")
        files["dev"] = _rows(shown, folder, examples)
    name = "local_" + (re.sub(r"[^\w-]+", "_", path.stem) or "task")
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        "test_split": "test",
        **({"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}} if examples else {}),
        **(_choosing(found.options) if found.options else _writing(found.numbers)),
        "metadata": {"version": 1.0},
    }
    (folder / f"{name}.yaml").write_text(as_yaml(config), "utf-8")
    return name


def questions(path: Path) -> Questions:
    """The questions of a file; UserError with the row where one has no answer."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    found = _choices(path, text) if path.suffix.lower() == ".csv" else _answers(path, text)
    if not found.rows:
        raise UserError(f"{path} has no questions")
    return found


def _choices(path: Path, text: str) -> Questions:
    rows: list[dict[str, Any]] = []
    options = 0
    for place, cells in enumerate(csv.reader(text.splitlines(keepends=True)), 1):
        if not cells:
            continue
        question, *choices, letter = cells if len(cells) > 3 else ("", "")
        options = options or len(choices)
        known = LETTERS[: len(choices)]
        if len(choices) != options or len(letter.strip()) != 1 or letter.strip() not in known:
            raise UserError(
                f"{path}, row {place}: expected a question, {options or 'its'} options and the "
                f"letter of the right one, as {LETTERS[: options or 4]}; found {len(cells)} cells"
            )
        rows.append(
            {"question": question, "choices": choices, "answer": known.index(letter.strip())}
        )
    return Questions(rows, options)


def _answers(path: Path, text: str) -> Questions:
    rows = []
    for place, record in enumerate(_records(path, text), 1):
        question, answer = (_field(record, names) for names in (QUESTIONS, ANSWERS))
        if not question or not answer:
            wanted = f"one of {', '.join(QUESTIONS)} and one of {', '.join(ANSWERS)}"
            raise UserError(f"{path}, record {place}: expected the fields {wanted}")
        rows.append({"question": question, "answer": answer.rpartition("####")[2].strip()})
    numbers = all(NUMBER.fullmatch(row["answer"].lstrip("$")) for row in rows)
    return Questions(rows, numbers=numbers)


def _records(path: Path, text: str) -> list[Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return [orjson.loads(line) for line in text.splitlines() if line.strip()]
        except orjson.JSONDecodeError as error:
            raise UserError(f"{path} is neither JSON nor JSON lines: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("examples"), list):
        return list(found["examples"])
    return found if isinstance(found, list) else [found]


def _field(record: Any, names: Sequence[str]) -> str:
    values = [record.get(name) for name in names] if isinstance(record, dict) else []
    return next((str(value).strip() for value in values if value not in (None, "")), "")


def _rows(found: Questions, folder: Path, path: Path) -> str:
    """Writes the rows where the task finds them."""
    target = made_folder(folder) / f"{path.parent.name}_{path.stem}.jsonl"
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found.rows)
    target.write_text(lines, "utf-8")
    return str(target.resolve())


def _choosing(options: int) -> dict[str, Any]:
    offered = "".join(f"\n{LETTERS[i]}. {{{{choices[{i}]}}}}" for i in range(options))
    return {
        "output_type": "multiple_choice",
        "doc_to_text": "{{question.strip()}}" + offered + "\nAnswer:",
        "doc_to_choice": list(LETTERS[:options]),
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }


def _writing(numbers: bool) -> dict[str, Any]:
    last = {"function": "regex", "regex_pattern": r"(-?[0-9][0-9,]*(?:\.[0-9]+)?)"}
    line = {"function": "regex", "regex_pattern": r"^\s*([^\n]+)"}
    read = {**last, "group_select": -1} if numbers else line
    return {
        "output_type": "generate_until",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {
            "until": ["Question:"] if numbers else ["\n", "Question:"],
            "do_sample": False,
            "max_gen_toks": 256 if numbers else 64,
        },
        "filter_list": [{"name": "read", "filter": [read, {"function": "take_first"}]}],
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
                "regexes_to_ignore": [",", r"\$", r"\s+$", r"\.$"],
            }
        ],
    }
