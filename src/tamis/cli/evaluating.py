"""What commands around evaluation do with their flags, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tamis import api
from tamis.cli import flags, show
from tamis.errors import UserError

if TYPE_CHECKING:
    from tamis.evaluation._rates import Rate
    from tamis.evaluation.winrate import Comparison, Judged
    from tamis.intervals import Interval

_SAID = "Files of judgments, or `-`"
JUDGMENTS = [
    flags.FILES.replace(annotation=Annotated[list[str] | None, typer.Argument(help=_SAID)]),
    flags.flag("judgments", Sequence[str], None, _SAID),
]


def winrate(given: dict[str, Any]) -> None:
    """Count wins in pairwise judgments: win rates with intervals, bias, length, agreement."""
    files = [*(given["judgments"] or []), *(given["files"] or [])]
    if not files:
        raise UserError("no judgments are named: tamis winrate --judgments FILE ...")
    settings = flags.values_of(api.winrate, {**given, "judgments": None})
    found = api.winrate(files, **settings)
    if given["json"]:
        return show.as_json({"comparisons": [one.told() for one in found], "settings": settings})
    for one in found:
        _compared(one)
    if given["out"]:
        show.say(f"written to {given['out']}")
    return None


def _compared(one: Comparison) -> None:
    columns = ("set", "wins", "ties", "losses", "score", "95 %", "win rate", "95 %", "s.e.")
    for judged in (*one.judges, *one.together):
        lines = [judged.total] if len(judged.sets) < 2 else [*judged.sets, judged.total]
        rows: list[Sequence[Any]] = [_line(line) for line in lines]
        if len(judged.sets) > 1:
            mean = judged.mean_of_sets
            rows.append(
                ("mean of sets", *[""] * 3, mean["winning_score"], "", mean["win_rate"], "", "")
            )
        title = f"{one.ours} against {one.theirs}, judged by {judged.judge}"
        show.table(title, columns, rows, right=range(1, 9))
        for text in _remarks(judged):
            show.console().print(f"  {text}", markup=False)
    if one.agreement:
        pairs = [
            (f"{p.one} and {p.other}", p.rows, 100 * p.exact.value, one.kappas[p.one, p.other])
            for p in one.agreement.pairs
        ]
        title = (
            f"agreement of verdicts, Krippendorff's alpha {one.agreement.alpha_ordinal.value:.3f}"
        )
        show.table(title, ("judges", "prompts", "equal, %", "kappa"), pairs, right=(1, 2, 3))


def _line(line: Rate) -> tuple[Any, ...]:
    return (
        line.set or "all",
        line.wins,
        line.ties,
        line.losses,
        line.winning_score.value,
        _ends(line.winning_score),
        line.win_rate.value,
        _ends(line.win_rate),
        line.standard_error,
    )


def _ends(one: Interval) -> str:
    return "" if isnan(one.low) else f"{one.low:.4g} to {one.high:.4g}"


def _remarks(judged: Judged) -> Iterator[str]:
    """What stands under a table: failures, order, lengths."""
    total = judged.total
    for why, count in total.left_out.items():
        yield f"left out, {why}: {count:,}"
    if total.partly:
        yield f"counted though an order failed: {total.partly:,}"
    if total.positions.pairs:
        turned, first = total.positions.turned, total.positions.first
        yield (
            f"another verdict in the other order: {turned.value:.1f} % ({_ends(turned)}); "
            f"preference for the first answer: {first.value:.1f} %"
        )
    if total.lengths.pairs:
        sizes = total.lengths
        yield f"mean characters: {sizes.ours:,.0f} against {sizes.theirs:,.0f}" + (
            f"; the longer one won {sizes.longer_won.value:.1f} % of {sizes.decided:,}"
            if sizes.decided
            else ""
        )
    equal = judged.equal_length
    if equal and equal.problem:
        yield f"win rate at equal length: none, {equal.problem}"
    elif equal:
        yield (
            f"win rate at equal length (own model, not AlpacaEval's): {equal.rate.value:.4g} "
            f"({_ends(equal.rate)}), ours being longer on {equal.longer:.1f} % of the prompts"
        )
