"""Conversation formats: one function each, from a record to its messages, tools and other fields.

Rules that hold for all of them:
- Text is taken as it is, never stripped; null is "", a number or boolean is its JSON text.
- A missing or empty response is no reason to reject (scorers mark it); missing messages are.
- `extra` holds every field that did not become a message, so nothing of the record is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tamis.data.turns import (
    Message,
    Reject,
    keys,
    kind,
    pair,
    parsed,
    spoken,
    text,
    tools,
    turns,
    with_system,
)

Normalised = tuple[list[Message], str | None, dict[str, Any]]
"""Messages, tools as a JSON array or None, the other fields."""

Format = Callable[[Any], Normalised]

_RESPONSE = ("output", "response", "answer", "completion")
_DIALOGUE = ("conversations", "conversation", "items", "dialogue", "dialog")
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("question", "std_answer"),
    ("question", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("problem", "solution"),
)
_HH = re.compile(r"(?:\A|\n\n)(Human|Assistant):")


def _fields(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise Reject(f"the record is {kind(record)}, an object expected")
    return dict(record)


def _first(record: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        if name in record:
            return name
    return None


def _system(messages: list[Message], rest: dict[str, Any]) -> list[Message]:
    """Puts the system field first; a system turn already there wins, as in LLaMA-Factory."""
    if messages and messages[0][0] == "system":
        return messages
    name = _first(rest, ("system", "system_prompt"))
    if name is None or not isinstance(rest[name], (str, type(None))):
        return messages
    return with_system(messages, rest.pop(name))


def _tools(rest: dict[str, Any]) -> str | None:
    return tools(rest.pop("tools")) if "tools" in rest else None


def _history(rest: dict[str, Any]) -> list[Message]:
    """Earlier rounds of an Alpaca record: a list of [question, answer]."""
    if not isinstance(rest.get("history"), list):
        return []
    messages: list[Message] = []
    for turn in rest["history"]:
        if not isinstance(turn, list) or len(turn) != 2:
            raise Reject("a round of 'history' is not a list of question and answer")
        messages += pair(text(turn[0], "history"), text(turn[1], "history"))
    del rest["history"]
    return messages


def _asked(rest: dict[str, Any], first: str, second: str) -> str:
    """The question and, after an empty line, its input; a used input also stays in the extras.

    Templates that show instruction and input apart (Alpaca's) find the seam with it.
    """
    instruction = text(rest.pop(first), first)
    if not rest.get(second):  # absent, null or ""
        rest.pop(second, None)
        return instruction
    given = text(rest[second], second)
    if not given.strip():
        return instruction
    return f"{instruction}\n\n{given}" if instruction else given


def _instructed(record: Any, second: str) -> Normalised:
    """instruction, an input of the given name, a response; history and system where present."""
    rest = _fields(record)
    if "instruction" not in rest:
        raise Reject(f"no 'instruction': its keys are {keys(rest)}")
    ask = _asked(rest, "instruction", second)
    name = _first(rest, _RESPONSE)
    answer = None if name is None else text(rest.pop(name), name)
    messages = pair(ask, answer)
    if rest:
        messages = _history(rest) + messages
        return _system(messages, rest), _tools(rest), rest
    return messages, None, rest


def alpaca(record: Any) -> Normalised:
    """instruction, input (may be absent or empty), output or response; history, system."""
    if isinstance(record, dict) and "context" in record and "input" not in record:
        raise Reject("it has 'context' and no 'input': that is dolly")
    return _instructed(record, "input")


def dolly(record: Any) -> Normalised:
    """instruction, context, response, category."""
    if isinstance(record, dict) and "context" not in record:
        raise Reject("no 'context'")
    return _instructed(record, "context")


def messages(record: Any) -> Normalised:
    """messages: a list of role and content, with tool_calls and tools where present."""
    if isinstance(record, list):
        return (*_bare(record, "role"), {})
    rest = _fields(record)
    if "messages" not in rest:
        raise Reject(f"no 'messages': its keys are {keys(rest)}")
    return _turned(rest, "messages")


def sharegpt(record: Any) -> Normalised:
    """Conversations (conversation, items, ...): a list of from and value; system, tools."""
    if isinstance(record, list):
        return (*_bare(record, "from"), {})
    rest = _fields(record)
    name = _first(rest, _DIALOGUE)
    if name is None:
        raise Reject(f"no 'conversations': its keys are {keys(rest)}")
    return _turned(rest, name)


def _turned(rest: dict[str, Any], name: str) -> Normalised:
    """The turns of a field; what a turn holds beside its text goes to extra["turn_fields"]."""
    said, kept = turns(rest.pop(name), name)
    whole = _system(said, rest)
    if kept:
        ahead = len(whole) - len(said)
        rest["turn_fields"] = {str(index + ahead): more for index, more in kept.items()}
    return whole, _tools(rest), rest


def _bare(record: list[Any], key: str) -> tuple[list[Message], None]:
    if not record or not isinstance(record[0], dict) or key not in record[0]:
        raise Reject(f"the record is a list whose first element has no {key!r}")
    return turns(record, "record")[0], None


def evol_instruct(record: Any) -> Normalised:
    """The two forms of WizardLM's files: instruction and output, or conversations."""
    has_turns = isinstance(record, dict) and _first(record, _DIALOGUE) is not None
    return sharegpt(record) if has_turns else alpaca(record)


def lima(record: Any) -> Normalised:
    """conversations: a list of texts, user and assistant in turn.

    Also `history` as texts that begin with "[speaker]", as in Chinese legal counselling data.
    """
    rest = {"conversations": record} if isinstance(record, list) else _fields(record)
    name = _first(rest, (*_DIALOGUE, "history"))
    lines = rest.get(name or "")
    if not isinstance(lines, list) or not lines:
        raise Reject(f"no list of texts under 'conversations': its keys are {keys(rest)}")
    said = spoken(lines, str(name))
    del rest[str(name)]
    return _system(said, rest), None, rest


def self_instruct(record: Any) -> Normalised:
    """Instruction and instances of input and output.

    Each instance is one round that repeats the instruction with its own input: a record stays one
    row, which can be written back whole, and every text that it would train on is scored.
    """
    rest = _fields(record)
    if "instruction" not in rest or not isinstance(rest.get("instances"), list):
        raise Reject(f"no 'instruction' with a list of 'instances': its keys are {keys(rest)}")
    instruction, instances = rest.pop("instruction"), rest.pop("instances")
    said: list[Message] = []
    for instance in instances or [{}]:
        one = {"instruction": instruction, **_fields(instance)}
        said += pair(_asked(one, "instruction", "input"), text(one.get("output"), "output"))
    return said, None, rest


def p3(record: Any) -> Normalised:
    """Inputs and targets, or their _pretokenized texts where those hold token numbers."""
    rest = _fields(record)
    ask, answer = "inputs", "targets"
    if isinstance(rest.get(ask), list) or ask not in rest:
        ask, answer = "inputs_pretokenized", "targets_pretokenized"
    if ask not in rest or answer not in rest:
        raise Reject(f"no 'inputs' and 'targets': its keys are {keys(rest)}")
    said = pair(text(rest.pop(ask), ask), text(rest.pop(answer), answer))
    return said, None, rest


def prompt_completion(record: Any) -> Normalised:
    """Prompt and completion (question/answer, query/response, ...): texts or lists of messages."""
    rest = _fields(record)
    ask, answer = next(
        ((a, b) for a, b in _PAIRS if a in rest and b in rest),
        (_first(rest, ("prompt", "question", "query", "problem")), ""),
    )
    if ask is None:
        raise Reject(f"no 'prompt' and 'completion': its keys are {keys(rest)}")
    said = _side(rest.pop(ask), ask, "user")
    if answer:
        said += _side(rest.pop(answer), answer, "assistant")
    return _system(said, rest), _tools(rest), rest


def _side(value: Any, name: str, who: str) -> list[Message]:
    return turns(value, name)[0] if isinstance(value, list) else [(who, text(value, name), None)]


def preference(record: Any) -> Normalised:
    """Chosen and rejected, or ranked answers: the best one is the response, the rest is extra.

    The prompt is in conversations, messages, prompt, question or instruction, or inside `chosen`:
    a whole conversation, or a text with "Human:" and "Assistant:" paragraphs (HH-RLHF).
    """
    rest = _fields(record)
    if isinstance(rest.get("output"), list):
        return _ranked(rest)
    if "chosen" not in rest or "rejected" not in rest:
        raise Reject(f"no 'chosen' and 'rejected': its keys are {keys(rest)}")
    best = rest.pop("chosen")
    answer = _answer(best)
    if any(who == "user" for who, _, _ in answer):
        return _system(answer, rest), _tools(rest), rest
    asked, tool, rest = _prompt(rest)
    return asked + answer, tool, rest


def _answer(best: Any) -> list[Message]:
    if isinstance(best, (dict, list)):
        return turns([best] if isinstance(best, dict) else best, "chosen")[0]
    best = text(best, "chosen")
    marks = list(_HH.finditer(best))
    if not marks or marks[0].start() != 0:
        return [("assistant", best, None)]
    ends = [mark.start() for mark in marks[1:]] + [len(best)]
    sides = {"Human": "user", "Assistant": "assistant"}
    return [
        (sides[mark[1]], best[mark.end() : end].removeprefix(" "), None)
        for mark, end in zip(marks, ends, strict=True)
    ]


def _prompt(rest: dict[str, Any]) -> Normalised:
    for read in (sharegpt, messages, prompt_completion, alpaca):
        try:
            return read(rest)
        except Reject:
            continue
    raise Reject("'chosen' holds no question, and there is no prompt beside it")


def _ranked(rest: dict[str, Any]) -> Normalised:
    ranked = rest.pop("output")
    if not ranked:
        raise Reject("'output' is an empty list")
    said, tool, extra = alpaca(rest | {"output": ranked[0]})
    return said, tool, extra | {"output": ranked[1:]}


def kto(record: Any) -> Normalised:
    """Messages, prompt and completion, or Alpaca fields, with a true or false label."""
    rest = _fields(record)
    if not any(isinstance(rest.get(name), bool) for name in ("label", "kto_tag")):
        raise Reject("no true or false 'label'")
    for read in (messages, sharegpt, prompt_completion, alpaca):
        try:
            return read(rest)
        except Reject:
            continue
    raise Reject(f"no messages beside the label: its keys are {keys(rest)}")


def plain(record: Any) -> Normalised:
    """A text alone: one turn of the assistant, as in pre-training."""
    if isinstance(record, str):
        return [("assistant", record, None)], None, {}
    rest = _fields(record)
    name = _first(rest, ("text", "content"))
    if name is None:
        raise Reject(f"no 'text': its keys are {keys(rest)}")
    return [("assistant", text(rest.pop(name), name), None)], None, rest


def prompts(record: Any) -> Normalised:
    """Questions of a test set: a list of `turns`, a numbered `text`, Instruction, or one text.

    MT-Bench (turns), Vicuna and its like (text with a question_id and no answer_id), WizardLM
    (Instruction), LIMA (conversations that is one text). Several turns are asked one by one.
    """
    rest = _fields(record)
    name = _first(rest, ("turns", "Instruction", "conversations", "text"))
    if name is None or (name == "text" and ("question_id" not in rest or "answer_id" in rest)):
        raise Reject(f"no 'turns', 'Instruction' or numbered 'text': its keys are {keys(rest)}")
    asked = rest.pop(name)
    if name == "turns" and not (isinstance(asked, list) and asked):
        raise Reject("'turns' is no list of questions")
    if name == "conversations" and not isinstance(parsed(asked), str):
        raise Reject(f"{name!r} is {kind(parsed(asked))}, text expected")
    questions = asked if isinstance(asked, list) else [asked]
    return [("user", text(one, name), None) for one in questions], None, rest


FORMATS: Mapping[str, Format] = {
    "preference": preference,
    "kto": kto,
    "messages": messages,
    "sharegpt": sharegpt,
    "lima": lima,
    "self_instruct": self_instruct,
    "dolly": dolly,
    "alpaca": alpaca,
    "evol_instruct": evol_instruct,
    "vicuna": sharegpt,
    "p3": p3,
    "prompt_completion": prompt_completion,
    "prompts": prompts,
    "text": plain,
}
"""Every format by name, the more specific first: the order decides where several fit a record."""


_GIVEN_ONLY = ("evol_instruct", "vicuna")  # other names of formats above: never sniffed


def fits(name: str, record: Any) -> bool:
    """Whether the format can read the record."""
    try:
        FORMATS[name](record)
    except Reject:
        return False
    return True


def sniff(records: Sequence[Any]) -> str | None:
    """The format that fits most records, the more specific of equals; None where none fits."""
    names = [name for name in FORMATS if name not in _GIVEN_ONLY]
    counts = {name: sum(fits(name, record) for record in records) for name in names}
    best = max(counts, key=lambda name: counts[name])  # max keeps the first of equals
    return best if counts[best] else None


def otherwise(record: Any) -> tuple[str, Normalised]:
    """Reads a record in the one format that fits; Reject where none or more than one does.

    A reading whose messages only begin another one (the prompt of a preference pair) is no rival.
    """
    found: dict[str, Normalised] = {}
    for name, read in FORMATS.items():
        try:
            found[name] = read(record)
        except Reject:
            continue
    longest = max(found.items(), key=lambda item: len(item[1][0]), default=None)
    if longest is None:
        raise Reject("no known format fits")
    name, best = longest
    rivals = [other for other, one in found.items() if one[0] != best[0][: len(one[0])]]
    if rivals:
        raise Reject(f"ambiguous: it reads differently as {', '.join(sorted([name, *rivals]))}")
    return name, best
