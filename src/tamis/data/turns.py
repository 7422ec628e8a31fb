"""Turns of a conversation, whatever a file calls them: every format ends here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

Message = tuple[str, str | None, str | None]
"""role (system, user, assistant, tool), content, tool calls as a JSON array or None."""


class Reject(Exception):
    """A record cannot be read; the message is the reason, in plain words."""


ROLES: Mapping[str, str] = {
    **dict.fromkeys(("user", "human", "prompter", "customer", "client"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "chatgpt", "bing", "bard", "claude", "model", "bot", "ai"), "assistant"
    ),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "observation", "function", "tool_response", "ipython"), "tool"),
    **dict.fromkeys(("function_call", "tool_call"), "call"),  # an assistant turn that only calls
}

# Speakers written into the text itself, "[客户] ..." (customer) and "[律师] ..." (lawyer).
SPEAKERS: Mapping[str, str] = {
    **dict.fromkeys(("客户", "用户", "患者", "病人", "user", "human", "customer"), "user"),
    **dict.fromkeys(("律师", "医生", "客服", "助手", "assistant", "bot", "gpt"), "assistant"),
}

# Fields of a turn that have no column of their own and that a chat template may need.
KEPT = ("name", "tool_call_id", "reasoning_content", "thinking", "weight")

_KINDS = {dict: "an object", list: "a list", type(None): "null", bool: "a boolean"}


def kind(value: Any) -> str:
    """What a JSON value is, in words: "a list"."""
    return _KINDS.get(type(value), "text" if isinstance(value, str) else "a number")


def compact(value: Any) -> str:
    """One JSON text without spaces; what JSON cannot hold (bytes, dates) is described."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # integers beyond 64 bits, lone surrogates, objects of columnar files
        try:
            return json.dumps(value, separators=(",", ":"), default=_described)
        except RecursionError:
            raise Reject("nested too deeply") from None


def _described(value: Any) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)


def parsed(value: Any) -> Any:
    """A JSON text as its value; anything else, and text that is no JSON, as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def scrubbed(value: Any) -> Any:
    """The same value with lone surrogates, which UTF-8 cannot hold, replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {scrubbed(key): scrubbed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(inner) for inner in value]
    return value


def text(value: Any, name: str) -> str:
    """Text as it is, null as "", a number or boolean as its JSON text; else Reject."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, int, float)):
        return compact(value)
    raise Reject(f"{name!r} is {kind(value)}, text expected")


def role(name: Any) -> str:
    """The role a turn's name stands for; Reject names the known ones."""
    found = ROLES.get(name) if isinstance(name, str) else None
    found = found or ROLES.get(str(name).strip().lower())
    if found is None:
        raise Reject(f"unknown role {name!r}; known: {', '.join(sorted(ROLES))}")
    return found


def _content(value: Any, who: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # typed parts: the text ones run together as chat templates do
        return "".join(map(_part, value))
    if isinstance(value, dict) and who == "tool":
        return compact(value)  # a function's result
    return text(value, "content")


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        if part.get("type", "text") in ("text", "input_text", "output_text"):
            return str(part["text"])
    return compact(part)


def calls(value: Any) -> str | None:
    """Tool calls in the form [{"type": "function", "function": {"name", "arguments"}}], or None.

    `arguments` written as JSON text become the object, so that one call has one spelling.
    """
    value = parsed(value)
    if not value:
        return None
    listed = [_call(call) for call in (value if isinstance(value, list) else [value])]
    return compact(listed)


def _call(call: Any) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise Reject(f"a tool call is {kind(call)}, an object expected")
    inner = call.get("function", call)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise Reject("a tool call has no function name")
    function = {**inner, "arguments": parsed(inner.get("arguments", inner.get("parameters", {})))}
    if inner is not call:
        return {**call, "type": "function", "function": function}
    function.pop("parameters", None)
    return {"type": "function", "function": function}


def tools(value: Any) -> str | None:
    """Tool definitions as a compact JSON array, None where there are none."""
    value = parsed(value)
    if not value:
        return None
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise Reject(f"'tools' is {kind(value)} that is no JSON list of definitions")
    return compact([parsed(tool) for tool in value])


def turns(value: Any, name: str) -> tuple[list[Message], dict[int, dict[str, Any]]]:
    """Messages of a list of objects with role/content or from/value, and what else a turn holds."""
    value = parsed(value)
    if not isinstance(value, list):
        raise Reject(f"{name!r} is {kind(value)}, a list of turns expected")
    if not value:
        raise Reject(f"{name!r} is an empty list")
    messages: list[Message] = []
    others: dict[int, dict[str, Any]] = {}
    for index, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise Reject(f"a turn is {kind(turn)}, an object with a role and a content expected")
        messages.append(_turn(turn))
        kept = {key: turn[key] for key in KEPT if turn.get(key) is not None}
        if kept:
            others[index] = kept
    return messages, others


def _turn(turn: dict[str, Any]) -> Message:
    named = turn.get("role") or turn.get("from")
    if named is None:
        raise Reject(f"a turn has no role: its keys are {keys(turn)}")
    who = role(named)
    if "content" not in turn and "value" not in turn and "tool_calls" not in turn:
        raise Reject(f"a turn has no content: its keys are {keys(turn)}")
    content = turn.get("content")
    content = turn.get("value") if content is None else content
    if who == "call":
        return _calling(content)
    called = turn.get("tool_calls") or turn.get("function_call")
    if not called:
        return who, _content(content, who), None
    return who, None if content is None else _content(content, who), calls(called)


def _calling(content: Any) -> Message:
    """A turn named function_call: its text is the call; where it is no JSON it stays text."""
    value = parsed(content)
    if isinstance(value, (dict, list)):
        try:
            return "assistant", None, calls(value)
        except Reject:
            pass  # JSON, but no call: kept as text below
    return "assistant", _content(content, "tool"), None


def spoken(lines: Sequence[Any], name: str) -> list[Message]:
    """Messages of a list of strings: by their "[speaker]" where all have one, else by turns."""
    for line in lines:
        if not isinstance(line, str):
            raise Reject(f"a turn of {name!r} is {kind(line)}, text expected")
    split = [_speaker(line) for line in lines]
    if split and all(who for who, _ in split):
        return [(who, said, None) for who, said in split]
    sides = ("user", "assistant")
    return [(sides[index % 2], line, None) for index, line in enumerate(lines)]


def _speaker(line: str) -> tuple[str, str]:
    if not line.startswith("["):
        return "", line
    tag, _, said = line[1:].partition("]")
    return SPEAKERS.get(tag.strip().lower(), ""), said.removeprefix(" ")


def pair(ask: str, answer: str | None) -> list[Message]:
    """One question, and its answer where there is one (it may be empty)."""
    asked: list[Message] = [("user", ask, None)]
    return asked if answer is None else [*asked, ("assistant", answer, None)]


def with_system(messages: list[Message], system: Any) -> list[Message]:
    """The messages after a system prompt, unless it is empty."""
    prompt = text(system, "system")
    return [("system", prompt, None), *messages] if prompt else messages


def keys(record: Iterable[str]) -> str:
    """The first names of a record, for an error message."""
    shown = [repr(key) for key in record]
    return ", ".join(shown[:12]) + (", ..." if len(shown) > 12 else "") or "none"
