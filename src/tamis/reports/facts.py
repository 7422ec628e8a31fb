"""What a page says, as plain data: the same for the page, the terminal and `--json`.

Every list of a `Rows` has one entry a row that is shown, every list of a run one entry a run.
Numbers that do not exist are None.
"""

from __future__ import annotations

from typing import Any, TypedDict


class Count(TypedDict):
    """Rows that went for one reason, or one part of them."""

    name: str
    rows: int


class Step(TypedDict):
    """One thing a run did, and the seconds it took."""

    name: str
    rows: int
    seconds: float


class Method(TypedDict):
    """A method that a run used, with its card."""

    name: str
    kind: str  # score, select, recipe, measure
    version: int
    summary: str
    card: str  # formula, the paper's settings, what official code does, what tamis does, oracle
    paper: str  # arXiv:..., or ""


class Run(TypedDict):
    """One selection."""

    name: str  # as people tell runs apart; unique in a report
    folder: str
    method: str
    budget: str
    command: str  # selects the same rows again
    rows: int
    selected: int
    seconds: float
    funnel: list[Count]  # from records in the source to rows selected, in order
    quotas: dict[str, dict[str, Any]]
    raw: str  # the score whose plain ranking groups are compared with, or ""
    info: dict[str, Any]  # what the method says of its selection
    steps: list[Step]
    judges: dict[str, dict[str, Any]]
    methods: list[Method]
    config: str  # run.toml as it lies in the folder
    manifest: dict[str, Any]


class Part(TypedDict):
    """One set of rows in a histogram: all, or those that a run kept."""

    name: str
    rows: int
    counts: list[int]
    median: float | None


class Score(TypedDict):
    """How the values of one score lie, in the pool and in each selection."""

    name: str
    about: str  # one line from the method's card, or ""
    prefer: str  # high, low, none
    edges: list[float]  # one more than there are counts
    parts: list[Part]  # the first is the pool, then one a run
    missing: list[Count]  # rows without a value, by reason


class Matrix(TypedDict):
    """One number for each pair of names, from -1 to 1 or from 0 to 1."""

    names: list[str]
    values: list[list[float | None]]


class Group(TypedDict):
    """One group of rows: how many the pool has, and how many each run kept.

    `raw` has how many the plain ranking by a run's score would have kept, where it is another.
    """

    name: str
    pool: int
    kept: list[int]
    raw: list[int | None]


class Grouping(TypedDict):
    """The pool cut into groups by one thing: source, language, length, turns, domain."""

    name: str
    how: str  # where the groups come from, a sentence
    groups: list[Group]


class Label(TypedDict):
    """A name for every row that is shown: `codes[i]` is a position in `names`, -1 for none."""

    name: str
    names: list[str]
    codes: list[int]


class Values(TypedDict):
    """A score of every row that is shown."""

    name: str
    values: list[float | None]
    percentiles: list[float | None]  # share of the pool's scored rows below it, from 0 to 100


class Rows(TypedDict):
    """The rows of the map and the table: all of them, or a sample that says so."""

    shown: int
    of: int
    sampled: str  # a sentence where not all are shown, else ""
    id: list[str]
    source: list[int]  # position in `sources`
    row: list[int]  # position of the record in its source
    tokens: list[int | None]
    rank: list[list[int]]  # for each run: the place of the row among the picks, -1 if not picked
    why: list[Label]  # for each run: selected, or the reason it was not
    scores: list[Values]
    labels: list[Label]
    x: list[float | None]  # the map; empty where there is none, None for a row without a vector
    y: list[float | None]
    map: str  # how it was made, a sentence; why there is none, else
    texts: str  # a sentence where texts are missing or cut, else ""


class Effect(TypedDict):
    """A difference with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


class Arm(TypedDict):
    """One line of a proof: a way of choosing rows, on one measure, under one budget."""

    name: str
    kind: str  # method, random, length_matched, longest, full, base
    budget: str
    view: str  # rows, tokens, steps
    measure: str
    seeds: int
    rows: float
    tokens: float
    value: float | None
    against_random: Effect | None
    verdict: str  # better than random, worse than random, no difference shown, or ""
    p: float | None


class Curve(TypedDict):
    """The training loss of one training."""

    arm: str
    budget: str
    view: str
    seed: int
    steps: list[int]
    losses: list[float]


class Benefit(TypedDict):
    """What an arm takes beside what it brings; tokens and money are those of selecting."""

    arm: str
    kind: str
    budget: str
    view: str
    selecting: float  # seconds
    training: float
    tokens: float
    money: float | None
    measure: str
    against_random: Effect | None


class Proof(TypedDict):
    """One experiment."""

    name: str
    folder: str
    command: str
    said: list[str]  # notes, and the verdicts in a sentence each
    arms: list[Arm]
    curves: list[Curve]
    benefits: list[Benefit]
    config: str
    manifest: dict[str, Any]


class Facts(TypedDict):
    """Everything a report says, but for the texts of the rows."""

    tamis: str  # the version that read the runs
    title: str
    fingerprint: str
    sources: list[str]
    rows: int
    runs: list[Run]
    scores: list[Score]
    correlation: Matrix | None  # Spearman, over rows that have both
    jaccard: Matrix | None  # of the selections; None for a single run
    shared: Matrix | None  # share of the run in a line that the run in a column kept too
    ranks: Matrix | None  # Spearman of the ranks of rows that both kept
    groups: list[Grouping]
    failures: list[Count]  # rows that could not be read or scored, by reason
    rejects: str  # the file with rows that could not be read, or ""
    proofs: list[Proof]
