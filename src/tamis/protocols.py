"""What a method may ask for besides rows: each resource has an `id` that names what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from tamis.templates import Piece
from tamis.types import Floats, Ints, Vectors


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors of unit length, shape (texts, dimensions)."""

    @property
    def id(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@runtime_checkable
class Tokenizer(Protocol):
    """Counts tokens without special tokens."""

    @property
    def id(self) -> str: ...

    def count_tokens(self, texts: Sequence[str]) -> Ints: ...


UNKNOWN = "unknown"
"""The label of a text whose language cannot be told."""


@runtime_checkable
class Languages(Protocol):
    """Tells the languages of texts apart that are written in one of the shared scripts."""

    @property
    def id(self) -> str: ...

    def detect(self, texts: Sequence[str]) -> list[str]:
        """ISO 639-1 code of the language of each text, or UNKNOWN where it is not sure."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Divides runs of scripts that are written without spaces into words."""

    @property
    def id(self) -> str: ...

    def starts(self, runs: Sequence[str]) -> list[Ints] | None:
        """Where the words of each run begin, the first at 0; None leaves it to the core's rule."""
        ...


Quantity = Literal["loss", "entropy", "el2n", "last", "mean", "weighted"]
"""What a language model is asked of a passage.

Of each scored token: loss = -log P(token | what stands before it), in nats; entropy of that
prediction, in nats; el2n = ||prediction - one-hot(token)||_2. Of the passage: the last layer's
state at its last token, their mean, and their mean weighted by position 1, 2, ..., n.
"""


@dataclass(frozen=True, slots=True)
class Noise:
    """Uniform noise on the embeddings of a text of `length` tokens, as NEFTune adds it.

    Each of length x width numbers is drawn from (-1, 1) by the seed and scaled by
    alpha / sqrt(length * width). A passage that is a part of that text, from token `offset` on,
    gets that part of it.
    """

    seed: int
    alpha: float
    length: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """Token ids, and what is asked of them.

    Args:
        ids: the tokens, at least one and at most the model's context
        spans: (start, stop) of the tokens that are scored, in order, without overlap; the token at
            0 has nothing before it and cannot be scored
        want: the quantities
        options: tokens whose log-probabilities after the passage are wanted
        noise: noise on the embeddings
    """

    ids: Ints
    spans: tuple[tuple[int, int], ...] = ()
    want: tuple[Quantity, ...] = ("loss",)
    options: tuple[int, ...] = ()
    noise: Noise | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a language model found in a passage.

    `tokens` has, for each quantity of tokens, one value a scored token, spans end to end;
    `states` a vector for each quantity of the passage; `options` a log-probability each.
    """

    tokens: Mapping[str, Floats] = field(default_factory=dict)
    states: Mapping[str, Vectors] = field(default_factory=dict)
    options: Floats | None = None


@runtime_checkable
class Writer(Protocol):
    """What turns text into tokens: a causal language model, or its tokenizer alone.

    `start` is the token that a text begins with, `end` the text of the token that ends it.
    """

    @property
    def id(self) -> str: ...

    @property
    def context(self) -> int: ...

    @property
    def start(self) -> int | None: ...

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]:
        """Token ids of each text, nothing added; special tokens are found in markup only."""
        ...

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]:
        """The pieces of a conversation in the model's own template."""
        ...


@runtime_checkable
class Likelihood(Writer, Protocol):
    """A causal language model that reads passages.

    A reading does not depend on what is read beside it, within the tolerance that the backend
    states.
    """

    def read(self, passages: Sequence[Passage]) -> list[Reading]: ...


@runtime_checkable
class Generator(Protocol):
    """A causal language model that goes on with a passage, always with the likeliest token."""

    @property
    def id(self) -> str: ...

    def generate(self, prompts: Sequence[Ints], tokens: int) -> list[Ints]:
        """At most `tokens` new tokens for each prompt, without the token that ends the text."""
        ...

    def decode(self, ids: Ints) -> str:
        """The text of tokens, special ones left out."""
        ...


Direction = Literal["sgd", "adam", "adam_outside"]
"""sgd: the gradient itself. adam: the step that Adam would take next, m' / sqrt(v' + eps) out of
the moments that the model comes with; adam_outside: m' / (sqrt(v') + eps)."""

Projection = Literal["sketch", "rademacher"]
"""How gradients become short; both keep inner products on average and err by as much.

sketch: each number is added, with a random sign, to one place. rademacher: every place is a sum
over all numbers with random signs.
"""

Weights = Literal["layers", "adapter"]
"""layers: the weights of all linear layers inside the model; adapter: low-rank ones beside them."""


@runtime_checkable
class Gradients(Protocol):
    """A causal language model that says how a passage would move its trainable parameters."""

    @property
    def id(self) -> str: ...

    def gradients(
        self,
        passages: Sequence[Passage],
        *,
        direction: Direction,
        dim: int,
        seed: int,
        projection: Projection,
    ) -> Vectors:
        """Projected gradients of the mean loss over the scored tokens, shape (passages, dim)."""
        ...

    def norms(self, passages: Sequence[Passage], *, weights: Weights, seed: int) -> Floats:
        """Length of each passage's gradient before any projection."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked, and how much it may say.

    Args:
        messages: (role, text) in order, the last one by the user
        tokens: most tokens of the answer; what a reasoning model thinks first is not counted
        temperature: 0 asks for the likeliest answer
        schema: JSON schema of the answer as JSON text, for servers that hold an answer to it;
            empty for free text
        examples: answers of the right form, which estimates and stand-ins use; nobody is sent them
    """

    messages: tuple[tuple[str, str], ...]
    tokens: int = 512
    temperature: float = 0.0
    schema: str = ""
    examples: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge said, without its thinking; or why it said nothing, and then `text` is empty.

    `cut_off`: it reached the limit of tokens, and `text` is what came. `refused`: it would not
    answer, or a filter removed what it said. `too_long`: the question does not fit its context.
    Those in PASSING are troubles of the moment.
    """

    text: str
    problem: str | None = None


PASSING = frozenset({"timed_out", "rate_limited", "server_error", "unreachable", "bad_reply"})
"""Problems that the same question may not have a minute later: they are not stored, so that the
next run asks again."""


@runtime_checkable
class Judge(Protocol):
    """A model that answers written questions, such as a chat model on a server.

    Answers come in the order of the questions; equal questions are asked once. A trouble that is
    not of one question (a wrong key, a limit of money reached) raises UserError, and what was
    answered before is kept.
    """

    @property
    def id(self) -> str: ...

    def ask(self, questions: Sequence[Question]) -> list[Answer]: ...


@runtime_checkable
class Reward(Protocol):
    """A model that grades an answer to a question with one number.

    A grade does not depend on what is graded beside it, beyond rounding.
    """

    @property
    def id(self) -> str: ...

    def reward(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """One number a (question, answer); an empty part is left out.

        An answer too long for the model is cut at its end. NaN where there is no room for any of
        it, or where the template shows the two otherwise than they are.
        """
        ...


@runtime_checkable
class YesNo(Protocol):
    """A model that answers a question with yes or no."""

    @property
    def id(self) -> str: ...

    def yes(self, questions: Sequence[Sequence[Piece]]) -> Floats:
        """P(yes) / (P(yes) + P(no)) of each question.

        Markup stays whole, and special tokens are found in it alone; the texts of a question too
        long for the model are cut at their ends, the longest first.
        """
        ...
