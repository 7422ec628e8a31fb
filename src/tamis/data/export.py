"""Exporting: selected rows in the form that a trainer reads, with the description it asks for.

Each target has one function from a conversation to its JSON record, which raises Reject where the
trainer would refuse or silently skip the row.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tamis.data.turns import KEPT, Reject, compact
from tamis.data.write import column, made_folder, replacing
from tamis.errors import UserError, nearest
from tamis.types import Dataset, Ints

Row = Mapping[str, Any]
"""messages (dicts), tools (JSON or None), turns (other fields by turn), id."""

_AT_ONCE = 512
_LF_ROLES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_LF_SEVERAL = "\n</tool_response>\n<tool_response>\n"  # as LLaMA-Factory joins several results


def export(
    dataset: Dataset,
    rows: Ints,
    out_dir: str | os.PathLike[str],
    *,
    to: str,
    name: str = "subset",
    skip: bool = False,
) -> list[Path]:
    """Writes the rows for a trainer: a JSON lines file and, where it wants one, its description.

    Args:
        rows: positions in the dataset; they are written in this order.
        to: "trl" (messages, tools), "llamafactory" (ShareGPT form and an entry in
            dataset_info.json), "axolotl" (messages, and a YAML block for its configuration) or
            "messages" (the plain OpenAI form).
        skip: leave out rows that the trainer cannot take and list them in NAME.left_out.jsonl;
            otherwise such rows raise UserError with their number and the reasons.
    """
    if to not in TARGETS:
        raise UserError(f"no trainer {to!r}; {nearest(to, TARGETS)}")
    convert, describe = TARGETS[to]
    folder = made_folder(out_dir)
    path = folder / f"{name}.{to}.jsonl"
    listed = folder / f"{name}.left_out.jsonl"
    left: list[dict[str, Any]] = []
    with replacing(path) as part:
        with open(part, "wb") as file:
            for row in _rows(dataset, np.asarray(rows, np.int64)):
                try:
                    file.write(orjson.dumps(convert(row)) + b"\n")
                except Reject as why:
                    left.append({"id": row["id"], "reason": str(why)})
        if left and not skip:
            raise UserError(_refused(left, len(rows), to))
    if left:
        with replacing(listed) as part:
            part.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in left))
    return [path, *describe(path, name), *([listed] if left else [])]


def _refused(left: list[dict[str, Any]], rows: int, to: str) -> str:
    counts = Counter(one["reason"] for one in left)
    reasons = "; ".join(f"{reason} ({count})" for reason, count in counts.most_common(5))
    return (
        f"{len(left)} of {rows} rows cannot be written for {to}: {reasons}. "
        f"The first is {left[0]['id']}. With skip they are left out and listed"
    )


def _rows(dataset: Dataset, rows: Ints) -> Iterator[Row]:
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        names = ("id", "messages", "tools", "extra")
        values = [column(dataset.table[name], some).to_pylist() for name in names]
        for key, messages, tools, extra in zip(*values, strict=True):
            turns = json.loads(extra).get("turn_fields", {}) if extra else {}
            yield {"id": key, "messages": messages, "tools": tools, "turns": turns}


def _messages(row: Row, *, arguments_as_text: bool, empty: str | None) -> list[dict[str, Any]]:
    """OpenAI messages; `empty` stands for the content of a turn that only calls tools."""
    found: list[dict[str, Any]] = []
    for index, turn in enumerate(row["messages"]):
        content = empty if turn["content"] is None else turn["content"]
        message: dict[str, Any] = {"role": turn["role"], "content": content}
        if turn["tool_calls"]:
            message["tool_calls"] = _tool_calls(turn["tool_calls"], arguments_as_text)
        kept = row["turns"].get(str(index), {}) if isinstance(row["turns"], dict) else {}
        found.append(message | {key: kept[key] for key in KEPT if key in kept})
    return found


def _tool_calls(text: str, arguments_as_text: bool) -> list[dict[str, Any]]:
    calls = json.loads(text)
    if arguments_as_text:
        for call in calls:
            arguments = call["function"]["arguments"]
            call["function"]["arguments"] = (
                arguments if isinstance(arguments, str) else compact(arguments)
            )
    return list(calls)


def _to_messages(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"messages": _messages(row, arguments_as_text=True, empty=None)}
    return record | ({"tools": json.loads(row["tools"])} if row["tools"] else {})


def _to_trl(row: Row) -> dict[str, Any]:
    """Arguments are objects, as chat templates print them; tools are text, which SFTTrainer parses.

    A column of tools as objects would be given one merged structure by older `datasets`.
    """
    _check_trainable(row)
    return {
        "messages": _messages(row, arguments_as_text=False, empty=""),
        "tools": row["tools"],
    }


def _to_axolotl(row: Row) -> dict[str, Any]:
    """Arguments and tools are JSON text, which axolotl parses: one type whatever the tool."""
    _check_trainable(row)
    return {
        "messages": _messages(row, arguments_as_text=True, empty=""),
        "tools": row["tools"],
    }


def _check_trainable(row: Row) -> None:
    if not any(turn["role"] == "assistant" for turn in row["messages"]):
        raise Reject("no turn of the assistant: nothing to learn")


def _to_llamafactory(row: Row) -> dict[str, Any]:
    """ShareGPT turns: a system turn perhaps, then the two sides in strict alternation."""
    turns: list[dict[str, str]] = []
    for turn in row["messages"]:
        who, said = _lf_turn(turn)
        if who == "observation" and turns and turns[-1]["from"] == "observation":
            turns[-1]["value"] += _LF_SEVERAL + said
            continue
        turns.append({"from": who, "value": said})
    _check_alternation([turn["from"] for turn in turns])
    return {"conversations": turns, "tools": row["tools"] or ""}


def _lf_turn(turn: Mapping[str, Any]) -> tuple[str, str]:
    if not turn["tool_calls"]:
        return _LF_ROLES[turn["role"]], turn["content"] or ""
    if turn["content"]:
        raise Reject("text beside a tool call in one turn")
    calls = [
        {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        for call in json.loads(turn["tool_calls"])
    ]
    return "function_call", compact(calls[0] if len(calls) == 1 else calls)


def _check_alternation(roles: list[str]) -> None:
    body = roles[1:] if roles[:1] == ["system"] else roles
    if "system" in body:
        raise Reject("a system turn that is not the first")
    for index, who in enumerate(body):
        asks = who in ("human", "observation")
        if asks == (index % 2 == 1):
            before = body[index - 1] if index else "the beginning"
            raise Reject(f"{who} after {before}: the two sides have to alternate")
    if len(body) % 2 or not body:
        raise Reject("the last turn is not the assistant's")


def _describe_nothing(path: Path, name: str) -> list[Path]:
    return []


def _describe_llamafactory(path: Path, name: str) -> list[Path]:
    """Adds the entry to dataset_info.json; other entries stay as they are."""
    info = path.with_name("dataset_info.json")
    entries: dict[str, Any] = {}
    if info.exists():
        try:
            entries = json.loads(info.read_text("utf-8"))
        except ValueError as why:
            raise UserError(f"{info} is not valid JSON, and the entry goes there: {why}") from None
        if not isinstance(entries, dict):
            raise UserError(f"{info} is not a JSON object of dataset entries")
    entries[name] = {
        "file_name": path.name,
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "tools": "tools"},
    }
    with replacing(info) as part:
        part.write_text(json.dumps(entries, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return [info]


def _describe_axolotl(path: Path, name: str) -> list[Path]:
    """A block for the configuration; JSON strings are YAML strings."""
    block = path.with_suffix(".yaml")
    text = (
        "# Copy into your axolotl configuration.\n"
        "datasets:\n"
        f"  - path: {json.dumps(str(path.resolve()), ensure_ascii=False)}\n"
        "    ds_type: json\n"
        "    type: chat_template\n"
        "    field_messages: messages\n"
        "    field_tools: tools\n"
        "    message_property_mappings:\n"
        "      role: role\n"
        "      content: content\n"
        "    roles_to_train:\n"
        "      - assistant\n"
    )
    with replacing(block) as part:
        part.write_text(text, "utf-8")
    return [block]


TARGETS: Mapping[str, tuple[Callable[[Row], dict[str, Any]], Callable[[Path, str], list[Path]]]] = {
    "trl": (_to_trl, _describe_nothing),
    "llamafactory": (_to_llamafactory, _describe_llamafactory),
    "axolotl": (_to_axolotl, _describe_axolotl),
    "messages": (_to_messages, _describe_nothing),
}
"""How each trainer's records and description are made."""
