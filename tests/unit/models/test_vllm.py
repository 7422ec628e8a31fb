"""The vLLM backend against a stand-in: the real library was not run here.

The stand-in has the names and call signatures of `vllm.LLM` and `vllm.SamplingParams` (0.33) that
the backend uses, refuses what the library refuses, and computes with the fake model. It shows that
the backend asks for the right things and reads them rightly, not that vLLM computes them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from tamis.errors import MissingExtra, UserError
from tamis.models import vllm as backend
from tamis.models.fake import START, FakeLikelihood
from tamis.models.vllm import VLLM
from tamis.protocols import Passage

LM = FakeLikelihood()


class Logprob(NamedTuple):
    logprob: float


@dataclass(frozen=True)
class SamplingParams:
    """The library's fields, of which a misspelt one is a TypeError."""

    temperature: float = 1.0
    max_tokens: int = 16
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    logprob_token_ids: list[int] | None = None
    detokenize: bool = True

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError("max_tokens must be at least 1")
        if len(self.logprob_token_ids or ()) > 128:
            raise ValueError("logprob_token_ids is longer than 128")


@dataclass
class Completion:
    token_ids: tuple[int, ...]
    finish_reason: str
    logprobs: list[dict[int, Logprob]] | None


@dataclass
class Output:
    prompt_token_ids: list[int]
    prompt_logprobs: list[dict[int, Logprob] | None] | None
    outputs: list[Completion]


class LLM:
    """The library's entry point; `made` holds each one with what it was made with and asked."""

    made: ClassVar[list[LLM]] = []
    ends_after = 10_000
    breaks = ""

    def __init__(self, model: str, **settings: Any) -> None:
        if type(self).breaks == "load":
            raise ValueError("no such architecture\nand more")
        self.model, self.settings = model, settings
        self.calls: list[int] = []
        self.made.append(self)

    def generate(
        self, prompts: Any, sampling_params: Any = None, *, use_tqdm: bool = True
    ) -> list[Output]:
        if type(self).breaks == "run":
            raise RuntimeError("CUDA out of memory")
        self.calls.append(sum(len(prompt["prompt_token_ids"]) for prompt in prompts))
        pairs = zip(prompts, sampling_params, strict=True)
        return [self._one(prompt["prompt_token_ids"], params) for prompt, params in pairs]

    def _one(self, ids: list[int], params: SamplingParams) -> Output:
        if len(ids) >= self.settings["max_model_len"]:
            raise ValueError("the prompt and one token do not fit")
        every = tuple(range(257))
        found = LM.read([Passage(np.array(ids), ((1, len(ids)),), options=every)])[0]
        assert found.options is not None
        scored = None
        if params.prompt_logprobs is not None:
            losses = found.tokens["loss"]
            scored = [None, *({i: Logprob(-x)} for i, x in zip(ids[1:], losses, strict=True))]
        size = min(params.max_tokens, self.ends_after)
        made = LM.generate([np.array(ids)], size)[0].tolist()
        stopped = size < params.max_tokens
        named = params.logprob_token_ids
        logprobs = [{i: Logprob(found.options[i]) for i in [*made[:1], *named]}] if named else None
        reason = "stop" if stopped else "length"
        done = Completion((*made, START) if stopped else tuple(made), reason, logprobs)
        return Output(list(ids), scored, [done])


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(LLM, "made", [])


def model(**settings: Any) -> VLLM:
    return VLLM("fake", **{"tokenizer": LM, **settings})


def passage(text: str, options: tuple[int, ...] = ()) -> Passage:
    ids = np.concatenate([[START], LM.encode([text])[0]])
    return Passage(ids, ((1, len(ids)),), options=options)


TEXTS = [passage(text) for text in ("Hello, world", "谢谢", "مرحبا", "🎉", "x" * 300, "a")]


def test_losses_are_those_of_the_model() -> None:
    for one, other in zip(model().read(TEXTS), LM.read(TEXTS), strict=True):
        np.testing.assert_allclose(one.tokens["loss"], other.tokens["loss"], rtol=0, atol=1e-12)


def test_spans_pick_their_tokens() -> None:
    parts = [Passage(TEXTS[0].ids, ((2, 5), (7, 9))), Passage(TEXTS[0].ids)]
    for one, other in zip(model().read(parts), LM.read(parts), strict=True):
        np.testing.assert_allclose(one.tokens["loss"], other.tokens["loss"], rtol=0, atol=1e-12)


def test_options_are_those_of_the_model() -> None:
    parts = [passage("A or b?", (65, 98)), Passage(TEXTS[1].ids, (), options=(65, 98, 65))]
    for one, other in zip(model().read(parts), LM.read(parts), strict=True):
        np.testing.assert_allclose(one.options, other.options, rtol=0, atol=1e-12)


def test_calls_hold_a_bounded_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "CALL_TOKENS", 310)
    lm = model()
    lm.read(TEXTS * 2)
    calls = LLM.made[0].calls
    assert sum(calls) == 2 * sum(len(p.ids) for p in TEXTS)
    assert len(calls) == 4 and max(calls) <= 310


def test_the_model_loads_once_and_only_to_read() -> None:
    lm = model()
    assert (lm.id, lm.context, lm.start) == ("vllm:fake/bfloat16/511/v1", 511, START)
    assert not LLM.made
    lm.read(TEXTS)
    lm.read(TEXTS)
    assert len(LLM.made) == 1


def test_memory_for_log_probabilities_is_left_free() -> None:
    model(dtype="float32", gpus=2, batch_tokens=1024, longest=200).read(TEXTS[:1])
    assert LLM.made[0].settings == {
        "dtype": "float32",
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.8,
        "max_model_len": 200,
        "max_num_batched_tokens": 1024,
        "enable_chunked_prefill": True,
        "enable_prefix_caching": False,
    }


def test_the_longest_passage_fits() -> None:
    lm = model(longest=20)
    ids = np.full(lm.context, 65)
    assert len(lm.read([Passage(ids, ((1, 19),))])[0].tokens["loss"]) == 18
    with pytest.raises(ValueError, match="1 to 19 fit"):
        lm.read([Passage(np.full(20, 65), ((1, 20),))])


@pytest.mark.parametrize("ends_after", [3, 10_000])
def test_generated_tokens_come_without_the_one_that_ends_the_text(
    ends_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LLM, "ends_after", ends_after)
    prompts = [p.ids for p in TEXTS]
    wanted = LM.generate(prompts, min(ends_after, 8))
    assert [i.tolist() for i in model().generate(prompts, 8)] == [i.tolist() for i in wanted]


def test_nothing_asked_loads_nothing() -> None:
    lm = model()
    assert lm.read([]) == [] and lm.generate([], 4) == []
    assert not LLM.made


def test_what_log_probabilities_do_not_give_is_refused() -> None:
    with pytest.raises(UserError, match="vLLM returns log-probabilities of tokens only, not last"):
        model().read([Passage(TEXTS[0].ids, (), ("last",))])
    assert not LLM.made


@pytest.mark.parametrize("breaks, said", [("load", "cannot load 'fake'"), ("run", "out of memory")])
def test_failures_of_the_library_stop_the_run(
    breaks: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LLM, "breaks", breaks)
    with pytest.raises(UserError, match=said):
        model().read(TEXTS)


def test_prompts_that_come_back_changed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LLM._one

    def wrong(self: LLM, ids: list[int], params: SamplingParams) -> Output:
        return right(self, [*ids[:-1], ids[-1] ^ 1], params)

    monkeypatch.setattr(LLM, "_one", wrong)
    with pytest.raises(UserError, match="other tokens than it was given"):
        model().read(TEXTS[:1])


def test_an_old_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(*, temperature: float, max_tokens: int, detokenize: bool) -> SamplingParams:
        return SamplingParams(temperature, max_tokens, detokenize=detokenize)

    monkeypatch.setattr(sys.modules["vllm"], "SamplingParams", older)
    with pytest.raises(UserError, match="pip install -U vllm"):
        model().read([passage("A or b?", (65,))])


def test_without_the_library_its_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tamis\[vllm\]'"):
        model().read(TEXTS)


def test_a_precision_that_vllm_lacks_is_refused() -> None:
    with pytest.raises(UserError, match="not 'int8'"):
        model(dtype="int8")
