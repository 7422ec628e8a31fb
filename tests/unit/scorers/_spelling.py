"""Tokenizers behind the half of `Likelihood` that spells: real ones read from their files."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from conftest import shared_root
from tamis.models.fake import FakeLikelihood
from tamis.templates import END, Piece


@dataclass(frozen=True)
class Spelling:
    """Spells with a function from a text to token ids; reads nothing."""

    id: str
    spell: object
    context: int = 512
    start: int | None = 0

    def encode(self, texts, *, markup=False):
        return [np.array(self.spell(text), np.int64) for text in texts]


@dataclass(frozen=True)
class Reads:
    """The fake model, which keeps the passages that it was asked.

    After a passage that holds the text `mute` it holds every option for impossible. With `opened`
    its own template begins with the start token, as those of many models do.
    """

    asked: list
    lm: FakeLikelihood = field(default_factory=FakeLikelihood)
    mute: str = ""
    opened: bool = False

    id = "reads"

    @property
    def context(self):
        return self.lm.context

    @property
    def start(self):
        return self.lm.start

    def encode(self, texts, *, markup=False):
        return self.lm.encode(texts, markup=markup)

    def chat(self, messages, tools):
        own = [Piece(END, "markup")] if self.opened else []
        return own + self.lm.chat(messages, tools)

    def read(self, passages):
        self.asked.extend(passages)
        found = self.lm.read(passages)
        for passage, reading in zip(passages, found, strict=True):
            if self.mute and self.mute in text_of(passage.ids):
                reading.options[:] = -np.inf
        return found

    def texts(self):
        """What was asked, as text."""
        return [text_of(passage.ids) for passage in self.asked]


def text_of(ids):
    """The text of the fake model's tokens; the start token is left out."""
    return bytes(int(i) for i in ids if i < 256).decode("utf-8", "replace")


def gpt2():
    """GPT-2's tokenizer."""
    from tokenizers import ByteLevelBPETokenizer

    folder = shared_root() / "models/tokenizers/gpt2"
    if not folder.exists():
        pytest.skip("a real tokenizer is absent: gpt2")
    made = ByteLevelBPETokenizer(str(folder / "encoder.json"), str(folder / "vocab.bpe"))
    return Spelling("gpt2", lambda text: made.encode(text).ids)


def llama():
    """LLaMA's tokenizer: the two best neighbours are joined until no pair is a piece."""
    path = shared_root() / "models/tokenizers/llama/tokenizer.model"
    if not path.exists():
        pytest.skip("a real tokenizer is absent: llama")
    pieces = sentence_pieces(path.read_bytes())
    number = {text: at for at, (text, _) in enumerate(pieces)}

    def spell(text):
        parts = list("\u2581" + text.replace(" ", "\u2581"))
        while True:
            pairs = [(a + b, at) for at, (a, b) in enumerate(pairwise(parts))]
            found = [(pieces[number[p]][1], -at) for p, at in pairs if p in number]
            if not found:
                break
            at = -max(found)[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        bytes_ = [[p] if p in number else [f"<0x{b:02X}>" for b in p.encode()] for p in parts]
        return [number[p] for some in bytes_ for p in some]

    return Spelling("llama", spell)


def sentence_pieces(data):
    """(text, score) of each piece of a sentencepiece model: field 1 of its message."""
    found = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 != 2:  # what follows the pieces is of no interest
            break
        size, at = _varint(data, at)
        if tag >> 3 == 1:
            found.append(_piece(data[at : at + size]))
        at += size
    return found


def _piece(message):
    text, score, at = "", 0.0, 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 2:
            size, at = _varint(message, at)
            text, at = message[at : at + size].decode(), at + size
        elif tag & 7 == 5:
            score, at = struct.unpack("<f", message[at : at + 4])[0], at + 4
        else:
            at = _varint(message, at)[1]
    return text, score


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
