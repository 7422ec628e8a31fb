"""One causal language model on one device: a list of passages in, their readings out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from tamis.errors import UserError
from tamis.models import lora, packing
from tamis.models._quiet import quiet
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.models.hub import weights
from tamis.models.int8 import quantised
from tamis.models.layout import Layout, packed, padded
from tamis.models.merging import positions
from tamis.models.persample import Trainable
from tamis.models.quantities import Head, of_options, of_tokens
from tamis.protocols import Passage, Quantity, Reading
from tamis.types import Ints

TOKEN_QUANTITIES: tuple[Quantity, ...] = ("loss", "entropy", "el2n")

AGREEMENT = {"float32": 1e-3, "bfloat16": 0.3, "float16": 0.1}
"""How far log-probabilities may be from the library's own forward pass when a model is loaded.

A wrong mask or a missing step of the head moves them by whole units."""


class Reader:
    """A loaded model.

    Texts are packed end to end where the model lets its attention be replaced and where that
    agrees with its own forward pass; elsewhere they are padded on the right, where padding cannot
    reach a causal model's earlier tokens.
    """

    def __init__(self, text: ModelTokenizer, dtype: str, device: str) -> None:
        self.name, self.device = text.name, torch.device(device)
        kind = "float32" if dtype == "int8" else dtype
        self.model = load_weights(text, kind).to(self.device)
        rows = self.model.get_input_embeddings().weight.shape[0]
        if len(text.tokenizer) > rows:
            raise UserError(
                f"the tokenizer of {self.name} has {len(text.tokenizer):,} tokens and the model "
                f"{rows:,}: they do not belong together"
            )
        _fuse(self.model)
        self.forward_tokens = 0  # that went through the model so far, padding left out
        self._attention = self.model.config._attn_implementation
        self.end = text.tokenizer.eos_token_id
        self.body, self.head = _body(self.model), _head(self.model)
        own = [self._own(passage) for passage in self._samples()]
        if any(bool(logits.isnan().any()) for logits in own):
            raise UserError(f"{self.name} gives NaN in {kind}: try bfloat16 or float32")
        self.packed = self.device.type == "cpu" and self._packs(own)
        self._check(own, AGREEMENT[kind])
        adapter = text.located.adapter
        if dtype == "int8":
            if adapter:
                lora.merge(self.model, lora.load(adapter, self.model))
            self.model, adapter = quantised(self.model), None
            self.body, self.head = _body(self.model), _head(self.model)
            self._states(self._samples())  # what cannot be read in int8 says so now
        self.forward_tokens = 0  # those of the trials do not count
        self.trainable = Trainable(self.model, self._states, self.head, adapter)

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """The readings of passages that share one forward pass."""
        with torch.inference_mode():
            layout = packed(passages) if self.packed else padded(passages)
            states = self._forward(layout, passages)
            tokens = self._tokens(passages, states, layout.where)
            options = self._options(passages, states, layout.where)
            pooled = [
                _pooled(states[_on(states, [where])], passage.want) if passage.want else {}
                for passage, where in zip(passages, layout.where, strict=True)
            ]
        return [Reading(*parts) for parts in zip(tokens, pooled, options, strict=True)]

    def generate(self, prompts: Sequence[Ints], tokens: int) -> list[Ints]:
        """The likeliest tokens after prompts of any length, padded on the left."""
        from transformers import GenerationConfig

        longest = max(map(len, prompts))
        ids = np.zeros((len(prompts), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :], mask[row, longest - len(prompt) :] = prompt, 1
        # what the model's own settings say of sampling and penalties does not count here
        plain = GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=tokens,
            eos_token_id=self.end,
            pad_token_id=self.end or 0,
        )
        with torch.inference_mode(), self._own_attention():
            out = self.model.generate(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(mask).to(self.device),
                generation_config=plain,
            )
        return [_until(row, self.end) for row in out[:, longest:].cpu().numpy()]

    @contextmanager
    def _own_attention(self) -> Iterator[None]:
        """Within it the library's attention is used, which knows of padding on the left."""
        if self.packed:
            self.model.set_attn_implementation(self._attention)
        try:
            yield
        finally:
            if self.packed:
                self.model.set_attn_implementation(packing.NAME)

    def _states(self, passages: Sequence[Passage]) -> tuple[torch.Tensor, list[int]]:
        """Last states of all tokens, shape (tokens, width), and where each passage begins."""
        layout = packed(passages, share=False) if self.packed else padded(passages)
        return self._forward(layout, passages), [int(where[0]) for where in layout.where]

    def _forward(self, layout: Layout, passages: Sequence[Passage]) -> torch.Tensor:
        """Last states of all tokens of the layout, shape (tokens, width)."""
        given: dict[str, Any] = {"input_ids": torch.from_numpy(layout.ids).to(self.device)}
        if any(p.noise for p in passages):
            given = {"inputs_embeds": self._noisy(given["input_ids"], passages, layout.where)}
        self.forward_tokens += len(np.unique(np.concatenate(layout.where)))
        at = torch.from_numpy(layout.at).to(self.device)
        with packing.texts(layout.blocks):
            found = self.body(**given, position_ids=at, use_cache=False).last_hidden_state
        states: torch.Tensor = found.flatten(0, 1)
        return states

    def _noisy(
        self, ids: torch.Tensor, passages: Sequence[Passage], where: Sequence[Ints]
    ) -> torch.Tensor:
        """Embeddings of the tokens with the passages' noise on them."""
        vectors: torch.Tensor = self.model.get_input_embeddings()(ids).clone()
        flat, width = vectors.flatten(0, 1), vectors.shape[-1]
        for p, places in zip(passages, where, strict=True):
            if p.noise:
                drawn = np.random.default_rng(p.noise.seed).uniform(-1, 1, (p.noise.length, width))
                part = drawn[p.noise.offset : p.noise.offset + len(p.ids)]
                part *= p.noise.alpha / np.sqrt(p.noise.length * width)
                flat[_on(flat, [places])] += torch.from_numpy(part).to(flat)
        return vectors

    def _tokens(
        self, passages: Sequence[Passage], states: torch.Tensor, where: Sequence[Ints]
    ) -> list[dict[str, Any]]:
        """Quantities of the scored tokens of each passage."""
        want = [q for q in TOKEN_QUANTITIES if any(q in p.want for p in passages)]
        scored = [positions(p) if want else np.empty(0, np.int64) for p in passages]
        before = _on(states, [w[at - 1] for w, at in zip(where, scored, strict=True)])
        targets = _on(states, [p.ids[at] for p, at in zip(passages, scored, strict=True)])
        found = of_tokens(self.head, states[before], targets, want)
        ends = np.cumsum([len(at) for at in scored])[:-1]
        split = {name: np.split(values.numpy(), ends) for name, values in found.items()}
        return [
            {q: split[q][row].astype(np.float64) for q in p.want if q in split}
            for row, p in enumerate(passages)
        ]

    def _options(
        self, passages: Sequence[Passage], states: torch.Tensor, where: Sequence[Ints]
    ) -> list[Any]:
        """Log-probabilities of the options after each passage, None where there are none."""
        rows = [row for row, p in enumerate(passages) if p.options]
        found: list[Any] = [None] * len(passages)
        if not rows:
            return found
        known = list(dict.fromkeys(token for row in rows for token in passages[row].options))
        ends = [where[row][-1:] for row in rows]
        values = of_options(self.head, states[_on(states, ends)], known).numpy()
        for row, value in zip(rows, values, strict=True):
            at = [known.index(token) for token in passages[row].options]
            found[row] = value[at].astype(np.float64)
        return found

    def _packs(self, own: Sequence[torch.Tensor]) -> bool:
        """Whether texts may lie end to end and begin together: tried on some of them."""
        packing.register()
        try:
            self.model.set_attn_implementation(packing.NAME)
            self.packed = True
            layout = packed(self._samples())
            states = self._forward(layout, self._samples())
            agree = [
                torch.allclose(
                    self.head(states[_on(states, [where])]), logits, rtol=1e-3, atol=1e-3
                )
                for where, logits in zip(layout.where, own, strict=True)
            ]
            # some models have an attention of their own that nothing replaces
            if packing.calls() and all(agree):
                return True
        except Exception:  # whatever goes wrong in a foreign model, padding is there for it
            pass
        self.model.set_attn_implementation(self._attention)
        return False

    def _check(self, own: Sequence[torch.Tensor], tolerance: float) -> None:
        """Stops where we do not give the model's own predictions, whatever stands beside a text."""
        states, begins = self._states(self._samples())
        for passage, begin, logits in zip(self._samples(), begins, own, strict=True):
            ours = self.head(states[begin : begin + len(passage.ids)]).log_softmax(-1)
            far = (ours - logits.log_softmax(-1)).abs()
            if not far[logits.isfinite()].max() <= tolerance:
                raise UserError(
                    f"{self.name} makes its predictions in a way that tamis does not know: "
                    "its scores would be wrong"
                )

    def _samples(self) -> list[Passage]:
        """Four texts, of which one begins with another."""
        ids = np.random.default_rng(0).integers(0, min(self.head.vocabulary, 1000), 40)
        return [Passage(part) for part in (ids[:12], ids[:19], ids[25:], ids[20:27])]

    def _own(self, passage: Passage) -> torch.Tensor:
        """The library's own logits, text by text."""
        ids = torch.from_numpy(passage.ids[None]).to(self.device)
        with torch.inference_mode(), packing.texts(packed([passage]).blocks):
            logits: torch.Tensor = self.model(input_ids=ids, use_cache=False).logits
        return logits[0].float()


def _until(ids: Ints, end: int | None) -> Ints:
    """The tokens before the first that ends the text."""
    stops = np.flatnonzero(ids == end)  # none where there is no such token
    return ids[: stops[0]] if len(stops) else ids


def _on(states: torch.Tensor, parts: Sequence[Ints]) -> torch.Tensor:
    """Indices as one tensor beside the states."""
    return torch.from_numpy(np.concatenate([np.empty(0, np.int64), *parts])).to(states.device)


def _pooled(states: torch.Tensor, want: Sequence[Quantity]) -> dict[str, Any]:
    """A passage's states as one vector, for each way that is asked."""
    found: dict[str, Any] = {}
    for name in want:
        if name == "last":
            found[name] = states[-1]
        elif name == "mean":
            found[name] = states.float().mean(dim=0)
        elif name == "weighted":
            weights = torch.arange(1, len(states) + 1, device=states.device, dtype=torch.float32)
            found[name] = (weights / weights.sum()) @ states.float()
    return {name: vector.float().cpu().numpy() for name, vector in found.items()}


def _body(model: Any) -> Any:
    """The model without its output layer."""
    return model.base_model if model.base_model is not model else model.get_decoder()


def _head(model: Any) -> Head:
    config = model.config.get_text_config()
    return Head(model.get_output_embeddings(), int(config.vocab_size), config)


def _fuse(model: torch.nn.Module) -> None:
    """GPT-2's activation, which the library spells out in eight passes over memory, in one."""
    from transformers.activations import NewGELUActivation

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, NewGELUActivation):
                setattr(parent, name, torch.nn.GELU(approximate="tanh"))


def load_weights(text: ModelTokenizer, dtype: str) -> Any:
    """The model's weights in evaluation mode; raises UserError where they do not load."""
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            found: Any = AutoModelForCausalLM.from_pretrained(
                weights(text.located),
                dtype=getattr(torch, dtype),
                local_files_only=True,
                output_loading_info=True,
            )
    except UserError:
        raise
    except Exception as error:  # the library raises many kinds; all mean the same to the user
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"the language model {text.name!r} cannot be loaded: {reason}") from error
    model, told = found
    lacking = sorted(told["missing_keys"]) + sorted(str(key) for key in told["mismatched_keys"])
    if lacking:  # the library fills them with random numbers
        raise UserError(
            f"{text.name} is no causal language model: it has no weights for {lacking[0]}"
        )
    return model.eval()
