"""What each command does with its flags: call the verb, show the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis import api
from tamis.cli import flags, judges, show
from tamis.cli.running import read, running
from tamis.errors import UserError
from tamis.notation import Reference, parse, split_list

if TYPE_CHECKING:
    from tamis.run.estimate import Estimate
    from tamis.run.measure import Measured
    from tamis.run.session import Run
    from tamis.spec import Spec
    from tamis.types import Dataset

Given = dict[str, Any]
TITLES = {
    "score": "Scorers",
    "select": "Selectors",
    "recipe": "Recipes",
    "measure": "Measures",
}


def score(given: Given) -> None:
    """Score every row with one or more methods; what was scored before is not computed again."""
    files, params = flags.split_files(given["files"] or [])
    if not given["method"]:
        raise UserError("no method: name one or more with --method; `tamis methods` lists them")
    methods = _with_params([m for text in given["method"] for m in split_list(text)], params)
    with running(given) as run:
        data = read(files, given, run)
        if given["dry_run"]:
            target = given["target"]
            return _plan(run.begin(api.read(target) if target else None), data, methods, given)
        judges.announce(run, data, methods)
        scores = api.score(data, method=methods, out=given["out"], target=given["target"], run=run)
        judges.took(run.judges)
    rows = _summary(scores)
    if given["json"]:
        told = {"rows": len(data), "columns": rows, "out": given["out"]}
        return show.as_json({**told, "competence": scores.competence})
    names = ("column", "scored", "mean", "min", "5%", "median", "95%", "max", "without a score")
    listed = [[r.get(n, "") for n in names[:-1]] + [_why(r["problems"])] for r in rows]
    show.table(f"{len(data):,} rows", names, listed, right=range(1, 8))
    if given["out"]:
        show.say(f"written to {given['out']}")
    return None


def _with_params(methods: list[str], params: Mapping[str, str]) -> list[str]:
    """References with the flags of their methods: `--threshold 0.7`, `--mtld.threshold 0.7`."""
    references = [parse(m) for m in methods]
    found = [dict(r.params) for r in references]
    for name, value in params.items():
        method, dot, parameter = name.rpartition(".")
        hit = False
        for reference, given in zip(references, found, strict=True):
            if (dot and reference.method == method) or (not dot and len(references) == 1):
                given[parameter] = _listed(value)
                hit = True
        if not hit:
            raise UserError(
                f"--{name} is no flag of this command"
                + ("" if dot else f"; for a method's parameter write --METHOD.{name} {value}")
            )
    return [str(Reference(r.method, p)) for r, p in zip(references, found, strict=True)]


def _listed(value: str) -> Any:
    return split_list(value[1:-1]) if value.startswith("[") and value.endswith("]") else value


def _plan(
    run: Run,
    data: Dataset,
    methods: list[str],
    given: Given,
    whole: Sequence[Estimate] = (),
) -> None:
    """What `--dry-run` shows: rows that the store has and rows to compute, for each column."""
    rows = []
    for step in run.plan(data, methods):
        missing = run.scores.missing(run.scores.folder(step.spec.name, step.key), data.ids)
        rows.append(
            (step.name, step.spec.scope, len(data) - int(missing.sum()), int(missing.sum()))
        )
    asked = whole or run.estimate(data, methods)
    if given["json"]:
        names = ("column", "scope", "stored", "to_compute")
        columns = [dict(zip(names, row, strict=True)) for row in rows]
        return show.as_json({"columns": columns, "judges": [asdict(one) for one in asked]})
    show.table(
        f"{len(data):,} rows, nothing computed",
        ("column", "scope", "stored", "to compute"),
        rows,
        right=(2, 3),
    )
    return judges.table(asked)


def _summary(scores: api.Scores) -> list[dict[str, Any]]:
    """Count, mean, quantiles and problems of each column."""
    import numpy as np
    import pyarrow as pa

    from tamis.run.execute import problems

    rows = []
    for name, column in scores.pool.columns.items():
        row: dict[str, Any] = {"column": name, "scored": column.problem.null_count}
        if pa.types.is_floating(column.values.type) and row["scored"]:
            values = column.values.drop_null().to_numpy()
            shown = np.quantile(values, [0, 0.05, 0.5, 0.95, 1])
            row |= dict(zip(("min", "5%", "median", "95%", "max"), map(float, shown), strict=True))
            row["mean"] = float(values.mean())
        rows.append({**row, "problems": problems(column)})
    return rows


def _why(problems: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in problems.items())


def select(given: Given) -> None:
    """Select a subset under a budget and write it, byte for byte, in the form it was read."""
    from tamis.budget import Budget
    from tamis.run.pick import check

    files, params = flags.split_files(given["files"] or [])
    arguments = flags.values_of(api.select, given)
    arguments["params"] = {**arguments.get("params", {}), **_unqualified(params)}
    arguments["params"] = {k: _listed(v) for k, v in arguments["params"].items()}
    arguments["out"] = given["out"] or _default_out(files, arguments)
    with running(given) as run:
        written = parse(arguments["method"])
        reference = Reference(written.method, {**written.params, **arguments["params"]})
        run.begin(api.read(given["target"]) if given["target"] else None)
        limit = Budget.parse(arguments["budget"]).within(arguments.get("quota", ()))
        spec = check(reference, run, limit)  # a wrong flag is told before a large file is read
        data = read(files, given, run)
        if given["dry_run"]:
            asked = judges.rehearsed(run, data, spec, reference, limit)
            return _plan(run, data, _columns(spec, reference), given, asked)
        # a recipe may ask about some rows only
        judges.announce(run, data, _columns(spec, reference), at_most=spec.kind == "recipe")
        picked = api.select(data, **arguments, run=run)
        judges.took(run.judges)
    _warn_if_changed(given, picked)
    if given["json"]:
        return show.as_json({**picked.manifest, "files": [str(f) for f in picked.files]})
    _outcome(picked)
    return None


def _outcome(picked: api.Picked) -> None:
    """The funnel, the first picks, and where everything is."""
    show.funnel(picked.manifest)
    show.quotas(picked.manifest["info"].get("quotas", {}), picked.manifest["quotas"])
    first = picked.subset.table.slice(0, 5)
    rows = []
    for rank, messages in enumerate(first["messages"].to_pylist(), 1):
        said = {m["role"]: " ".join((m["content"] or "").split()) for m in reversed(messages)}
        rows.append((rank, said.get("user", "")[:60], said.get("assistant", "")[:60]))
    show.table("first picks", ("", "instruction", "answer"), rows, right=(0,))
    show.say("written: " + ", ".join(str(f) for f in picked.files))


def _unqualified(params: Mapping[str, str]) -> dict[str, str]:
    return {name.rpartition(".")[2]: value for name, value in params.items()}


def _columns(spec: Spec, reference: Reference) -> list[str]:
    """The columns that a selection computes first, as far as its signature says."""
    from tamis.run.plan import columns_of, resolve

    if spec.kind == "score":
        return [str(reference)]
    return columns_of(spec, resolve(spec, reference))


def _default_out(files: list[str], arguments: Mapping[str, Any]) -> str:
    stem = Path(files[0]).name.split(".")[0] if files and files[0] != "-" else "stdin"
    method = parse(arguments["method"]).method.rpartition("/")[2].rpartition(":")[2]
    budget = str(arguments["budget"]).replace("%", "pct")
    return f"{stem}-{method}-{budget}"


def _warn_if_changed(given: Given, picked: api.Picked) -> None:
    from tamis import __version__

    settings = given["settings"]
    if settings.get("fingerprint", picked.data.fingerprint) != picked.data.fingerprint:
        show.say("the data changed since that run: the subset may differ")
    if settings.get("version", __version__) != __version__:
        show.say(f"that run was made by tamis {settings['version']}: the subset may differ")


def measure(given: Given) -> None:
    """Show how spread and how representative selected subsets are, beside random rows."""
    folders, params = flags.split_files(given["runs"] or [])
    if not folders:
        raise UserError("no run: name one or more folders that `tamis select` wrote")
    arguments = flags.values_of(api.measure, given)
    if params:
        from tamis.run.measure import usual

        arguments["of"] = _with_params(arguments.get("of") or usual(), params)
    with running(given) as run:
        found = api.measure(folders, **arguments, run=run)
    for one in found:
        for name, why in one.problems.items():
            show.say(f"{one.subset}: no {name}: {why}")
    if given["json"]:
        return show.as_json([_measured(one) for one in found])
    return _measures_table(found)


def _measured(one: Measured) -> Given:
    about = {
        name: {"value": value, "prefer": one.prefer[name], "random": one.random[name]}
        for name, value in one.values.items()
    }
    return {
        "subset": one.subset,
        "rows": one.rows,
        "of": one.pool,
        "measures": about,
        "problems": one.problems,
    }


def _measures_table(found: Sequence[Measured]) -> None:
    """A column for each subset, and one for the random rows that some of them share."""
    columns: list[tuple[str, Mapping[str, Any]]] = []
    for one, following in zip(found, [*found[1:], None], strict=True):
        columns.append((one.subset, one.values))
        if any(one.random.values()) and (following is None or following.random != one.random):
            scale = {name: _scale(values) for name, values in one.random.items() if values}
            columns.append((f"{one.rows:,} random rows", scale))
    names = list(dict.fromkeys(name for one in found for name in one.prefer))
    better = {name: end for one in found for name, end in one.prefer.items()}
    rows = [[name, better[name], *(cells.get(name) for _, cells in columns)] for name in names]
    sizes = ", ".join(dict.fromkeys(f"{one.rows:,} of {one.pool:,} rows" for one in found))
    right = range(2, 2 + len(columns))
    show.table(sizes, ("measure", "better", *(title for title, _ in columns)), rows, right=right)


def _scale(values: Sequence[float]) -> str:
    """Mean, least and most of the random subsets."""
    low, mean, high = min(values), sum(values) / len(values), max(values)
    return f"{show.number(mean)} ({show.number(low)}..{show.number(high)})"


def export(given: Given) -> None:
    """Write data so that TRL, LLaMA-Factory or axolotl loads it directly."""
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        files = api.export(data, **flags.values_of(api.export, given))
    if given["json"]:
        return show.as_json({"rows": len(data), "files": [str(f) for f in files]})
    return show.say(f"{len(data):,} rows written: " + ", ".join(str(f) for f in files))


def inspect(given: Given) -> None:
    """Show what a file holds: format, lengths, scripts, duplicates, problems."""
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        found = api.inspect(data, run=run)
    if given["json"]:
        return show.as_json(found)
    for title, rows in found.items():
        columns = list(rows[0]) if rows else []
        numbers = [i for i, c in enumerate(columns) if not isinstance(rows[0][c], str)]
        show.table(title, columns, [list(r.values()) for r in rows], right=numbers)
    return None


def methods(given: Given) -> None:
    """List every method, or show the card and the parameters of one."""
    listed = api.methods(given["name"], allow_code=given["allow_code"])
    if given["json"]:
        return show.as_json([_described(spec, full=given["name"] is not None) for spec in listed])
    if given["name"] is not None:
        return _card(listed[0])
    for stage, title in TITLES.items():
        rows = [(s.name, s.family, s.prefer, s.summary) for s in listed if s.kind == stage]
        show.table(title, ("name", "family", "prefer", "what it computes"), rows)
    return None


def _described(spec: Spec, *, full: bool) -> dict[str, Any]:
    found: Given = {
        "name": spec.name,
        "family": spec.family,
        "stage": spec.kind,
        "needs": spec.needs,
        "paper": spec.paper,
        "summary": spec.summary,
    }
    if full:
        found |= {"card": spec.card, "version": spec.version, "unit": spec.unit}
        found["parameters"] = [
            {"name": p.name, "type": p.type_name, "default": _default(p.default), "help": p.help}
            for p in spec.params.values()
        ]
    return found


def _default(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | tuple | None) else "required"


def _card(spec: Spec) -> None:
    out = show.console()
    about = [
        TITLES[spec.kind].lower().removesuffix("s"),
        spec.family,
        spec.unit,
        spec.paper,
        f"version {spec.version}",
    ]
    out.print(f"{spec.name}  ({', '.join(a for a in about if a)})", style="bold", markup=False)
    out.print(f"\n{spec.summary}\n\n{spec.card}\n", markup=False)
    rows = [(f"--{p.name}", p.type_name, _default(p.default), p.help) for p in spec.params.values()]
    if rows:
        show.table("Parameters", ("flag", "type", "default", ""), rows)


def demo(given: Given) -> None:
    """Select from the sample in the package, without network: the main job in seconds."""
    with running(given) as run:
        picked = api.demo(**flags.values_of(api.demo, given), run=run)
    if given["json"]:
        return show.as_json({**picked.manifest, "files": [str(f) for f in picked.files]})
    _outcome(picked)
    return None
