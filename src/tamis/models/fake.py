"""Stand-ins for models: the same text always gets the same answer, and nothing is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.models.moments import step
from tamis.protocols import (
    Answer,
    Direction,
    Noise,
    Passage,
    Projection,
    Quantity,
    Question,
    Reading,
    Weights,
)
from tamis.templates import END, TEMPLATES, Piece, given_input, render
from tamis.types import Floats, Ints, Vectors


@dataclass(frozen=True, slots=True)
class FakeEmbedder:
    """Unit vectors seeded by the text's hash; a text without any letter has none."""

    id: str = "fake"
    dim: int = 16

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            if text.strip():
                seed = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
                vector = np.random.default_rng(int.from_bytes(seed, "little")).normal(size=self.dim)
                found[row] = vector / np.linalg.norm(vector)
        return found


@dataclass(frozen=True, slots=True)
class FakeTokenizer:
    """One token for every four characters, rounded up."""

    id: str = "fake"

    def count_tokens(self, texts: Sequence[str]) -> Ints:
        return np.asarray([-(-len(text) // 4) for text in texts], np.int64)


START = 256
"""The fake model's tokens are bytes; this one begins and ends a text."""
WIDTH = 8
_TABLES = np.random.default_rng(7)
_INPUT, _OUTPUT = _TABLES.normal(size=(257, WIDTH)), _TABLES.normal(size=(WIDTH, 257))


@dataclass(frozen=True, slots=True)
class FakeLikelihood:
    """A causal model of bytes in float64: its state is a fading sum of what it read.

    It is Likelihood, Generator and Gradients at once.
    """

    id: str = "fake"
    context: int = 512
    start: int | None = START
    vocabulary: int = START + 1

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]:
        """UTF-8 bytes; in markup the end of a text is a token."""
        if not markup:
            return [_bytes(text) for text in texts]
        parts = [[_bytes(part) for part in text.split(END)] for text in texts]
        end = np.array([START], np.int64)
        return [np.concatenate([p[0], *(x for part in p[1:] for x in (end, part))]) for p in parts]

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]:
        """The template tulu, with the tools in front."""
        shown = [Piece(tools, "text")] if tools else []
        return shown + render(TEMPLATES["tulu"], messages, given_input(None))

    def decode(self, ids: Ints) -> str:
        """The text of bytes; what is no UTF-8 becomes the sign for it."""
        return bytes(int(token) for token in ids if token < START).decode("utf-8", "replace")

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        return [_read(passage) for passage in passages]

    def generate(self, prompts: Sequence[Ints], tokens: int) -> list[Ints]:
        """The likeliest bytes, one after the other."""
        return [_written(prompt, tokens) for prompt in prompts]

    def gradients(
        self,
        passages: Sequence[Passage],
        *,
        direction: Direction,
        dim: int,
        seed: int,
        projection: Projection,
    ) -> Vectors:
        """D loss / d output table, each number with a sign at one of `dim` places.

        Adam is Adam's first step, from moments of 0.
        """
        drawn = np.random.default_rng([seed, projection == "sketch"])
        places = drawn.integers(dim, size=WIDTH * 257)
        signs = drawn.choice([-1.0, 1.0], size=WIDTH * 257)
        steps = [signs * step(_gradient(p), 0.0, 0.0, direction) for p in passages]
        found = [np.bincount(places, moved, dim) for moved in steps]
        return np.array(found, np.float32).reshape(-1, dim)

    def norms(self, passages: Sequence[Passage], *, weights: Weights, seed: int) -> Floats:
        """Length of the same gradient; its one table is all that it has."""
        return np.array([np.linalg.norm(_gradient(passage)) for passage in passages], np.float64)


def _bytes(text: str) -> Ints:
    return np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64)


def _written(prompt: Ints, tokens: int) -> Ints:
    """The likeliest bytes after a prompt, up to the token that ends a text."""
    state = _states(prompt)[-1]
    found: list[int] = []
    while len(found) < tokens:
        best = int(np.argmax(state @ _OUTPUT))
        if best == START:
            break
        found.append(best)
        state = 0.8 * state + _INPUT[best]
    return np.array(found, np.int64)


def _states(ids: Ints, noise: Noise | None = None) -> Floats:
    """h_t = 0.8 h_(t-1) + embedding of token t, shape (tokens, width)."""
    vectors = _INPUT[ids]
    if noise is not None:
        drawn = np.random.default_rng(noise.seed).uniform(-1, 1, (noise.length, WIDTH))
        part = drawn[noise.offset : noise.offset + len(ids)]
        vectors = vectors + part * noise.alpha / np.sqrt(noise.length * WIDTH)
    states = np.empty_like(vectors)
    state = np.zeros(WIDTH)
    for at, vector in enumerate(vectors):
        state = 0.8 * state + vector
        states[at] = state
    return states


def _predictions(states: Floats) -> Floats:
    """Log P of every token after each state."""
    logits = states @ _OUTPUT
    top = logits.max(axis=1, keepdims=True)
    shifted: Floats = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return shifted


def _scored(passage: Passage) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *(np.arange(a, b) for a, b in passage.spans)])


def _read(passage: Passage) -> Reading:
    states = _states(passage.ids, passage.noise)
    at = _scored(passage)
    logs = _predictions(states[at - 1])
    loss = -logs[np.arange(len(at)), passage.ids[at]]
    chances = np.exp(logs)
    ramp = np.arange(1, len(states) + 1)
    tokens: dict[Quantity, Floats] = {
        "loss": loss,
        "entropy": -(chances * logs).sum(axis=1),
        "el2n": np.sqrt((chances**2).sum(axis=1) - 2 * np.exp(-loss) + 1),
    }
    pooled: dict[Quantity, Floats] = {
        "last": states[-1],
        "mean": states.mean(axis=0),
        "weighted": ramp @ states / ramp.sum(),
    }
    return Reading(
        {name: tokens[name] for name in passage.want if name in tokens},
        {name: pooled[name].astype(np.float32) for name in passage.want if name in pooled},
        _predictions(states[-1:])[0, list(passage.options)] if passage.options else None,
    )


def _gradient(passage: Passage) -> Floats:
    states = _states(passage.ids, passage.noise)
    at = _scored(passage)
    errors = np.exp(_predictions(states[at - 1]))
    errors[np.arange(len(at)), passage.ids[at]] -= 1
    flat: Floats = (states[at - 1].T @ errors / max(len(at), 1)).ravel()
    return flat


@dataclass(frozen=True, slots=True)
class FakeJudge:
    """Answers with one of the examples of the question, by the hash of what it was asked."""

    id: str = "fake"

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        return [Answer(_picked(question)) for question in questions]


def _picked(question: Question) -> str:
    asked = "\x00".join(text for _, text in question.messages).encode("utf-8", "replace")
    number = int.from_bytes(hashlib.blake2b(asked, digest_size=8).digest(), "little")
    return question.examples[number % len(question.examples)] if question.examples else ""


@dataclass(frozen=True, slots=True)
class FakeReward:
    """Grades between -6 and 6 by the hash of question and answer; none where there is nothing."""

    id: str = "fake"

    def reward(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        shares = [_share("\x00".join(pair)) if any(pair) else np.nan for pair in pairs]
        return np.array([12 * share - 6 for share in shares], np.float64)


@dataclass(frozen=True, slots=True)
class FakeYesNo:
    """A chance by the hash of all that it is asked."""

    id: str = "fake"

    def yes(self, questions: Sequence[Sequence[Piece]]) -> Floats:
        asked = ["\x00".join(piece.text for piece in question) for question in questions]
        return np.array([_share(text) for text in asked], np.float64)


def _share(text: str) -> float:
    """A number in [0, 1) that the text decides."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2.0**64
