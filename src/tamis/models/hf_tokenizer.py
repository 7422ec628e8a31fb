"""A language model's tokenizer, its own chat template, and what its configuration says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import MissingExtra, UserError
from tamis.models._text import encodable
from tamis.models.hub import Located, locate
from tamis.templates import END, Piece, said
from tamis.types import Ints

TOKENIZER = "tokenizer_config.json"
LONGEST = 1_000_000
"""What a model without a longest text can read: as much as anybody asks for."""


class ModelTokenizer:
    """The half of `Likelihood` that needs no weights."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def located(self) -> Located:
        return locate(self.name)

    @property
    def id(self) -> str:
        return self.located.id

    @cached_property
    def config(self) -> Any:
        """The model's configuration."""
        return _loaded("AutoConfig", self.located)

    @cached_property
    def tokenizer(self) -> Any:
        return _loaded("AutoTokenizer", self.located)

    @cached_property
    def _before(self) -> list[int]:
        """Ids of a line break, for a tokenizer that puts a blank in front of every text, else none.

        A piece of a conversation is no text of its own: it is tokenised behind a line break, whose
        ids are then left out.
        """
        alone, behind, line = self._plain(["x", "\nx", "\n"], as_text=True)
        return [] if behind == [*line, *alone] else line

    @cached_property
    def context(self) -> int:
        """Tokens that the model reads at once."""
        text = self.config.get_text_config()
        scaling = (
            getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
        )
        if scaling.get("rope_type") == "longrope":
            # a longer text changes how every text beside it is read
            first = scaling.get("original_max_position_embeddings")
            first = first or getattr(text, "original_max_position_embeddings", None)
            return int(first or text.max_position_embeddings)
        longest = int(getattr(text, "max_position_embeddings", None) or LONGEST)
        return longest if longest > 0 else LONGEST

    @property
    def start(self) -> int | None:
        """The token that begins a text; where there is none, the one that ends the text before."""
        begin = self.tokenizer.bos_token_id
        found = begin if begin is not None else self.tokenizer.eos_token_id
        return None if found is None else int(found)

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]:
        """Token ids of each text, nothing added; special tokens are found in markup only."""
        if markup:
            end = self.tokenizer.eos_token or ""
            return self._ids([text.replace(END, end) for text in texts], as_text=False)
        return self._ids([encodable(text) for text in texts], as_text=True)

    def decode(self, ids: Ints) -> str:
        """The text of tokens as they were written, special ones left out."""
        return str(
            self.tokenizer.decode(
                ids.tolist(), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def _ids(self, texts: list[str], *, as_text: bool) -> list[Ints]:
        if not texts:
            return []
        before = self._before
        if not before:
            return [np.asarray(ids, np.int64) for ids in self._plain(texts, as_text=as_text)]
        found = []
        for text, ids in zip(
            texts, self._plain(["\n" + text for text in texts], as_text=as_text), strict=True
        ):
            if ids[: len(before)] != before:  # the line break became one token with what follows
                (ids,) = self._plain([text], as_text=as_text)
                found.append(np.asarray(ids, np.int64))
            else:
                found.append(np.asarray(ids[len(before) :], np.int64))
        return found

    def _plain(self, texts: list[str], *, as_text: bool) -> list[list[int]]:
        """What the tokenizer makes of whole texts, nothing added."""
        # Nothing is padded or cut here: the longest text may be beyond what the model reads, and
        # that is decided where a row's passes are cut together.
        found: list[list[int]] = self.tokenizer(
            texts,
            add_special_tokens=False,
            split_special_tokens=as_text,
            return_attention_mask=False,
            verbose=False,
        )["input_ids"]
        return found

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]:
        """The pieces of a conversation in the model's own template.

        The template is rendered with a mark in the place of each turn's text, and cut at the marks:
        what a row says can neither become markup nor move the place of its answer. Empty where the
        template refuses the conversation, does not show each turn once, or writes something else
        when it sees the texts themselves; and where the tools hold a special token.
        """
        if not self.tokenizer.chat_template:
            raise UserError(f"{self.name} has no chat template: name another template than chat")
        known = json.loads(tools) if tools else None
        if tools and any(token in tools for token in (END, *self.tokenizer.all_special_tokens)):
            return []
        try:
            marked, real = (
                self.tokenizer.apply_chat_template(turns, tools=known, tokenize=False)
                for turns in (
                    [{"role": t["role"], "content": _mark(at)} for at, t in enumerate(messages)],
                    [{"role": t["role"], "content": said(t)} for t in messages],
                )
            )
        except Exception:  # a template raises what its author thought of: the row has the problem
            return []
        pieces = _cut(marked, messages)
        seen = "".join(piece.text for piece in pieces)
        # templates trim what they are given; anything else they do to it is another conversation
        return pieces if seen.split() == real.split() else []


def _mark(place: int) -> str:
    return f"\ue000{place}\ue001"  # private-use characters, which no template has a reason to hold


def _cut(text: str, messages: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """Markup and turns in order, or nothing where a turn is missing or shown twice."""
    pieces: list[Piece] = []
    for place, turn in enumerate(messages):
        before, found, text = text.partition(_mark(place))
        if not found:
            return []
        pieces.append(Piece(before, "markup"))
        pieces.append(Piece(said(turn), "answer" if turn["role"] == "assistant" else "text"))
    if "\ue000" in text:
        return []
    return [p for p in [*pieces, Piece(text, "markup")] if p.text or p.kind == "answer"]


def _loaded(kind: str, model: Located) -> Any:
    """What the transformers library makes of the model's folder."""
    try:
        import transformers
    except ImportError:
        raise MissingExtra("a language model", "lm") from None
    try:
        folder = model.folder
        if kind == "AutoTokenizer" and model.adapter and (model.adapter / TOKENIZER).is_file():
            folder = model.adapter
        return getattr(transformers, kind).from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library raises many kinds; all mean the same to the user
        what = {"AutoConfig": "configuration", "AutoTokenizer": "tokenizer"}.get(kind, "model")
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if kind == "AutoTokenizer" and _needs_sentencepiece(folder):
            reason = "it is a sentencepiece file alone: pip install sentencepiece protobuf"
        raise UserError(f"the {what} of {model.name!r} cannot be loaded: {reason}") from error


def _needs_sentencepiece(folder: Path) -> bool:
    """Whether a tokenizer comes in a form that only a library reads which is not here."""
    alone = any(folder.glob("*.model")) and not (folder / "tokenizer.json").is_file()
    return alone and any(find_spec(name) is None for name in ("sentencepiece", "google"))
