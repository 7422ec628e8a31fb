"""Whether models can judge rows, on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tamis.cli import flags, show
from tamis.cli.running import read, running
from tamis.errors import UserError
from tamis.verbs import competence as verbs

if TYPE_CHECKING:
    from tamis.competences import Finding
    from tamis.intervals import Interval

Given = dict[str, Any]
COLUMNS = (
    *("model", "group", "rows", "read", "bits a byte", "by counting", "own", "95 %"),
    *("n-grams", "translated", "verdict"),
)


def competence(given: Given) -> None:
    """Show whether a language model or an embedder can judge the rows, group by group."""
    from tamis.run.competence import faults

    with running(given) as run:
        data = read(given["files"] or [], given, run)
        found = verbs.competence(data, **flags.values_of(verbs.competence, given), run=run)
        strict = run.competence == "strict"
    if given["json"]:
        show.as_json([one.told() for one in found])
    else:
        show.table("in a sample of the rows", COLUMNS, list(map(_row, found)), right=range(2, 10))
    said = faults(found)
    if said and strict:
        raise UserError("\n".join(said))
    if not given["json"]:
        for text in said:
            show.say(text)


def _row(one: Finding) -> Sequence[Any]:
    from tamis.run.competence import called

    own = (None, None) if one.own is None else _said(one.own)
    share = None if one.translations is None else f"{one.translations.value:.2f}"
    verdict = "fails" if one.faults else "passes" if one.judged else "too few rows"
    about = (called(one.model), one.group, one.rows, one.judged)
    numbers = (one.bits, one.counted_bits, *own, one.counted_own)
    told = (f"{value:.2f}" if isinstance(value, float) else value for value in numbers)
    return *about, *told, share, verdict


def _said(one: Interval) -> tuple[float, str]:
    return one.value, f"{one.low:.2f} to {one.high:.2f}"
