"""Prompts that ask for a rating: data files with marks for what a row puts in.

{question} and {answer} stand for a turn's, {most} for the highest rating, and {rating}, at the end
of the prompt, for the digit that the model would write next. A file holds one prompt, or several
with a line of three hyphens between them. A line of three hyphens and a code of ISO 639-1 (--- zh)
begins the same prompts in another language; what stands before the first such line is English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from tamis.errors import UserError
from tamis.judging.prompt_language import Speaks, Spoken
from tamis.judging.rubric_files import CODES

_MARK = re.compile(r"\{(question|answer)\}")
_BETWEEN = re.compile(r"^---[ \t]*$", re.M)
_LANGUAGE = re.compile(r"^--- ([a-z]{2})[ \t]*$", re.M)


class Prompt(NamedTuple):
    """A prompt cut at its marks: fixed[0], part named names[0], fixed[1], ..., fixed[-1]."""

    fixed: tuple[str, ...]
    names: tuple[str, ...]


def stated(given: str) -> str:
    """What a parameter holds: a name stays a name, a file becomes its text.

    So a cache key holds the words of a prompt and not the path of a file that may change.
    """
    if not given or given in known():
        return given
    text = given
    if not _MARK.search(given):
        path = Path(given).expanduser()
        if not path.is_file():
            raise UserError(f"no prompt and no file {given!r}; known: {', '.join(known())}")
        text = path.read_text("utf-8")
    _check(given, spoken(text))
    return text


def _check(given: str, told: Mapping[str, Sequence[str]]) -> None:
    """UserError where prompts are missing, or are other ones in another language."""
    first = next(iter(told.values()), [])
    if not first:
        raise UserError(f"{given}: the file holds no prompt")
    marks = [set(cut(prompt, 9).names) for prompt in first]
    for code, prompts in told.items():
        if code not in CODES:
            raise UserError(f"{given}: --- {code} is no language of ISO 639-1, such as zh")
        if [set(cut(prompt, 9).names) for prompt in prompts] != marks:
            raise UserError(
                f"{given}: the prompts in {code} are not as many as the first ones, or do not show "
                "the same parts of a row"
            )


def known() -> list[str]:
    """The names of the prompts in the package."""
    folder = files("tamis").joinpath("assets/prompts")
    return sorted(file.name.removesuffix(".txt") for file in folder.iterdir())


def prompts(given: str) -> list[str]:
    """The prompts of a checked parameter, as they are written."""
    return next(iter(translations(given).values()))


def translations(given: str) -> dict[str, list[str]]:
    """The prompts of a checked parameter by language, first as they are written."""
    if given in known():
        given = files("tamis").joinpath(f"assets/prompts/{given}.txt").read_text("utf-8")
    return spoken(given)


def spoken(text: str) -> dict[str, list[str]]:
    """The prompts in the text of a file by language, in its order."""
    first, *others = _LANGUAGE.split(text)
    found = {"en": divided(first)} if divided(first) else {}
    for code, part in zip(others[::2], others[1::2], strict=True):
        found[code] = found.get(code, []) + divided(part)
    return found


def divided(text: str) -> list[str]:
    """The prompts in a text, without blanks around them."""
    return [part.strip() for part in _BETWEEN.split(text) if part.strip()]


def _languages(given: str) -> Spoken:
    """The languages of a checked parameter's prompts."""
    told = translations(given)
    return Spoken(next(iter(told)), set(told))


Prompts = Annotated[str, AfterValidator(stated), Speaks(_languages)]
"""A parameter of this type is the name of prompts in the package, a file, or a text with marks."""


def cut(prompt: str, most: int) -> Prompt:
    """The prompt in pieces; what stands before {rating} is the end of the last fixed one."""
    if prompt.count("{rating}") != 1 or not prompt.endswith("{rating}"):
        raise UserError(f"a prompt ends with {{rating}}, where the digit will stand: {prompt!r}")
    parts = _MARK.split(prompt.removesuffix("{rating}"))
    if len(parts) == 1:
        raise UserError(f"a prompt shows {{question}}, {{answer}} or both: {prompt!r}")
    fixed = tuple(part.replace("{most}", str(most)) for part in parts[::2])
    return Prompt(fixed, tuple(parts[1::2]))


def shown(cuts: Sequence[Prompt]) -> set[str]:
    """Which parts of a turn the prompts show."""
    return {name for prompt in cuts for name in prompt.names}
