"""In which language a row is asked about: as the prompt is written, or in the row's own.

`as_written` is what the papers do, whatever the rows are in; the prompts of the package are written
in English. With `row` a prompt is put in the row's language, as `language` has it, where there is a
translation; all other rows are asked as the prompt is written, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from tamis.judging.rubrics import rubric

PromptLanguage = Literal["as_written", "row"]
"""The parameter `prompt_language` of every scorer that puts rows into a prompt."""


class Spoken(NamedTuple):
    """The language that a prompt is written in, and those that it can be asked in."""

    written: str
    languages: Collection[str]


@dataclass(frozen=True, slots=True)
class Speaks:
    """Stands in the type of a parameter that holds a prompt: what tells its languages."""

    languages: Callable[[str], Spoken]


def of_rubric(given: str) -> Spoken:
    """The languages of a rubric."""
    about = rubric(given)
    return Spoken(about.language, about.languages)


RUBRIC = Speaks(of_rubric)


def prompt_of(types: Mapping[str, Any], values: Mapping[str, Any]) -> Spoken | None:
    """The languages of the prompt among the parameters of a method; None where none is asked for.

    `types` are the parameters' types by name, `values` what they hold.
    """
    if values.get("prompt_language") != "row":
        return None
    for name, kind in types.items():
        for speaks in getattr(kind, "__metadata__", ()):
            if isinstance(speaks, Speaks):
                return speaks.languages(values[name])
    return None


def told(spoken: Spoken, languages: Sequence[str]) -> dict[str, Any]:
    """How many rows are asked about in each language, and how many of them for want of another."""
    asked = [code if code in spoken.languages else spoken.written for code in languages]
    missing = sum(code not in spoken.languages for code in languages)
    return {"asked_in": dict(Counter(asked).most_common()), "without_translation": missing}
