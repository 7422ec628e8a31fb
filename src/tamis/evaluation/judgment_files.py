"""Files of pairwise judgments: our own, and those that others publish, told by their fields.

Forms, and which of the two answers is ours:
tamis: JSON lines as `judgments.write` has them.
alpaca_eval: annotations, one preference a prompt, of which ours is generator_2. 1 is output_1 won,
2 output_2, in between a weighted preference; 1.5 and 0 are ties, null or NaN a failed annotation.
two_orders: `scores` and `scores_reverse`, each two numbers in the order in which the answers were
shown, so the second pair is swapped; ours is Answer1. A list, or text with two numbers in it and
nothing else, which is never evaluated. -1 and -1 is how a failed reply was written down: it counts
as such and not as a tie. Names stand in the folder's name, OURS-VS-THEIRS.
pandalm: three labels of three people, three judges here: 1 or 2 is response1 or response2, 0 a tie;
ours is response1. Their majority is a line of the report.
reviews: Vicuna's, one order: `score`, or where there is none the first line of `text`; ours is the
second answer, as the model under test stands there. Names stand in the file's name, review_A_B.
A record that cannot be read ends the reading: half a file of judgments is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Literal

from tamis.errors import UserError
from tamis.evaluation.judgments import (
    Failed,
    Judgment,
    Pair,
    by_scores,
    from_record,
    prompt_id,
    settled,
    write,
)

Record = Mapping[str, Any]

UNPARSED, NONE, OUT = "unparsed", "no_preference", "out_of_range"
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_NUMBER_ALONE = re.compile(rf"\s*{_NUMBER}\s*")
_TWO = re.compile(rf"\s*[\[(]?\s*({_NUMBER})(?:\s*,\s*|\s+)({_NUMBER})\s*[\])]?\s*")
_LARGE = 1e300
_FAILED_PAIR = (-1.0, -1.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: what the names of file and folder tell, and what lies around it."""

    path: PurePath
    number: int  # of the record, from 1
    about: Record  # the object that holds the list of records, where there is one


@dataclass(frozen=True, slots=True)
class Form:
    """A published form of judgments: fields that every record has, and how one is read."""

    name: str
    fields: frozenset[str]
    read: Callable[[Record, Place], Iterable[Judgment]]


def read(source: Any, *, ours: str = "") -> Iterator[Judgment]:
    """Judgments out of files, one at a time.

    Args:
        source: a path, several, or `-`; JSON, JSON lines or CSV, also compressed
        ours: the generator whose side is taken: judgments with it as the other are turned
    """
    from tamis.data.sources import origins

    named, empty = not ours, True
    for origin in origins(source, None):
        seen: Counter[tuple[str, ...]] = Counter()
        for one in _judgments(origin):
            one = one.turned() if ours and one.theirs == ours else one
            named, empty = named or one.ours == ours, False
            yield _numbered(one, seen)
    if empty:
        raise UserError("there is nothing to read: no file was given")
    if not named:
        raise UserError(f"no judgment is of a generator named {ours!r}; look into the file")


def _judgments(origin: Any) -> Iterator[Judgment]:
    """The judgments of one file; its first record tells the form."""
    form: Form | None = None
    for value, place in _records(origin):
        form = form or _form_of(value, place)
        try:
            lacking = sorted(form.fields - set(value))
            if lacking:
                raise UserError(f"it has no {lacking[0]!r}, as records of the form {form.name} do")
            yield from form.read(value, place)
        except UserError as why:
            raise UserError(f"{origin.path}, record {place.number}: {why}") from None
    if form is None:
        raise UserError(f"{origin.path} is empty: it holds no judgments")


def _records(origin: Any) -> Iterator[tuple[Record, Place]]:
    """Objects with their places; a list inside a single object is opened."""
    number, path = 0, PurePath(origin.path)
    for record in origin.records:
        if record.problem or not isinstance(record.value, Mapping):
            what = record.problem or "it is no object"
            raise UserError(f"{origin.path}, line {record.line}: {what}; expected a judgment")
        listed = record.value.get("data")
        about = record.value if isinstance(listed, list) else {}
        for value in listed if isinstance(listed, list) else [record.value]:
            number += 1
            if not isinstance(value, Mapping):
                raise UserError(f"{origin.path}, record {number}: it is no object")
            yield value, Place(path, number, about)
    for problem in origin.problems:
        raise UserError(f"{origin.path}: {problem}")


def _form_of(value: Record, place: Place) -> Form:
    for form in FORMS:
        if form.fields <= set(value):
            return form
    known = "; ".join(f"{form.name} ({', '.join(sorted(form.fields))})" for form in FORMS)
    shown = ", ".join(sorted(map(str, value))[:12])
    raise UserError(
        f"{place.path} holds no judgments of a known form: its first record has {shown}. "
        f"Known are: {known}"
    )


def _numbered(one: Judgment, seen: Counter[tuple[str, ...]]) -> Judgment:
    """A prompt that a file has twice has the ids ID and ID-2."""
    key = (one.set, one.id, one.judge, one.ours, one.theirs)
    seen[key] += 1
    return one if seen[key] == 1 else replace(one, id=f"{one.id}-{seen[key]}")


def number(value: Any) -> float | None:
    """A finite number, also as text; None for anything else."""
    if isinstance(value, str):
        value = float(value) if _NUMBER_ALONE.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _LARGE else None


def two_numbers(value: Any) -> Pair | None:
    """Two numbers in a list, or in a text that holds nothing else; None for anything else."""
    if isinstance(value, str):
        found = _TWO.fullmatch(value)
        value = found.groups() if found else None
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    one, other = map(number, value)
    return None if one is None or other is None else (one, other)


def _shown(
    one: Judgment, pairs: list[Pair | None], instruction: str, answers: tuple[Any, Any]
) -> Judgment:
    """A judgment with preferences by scores (ours, theirs) of each order, and with its texts."""
    kept = [None if pair is None or pair == _FAILED_PAIR else pair for pair in pairs]
    ours, theirs = answers
    return replace(
        one,
        preferences=tuple(None if pair is None else by_scores(pair) for pair in kept),
        problems=tuple(UNPARSED if pair is None else None for pair in kept),
        scores=tuple(kept),
        instruction=instruction,
        answers=(ours, theirs) if isinstance(ours, str) and isinstance(theirs, str) else None,
    )


def _text(value: Record, *names: str) -> str:
    """The first of these fields that holds text."""
    return next((value[n] for n in names if isinstance(value.get(n), str) and value[n]), "")


def _tamis(value: Record, place: Place) -> Iterator[Judgment]:
    yield from_record(value)


def _alpaca_eval(value: Record, place: Place) -> Iterator[Judgment]:
    given = value["preference"]
    preference = number(given)
    problem = None
    if preference is None:
        problem = NONE if given in (None, "") or isinstance(given, float) else UNPARSED
    elif preference != 0 and not 1 <= preference <= 2:
        problem = OUT
    instruction = _text(value, "instruction")
    found = None if problem or preference is None else (preference or 1.5) - 1
    ours, theirs = value.get("output_2"), value.get("output_1")
    yield Judgment(
        _text(value, "dataset"),
        prompt_id(instruction) if instruction else str(place.number),
        _text(value, "annotator") or _judge(place),
        _text(value, "generator_2") or "output_2",
        _text(value, "generator_1") or "output_1",
        (found,),
        (problem,),
        instruction=instruction,
        answers=(ours, theirs) if isinstance(ours, str) and isinstance(theirs, str) else None,
    )


def _judge(place: Place) -> str:
    """The judge that the name of a file tells: vicuna_reviews_gpt4.json."""
    stem = place.path.name.split(".")[0]
    _, told, name = stem.rpartition("reviews_")
    return name if told and name else "judge"


def _two_orders(value: Record, place: Place) -> Iterator[Judgment]:
    instruction = _text(value, "text", "instruction", "prompt", "question", "query")
    ours, versus, theirs = place.path.parent.name.partition("-VS-")
    about = place.about.get("Meta_Info")
    pairs = [two_numbers(value["scores"])]
    if "scores_reverse" in value:
        shown = two_numbers(value["scores_reverse"])
        pairs.append(None if shown is None else (shown[1], shown[0]))
    one = Judgment(
        _text(about, "dataset_name") if isinstance(about, Mapping) else "",
        prompt_id(instruction) if instruction else str(place.number),
        _judge(place),
        ours if versus else "Answer1",
        theirs if versus else "Answer2",
        (0.5,),
    )
    yield _shown(one, pairs, instruction, (value.get("Answer1"), value.get("Answer2")))


def _pandalm(value: Record, place: Place) -> Iterator[Judgment]:
    ours, split, theirs = _text(value, "cmp_key").partition("_")
    named = split and "_" not in theirs
    instruction = "\n".join(filter(None, (_text(value, "instruction"), _text(value, "input"))))
    ours_text, theirs_text = value.get("response1"), value.get("response2")
    texts = isinstance(ours_text, str) and isinstance(theirs_text, str)
    for name in sorted(field for field in value if re.fullmatch(r"annotator[0-9]+", field)):
        label = number(value[name])
        preference = {0.0: 0.5, 1.0: 1.0, 2.0: 0.0}.get(-1.0 if label is None else label)
        yield Judgment(
            "",
            str(value.get("idx", place.number)),
            name,
            ours if named else "response1",
            theirs if named else "response2",
            (preference,),
            (None if preference is not None else NONE if label is None else OUT,),
            instruction=instruction,
            answers=(str(ours_text), str(theirs_text)) if texts else None,
        )


def _reviews(value: Record, place: Place) -> Iterator[Judgment]:
    stem = place.path.name.split(".jsonl")[0].split(".json")[0]
    found = re.fullmatch(r"review_([^_]+)_([^_]+)", stem)
    given = value.get("score")
    shown = two_numbers(given if given is not None else str(value["text"]).partition("\n")[0])
    one = Judgment(
        "",
        str(value["question_id"]),
        "reviewer",
        found[2] if found else "assistant 2",
        found[1] if found else "assistant 1",
        (0.5,),
    )
    yield _shown(one, [None if shown is None else (shown[1], shown[0])], "", (None, None))


FORMS = (
    Form("tamis", frozenset({"id", "judge", "ours", "theirs", "preferences"}), _tamis),
    Form("alpaca_eval", frozenset({"preference", "generator_1", "generator_2"}), _alpaca_eval),
    Form("alpaca_eval", frozenset({"preference", "output_1", "output_2"}), _alpaca_eval),
    Form("two_orders", frozenset({"scores", "scores_reverse"}), _two_orders),
    Form("two_orders", frozenset({"scores", "Answer1", "Answer2"}), _two_orders),
    Form("pandalm", frozenset({"annotator1", "response1", "response2"}), _pandalm),
    Form("reviews", frozenset({"question_id", "answer1_id", "answer2_id", "text"}), _reviews),
)


def difficulties(path: str) -> dict[str, float]:
    """How hard prompts are, out of records with `difficulty` and `id` or `instruction`."""
    from tamis.data.sources import origins

    found: dict[str, float] = {}
    for origin in origins(path, None):
        for value, place in _records(origin):
            name = value.get("id")
            name = prompt_id(_text(value, "instruction")) if name is None else str(name)
            hard = number(value.get("difficulty"))
            if hard is None or not {"id", "instruction"} & set(value):
                raise UserError(
                    f"{path}, record {place.number}: expected a finite number as `difficulty`, "
                    "and the prompt's `id` or its `instruction`"
                )
            found[name] = hard
    return found


def write_as(
    form: Literal["tamis", "alpaca_eval"],
    path: Path,
    judgments: Iterable[Judgment],
    failed: Failed = "leave_out",
) -> None:
    """Writes judgments in our own form, which keeps all of them, or as AlpacaEval's annotations."""
    if form == "alpaca_eval":
        write_alpaca_eval(path, judgments, failed)
    else:
        write(path, judgments)


def write_alpaca_eval(
    path: str | Path, judgments: Iterable[Judgment], failed: Failed = "leave_out"
) -> None:
    """Writes AlpacaEval annotations: 1 + the mean preference, null where there is none.

    Texts that the judgments do not have are left out of the file.
    """
    import orjson

    from tamis.data.turns import scrubbed
    from tamis.data.write import made_folder, replacing

    made_folder(Path(path).parent)
    with replacing(Path(path)) as part, open(part, "wb") as file:
        before = b"[\n"
        for one in judgments:
            file.write(before + orjson.dumps(scrubbed(_annotation(one, failed))))
            before = b",\n"
        file.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def _annotation(one: Judgment, failed: Failed) -> dict[str, Any]:
    preference = settled(one, failed).preference
    ours, theirs = one.answers or (None, None)
    found = {
        "instruction": one.instruction or None,
        "output_1": theirs,
        "generator_1": one.theirs,
        "dataset": one.set or None,
        "output_2": ours,
        "generator_2": one.ours,
        "annotator": one.judge,
    }
    kept = {name: value for name, value in found.items() if value is not None}
    return {**kept, "preference": None if preference is None else 1 + preference}
