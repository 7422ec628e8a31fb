"""How the answer of a judge is read: the verdict stands alone on its line, or in a JSON object.

Only the line that the rubric names is looked at, the last one unless it says the first: what a
judge quotes on the way, or a row smuggles into its reasons, is not a verdict. The rubric's word, or
"verdict", stands before a colon or an equals sign; an answer of one line can do without. How the
line is dressed (bold, brackets, digits of another script, 4/5 on a scale to 5) does not matter;
anything else on it does. Yes and no are read in all the languages of _frame.toml, and 4,5 is a
number where the rubric is in a language that writes it so. A JSON object counts where it is the
whole answer or ends it. What cannot be read is `unparsed`, what is off the scale `out_of_range`, a
yes to all with a no to one rule `inconsistent`; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tamis.judging.plain import bare, lines_of, stated_json, unthought, unwrapped
from tamis.judging.rubric_files import Rubric, same, undressed
from tamis.judging.rubrics import frame

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_UNIT = (
    r"(?:\s*(?:points?|stars?|分|点|點|점|星|punkten?|puntos?|punti|étoiles?|estrellas?|sternen?))?"
)
_SCALED = re.compile(
    rf"({NUMBER}){_UNIT}(?:\s*\(?(?:/|(?:out )?of|sur|de|von|di|из)\s*({NUMBER}){_UNIT}\)?)?", re.I
)
_COMMA = frozenset("cs da de el es fi fr hu id it nb nl no pl pt ro ru sv tr uk vi".split())
"""Languages that write 4,5 for a number with parts."""
_BULLET = re.compile(r"^(?:#{1,6}|[-*•+])\s+")
_BEFORE = re.compile(r"^(?:(?:my|the|final|overall|total)\s+){1,3}", re.I)
_RULE = re.compile(
    r"^(?:[-*•+]\s+)?(?:(?:rule|règle|regla|regel|第|规则|規則)\s*)?#?([0-9]{1,3})\s*(?:条|條)?"
    r"\s*[:.)、]\s*(\w+)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Read:
    """A verdict, or why there is none."""

    value: Any = None
    problem: str | None = None


UNPARSED = Read(problem="unparsed")
OUT = Read(problem="out_of_range")


def verdict(text: str, about: Rubric, count: int | None = None) -> Read:
    """The verdict of an answer by its rubric; `count` is how many numbers or rules there must be.

    Of the kind rules it is (yes to all, {number of a rule: yes}).
    """
    kind, first = about.verdict, about.line == "first"
    lists = kind in ("tags", "explained_tags")
    text = unthought(text, first=first or kind == "text").strip()
    if kind == "text":
        return Read(text) if text else UNPARSED
    stated = stated_json(text, first=first, lists=lists)
    if isinstance(stated, list):
        return _valued(stated, about, count)
    if stated is not None:
        found = _field(stated, about)
        if found is not None:
            ticks = _ticks_in(stated.get("rules")) if kind == "rules" else {}
            return _with_rules(_valued(found, about, count), ticks, about, count)
    if lists:
        return UNPARSED
    read = _on_line(text, about, count)
    ticks = _ticks_on_lines(text) if kind == "rules" else {}
    return _with_rules(read, ticks, about, count)


def heard(text: str, about: Rubric, count: int | None = None, said: Rubric | None = None) -> Read:
    """The verdict of an answer to a rubric that was asked in another language, as `said` has it.

    An answer in the form of the rubric as it is written counts too; a label is the rubric's own.
    """
    if said is None or said is about:
        return verdict(text, about, count)
    read = verdict(text, said, count)
    if read.problem == "unparsed":
        return verdict(text, about, count)
    if about.verdict == "label" and read.problem is None:
        return Read(about.labels[said.labels.index(read.value)])
    return read


@cache
def words(word: str) -> frozenset[str]:
    """What can stand before a verdict: the rubric's word, what it is elsewhere, and `verdict`.

    All without the words that are passed over in front of it.
    """
    known = ([key, *others] for key, others in frame()["words"].items())
    alike = next((names for names in known if same(word) in map(same, names)), ())
    named = [word, "verdict", *alike]
    return frozenset(same(_BEFORE.sub("", name.strip())) for name in named)


def _field(stated: Mapping[str, Any], about: Rubric) -> Any:
    """What the field for the verdict holds; None where there is none, or two that differ."""
    names = {same(about.word), "verdict"}
    found = [value for name, value in stated.items() if same(name) in names]
    return found[0] if found and all(value == found[0] for value in found) else None


def _on_line(text: str, about: Rubric, count: int | None) -> Read:
    """The verdict on its line."""
    first = about.line == "first"
    near = lines_of(text, first=first)
    line, beside = next(near, ""), next(near, "")
    if first and _is_word(line, about):
        return _valued(unwrapped(beside), about, count)
    found = _after_word(line, about)
    if found is None and (first or not beside):
        found = line
    if found is None and _is_word(beside, about):
        found = line
    return UNPARSED if found is None else _valued(unwrapped(found), about, count)


def _after_word(line: str, about: Rubric) -> str | None:
    """What stands behind the word and its colon; None on a line that does not begin with it."""
    tagged = re.fullmatch(r"<([\w -]+)>(.*)</\1>", line, re.I)
    if tagged:
        return tagged[2] if _is_word(tagged[1], about) else None
    boxed = re.fullmatch(r"\\boxed\{(.*)\}", line.strip("$ "))
    line = boxed[1] if boxed else line
    word, colon, value = _split(line)
    return value if colon and _is_word(word, about) else None


def _split(line: str) -> tuple[str, str, str]:
    """A line before, at and behind its first colon or equals sign."""
    found = re.search(r"[:=]", line)
    return (line[: found.start()], found[0], line[found.end() :]) if found else (line, "", "")


def _is_word(text: str, about: Rubric) -> bool:
    text = _BULLET.sub("", text.strip()).strip("*_` \t").rstrip(":")
    return same(_BEFORE.sub("", text)) in words(about.word)


def _valued(value: Any, about: Rubric, count: int | None) -> Read:
    """A value of the kind and on the scale of the rubric."""
    kind = about.verdict
    if kind in ("tags", "explained_tags"):
        return _tags(value)
    if kind in ("picks", "numbers"):
        listed = _items(value) if isinstance(value, str) else value
        if not isinstance(listed, list):
            return UNPARSED
        return _picks(listed) if kind == "picks" else _numbers(listed, about, count)
    if kind in ("yes_no", "rules"):
        return _yes_no(value)
    if kind == "label":
        by_name = {undressed(label): label for label in about.labels}
        found = by_name.get(undressed(value)) if isinstance(value, str) else None
        return UNPARSED if found is None else Read(found)
    return _number(value, about)


def _items(listed: str) -> list[str]:
    """The parts of a list on a line: between semicolons where it has any, else between commas."""
    return re.split(r"\s*[;；]\s*" if re.search("[;；]", listed) else r"\s*[,、،]\s*", listed)


@cache
def _answers() -> Mapping[str, bool]:
    """The words for yes and no, in lower case."""
    known = frame()["answers"]
    return {word: kind == "yes" for kind in ("yes", "no") for word in known[kind]}


def _yes_no(value: Any) -> Read:
    if isinstance(value, bool):
        return Read(value)
    lower = unwrapped(bare(value)).lower() if isinstance(value, str) else ""
    return Read(_answers()[lower]) if lower in _answers() else UNPARSED


def _tags(value: Any) -> Read:
    """A list of tags, each a string or an object that explains it."""
    if not isinstance(value, list):
        return UNPARSED
    found = [tag.get("tag") if isinstance(tag, dict) else tag for tag in value]
    right = all(isinstance(tag, str) and _is_sound(tag) for tag in found)
    return Read(found) if right else UNPARSED


def _is_sound(text: str) -> bool:
    """Whether UTF-8 can hold a text: half a pair of surrogates it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _picks(listed: list[Any]) -> Read:
    """Numbers of items of a list, at least one; whether the list has them is not known here."""
    found = [_plain_number(one) for one in listed]
    if not found or any(number is None or not number.is_integer() for number in found):
        return UNPARSED
    return Read([int(number) for number in found if number is not None])


def _numbers(listed: list[Any], about: Rubric, count: int | None) -> Read:
    if count is not None and len(listed) != count:
        return UNPARSED
    parts = [_number(one, about) for one in listed]
    wrong = next((part for part in parts if part.problem), None)
    return wrong or Read([part.value for part in parts])


def _number(value: Any, about: Rubric) -> Read:
    """A number on the scale; one that is stated on another scale is off it."""
    if isinstance(value, str):
        plain = unwrapped(bare(value))
        if about.language in _COMMA:
            plain = re.sub(r"(?<=[0-9]),(?=[0-9])", ".", plain)
        found = _SCALED.fullmatch(plain)
        if found and found[2] and float(found[2]) != about.most:
            return OUT
        value = found[1] if found else None
    number = _plain_number(value)
    if number is None or (about.verdict == "integer" and not number.is_integer()):
        return UNPARSED
    return Read(number) if about.least <= number <= about.most else OUT


def _plain_number(value: Any) -> float | None:
    """A finite number as JSON or a line states it, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not re.fullmatch(NUMBER, value.strip()):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) != float("inf") else None


def _ticks_on_lines(text: str) -> dict[int, bool]:
    """The answers to single rules, each on a line of its own that begins with the rule's number.

    A rule that is answered both ways, as when a judge quotes a row that forges such lines, is left
    out.
    """
    found: dict[int, set[bool]] = {}
    for line in lines_of(text, first=True):
        tick = _RULE.match(line)
        if tick and tick[2].lower() in _answers():
            found.setdefault(int(tick[1]), set()).add(_answers()[tick[2].lower()])
    return {rule: both.pop() for rule, both in found.items() if len(both) == 1}


def _ticks_in(listed: Any) -> dict[int, bool]:
    """The answers to single rules in a JSON list."""
    reads = [_yes_no(one) for one in listed] if isinstance(listed, list) else []
    return {at: read.value for at, read in enumerate(reads, 1) if read.problem is None}


def _with_rules(read: Read, ticks: Mapping[int, bool], about: Rubric, count: int | None) -> Read:
    """A verdict on all rules with those on single ones; a yes to all and a no to one is neither."""
    if about.verdict != "rules" or read.problem:
        return read
    known = {rule: yes for rule, yes in ticks.items() if count is None or 1 <= rule <= count}
    if read.value and not all(known.values()):
        return Read(problem="inconsistent")
    return Read((read.value, known))
