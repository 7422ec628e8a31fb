"""`competence`, as a typed function: whether a model can judge the rows of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tamis.errors import UserError
from tamis.verbs.reading import Data, begun, read

# What the verb computes with loads when it runs, so that --help is instant.
if TYPE_CHECKING:
    from tamis.competences import Finding
    from tamis.run.session import Run


def competence(
    data: Data,
    *,
    of: Literal["named", "model", "embedder", "both"] = "named",
    group: str = "language",
    parallel: Data | None = None,
    rows: int = 64,
    run: Run | None = None,
) -> list[Finding]:
    """Says whether a language model or an embedder can judge the rows, group by group.

    Args:
        data: what `read` takes
        of: the language model, the embedder, or both; named is what the run has otherwise than by
            default, and the embedder where that is neither
        group: the label whose groups are judged: language, domain, field(name=category)
        parallel: data whose record 1 is the translation of record 1, and so on: how often an
            embedder finds the translation
        rows: rows of a group that are read at most
        run: model, embedder and progress to use
    """
    from tamis.competences import LIMITS
    from tamis.run.competence import findings, translations

    if rows < LIMITS.rows:
        raise UserError(f"{rows} rows are too few to judge by: set {LIMITS.rows} or more")
    run, pool = begun(run), read(data)
    limits = LIMITS._replace(most=rows)
    which = _wanted(of, run, parallel is not None)
    found: list[Finding] = []
    if "model" in which:
        found += findings(run, pool, "language model", run.resource("Likelihood"), group, limits)
    if "embedder" in which:
        embedder = run.resource("Embedder")
        found += findings(run, pool, "embedder", embedder, group, limits)
        if parallel is not None:
            found.append(translations(run, pool, read(parallel), embedder, limits))
    return found


def _wanted(of: str, run: Run, parallel: bool) -> set[str]:
    """What is judged; translations are found by embedders."""
    if of == "both":
        return {"model", "embedder"}
    if of != "named":
        return {of}
    usual = type(run)()
    model, embedder = run.model != usual.model, run.embedder != usual.embedder
    named = {"model"} if model else set()
    return named | ({"embedder"} if embedder or parallel or not model else set())
