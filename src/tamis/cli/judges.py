"""Judges on the command line: what asking them takes, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tamis import api
from tamis.cli import flags, show
from tamis.cli.running import read, running
from tamis.errors import UserError
from tamis.notation import split_list

if TYPE_CHECKING:
    from tamis.budget import Budget
    from tamis.intervals import Interval
    from tamis.notation import Reference
    from tamis.run.estimate import Estimate
    from tamis.run.session import Run
    from tamis.spec import Spec
    from tamis.types import Dataset


def announce(run: Run, data: Dataset, columns: Sequence[str], *, at_most: bool = False) -> None:
    """Says what judges are about to be asked, before the first call."""
    say(run.estimate(data, columns), at_most=at_most)


def say(estimates: Sequence[Estimate], *, at_most: bool = False) -> None:
    """The same of estimates that are there already."""
    bound = "at most" if at_most else "about"
    for one in estimates:
        if one.calls:
            show.say(
                f"{one.column}: {bound} {one.calls:,} calls, {one.prompt_tokens:,} tokens of "
                f"questions and {one.answer_tokens:,} of answers{_paid(one)}, {_takes(one)}"
                + (f"; {one.answered:,} answers are known" if one.answered else "")
            )


def rehearsed(
    run: Run, data: Dataset, spec: Spec, reference: Reference, limit: Budget
) -> list[Estimate]:
    """What a selection that asks as a whole will ask: a recipe, or a selector with a judge."""
    from tamis.run.estimate import rehearsed
    from tamis.run.plan import columns_of, resolve

    asks = spec.asks
    if spec.kind == "recipe":  # it asks the run's judge, or one that its columns name
        steps = run.plan(data, columns_of(spec, resolve(spec, reference)))
        asks = bool(run.judge) or any(step.spec.asks for step in steps)
    if not asks:
        return []

    return rehearsed(run, data, reference, limit)


def _paid(one: Estimate) -> str:
    if one.cost is None or one.most_cost is None:
        return ", price unknown"
    return f", {money(one.cost)}, at most {money(one.most_cost)}" if one.most_cost else ""


def _takes(one: Estimate) -> str:
    how = "as before" if one.measured else f"at {one.pace:g} s an answer"
    return f"{duration(one.seconds)} {how}"


def money(amount: float) -> str:
    """An amount in dollars, small ones with more figures."""
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def duration(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def table(asked: Sequence[Estimate]) -> None:
    """What `--dry-run` shows of judges."""
    if not asked:
        return
    names = ("column", "calls", "known", "question tokens", "answer tokens", "at most")
    rows = []
    for one in asked:
        tokens = (one.prompt_tokens, one.answer_tokens, one.most_answer_tokens)
        cost = (None, None) if one.cost is None else (money(one.cost), money(one.most_cost or 0.0))
        rows.append((one.column, one.calls, one.answered, *tokens, *cost, _takes(one)))
    title = 'a judge would be asked (tokens are about right; a price of "" is unknown)'
    show.table(title, (*names, "cost", "at most", "time"), rows, right=range(1, 9))


def took(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """What judges were asked in the run that ended, and a word where one changed under us."""
    for one in reports.values():
        tokens = one["prompt_tokens"] + one["completion_tokens"]
        paid = f", {money(one['cost'])}" if one["cost"] else ""
        kept = f", {one['from_ledger']:,} answers from the ledger" if one["from_ledger"] else ""
        again = f", {one['retries']:,} retries" if one["retries"] else ""
        show.say(f"{one['judge']}: {one['calls']:,} calls, {tokens:,} tokens{paid}{kept}{again}")
        if len(one["models"]) > 1:
            show.say(f"the server answered as several models: {', '.join(one['models'])}")


def agree(given: dict[str, Any]) -> None:
    """Show how far several scores of the same rows agree, such as those of two judges."""
    methods = [m for text in given["method"] or [] for m in split_list(text)]
    if len(methods) < 2:
        raise UserError("agreement is of two or more scores: --method alpagasus --method ...")
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        announce(run.begin(api.read(given["target"]) if given["target"] else None), data, methods)
        found = api.agree(data, method=methods, target=given["target"], run=run)
    if given["json"]:
        return show.as_json(found.told())
    about = ("exact", "within_one", "bias", "spearman", "kendall", "kappa")
    for pair in found.pairs:
        rows = [(name.replace("_", " "), *_ends(getattr(pair, name))) for name in about]
        title = f"{pair.one} and {pair.other}, {pair.rows:,} rows"
        show.table(title, ("", "value", "95 % from", "to"), rows, right=(1, 2, 3))
    rows = [("interval", *_ends(found.alpha_interval)), ("ordinal", *_ends(found.alpha_ordinal))]
    title = f"Krippendorff's alpha of all, {found.rows:,} rows"
    return show.table(title, ("", "value", "95 % from", "to"), rows, right=(1, 2, 3))


def _ends(one: Interval) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def evolve(given: dict[str, Any]) -> None:
    """Have a judge rewrite rows, harder or better, and write them with their originals."""
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        if given["dry_run"]:
            return _rehearsal(run, data, given)
        counts = api.evolve(data, **flags.values_of(api.evolve, given), run=run)
    if given["json"]:
        return show.as_json({"counts": counts, "out": given["out"], "judges": run.judges})
    show.table("rows and versions", ("", ""), list(counts.items()), right=(1,))
    took(run.judges)
    return show.say(f"written to {given['out']}")


def _rehearsal(run: Run, data: Dataset, given: dict[str, Any]) -> None:
    """What rewriting would ask; nothing is asked or written."""
    from tamis.evolution import evolve as evolve_rows
    from tamis.models.asking import Asking
    from tamis.run.estimate import Counting, counted

    judge = Counting(run.resource("Judge"), run.resource("Tokenizer"))
    settings = {n: v for n, v in flags.values_of(api.evolve, given).items() if n != "out"}
    for _ in evolve_rows(data, judge, **settings).records:
        pass
    asked = counted(judge, len(data), run.asking or Asking())
    return show.as_json([asdict(asked)]) if given["json"] else table([asked])
