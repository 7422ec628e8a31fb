"""Reward models: any sequence classifier of the transformers library that gives one number.

One output is the grade itself, an unbounded logit. Two outputs are one yes-or-no classifier: the
grade is their difference, output 1 minus output 0, which is log P(1) / P(0). More outputs are
classes in an order of their own, and no grade: they are refused.

A question and its answer are shown as a pair of texts, joined as the model's tokenizer joins two
(with its separators and token types), or as a conversation in the model's own chat template. Which:
NAME#pair or NAME#chat; else chat for a causal model that has a template, and pair. Special tokens
in a row's text are text.
A causal classifier reads its grade where its own rule says: at the last token that is not its
filler. Where its configuration names no filler, one is taken that ends no text of the batch, so
that it is the last token, as for a text alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
from tamis.passages import encoded
from tamis.types import Floats, Ints

VERSION = 1
WHAT = "a reward model"
AT_A_TIME = 2048
"""Pairs whose tokens are in memory at once."""


class Shown(NamedTuple):
    """A question and its answer as token ids, and which of two texts each belongs to."""

    ids: Ints
    kinds: Ints


class RewardModel:
    """Reward by a sequence classifier; loads when it is first asked.

    A grade moves by rounding only with what is graded beside it: in float32 by less than 1e-4.

    Args:
        name: a folder, or a Hub name with an optional :revision; #pair or #chat says how it is
            shown its texts
        dtype: float32, bfloat16 or float16; anything else is float32
        device: cpu, cuda, ...; auto is a GPU where there is one; of several the first
        batch_tokens: tokens in a forward pass; 0 chooses by device
    """

    def __init__(
        self, name: str, *, dtype: str = "auto", device: str = "auto", batch_tokens: int = 0
    ) -> None:
        plain, _, form = name.partition("#")
        if form not in ("", "pair", "chat"):
            raise UserError(f"{name}: after # stands pair or chat, not {form!r}")
        self.text, self._form = ModelTokenizer(plain), form
        self._dtype, self._device, self._tokens = precision(dtype), device, batch_tokens

    @property
    def name(self) -> str:
        return self.text.name

    @property
    def id(self) -> str:
        return f"{self.text.id}/{self._form or 'auto'}/{self._dtype}/v{VERSION}"

    @cached_property
    def form(self) -> str:
        """Chat or pair."""
        torch_of(WHAT)
        chats = bool(self.text.tokenizer.chat_template)
        if self._form == "chat" and not chats:
            raise UserError(f"{self.name} has no chat template: name it {self.name}#pair")
        return self._form or ("chat" if chats and causal(self.text.config) else "pair")

    @cached_property
    def device(self) -> str:
        return one_device(self._device)

    @cached_property
    def model(self) -> Any:
        """The loaded classifier."""
        labels = int(self.text.config.num_labels)
        if labels > 2:
            raise UserError(
                f"{self.name} sorts texts into {labels} classes, which are no grade: name a model "
                "with one output"
            )
        kind = "AutoModelForSequenceClassification"
        return load(kind, WHAT, self.text.located, self._dtype, self.device)

    @cached_property
    def longest(self) -> int:
        """Tokens that it reads at once."""
        limits = [self.text.context, self.text.tokenizer.model_max_length]
        for module in self.model.modules():
            table = getattr(module, "position_embeddings", None)
            filler = getattr(table, "padding_idx", None)
            if table is not None and filler is not None:  # places are counted from behind it
                limits.append(table.num_embeddings - filler - 1)
        return int(min(limits))

    def reward(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """The grade of each (question, answer); NaN where it cannot be shown to the model."""
        found = np.full(len(pairs), np.nan)
        for start in range(0, len(pairs), AT_A_TIME):
            shown = self.shown(pairs[start : start + AT_A_TIME])
            there = [at for at, one in enumerate(shown) if one is not None]
            rows = [one for one in shown if one is not None]
            tokens = self._tokens or BATCH_TOKENS.get(self.device.partition(":")[0], 32_768)
            lengths = [len(one.ids) for one in rows]
            grades = spread(lengths, tokens, partial(self._grades, rows))
            found[np.array(there, np.int64) + start] = grades
        return found

    def shown(self, pairs: Sequence[tuple[str, str]]) -> list[Shown | None]:
        """What the model reads of each pair; None where its template or its length forbids."""
        tokenizer = self.text.tokenizer
        clean = [(harmless(one, tokenizer), harmless(two, tokenizer)) for one, two in pairs]
        found = self._chats(clean) if self.form == "chat" else self._joined(clean)
        return list(found)

    def _joined(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Shown | None]:
        """Pairs as the tokenizer joins two texts; where one is empty the other stands alone."""
        for question, answer in pairs:
            texts = [text for text in (question, answer) if text]
            if not texts:
                yield None
                continue
            # nothing is cut here: which part gives way is decided below
            made = self.text.tokenizer(*texts, split_special_tokens=True, verbose=False)
            if not made.encodings:
                raise UserError(
                    f"{self.name} has a tokenizer in Python alone, which does not say which token "
                    "is of which text: name another reward model"
                )
            (one,) = made.encodings
            part = [-1 if which is None else which for which in one.sequence_ids]
            last = np.flatnonzero(np.array(part) == len(texts) - 1)
            yield cut(np.array(one.ids), np.array(one.type_ids), last, self.longest)

    def _chats(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Shown | None]:
        """Pairs as conversations in the model's own template."""
        for question, answer in pairs:
            turns = [{"role": "user", "content": question}] if question else []
            turns += [{"role": "assistant", "content": answer}] if answer else []
            pieces = self.text.chat(turns, None) if turns else []
            texts = [at for at, piece in enumerate(pieces) if piece.kind != "markup"]
            if len(texts) != len(turns) or not texts:
                yield None
                continue
            parts = encoded(pieces, self.text)
            ends = np.cumsum([len(part) for part in parts])
            last = np.arange(ends[texts[-1]] - len(parts[texts[-1]]), ends[texts[-1]])
            ids = np.concatenate(parts)
            yield cut(ids, np.zeros_like(ids), last, self.longest)

    def _grades(self, rows: Sequence[Shown], places: Sequence[int]) -> Floats:
        """The grades of the rows at these places, which share one forward pass."""
        torch = torch_of(WHAT)
        batch = [rows[at] for at in places]
        filler = self._filler([int(one.ids[-1]) for one in batch])
        ids, mask = filled([one.ids for one in batch], filler)
        given = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self.text.tokenizer.model_input_names:
            given["token_type_ids"], _ = filled([one.kinds for one in batch], 0)
        handed = {name: torch.from_numpy(value).to(self.device) for name, value in given.items()}
        with torch.inference_mode():
            logits: Floats = self.model(**handed).logits.double().cpu().numpy()
        if not np.isfinite(logits).all():
            raise UserError(f"{self.name} gives NaN in {self._dtype}: try float32")
        grades: Floats = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
        return grades

    def _filler(self, ends: Sequence[int]) -> int:
        """The token that fills up a batch."""
        config = self.model.config.get_text_config()
        if not causal(self.text.config):
            own = (config.pad_token_id, self.text.tokenizer.pad_token_id)
            return next((int(one) for one in own if one is not None), 0)
        said = self.text.config.get_text_config().pad_token_id
        if said is None:
            said = next(token for token in range(len(ends) + 1) if token not in ends)
            config.pad_token_id = said
        return int(said)


def causal(config: Any) -> bool:
    """Whether a model of this configuration reads from left to right only."""
    from transformers.models.auto import modeling_auto as known

    kind = config.model_type
    both = known.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return kind in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in both


def cut(ids: Ints, kinds: Ints, last: Ints, longest: int) -> Shown | None:
    """A text whose last part, at these places, is cut at its end; None if none of it is left."""
    over = max(len(ids) - longest, 0)
    if over >= len(last):
        return None
    keep = np.ones(len(ids), bool)
    keep[last[len(last) - over :]] = False
    return Shown(ids[keep].astype(np.int64), kinds[keep].astype(np.int64))


def is_style_ranker(name: str) -> bool:
    """Whether a folder holds SCAR's ranker, which is no classifier of the library."""
    return (Path(name).expanduser() / "scar.json").is_file()
