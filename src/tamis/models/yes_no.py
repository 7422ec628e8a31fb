"""Models that answer a question with yes or no: the chance of yes among the two.

A model that reads and then writes (T5, such as UniEval's) is asked for its first token: softmax
over what its vocabulary has for Yes and for No. A causal model goes on with the question, a line
that asks for the answer, and Yes or No. Either must be one token where it stands, which is checked.
A blank at the end of markup belongs to the text after it, as the whole would be tokenised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from tamis.choices import choices, level, normalised
from tamis.errors import UserError
from tamis.models._graders import (
    BATCH_TOKENS,
    filled,
    harmless,
    load,
    one_device,
    precision,
    spread,
    torch_of,
)
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.passages import encoded, missing_start, opening
from tamis.protocols import Likelihood, Passage, Writer
from tamis.templates import END, Piece
from tamis.types import Floats, Ints

VERSION = 1
WHAT = "a model that answers yes or no"
MOST = 1024
"""Tokens of a question: what UniEval's own code reads, whose T5 has no limit of its own."""
AT_A_TIME = 2048
"""Questions whose tokens are in memory at once."""
ASKS, ANSWERS = "\nAnswer (Yes or No):", (" Yes", " No")
"""What a causal model goes on with."""


def reads_first(name: str) -> bool:
    """Whether a model reads all of a text before it writes."""
    if "@http" in name or name.startswith("vllm:"):
        return False
    return bool(getattr(ModelTokenizer(name).config, "is_encoder_decoder", False))


class Seq2Seq:
    """YesNo by a model that reads and then writes; loads when it is first asked.

    A chance moves by rounding only with what is asked beside it: in float32 by less than 1e-5.

    Args:
        name: a folder, or a Hub name with an optional :revision
        dtype: float32, bfloat16 or float16; anything else is float32
        device: cpu, cuda, ...; auto is a GPU where there is one; of several the first
        batch_tokens: tokens in a forward pass; 0 chooses by device
    """

    def __init__(
        self, name: str, *, dtype: str = "auto", device: str = "auto", batch_tokens: int = 0
    ) -> None:
        self.text = ModelTokenizer(name)
        self._dtype, self._device, self._tokens = precision(dtype), device, batch_tokens

    @property
    def id(self) -> str:
        return f"yes-no:{self.text.id}/{self._dtype}/v{VERSION}"

    @cached_property
    def device(self) -> str:
        return one_device(self._device)

    @cached_property
    def model(self) -> Any:
        """The loaded model."""
        return load("AutoModelForSeq2SeqLM", WHAT, self.text.located, self._dtype, self.device)

    @cached_property
    def words(self) -> tuple[int, int]:
        """The tokens for Yes and No."""
        spelled = self.text.encode(["Yes", "No"])
        if any(len(ids) != 1 for ids in spelled):
            raise UserError(f"{self.text.name} has no single token for Yes and for No")
        return int(spelled[0][0]), int(spelled[1][0])

    def yes(self, questions: Sequence[Sequence[Piece]]) -> Floats:
        """P(yes) / (P(yes) + P(no)) as the first token written."""
        limit = min(self.text.context, MOST) - 1
        tokens = self._tokens or BATCH_TOKENS.get(self.device.partition(":")[0], 32_768)
        found = np.empty(len(questions))
        for start in range(0, len(questions), AT_A_TIME):
            asked = questions[start : start + AT_A_TIME]
            part = [spaced([self._plain(piece) for piece in question]) for question in asked]
            rows = [np.append(ids, self._end) for ids in fitting(part, self.text, limit)]
            lengths = [len(ids) for ids in rows]
            chances = spread(lengths, tokens, partial(self._chances, rows))
            found[start : start + len(part)] = chances
        return found

    def _plain(self, piece: Piece) -> Piece:
        """A piece of which what a row says holds no special token."""
        if piece.kind == "markup":
            return piece
        return piece._replace(text=harmless(piece.text, self.text.tokenizer))

    @property
    def _end(self) -> Ints:
        """The token that ends what is read, where the model has one."""
        end = self.text.tokenizer.eos_token_id
        return np.array([] if end is None else [end], np.int64)

    def _chances(self, rows: Sequence[Ints], places: Sequence[int]) -> Floats:
        """The chances of yes of the rows at these places, which share one forward pass."""
        torch = torch_of(WHAT)
        config = self.model.config
        ids, mask = filled([rows[at] for at in places], config.pad_token_id or 0)
        first = self.model.generation_config.decoder_start_token_id
        first = config.decoder_start_token_id if first is None else first
        given = {
            "input_ids": ids,
            "attention_mask": mask,
            "decoder_input_ids": np.full((len(ids), 1), first, np.int64),
        }
        handed = {name: torch.from_numpy(value).to(self.device) for name, value in given.items()}
        with torch.inference_mode():
            logits = self.model(**handed, use_cache=False).logits[:, 0, list(self.words)]
        found = logits.double().cpu().numpy()
        if not np.isfinite(found).all():
            raise UserError(f"{self.text.name} gives NaN in {self._dtype}: try float32")
        return np.asarray(normalised(found)[:, 0])


class Causal:
    """YesNo by a causal language model, which goes on with the question.

    Args:
        lm: the model
    """

    def __init__(self, lm: Likelihood) -> None:
        self.lm = lm

    @property
    def id(self) -> str:
        return f"yes-no:{self.lm.id}/v{VERSION}"

    def yes(self, questions: Sequence[Sequence[Piece]]) -> Floats:
        """P(yes) / (P(yes) + P(no)) as the next token."""
        first = opening(self.lm, self.lm.start is not None)
        asks, options = choices(self.lm, ASKS, ANSWERS)
        limit = min(self.lm.context, MOST) - len(first) - len(asks)
        found = np.empty(len(questions))
        for start in range(0, len(questions), AT_A_TIME):
            part = [going_on(question) for question in questions[start : start + AT_A_TIME]]
            texts = fitting([spaced(question) for question in part], self.lm, limit)
            passages = [
                Passage(
                    np.concatenate([missing_start(first, ids), ids, asks]),
                    want=(),
                    options=options,
                )
                for ids in texts
            ]
            logs = np.array([reading.options for reading in self.lm.read(passages)])
            found[start : start + len(part)] = normalised(logs.reshape(-1, 2))[:, 0]
        return found


def going_on(question: Sequence[Piece]) -> list[Piece]:
    """The pieces of a question with a line break for the sign that would end the text here."""
    return [
        piece._replace(text=piece.text.replace(END, "\n")) if piece.kind == "markup" else piece
        for piece in question
    ]


def spaced(question: Sequence[Piece]) -> list[Piece]:
    """The pieces of a question, blanks at the end of markup moved to the text after it."""
    found: list[Piece] = []
    for piece in question:
        before = found[-1] if found else None
        if before and before.kind == "markup" and piece.kind != "markup":
            bare = before.text.rstrip(" ")
            blank = before.text[len(bare) :]
            found[-1], piece = before._replace(text=bare), piece._replace(text=blank + piece.text)
        found.append(piece)
    return found


def fitting(questions: Sequence[Sequence[Piece]], lm: Writer, limit: int) -> Iterator[Ints]:
    """Token ids of each question; texts are cut at their ends so that all of it fits."""
    ids = iter(encoded([piece for question in questions for piece in question], lm))
    for question in questions:
        parts = [next(ids) for _ in question]
        fixed = [piece.kind == "markup" for piece in question]
        room = limit - sum(len(part) for part, stays in zip(parts, fixed, strict=True) if stays)
        texts = [len(part) for part, stays in zip(parts, fixed, strict=True) if not stays]
        if room < len(texts):
            raise UserError(f"{lm.id} reads {limit} tokens, and the question alone has as many")
        most = level(texts, room) if texts else 0
        yield np.concatenate(
            [part if stays else part[:most] for part, stays in zip(parts, fixed, strict=True)]
        )
