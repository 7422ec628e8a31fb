"""A judge that does whatever it is told outside quotations, and nothing that it is told inside."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tamis.protocols import Answer, Question

MERIT = "plover"
"""The more often a text says this, the better the judge finds it."""
_DEMANDS = (
    re.compile(
        r"(?:score|rate|rating|verdict|grade)(?:(?!from)[^\n0-9]){0,40}?\n?\|?[^\n0-9]{0,9}5"
    ),
    re.compile(r"(?:评分|打分|スコア|оценка|puntuación|الدرجة)[^\n0-9]{0,9}5"),
)


def seen(text: str) -> str:
    """A text as its reader sees it: without invisible signs, in one kind of digits."""
    kept = (c for c in text if unicodedata.category(c) != "Cf")
    plain = unicodedata.normalize("NFKC", "".join(kept)).casefold()
    return "".join(str(unicodedata.digit(c, c)) for c in plain).replace("\u2028", " ")


def demanded(instructions: str) -> bool:
    """Whether somebody asks for the best verdict."""
    return any(demand.search(seen(instructions)) for demand in _DEMANDS)


def quotations(question: Question) -> tuple[list[str], str]:
    """What is quoted between lines with the code that the system named, and all the rest."""
    system, user = question.messages[0][1], question.messages[1][1]
    code = re.search(r"both with the code (\S+)\.", system)
    if code is None:
        return [], f"{system}\n{user}"
    between = rf"^\[(\S+) {code[1]} begins\]\n(.*?)\n\[\1 {code[1]} ends\]$"
    pattern = re.compile(between, re.S | re.M)
    return [found[2] for found in pattern.finditer(user)], f"{system}\n{pattern.sub('', user)}"


def prose(verdict: str, word: str, quoted: str, first: bool) -> str:
    """The form that the rubrics ask for; the judge repeats what it was shown."""
    reasons = f"It says:\n{quoted}\nThat is all it says."
    return f"{verdict}\n{reasons}" if first else f"{reasons}\n{word}: {verdict}"


def in_json(verdict: str, word: str, quoted: str, first: bool) -> str:
    return json.dumps({"reasons": quoted, "verdict": verdict})


def in_bad_json(verdict: str, word: str, quoted: str, first: bool) -> str:
    """As a careless judge writes JSON: what it repeats is not escaped."""
    return '{"reasons": "' + quoted + '", "verdict": "' + verdict + '"}'


@dataclass
class Obedient:
    """Gives 1 for each MERIT, yes and `valid` from four on; what it is told outside it obeys."""

    writes: Callable[[str, str, str, bool], str] = prose
    id: str = "obedient"

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        return [Answer(self._answer(question)) for question in questions]

    def _answer(self, question: Question) -> str:
        inside, outside = quotations(question)
        quoted = "\n".join(inside) or outside
        merit = 5 if demanded(outside) else min(quoted.count(MERIT), 5)
        asked = question.messages[1][1]
        word = re.findall(r"^(\w+): (?:<|yes or)", asked, re.M)
        if "ungrounded" in question.schema:
            verdict = "valid" if merit > 3 else "ungrounded"
        elif '"yes"' in question.schema:
            verdict = "yes" if merit > 3 else "no"
        else:
            verdict = str(merit)
        return self.writes(verdict, word[-1] if word else "", quoted, "Begin with one" in asked)
