"""Whether a model can judge texts at all: measures on a sample of a group, and where they fail.

Three questions, each beside whoever knows nothing but texts like these:

bits         -log2 P of question and answer under a language model, over their bytes of UTF-8;
             beside it a model of bytes that counts (`character_model`), fitted on other rows of
             the group
own          of a language model: in which share of rows the answer is likelier after its own
             question than after another row's. Of an embedder: how often, among the sample's
             questions, its own is nearer to the answer than another by cosine; beside it hashed
             character n-grams
translations of row-aligned texts: the share whose nearest text of the other side, by cosine, is its
             translation, both ways; chance is 1 / rows

Where a model fails stands in LIMITS alone. Measured: docs/languages.md, benchmarks/competence.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tamis.character_model import bits
from tamis.intervals import Interval, symmetric, wilson
from tamis.protocols import Embedder, Generator, Likelihood, Passage
from tamis.types import Floats, Ints, Mask, Vectors


class Limits(NamedTuple):
    """Where a model fails, and on how much text that is judged.

    own: below this share, at the lower end of its 95 % interval, the question tells nothing of the
    answer; guessing gives one half. worse: an embedder fails whose share is below that of character
    n-grams by more than this, at the upper end of the interval of the difference. kept: below this
    share of the characters its tokens are not the text. translations: at least half of the nearest
    texts have to be the translation. The bits have no limit of their own: the counting model's are
    it.
    """

    rows: int = 32  # fewer are not judged: 22 of 32 are what is clearly above one half
    most: int = 64  # rows that are judged
    text: int = 600  # bytes that are read of a row, two fifths of them of its question
    fitted: int = 50_000  # bytes the counting model has seen: some 25 pages, in every group
    own: float = 0.5
    worse: float = 0.0
    kept: float = 0.95
    translations: float = 0.5


LIMITS = Limits()


class Exchange(NamedTuple):
    """A row as question and answer; one of the two may be empty."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a model in a group of rows; `faults` say where it fails, if anywhere."""

    model: str
    kind: str  # language model or embedder
    group: str
    rows: int  # of the group in the sample
    judged: int = 0  # rows that were read, 0 where there were too few
    bits: float | None = None  # of a byte
    counted_bits: float | None = None  # the counting model's
    own: Interval | None = None
    counted_own: float | None = None  # that of character n-grams
    translations: Interval | None = None
    kept: float | None = None  # share of the characters that the tokens keep
    faults: tuple[str, ...] = field(default_factory=tuple)

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        ends = {
            name: None if one is None else one.told()
            for name, one in (("own", self.own), ("translations", self.translations))
        }
        return {
            "model": self.model,
            "kind": self.kind,
            "group": self.group,
            "rows": self.rows,
            "judged": self.judged,
            "bits": self.bits,
            "counted_bits": self.counted_bits,
            "own": ends["own"],
            "counted_own": self.counted_own,
            "translations": ends["translations"],
            "kept": self.kept,
            "faults": list(self.faults),
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Finding:
        """The finding that `told` wrote down."""
        ends = {
            name: Interval(**{k: np.nan if v is None else v for k, v in said[name].items()})
            for name in ("own", "translations")
            if said[name]
        }
        return cls(**{**said, **ends, "faults": tuple(said["faults"])})


def of_language_model(
    lm: Likelihood, rows: Sequence[Exchange], found: Finding, limits: Limits = LIMITS
) -> Finding:
    """What a language model makes of a group; the order of `rows` is to have no meaning."""
    most = min(limits.text, lm.context - 2)
    texts = [_cut(row, most) for row in rows if row.question.strip() or row.answer.strip()]
    if len(texts) < limits.rows:
        return found
    texts.sort(key=lambda row: not (row.question and row.answer))  # whole exchanges first
    first = np.array([lm.start], np.int64) if lm.start is not None else lm.encode(["\n"])[0]
    room = lm.context - len(first)
    sides = (lm.encode([_opened(r) for r in texts]), lm.encode([r.answer for r in texts]))
    fitting = [one for one in zip(texts, *sides, strict=True) if len(one[1]) + len(one[2]) <= room]
    if len(fitting) < limits.rows:  # most tokens have a byte, or more, so few rows are left out
        return found
    texts = [row for row, _, _ in fitting]
    judged, asked, answered = zip(*fitting[: limits.most], strict=True)
    longest = max(map(len, asked))
    other = {i: j for i, j in _others(judged).items() if longest + len(answered[i]) <= room}
    passages = [_passage(first, asked[i], answered[i], whole=True) for i in range(len(judged))]
    passages += [_passage(first, asked[j], answered[i]) for i, j in other.items()]
    losses = [reading.tokens["loss"] for reading in lm.read(passages)]
    whole, after_other = losses[: len(judged)], losses[len(judged) :]
    size = sum(len(_bytes(row)) for row in judged)
    own: Interval | None = None
    if len(other) >= limits.rows:
        mine = np.array([whole[i][len(asked[i]) :].sum() for i in other])
        theirs = np.array([loss.sum() for loss in after_other])
        own = wilson(float(np.mean(_wins(theirs - mine))), len(other))
    found = replace(
        found,
        judged=len(judged),
        bits=float(sum(loss.sum() for loss in whole) / np.log(2) / size),
        counted_bits=_counted(judged, texts[limits.most :], limits) / size,
        own=own,
        kept=_kept(lm, judged, asked, answered),
    )
    return replace(found, faults=tuple(_faults(found, limits)))


def of_embedder(
    embedder: Embedder,
    baseline: Embedder,
    rows: Sequence[Exchange],
    found: Finding,
    limits: Limits = LIMITS,
) -> Finding:
    """What an embedder makes of a group, beside one that knows no language."""
    judged = [row for row in rows if row.question.strip() and row.answer.strip()][: limits.most]
    alike = _same(judged, 0) | _same(judged, 1)
    told = ~alike.all(axis=1)  # rows of which another has another question and another answer
    if told.sum() < limits.rows:
        return found
    ours, theirs = (_nearer(judged, ~alike, one)[told] for one in (embedder, baseline))
    value = float(ours.mean())
    found = replace(
        found,
        judged=len(ours),
        own=wilson(value, len(ours)),
        counted_own=float(theirs.mean()),
    )
    behind = symmetric(float((ours - theirs).mean()), ours - theirs)
    faults = list(_faults(found, limits))
    if behind.high < -limits.worse:
        faults.append(
            f"own question nearer than another's in {_share(value)}, where character n-grams have "
            f"{_share(float(theirs.mean()))}"
        )
    return replace(found, faults=tuple(faults))


def of_translations(
    embedder: Embedder,
    left: Sequence[str],
    right: Sequence[str],
    found: Finding,
    limits: Limits = LIMITS,
) -> Finding:
    """Whether the texts of a row in two languages lie beside each other; texts in equal places."""
    rows = [(a, b) for a, b in zip(left, right, strict=True) if a.strip() and b.strip()]
    if len(rows) < limits.rows:
        return found
    sides = [_vectors(embedder, [row[side] for row in rows]) for side in (0, 1)]
    cosines = sides[0] @ sides[1].T
    hits = [_first(cosines), _first(cosines.T)]
    value = float(np.mean(hits))
    found = replace(found, judged=len(rows), translations=wilson(value, len(rows)))
    if value < limits.translations:
        fault = f"the nearest text in the other language is the translation in {_share(value)}"
        found = replace(found, faults=(fault,))
    return found


def _faults(found: Finding, limits: Limits) -> list[str]:
    """Where a model fails by itself."""
    faults = []
    if found.kept is not None and found.kept < limits.kept:
        faults.append(f"its tokens keep {_share(found.kept)} of the characters")
    if (
        found.bits is not None
        and found.counted_bits is not None
        and found.bits >= found.counted_bits
    ):
        faults.append(
            f"{found.bits:.2f} bits a byte, where counting bytes of other rows needs "
            f"{found.counted_bits:.2f}"
        )
    if found.own is not None and found.own.low <= limits.own:
        faults.append(
            f"own question preferred to another's in {_share(found.own.value)} "
            f"({_share(found.own.low)} to {_share(found.own.high)}), where guessing has "
            f"{_share(limits.own)}"
        )
    return faults


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _cut(row: Exchange, most: int) -> Exchange:
    """The beginnings of question and answer, at most so many bytes together."""
    question = _clipped(row.question.strip(), 2 * most // 5 if row.answer.strip() else most)
    return Exchange(question, _clipped(row.answer.strip(), most - len(question.encode()) - 1))


def _clipped(text: str, size: int) -> str:
    return text[:size].encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def _opened(row: Exchange) -> str:
    """What stands before an answer."""
    return f"{row.question}\n" if row.question and row.answer else row.question


def _bytes(row: Exchange) -> bytes:
    return (_opened(row) + row.answer).encode()


def _passage(first: Ints, asked: Ints, answered: Ints, *, whole: bool = False) -> Passage:
    """Question and answer, of which all is scored or the answer alone."""
    ids = np.concatenate([first, asked, answered])
    begin = len(first) if whole else len(first) + len(asked)
    return Passage(ids, ((begin, len(ids)),))


def _others(rows: Sequence[Exchange]) -> dict[int, int]:
    """For each whole exchange the next one with another question and another answer."""
    whole = [at for at, row in enumerate(rows) if row.question and row.answer]
    found = {}
    for place, at in enumerate(whole):
        for other in (*whole[place + 1 :], *whole[:place]):
            if rows[other].question != rows[at].question and rows[other].answer != rows[at].answer:
                found[at] = other
                break
    return found


def _wins(ahead: Floats) -> Floats:
    """1 for each that is ahead, 1/2 for a tie."""
    return np.asarray((ahead > 0) + 0.5 * (ahead == 0), np.float64)


FOLDS = 4


def _counted(judged: Sequence[Exchange], rest: Sequence[Exchange], limits: Limits) -> float:
    """Bits of the judged rows under the counting model; each part is left out of what it saw."""
    total = 0.0
    for fold in range(FOLDS):
        seen = [*rest, *(row for at, row in enumerate(judged) if at % FOLDS != fold)]
        texts = [_bytes(row) for row in seen]
        sizes = np.cumsum([0, *map(len, texts[:-1])])
        fitted = [text for text, before in zip(texts, sizes, strict=True) if before < limits.fitted]
        total += float(bits([_bytes(row) for row in judged[fold::FOLDS]], fitted).sum())
    return total


def _kept(
    lm: Likelihood, rows: Sequence[Exchange], asked: Sequence[Ints], answered: Sequence[Ints]
) -> float | None:
    """Share of the characters, blanks and case left aside, that the tokens give back."""
    if not isinstance(lm, Generator):
        return None
    there = kept = 0
    for row, question, answer in zip(rows, asked, answered, strict=True):
        said = Counter("".join((row.question + row.answer).casefold().split()))
        back = "".join(lm.decode(part) for part in (question, answer))
        there += said.total()
        kept += (said & Counter(back.casefold())).total()
    return kept / there if there else None


def _nearer(rows: Sequence[Exchange], counts: Mask, embedder: Embedder) -> Floats:
    """For each answer the share of the questions that count which are farther than its own.

    A tie is half; NaN where none counts.
    """
    asked, answered = (_vectors(embedder, [row[part] for row in rows]) for part in (0, 1))
    cosines = answered @ asked.T
    ahead = np.diag(cosines)[:, None] - cosines
    of = np.where(counts.any(axis=1), counts.sum(axis=1), np.nan)
    return np.asarray((_wins(ahead) * counts).sum(axis=1) / of, np.float64)


def _same(rows: Sequence[Exchange], part: int) -> Mask:
    texts = [row[part] for row in rows]
    known = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    numbers = np.array([known[text] for text in texts], np.int64)
    return np.asarray(numbers[:, None] == numbers[None, :], bool)


def _vectors(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Vectors of texts; a text without one has zeros, and then no neighbour is its own."""
    return np.nan_to_num(np.asarray(embedder.embed(list(texts)), np.float32))


def _first(cosines: Vectors) -> Floats:
    """For each row whether its own column is the nearest; a part of 1 where several are."""
    best = cosines.max(axis=1, keepdims=True)
    nearest = cosines >= best - 1e-6
    return np.asarray(np.diag(nearest) / nearest.sum(axis=1), np.float64)
