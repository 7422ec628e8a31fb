"""The text of a judge's answer without its dress: thinking, markup, code fences, foreign digits.

Nothing here decides what a verdict is; `verdict.py` does.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_THOUGHT = r"(?:think|thinking|thought|reasoning)"
_OPEN, _CLOSE = re.compile(rf"\s*<{_THOUGHT}>", re.I), re.compile(rf"</{_THOUGHT}>", re.I)
_TAG = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|</s>"
    r"|</?(?:b|strong|i|em|u|p|div|span|code|br|h[1-6]|answer|output|result|final|response)\s*/?>",
    re.I,
)
_PAIR = re.compile(r"(?<![^\W_])(\*{1,3}|_{1,3}|`+|~~)(?=\S)(.+?)(?<=\S)\1(?![^\W_])")
_STYLED = re.compile(r"\\(?:text|textbf|mathbf|mathrm)\{([^{}]*)\}")
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.S)
_WRAPS = (
    re.compile(r"\$+(.+?)\$+"),
    re.compile(r"\\\((.+)\\\)"),
    re.compile(r"\\\[(.+)\\\]"),
    re.compile(r"\\boxed\{(.+)\}"),
    re.compile(r"\[(.*)\]"),
    re.compile(r"\((.*)\)"),
    re.compile(r"<(.*)>"),
    re.compile(r"\{(.*)\}"),
    re.compile(r"\"(.*)\"|'(.*)'|“(.*)”|「(.*)」|『(.*)』|【(.*)】"),
)
_LONGEST = 400
"""No line with more characters than this is a verdict."""
_STARTS = 64
"""How many lines from the end are tried as the beginning of a JSON value."""


def unthought(text: str, *, first: bool) -> str:
    """The answer without the thinking in front of it; empty where the two cannot be told apart.

    A row can hold the mark that ends the thinking, and a judge can quote it. What stands before a
    verdict on the last line may stay; for one on the first line there must be one end and no more.
    """
    ends = list(_CLOSE.finditer(text))
    opened = _OPEN.match(text) is not None
    if not ends:
        return "" if opened else text
    if not first:
        return text[ends[-1].end() :] if opened else text
    return text[ends[0].end() :] if opened and len(ends) == 1 else ""


def bare(line: str) -> str:
    """A line in plain digits and signs, without entities, tags, marks of stress and pictures."""
    line = _TAG.sub(" ", html.unescape(line))
    if not line.isascii():
        line = "".join(map(_sign, line))
    if len(line) <= _LONGEST:
        for _ in range(3):
            line = _PAIR.sub(r"\2", _STYLED.sub(r"\1", line))
    return line.strip()


def _sign(char: str) -> str:
    """Full-width signs and the digits of all scripts as ASCII; pictures and invisible signs go."""
    if char.isascii():
        return char
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    if char in "\u2212\u066b":
        return "-" if char == "\u2212" else "."
    kind = unicodedata.category(char)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind in ("Cf", "Me") or char == "\ufe0f":
        return ""
    return " " if kind in ("So", "Sk", "Zs") else char


def unwrapped(value: str) -> str:
    """A value without the brackets, quotes, boxes and full stops around it."""
    before = None
    while value != before:
        before = value
        value = value.strip().strip("*_`").rstrip(".!。").strip()
        for wrap in _WRAPS:
            found = wrap.fullmatch(value)
            if found:
                value = next(group for group in found.groups() if group is not None)
                break
    return value


def lines_of(text: str, *, first: bool) -> Iterator[str]:
    """The plain lines that say something, from the first one on or from the last one back."""
    lines = text.splitlines()
    plain = map(bare, lines if first else reversed(lines))
    return (line for line in plain if re.search(r"\w", line))


def stated_json(text: str, *, first: bool, lists: bool) -> Any:
    """The JSON object, or list, that is the answer, ends it, or begins it; None where none does."""
    opens = "{[" if lists else "{"
    for part in _json_parts(text.strip(), opens, first):
        try:
            found = json.loads(part, strict=False, object_pairs_hook=_once, parse_constant=_never)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) or (lists and isinstance(found, list)):
            return found
    return None


def _json_parts(text: str, opens: str, first: bool) -> Iterator[str]:
    yield text
    fenced = list(_FENCE.finditer(text))
    if fenced and first and fenced[0].start() == 0:
        yield fenced[0][1]
    if first:
        return
    if fenced and fenced[-1].end() == len(text):
        yield fenced[-1][1]
    if text[-1:] in ("}", "]"):
        starts = [m.start(1) for m in re.finditer(rf"^[ \t]*([{re.escape(opens)}])", text, re.M)]
        yield from (text[start:] for start in reversed(starts[-_STARTS:]))
    if "[" in opens:
        yield text[max(text.find("["), 0) : text.rfind("]") + 1]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _never(name: str) -> Any:
    raise ValueError(f"{name} is no number")
