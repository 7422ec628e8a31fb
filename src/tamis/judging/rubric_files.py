"""A rubric as a TOML file: its keys, and what is said about a file that is wrong.

Every fault of a file is named at once, each with what was expected and what to change.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tamis.errors import UserError, nearest
from tamis.judging.plain import bare, unwrapped

Verdict = Literal[
    "number",
    "integer",
    "yes_no",
    "label",
    "tags",
    "explained_tags",
    "numbers",
    "picks",
    "rules",
    "text",
]
FIRST = ("number", "integer")
"""Verdicts that can stand on the first line."""
ON_A_SCALE = ("number", "integer", "numbers")
QUOTED = re.compile(r"(?<!\{)\{(question|answer|field:[^{}]+)\}(?!\})")
_LIKE_A_MARK = re.compile(r"(?<!\{)\{\s*(question|answer|field\s*:[^{}]*)\s*\}(?!\})", re.I)
_WRITTEN = re.compile(r"\{(question|answer|field:\S(?:[^{}]*\S)?)\}")
_BETWEEN = re.compile(r"[-_\s]+")


class Rubric(BaseModel):
    """A checked rubric."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ask: str
    system: str = ""
    verdict: Verdict = "number"
    least: float = 1.0
    most: float = 5.0
    labels: tuple[str, ...] = ()
    rules: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    word: str = "Score"
    line: Literal["last", "first"] = "last"
    tokens: int = Field(512, gt=0)
    temperature: float = Field(0.0, ge=0)
    examples: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """What of a row the rubric quotes."""
        return tuple(dict.fromkeys(QUOTED.findall(self.ask)))


def same(label: str) -> str:
    """What two spellings of a label have in common: neither case nor hyphens tell them apart."""
    return _BETWEEN.sub(" ", label.strip()).casefold()


def undressed(label: str) -> str:
    """What is left of a label when it is read: without stress, brackets, a full stop, pictures."""
    return same(unwrapped(bare(label)))


def checked(text: str, name: str) -> Rubric:
    """The rubric in a TOML text; UserError names every fault."""
    try:
        given = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        hint = "; text stands in quotes, of several lines in three: ask = '''...'''"
        raise UserError(f"{name} is no TOML file: {error}{hint}") from None
    try:
        found = Rubric(**given)
    except ValidationError as error:
        faults = [_sentence(wrong, given) for wrong in error.errors()]
    else:
        faults = list(_faults(found, given))
        if not faults:
            return found
    raise UserError("\n".join(f"{name}: {fault}" for fault in faults))


def _sentence(wrong: Any, given: Mapping[str, Any]) -> str:
    """One fault that the types show."""
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in wrong["loc"])
    if wrong["type"] == "extra_forbidden":
        return f"there is no key {key!r}; {nearest(key, Rubric.model_fields)}"
    if wrong["type"] == "missing":
        return f"{key} is missing: it holds the question, with {{question}} and {{answer}} in it"
    if key == "verdict":
        kind = str(given["verdict"])
        return f"verdict is one of {', '.join(get_args(Verdict))}, got {kind!r}"
    expected = str(wrong["msg"]).removeprefix("Input should be ")
    expected = expected.replace("a valid tuple", "a list, such as ['one', 'two']")
    return f"{key} should be {expected}, got {wrong['input']!r}"


def _faults(found: Rubric, given: Mapping[str, Any]) -> Iterator[str]:
    """Faults that only the keys together show."""
    if not found.ask.strip():
        yield "ask is empty: it holds the question, with {question} and {answer} in it"
    yield from _slips(found.ask)
    for mark in dict.fromkeys(QUOTED.findall(found.system)):
        yield f"system has {{{mark}}}: what a row says is quoted in ask alone"
    if not found.word.strip() or re.search(r"[:=\n]", found.word):
        yield f"word is what stands before the colon of the verdict, such as Score: {found.word!r}"
    if found.verdict in ON_A_SCALE and not found.least < found.most:
        yield f"least must be below most, got {found.least:g} and {found.most:g}"
    if found.verdict == "integer" and not (found.least.is_integer() and found.most.is_integer()):
        yield f"an integer's scale has whole ends, got {found.least:g} and {found.most:g}"
    if found.line == "first" and found.verdict not in FIRST:
        yield f"a verdict of the kind {found.verdict} stands on the last line: line = 'last'"
    yield from _unused(found, given)
    yield from _labels(found)
    if found.verdict == "rules" and not (found.rules and all(found.rules.values())):
        yield "rules are a table of a list for each task: rules.summary = ['Is it short?', ...]"


def _slips(ask: str) -> Iterator[str]:
    """Marks that are nearly right, and would be sent as they are."""
    for mark in _LIKE_A_MARK.finditer(ask):
        if not _WRITTEN.fullmatch(mark[0]):
            head, colon, field = mark[1].partition(":")
            right = f"field:{field.strip() or 'NAME'}" if colon else head.lower()
            yield f"ask has {mark[0]}: write {{{right}}}"


def _unused(found: Rubric, given: Mapping[str, Any]) -> Iterator[str]:
    """Keys that say nothing of a verdict of this kind."""
    belongs = {
        "least": ON_A_SCALE,
        "most": ON_A_SCALE,
        "labels": ("label",),
        "rules": ("rules",),
    }
    for key, kinds in belongs.items():
        if key in given and found.verdict not in kinds:
            yield (
                f"{key} belongs to verdict = '{kinds[0]}', and the verdict here is "
                f"'{found.verdict}': change one of them, or remove {key}"
            )


def _labels(found: Rubric) -> Iterator[str]:
    if found.verdict != "label":
        return
    if len(found.labels) < 2:
        yield "a label is one of several: labels = ['good', 'bad']"
    if any(not label.strip() or "\n" in label for label in found.labels):
        yield f"a label is a word or a few on one line, got {list(found.labels)}"
    read = [undressed(label) for label in found.labels]
    if not all(read):
        yield f"a label has words, signs or digits; pictures are not read: {list(found.labels)}"
    if len(set(read)) < len(read):
        yield (
            "two labels differ in case, hyphens, brackets or pictures alone, or not at all: "
            f"{list(found.labels)}"
        )
