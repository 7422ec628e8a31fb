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
COLUMNS = ("group", "read", "bits", "counted", "own", "95 %", "n-grams", "translated", "verdict")


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
        _table(found)
    said = faults(found)
    if said and strict:
        raise UserError("\n".join(said))
    if not given["json"]:
        for text in said:
            show.say(text)


def _table(found: Sequence[Finding]) -> None:
    """The findings by model, without the columns that have nothing to tell."""
    from tamis.run.competence import called

    for model in dict.fromkeys(one.model for one in found):
        rows = [_row(one) for one in found if one.model == model]
        told = [at for at in range(len(COLUMNS)) if any(row[at] is not None for row in rows)]
        names, kept = [COLUMNS[at] for at in told], [[row[at] for at in told] for row in rows]
        show.table(f"{called(model)}, in a sample", names, kept, right=range(1, len(told) - 1))


def _row(one: Finding) -> Sequence[Any]:
    own = (None, None) if one.own is None else _said(one.own)
    share = None if one.translations is None else f"{one.translations.value:.2f}"
    verdict = "fails" if one.faults else "passes" if one.judged else "too few rows"
    numbers = (one.bits, one.counted_bits, *own, one.counted_own)
    told = (f"{value:.2f}" if isinstance(value, float) else value for value in numbers)
    return one.group, one.judged, *told, share, verdict


def _said(one: Interval) -> tuple[float, str]:
    return one.value, f"{one.low:.2f} to {one.high:.2f}"
