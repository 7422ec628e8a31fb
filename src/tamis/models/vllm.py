"""A language model in vLLM, in this process (extra `vllm`): fast where there is a GPU.

vLLM finds the log-probabilities of a prompt in tables of tokens x vocabulary that it does not count
when it takes its memory. So at most `batch_tokens` go through the model at a time (2048 tokens of a
vocabulary of 152,000 are 2 GB), vLLM takes the share `memory` of the GPU instead of 0.9, and the
results of `CALL_TOKENS` tokens are held at once.
Options are log-probabilities of the tokens that are named, whatever their rank; at most 128.
Prefix caching is off: a prompt whose tokens are scored is not read from a cache anyway.
Tolerance: vLLM's, whose losses move with what is read beside them; none is promised.
Written for the interface of vLLM 0.33; the tests run a stand-in for it, as vLLM wants a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tamis.errors import MissingExtra, UserError
from tamis.models._losses_only import LossesOnly, Tokens, asks_losses, reading
from tamis.models.hub import weights
from tamis.protocols import Passage, Reading
from tamis.types import Floats, Ints

VERSION = 1
"""Raise it when a change here moves a number beyond its tolerance."""

CALL_TOKENS = 65_536  # of the passages of one call: each token comes back as an object or two
DTYPES = ("auto", "bfloat16", "float16", "float32")


class VLLM(LossesOnly):
    """Likelihood by vLLM; the model loads when it first reads.

    Args:
        name: a folder, or a Hub name with an optional :revision
        dtype: bfloat16, float16 or float32; auto is bfloat16
        gpus: how many hold the model together
        memory: share of a GPU's memory that vLLM takes for the model and its cache
        batch_tokens: tokens that go through the model at a time
        longest: tokens of a text that memory is set aside for, where the model reads more
        tokenizer: stands in for the model's own
    """

    described = "vLLM"

    def __init__(
        self,
        name: str,
        *,
        dtype: str = "auto",
        gpus: int = 1,
        memory: float = 0.8,
        batch_tokens: int = 2048,
        longest: int = 32_768,
        tokenizer: Tokens | None = None,
    ) -> None:
        if dtype not in DTYPES:
            raise UserError(f"vLLM's dtype is one of {', '.join(DTYPES)}, not {dtype!r}")
        self.name, self.gpus, self.longest = name, gpus, longest
        self.dtype = "bfloat16" if dtype == "auto" else dtype
        self.memory, self.batch_tokens = memory, batch_tokens
        self.tokenizer = tokenizer

    @cached_property
    def tokens(self) -> Tokens:  # type: ignore[override]
        """The model's tokenizer, read by the transformers library as for every other backend."""
        if self.tokenizer is not None:
            return self.tokenizer
        from tamis.models.hf_tokenizer import ModelTokenizer

        return ModelTokenizer(self.name)

    @property
    def id(self) -> str:
        return f"vllm:{self.tokens.id}/{self.dtype}/{self.context}/v{VERSION}"

    @property
    def context(self) -> int:
        """Tokens of a passage: one less than the model reads, as vLLM writes at least one."""
        return min(self.tokens.context, self.longest) - 1

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """Losses and options, in calls of at most `CALL_TOKENS` tokens."""
        self.check(passages)
        found = []
        for part in _parts(passages):
            outputs = self._run([p.ids for p in part], [self._asked(p) for p in part])
            found += [_read(p, output) for p, output in zip(part, outputs, strict=True)]
        return found

    def generate(self, prompts: Sequence[Ints], tokens: int) -> list[Ints]:
        """The likeliest tokens, without the one that ends the text."""
        if not prompts:
            return []
        params = self.library.SamplingParams(temperature=0.0, max_tokens=tokens, detokenize=False)
        made = [output.outputs[0] for output in self._run(prompts, [params] * len(prompts))]
        # What stopped a text is the token that ends it, as no other stop was asked for.
        ids = [m.token_ids[:-1] if m.finish_reason == "stop" else m.token_ids for m in made]
        return [np.array(list(each), np.int64) for each in ids]

    def _asked(self, passage: Passage) -> Any:
        """What vLLM is asked of a passage, at a temperature that leaves predictions alone."""
        asked: dict[str, Any] = {"max_tokens": 1, "temperature": 1.0, "detokenize": False}
        if asks_losses(passage):
            asked["prompt_logprobs"] = 0  # of the token that is there, and of no likelier one
        if passage.options:
            asked["logprob_token_ids"] = list(dict.fromkeys(passage.options))
        try:
            return self.library.SamplingParams(**asked)
        except TypeError as error:
            raise UserError(f"this vLLM is too old ({error}): pip install -U vllm") from None

    def _run(self, prompts: Sequence[Ints], params: Sequence[Any]) -> list[Any]:
        """The output for each prompt."""
        asked = [{"prompt_token_ids": ids.tolist()} for ids in prompts]
        generate = self.engine.generate
        try:
            outputs: list[Any] = generate(asked, sampling_params=list(params), use_tqdm=False)
        except Exception as error:  # the library raises many kinds, and its engine dies of memory
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"vLLM failed: {reason}. Where memory ran out, a smaller `memory` leaves more of "
                "it for log-probabilities; rows of finished shards are kept"
            ) from error
        return outputs

    @property
    def library(self) -> Any:
        try:
            import vllm  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise MissingExtra(f"the language model vllm:{self.name}", "vllm") from None
        return vllm

    @cached_property
    def engine(self) -> Any:
        """The loaded model."""
        folder = self.name
        located = getattr(self.tokens, "located", None)
        if located is not None:
            folder = str(weights(located))
        make = self.library.LLM
        try:
            return make(
                model=folder,
                dtype=self.dtype,
                tensor_parallel_size=self.gpus,
                gpu_memory_utilization=self.memory,
                max_model_len=self.context + 1,
                max_num_batched_tokens=self.batch_tokens,
                enable_chunked_prefill=True,
                enable_prefix_caching=False,
            )
        except Exception as error:  # the library raises many kinds; all mean the same to the user
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"vLLM cannot load {self.name!r}: {reason}") from error


def _parts(passages: Sequence[Passage]) -> Iterator[list[Passage]]:
    """Runs of passages of at most CALL_TOKENS tokens, at least one passage each."""
    part: list[Passage] = []
    tokens = 0
    for passage in passages:
        if part and tokens + len(passage.ids) > CALL_TOKENS:
            yield part
            part, tokens = [], 0
        part.append(passage)
        tokens += len(passage.ids)
    if part:
        yield part


def _read(passage: Passage, output: Any) -> Reading:
    losses = _losses(passage.ids, output) if asks_losses(passage) else None
    options = None
    if passage.options:
        found = output.outputs[0].logprobs[0]
        if not found.keys() >= set(passage.options):
            raise UserError("vLLM left out an option token that it was asked for")
        options = np.array([found[option].logprob for option in passage.options])
    return reading(passage, losses, options)


def _losses(ids: Ints, output: Any) -> Floats:
    """Losses of all tokens of a prompt, NaN for the first."""
    found = output.prompt_logprobs
    if list(output.prompt_token_ids) != ids.tolist() or found is None or len(found) != len(ids):
        raise UserError("vLLM scored other tokens than it was given: its scores cannot be used")
    scored = [found[at][token].logprob for at, token in enumerate(ids.tolist()) if at]
    return np.array([np.nan, *(-value for value in scored)])
