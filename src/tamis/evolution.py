"""Rows rewritten by a judge, round after round: harder requests, or better answers.

A row starts a chain. In each round the judge rewrites the last text of the chain by an operation
that the seed, the row's id and the round decide; all chains are asked about at once. A rewriting
that fails (a problem of the judge, or a fault of `scorers/_rewritten.py`) ends its chain and is
counted by its reason; nothing takes its place. Of a conversation the last question or answer is
rewritten and the turns before it stay; what comes after it is left out. Rows with tools are not
rewritten, because a call fits one request alone.

DEITA (arXiv:2312.15685) rewrites instructions (constraints, depth, concreteness, reasoning) and
answers (helpfulness, relevance, depth, creativity, detail) to get variants that are rated together;
LIFT (arXiv:2312.11508) rewrites instructions by operations=[depth,concreteness,reasoning], all of
them in one prompt, and has an answer written to each, at temperature 0.5. Here it is 0, and a
rubric of your own can have another: the operation is what makes rounds differ. Prompts are our own,
the rubrics evolve_instruction and evolve_answer. LIFT's code keeps whatever comes back.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal

from tamis.errors import Pending, UserError, nearest
from tamis.judging.rows import only, read_answer, written
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import question, rubric, stated
from tamis.protocols import Judge, Question
from tamis.scorers._rewritten import fault, refuses
from tamis.types import Batch, Dataset

Kind = Literal["instruction", "answer"]
Message = Mapping[str, Any]
ROWS = 1024
"""Rows that are asked about at once, and whose texts are in memory."""
ANSWER_TOKENS = 2048
"""Most tokens of an answer that is written to a rewritten request."""
_ANSWERS = (
    "There are two ways, and which one fits depends on how much time you have. ...",
    "1. Collect what you need.\n2. Put it in order.\n3. Check the result against the list.",
)


@dataclass(frozen=True, slots=True)
class Way:
    """How texts of one kind are rewritten.

    Args:
        of: what is rewritten
        about: the rubric
        operations: sentences by name, one of which a round is told
        seed: decides which one
    """

    of: Kind
    about: Rubric
    operations: Mapping[str, str]
    seed: int = 0

    def operation(self, row: str, round: int) -> str:
        """The operation of a row's round, by name."""
        drawn = hashlib.blake2b(f"{self.seed} {self.of} {round} {row}".encode(), digest_size=8)
        names = sorted(self.operations)
        return names[int.from_bytes(drawn.digest(), "little") % len(names)]


@dataclass(frozen=True, slots=True)
class Version:
    """A text of a chain, what made it, and the answer that was written to it, if one was."""

    text: str
    operation: str = ""
    answer: str | None = None


@dataclass(slots=True)
class Chain:
    """A row and its rewritings, the original first; without any where it cannot be rewritten.

    `before` ends with the question. `ended` says why there is no further version.
    """

    id: str
    of: Kind
    before: Sequence[Message]
    versions: list[Version] = field(default_factory=list)
    ended: str | None = None

    def turns(self, version: Version) -> list[Message]:
        """The conversation with this version in its place."""
        if self.of == "answer":
            return [*self.before, {"role": "assistant", "content": version.text}]
        asked = [*self.before[:-1], {"role": "user", "content": version.text}]
        if version.answer is None:
            return asked
        return [*asked, {"role": "assistant", "content": version.answer}]


def operations_of(of: Kind) -> Mapping[str, str]:
    """What a judge can be told to do with a text of this kind, by name."""
    text = files("tamis").joinpath("assets/rubrics/_operations.toml").read_text("utf-8")
    found: Mapping[str, str] = tomllib.loads(text)[of]
    return found


def way(of: Kind, operations: Sequence[str] = (), prompt: str = "", seed: int = 0) -> Way:
    """The checked way: operations by name, all of this kind where none are named."""
    known = operations_of(of)
    for name in operations:
        if name not in known:
            raise UserError(f"no operation {name!r} for the {of}; {nearest(name, known)}")
    about = only(rubric(stated(prompt or f"evolve_{of}")), "text")
    shown = {"question"} if of == "instruction" else {"question", "answer"}
    if not set(about.marks) <= shown:
        raise UserError(
            f"a rubric that rewrites the {of} can show {' and '.join(sorted(shown))}, and this one "
            f"has {', '.join(f'{{{mark}}}' for mark in about.marks)}"
        )
    return Way(of, about, {name: known[name] for name in operations or known}, seed)


@dataclass(frozen=True, slots=True)
class Evolution:
    """Records in messages form, made as they are drawn, and what became of rows and rounds.

    `counts` is complete when the records are drawn: rows; rewritten; and by reason `not started`,
    `ended` (chains) and `no answer` (versions whose answer failed; they are left out). Rows that
    had a field of the name evolved_from, round or operation count as `own field replaced`.
    """

    records: Iterator[dict[str, Any]]
    counts: Counter[str]


def evolve(
    data: Dataset,
    judge: Judge,
    *,
    of: Kind = "instruction",
    rounds: int = 1,
    operations: Sequence[str] = (),
    prompt: str = "",
    seed: int = 0,
) -> Evolution:
    """The rows and their rewritings, each with the fields evolved_from, round and operation.

    Args:
        data: the rows; they come first as round 0, with their other fields
        judge: what rewrites them
        of: the last instruction, to which a new answer is written, or the last answer
        rounds: how often each is rewritten, each time from the text before
        operations: names of operations; all of this kind where none are named
        prompt: a TOML file with a rubric of your own, which can show {question}, for answers
            {answer}, and {operation}
        seed: decides which operation a row gets in a round
    """
    if rounds < 1:
        raise UserError(f"evolve: rounds is at least 1, got {rounds}")
    how, counts = way(of, operations, prompt, seed), Counter[str]()
    return Evolution(_records(data, judge, how, rounds, counts), counts)


def _records(
    data: Dataset, judge: Judge, how: Way, rounds: int, counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    pending: Pending | None = None
    for batch in data.batches(ROWS):
        chains = started(batch, how.of)
        try:
            grow(chains, judge, [how], rounds)
            if how.of == "instruction":
                answer(chains, judge, counts)
        except Pending as error:  # what else has to be asked can be prepared
            pending = error
        if pending is not None:
            continue
        count(chains, counts)
        for row, chain in zip(batch.table.to_pylist(), chains, strict=True):
            own, marks = _original(row), _marks(chain.id, 0, "")
            counts.update(f"own field replaced: {name}" for name in marks if name in own)
            yield {**own, **marks}
            for round, version in enumerate(chain.versions[1:], 1):
                if how.of == "answer" or version.answer is not None:
                    turns = [dict(turn) for turn in chain.turns(version)]
                    yield {"messages": turns, **_marks(chain.id, round, version.operation)}
    if pending is not None:
        raise pending


def started(batch: Batch, of: Kind) -> list[Chain]:
    """A chain for each row, with its original text as the first version."""
    ids, talks, tools = (batch.table[name].to_pylist() for name in ("id", "messages", "tools"))
    return [_started(*row, of) for row in zip(ids, talks, tools, strict=True)]


def _started(row: str, messages: Sequence[Message], tools: str | None, of: Kind) -> Chain:
    last = max((at for at, m in enumerate(messages) if m["role"] == "assistant"), default=None)
    turns = [{"role": turn["role"], "content": turn["content"] or ""} for turn in messages[:last]]
    answer = "" if last is None else messages[last]["content"] or ""
    text = turns[-1]["content"] if turns and turns[-1]["role"] == "user" else ""
    called = any(turn["role"] == "tool" or turn["tool_calls"] for turn in messages)
    if tools or called:
        return Chain(row, of, turns, ended="tools")
    if not text.strip():
        return Chain(row, of, turns, ended="no_question")
    if of == "answer" and not answer.strip():
        return Chain(row, of, turns, ended="no_answer")
    return Chain(row, of, turns, [Version(answer if of == "answer" else text)])


def grow(chains: Sequence[Chain], judge: Judge, ways: Sequence[Way], rounds: int) -> None:
    """Rewrites the last version of every chain so many times, one wave of questions a round."""
    by_kind = {how.of: how for how in ways}
    for round in range(1, rounds + 1):
        live = [chain for chain in chains if chain.ended is None]
        names = [by_kind[chain.of].operation(chain.id, round) for chain in live]
        asked = [_asked(c, by_kind[c.of], name) for c, name in zip(live, names, strict=True)]
        answers = judge.ask(asked) if asked else []
        for chain, name, sent, said in zip(live, names, asked, answers, strict=True):
            read = read_answer(said, by_kind[chain.of].about)
            problem = "empty" if read.problem == "unparsed" else read.problem
            text = (read.value or "").strip()
            earlier = [version.text for version in chain.versions]
            chain.ended = problem or fault(text, earlier, sent)
            if chain.ended is None:
                chain.versions.append(Version(text, name))


def _asked(chain: Chain, how: Way, name: str) -> Question:
    """The question that asks for the next version."""
    turns = chain.turns(replace(chain.versions[-1], answer=None))
    before = turns if chain.of == "instruction" else turns[:-1]
    texts = {"question": written(before, None), "answer": chain.versions[-1].text}
    shown = {mark: texts[mark] for mark in how.about.marks}
    return question(how.about, shown, {"operation": how.operations[name]})


def answer(chains: Iterable[Chain], judge: Judge, counts: Counter[str]) -> None:
    """Has an answer written to every rewritten instruction; those that fail are counted."""
    places = [(chain, at) for chain in chains for at in range(1, len(chain.versions))]
    asked = []
    for chain, at in places:
        turns = chain.turns(chain.versions[at])
        sent = tuple((turn["role"], turn["content"]) for turn in turns)
        asked.append(Question(sent, ANSWER_TOKENS, examples=_ANSWERS))
    for (chain, at), said in zip(places, judge.ask(asked) if asked else (), strict=True):
        text = said.text.strip()
        problem = said.problem or (None if text else "empty")
        problem = problem or ("refuses" if refuses(text) else None)
        if problem is None:
            chain.versions[at] = replace(chain.versions[at], answer=text)
        else:
            counts[f"no answer: {problem}"] += 1


def count(chains: Iterable[Chain], counts: Counter[str]) -> None:
    """Adds what became of the chains."""
    for chain in chains:
        counts["rows"] += 1
        counts["rewritten"] += max(len(chain.versions) - 1, 0)
        if chain.ended is not None:
            counts[f"{'ended' if chain.versions else 'not started'}: {chain.ended}"] += 1


def _marks(row: str, round: int, operation: str) -> dict[str, Any]:
    return {"evolved_from": row, "round": round, "operation": operation}


def _original(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a record in messages form, with its other fields."""
    extra = json.loads(row["extra"]) if row["extra"] else {}
    others = extra.pop("turn_fields", {})
    messages = []
    for place, turn in enumerate(row["messages"]):
        message = {"role": turn["role"], "content": turn["content"]}
        if turn["tool_calls"]:
            message["tool_calls"] = json.loads(turn["tool_calls"])
        messages.append({**others.get(str(place), {}), **message})
    tools = {"tools": json.loads(row["tools"])} if row["tools"] else {}
    return {**extra, "messages": messages, **tools}
