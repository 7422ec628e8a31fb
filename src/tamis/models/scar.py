"""SCAR's style ranker (arXiv:2406.10882): how consistent the style of answers is.

Formula: the encoder reads the question and the answer apart. creativity = W2 relu(W1 [q; a]) of
their two vectors, presentation = the largest of the answer's last states, place by place, and
score = V2 relu(V1 [creativity; presentation]). A text's vector is the encoder's pooled one, the
first token's last state where it has none.
Files: an encoder's own, with its tokenizer; scar.json (width of the layers, longest text); and
scar.safetensors, the layers. `tamis teach --kind scar` writes them (training/scar.py).
Official code gives a number instead of a list for a batch of one row, and fails on it; here the
score has the shape of its rows.
Oracle: numpy on the encoder's own states.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from tamis.errors import UserError
from tamis.models._text import encodable
from tamis.models.hub import Located, locate, weights
from tamis.types import Floats

SETTINGS, LAYERS = "scar.json", "scar.safetensors"
TOKENS = 1 << 13
"""Of a forward pass, those that fill up included."""


class Style(NamedTuple):
    """What the ranker makes of answers, a row each."""

    score: torch.Tensor  # (rows,)
    creativity: torch.Tensor  # (rows, width)
    presentation: torch.Tensor


class StyleRanker(torch.nn.Module):
    """An encoder with the two parts of style on it and a score of both."""

    def __init__(self, encoder: Any, linear: int) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder, self.linear = encoder, linear
        self.relation = _layers(2 * width, linear, width)
        self.output = _layers(2 * width, linear, 1)

    def forward(self, question: Any, answer: Any) -> Style:
        """Style of answers to questions, both as the tokenizer's padded ids and masks."""
        asked, said = self.encoder(**question), self.encoder(**answer)
        creativity = self.relation(torch.cat((_pooled(asked), _pooled(said)), dim=1))
        outside = answer["attention_mask"][:, :, None] == 0
        presentation = said.last_hidden_state.masked_fill(outside, -torch.inf).amax(dim=1)
        score = self.output(torch.cat((creativity, presentation), dim=1))[:, 0]
        return Style(score, creativity, presentation)


def _layers(wide: int, linear: int, narrow: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(wide, linear), torch.nn.ReLU(), torch.nn.Linear(linear, narrow)
    )


def _pooled(output: Any) -> torch.Tensor:
    pooled = getattr(output, "pooler_output", None)
    found: torch.Tensor = output.last_hidden_state[:, 0] if pooled is None else pooled
    return found


def encoder_of(located: Located) -> tuple[Any, Any]:
    """An encoder in float32 and its tokenizer."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    folder = weights(located)
    named = getattr(AutoConfig.from_pretrained(folder), "architectures", None) or []
    if any(name.endswith("ForCausalLM") for name in named):
        raise UserError(
            f"{located.name} reads from left to right, and SCAR's ranker stands on an encoder, "
            "which reads a text as a whole: name one, such as thenlper/gte-base"
        )
    try:
        model = AutoModel.from_pretrained(folder, dtype=torch.float32)
        return model, AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{located.name} cannot be loaded as an encoder: {reason}") from None


def inputs(tokenizer: Any, texts: Sequence[str], most: int, device: Any) -> dict[str, Any]:
    """Texts as padded ids and masks, without markup; a long one is cut at its end."""
    found = tokenizer(
        [encodable(text) for text in texts],
        truncation=True,
        max_length=most,
        padding=True,
        split_special_tokens=True,
        return_tensors="pt",
    )
    return {name: value.to(device) for name, value in found.items()}


def save(ranker: StyleRanker, tokenizer: Any, most: int, folder: Path) -> None:
    """Writes what `Scar` reads."""
    from safetensors.torch import save_file

    ranker.encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    layers = {
        name: value.detach().cpu().contiguous()
        for name, value in ranker.state_dict().items()
        if not name.startswith("encoder.")
    }
    save_file(layers, str(folder / LAYERS))
    settings = {"linear": ranker.linear, "max_length": most}
    (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")


class Scar:
    """A style ranker by folder or name; loads when it is first asked."""

    def __init__(self, name: str, *, device: str = "cpu") -> None:
        self.name, self.device = name, torch.device(device)

    @cached_property
    def located(self) -> Located:
        return locate(self.name)

    @property
    def id(self) -> str:
        return f"scar:{self.located.id}"

    @cached_property
    def _loaded(self) -> tuple[StyleRanker, Any, int]:
        from safetensors.torch import load_file

        folder = weights(self.located)
        if not (folder / SETTINGS).is_file() or not (folder / LAYERS).is_file():
            raise UserError(f"{self.name} holds no {SETTINGS} and {LAYERS}: it is no style ranker")
        said = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        encoder, tokenizer = encoder_of(self.located)
        ranker = StyleRanker(encoder, int(said["linear"]))
        missing, unknown = ranker.load_state_dict(load_file(str(folder / LAYERS)), strict=False)
        missing = [name for name in missing if not name.startswith("encoder.")]
        if missing or unknown:
            raise UserError(
                f"{self.name}: {LAYERS} does not fit: {', '.join([*missing, *unknown])}"
            )
        return ranker.to(self.device).eval(), tokenizer, int(said["max_length"])

    def reward(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """The score of each question's answer: the higher, the more consistent its style."""
        ranker, tokenizer, most = self._loaded
        found = np.empty(len(pairs))
        order = sorted(range(len(pairs)), key=lambda at: (-sum(map(len, pairs[at])), at))
        size = max(TOKENS // most, 1)
        with torch.inference_mode():
            for start in range(0, len(order), size):
                places = order[start : start + size]
                sides = [[pairs[at][side] for at in places] for side in (0, 1)]
                read = [inputs(tokenizer, texts, most, self.device) for texts in sides]
                found[places] = ranker(*read).score.double().cpu().numpy()
        return found
