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
CODES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da "
    "de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy "
    "hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg "
    "li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or "
    "os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta "
    "te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu".split()
)
"""ISO 639-1: what `language` calls languages."""


class Translation(BaseModel):
    """What a rubric says in another language; what is left out stays as the rubric has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ask: str
    system: str = ""
    labels: tuple[str, ...] = ()
    rules: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    word: str = ""
    examples: tuple[str, ...] = ()


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
    language: str = "en"
    translations: Mapping[str, Translation] = Field(default_factory=dict)

    @property
    def languages(self) -> frozenset[str]:
        """The languages that it can be asked in."""
        return frozenset((self.language, *self.translations))

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


def spoken(about: Rubric, language: str) -> Rubric:
    """The rubric in a language; as it is written where it has no translation into it."""
    if language not in about.translations:
        return about
    told = about.translations[language]
    there = {name: value for name, value in told if value}
    return about.model_copy(update={**there, "language": language, "translations": {}})


def checked(text: str, name: str) -> Rubric:
    """The rubric in a TOML text; UserError names every fault."""
    try:
        given = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        hint = "; text stands in quotes, of several lines in three: ask = '''...'''"
        raise UserError(f"{name} is no TOML file: {error}{hint}") from None
    if "translations" in given:
        raise UserError(f"{name}: a translation is a table named after its language, such as [zh]")
    told = {code: part for code, part in given.items() if code in CODES and isinstance(part, dict)}
    own = {key: value for key, value in given.items() if key not in told}
    try:
        found = Rubric(**own, translations=told)  # type: ignore[arg-type]  # checked there
    except ValidationError as error:
        faults = [_sentence(wrong, given) for wrong in error.errors()]
    else:
        faults = [*_faults(found, own), *_translation_faults(found)]
        if not faults:
            return found
    raise UserError("\n".join(f"{name}: {fault}" for fault in faults))


def _sentence(wrong: Any, given: Mapping[str, Any]) -> str:
    """One fault that the types show."""
    place = [part for part in wrong["loc"] if part != "translations"]
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place)
    if wrong["type"] == "extra_forbidden":
        if isinstance(wrong["input"], dict):
            return f"there is no language [{key}]: translations are named by ISO 639-1, as [zh]"
        known = Rubric.model_fields if len(place) == 1 else Translation.model_fields
        return f"there is no key {key!r}; {nearest(str(place[-1]), known)}"
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


def _translation_faults(about: Rubric) -> Iterator[str]:
    """Faults of what is said in other languages, each after the language."""
    if about.language not in CODES:
        yield f"language is a code of ISO 639-1, such as en or zh, got {about.language!r}"
    for code, told in about.translations.items():
        said = spoken(about, code)
        faults = [*_faults(said, {}), *_differences(about, told)]
        if set(said.marks) != set(about.marks):
            shown = ", ".join(f"{{{mark}}}" for mark in about.marks)
            faults.append(f"ask shows other parts of the row than the rubric: {shown}")
        yield from (f"[{code}] {fault}" for fault in faults)
        if code == about.language:
            yield f"[{code}] is the rubric's own language"


def _differences(about: Rubric, told: Translation) -> Iterator[str]:
    """What a translation has that the rubric lacks, or the other way round."""
    if bool(told.system.strip()) != bool(about.system.strip()):
        yield "system is translated where the rubric has one, and only there"
    if told.labels and len(told.labels) != len(about.labels):
        yield f"labels are as many as the rubric's and in their order: {list(about.labels)}"
    if told.rules or about.rules:
        counts = {task: len(rules) for task, rules in about.rules.items()}
        if {task: len(rules) for task, rules in told.rules.items()} != counts:
            yield f"rules are those of the rubric, in their order: {counts}"


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
