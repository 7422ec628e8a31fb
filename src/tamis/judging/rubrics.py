"""Rubrics: what a judge is asked about a row and how its answer is read, as TOML files.

    ask = "..."           the prompt; {question} and {answer} are quoted there, {field:NAME} is
                          another field of the row; other marks are the method's parameters, and
                          {{word}} is sent as {word}
    system = "..."        who the judge is (optional)
    verdict = "number"    number, integer, yes_no, label, tags, explained_tags, numbers, picks,
                          rules (yes or no for each rule, then for all) or text
    least = 1, most = 5   the scale of numbers
    labels = [...]        what a label can be
    rules.NAME = [...]    the rules of a task
    word = "Score"        what stands before the verdict on its line
    line = "last"         where the verdict stands: on the last line, or the first
    tokens = 512          most tokens of an answer
    temperature = 0
    examples = [...]      answers of the right form, for estimates and trials
    language = "en"       what it is written in
    [zh]                  the same in another language, named by ISO 639-1: ask, system where the
                          rubric has one, and labels (in the rubric's order), rules, word, examples

What a row says is quoted between lines with a code that does not occur in it, so that no row can
end its own quotation; the sentences around a rubric stand in assets/rubrics/_frame.toml, in other
languages in _frame_zh.toml and so on. A rubric in a language without such a file gets English ones.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from tamis.errors import UserError, nearest
from tamis.judging.rubric_files import QUOTED, Rubric, checked
from tamis.protocols import Question

MARK = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")


def stated(given: str) -> str:
    """What a parameter holds: a name stays a name, a file becomes its text.

    So a cache key holds the words of a rubric and not the path of a file that may change.
    """
    if given in known():
        return given
    text = given if "\n" in given else _read(given)
    checked(text, given if text is not given else "the rubric")
    return text


def _read(given: str) -> str:
    """The text of the user's file."""
    path = Path(given).expanduser()
    try:
        if path.is_file():
            return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{given}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{given}: a rubric is a text in UTF-8, this is not") from None
    raise UserError(f"no rubric and no file {given!r}; {nearest(given, known())}")


RubricText = Annotated[str, AfterValidator(stated)]
"""A parameter of this type is the name of a rubric in the package, a TOML file, or its text."""


@cache
def known() -> tuple[str, ...]:
    """The names of the rubrics in the package."""
    names = (file.name for file in files("tamis").joinpath("assets/rubrics").iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in names if not n.startswith("_")))


def rubric(given: str) -> Rubric:
    """The rubric of a checked parameter."""
    return checked(_packaged(given), given) if given in known() else checked(given, "the rubric")


@cache
def words() -> str:
    """Hash of all rubrics in the package and of the sentences around them, for cache keys."""
    folder = files("tamis").joinpath("assets/rubrics")
    texts = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    inside = json.dumps(texts, sort_keys=True).encode()
    return hashlib.blake2b(inside, digest_size=8).hexdigest()


def _packaged(name: str) -> str:
    return files("tamis").joinpath(f"assets/rubrics/{name}.toml").read_text("utf-8")


def frame(language: str = "en") -> Mapping[str, Any]:
    """The sentences around every rubric in a language; English ones where there are none in it."""
    return _sentences(f"_frame_{language}" if language in framed() else "_frame")


@cache
def _sentences(name: str) -> Mapping[str, Any]:
    return tomllib.loads(_packaged(name))


@cache
def framed() -> frozenset[str]:
    """The languages besides English in which there are such sentences."""
    names = (file.name for file in files("tamis").joinpath("assets/rubrics").iterdir())
    return frozenset(n[len("_frame_") : -len(".toml")] for n in names if n.startswith("_frame_"))


def in_words(language: str, parameter: str) -> str:
    """The value of a method's parameter, such as accuracy, as a prompt in a language says it."""
    return str(frame(language).get("parameters", {}).get(parameter, parameter))


def question(
    about: Rubric, texts: Mapping[str, str], parameters: Mapping[str, str] | None = None
) -> Question:
    """The question that a rubric asks about the texts of one row, by the names of its marks.

    `parameters` fill the other marks, as they are; one that is missing is an error.
    """
    code, around = _code(texts), frame(about.language)
    given = {"code": code, **scale(about), **(parameters or {})}
    parts = QUOTED.split(about.ask.strip())
    for at in range(1, len(parts), 2):
        parts[at] = quoted(parts[at], texts[parts[at]], code, about.language)
    parts[::2] = [_filled(part, given) for part in parts[::2]]
    notice = _filled(around["notice"], given) if about.marks else ""
    system = "\n".join(part for part in (_filled(about.system, given), notice.strip()) if part)
    asked = "".join(parts) + "\n" + _filled(around[about.line][about.verdict], given)
    messages = [("system", system)] if system else []
    return Question(
        (*messages, ("user", asked.strip())),
        about.tokens,
        about.temperature,
        schema(about),
        about.examples or examples(about),
    )


def quoted(name: str, text: str, code: str, language: str = "en") -> str:
    """A text between lines that it cannot contain."""
    around, shown = frame(language), name.removeprefix("field:")
    given = {"name": around.get("names", {}).get(shown, shown), "code": code}
    lines = (_filled(around[edge], given) for edge in ("begins", "ends"))
    return f"\n{text}\n".join(lines)


def _code(texts: Mapping[str, str]) -> str:
    """A code that stands in none of the texts, the same whenever they are asked about."""
    inside = "\x00".join(texts.values())
    digest = hashlib.blake2b(inside.encode("utf-8", "replace"), digest_size=6).hexdigest()
    while digest in inside:
        digest = hashlib.blake2b(digest.encode(), digest_size=6).hexdigest()
    return digest


def plain(number: float) -> str:
    """5 for 5.0, and never 1e+06."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def scale(about: Rubric) -> dict[str, str]:
    """The rubric's own marks."""
    return {
        "least": plain(about.least),
        "most": plain(about.most),
        "word": about.word,
        "labels": ", ".join(about.labels),
    }


def examples(about: Rubric) -> tuple[str, ...]:
    """Answers of the right form for a rubric that has none; only where a verdict is one word."""
    values = {
        "number": (plain(about.least), plain(about.most)),
        "integer": (plain(about.least), plain(about.most)),
        "yes_no": ("yes", "no"),
        "label": about.labels,
    }.get(about.verdict, ())
    if about.line == "first":
        return tuple(f"{value}\nBecause of what it says." for value in values)
    return tuple(f"Because of what it says.\n{about.word}: {value}" for value in values)


def _filled(text: str, given: Mapping[str, str]) -> str:
    """The text with its marks filled in one pass: what is put in is not looked at again."""

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return f"{{{found[1]}}}"
        if found[2] not in given:
            raise UserError(unfilled(found[2], given))
        return given[found[2]]

    return MARK.sub(value, text)


def unfilled(mark: str, given: Mapping[str, str]) -> str:
    """What to tell of a mark that nothing fills."""
    there = ", ".join(f"{{{name}}}" for name in given if name != "code")
    return (
        f"there is the mark {{{mark}}}, which nothing fills; here there are {{question}}, "
        f"{{answer}}, {{field:NAME}}, {there}; {{{{{mark}}}}} is sent as {{{mark}}}"
    )


def open_marks(about: Rubric) -> tuple[str, ...]:
    """The marks that a method has to fill."""
    asked = about.system + "\n" + QUOTED.sub("", about.ask)
    found = [name for _, name in MARK.findall(asked) if name and name not in scale(about)]
    return tuple(dict.fromkeys(name for name in found if name != "code"))


_EXPLAINED = {
    "type": "object",
    "properties": {"tag": {"type": "string"}, "explanation": {"type": "string"}},
    "required": ["tag", "explanation"],
    "additionalProperties": False,
}


def schema(about: Rubric) -> str:
    """The JSON schema of an answer, for servers that hold an answer to one; reasons come first."""
    whole = "integer" if about.verdict == "integer" else "number"
    least, most = (json.loads(plain(end)) for end in (about.least, about.most))
    number = {"type": whole, "minimum": least, "maximum": most}
    yes_no = {"type": "string", "enum": ["yes", "no"]}
    kinds: dict[str, dict[str, Any]] = {
        "number": number,
        "integer": number,
        "yes_no": yes_no,
        "label": {"type": "string", "enum": list(about.labels)},
        "numbers": {"type": "array", "items": number},
        "tags": {"type": "array", "items": {"type": "string"}},
        "explained_tags": {"type": "array", "items": _EXPLAINED},
        "picks": {"type": "array", "items": {"type": "integer"}},
        "rules": yes_no,
    }
    if about.verdict not in kinds:
        return ""
    fields = {"reasons": {"type": "string"}, "verdict": kinds[about.verdict]}
    if about.verdict == "rules":
        fields = {"rules": {"type": "array", "items": yes_no}, "verdict": yes_no}
    if about.line == "first" or about.verdict in ("tags", "explained_tags"):
        del fields["reasons"]
    made = {"type": "object", "properties": fields, "required": list(fields)}
    return json.dumps({**made, "additionalProperties": False}, sort_keys=False)
