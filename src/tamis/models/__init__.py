"""Models behind the protocols, each loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

# The command line reads the settings of a judge for its flags: nothing else loads with them.
if TYPE_CHECKING:
    from tamis.models.asking import Asking
    from tamis.protocols import Embedder, Judge, Likelihood, Reward, Tokenizer, YesNo


TABLES = ("static+chargrams", "static", "chargrams")
"""The embedders in the package: they load in no time, and no other process has anything to gain."""


def named_embedder(name: str) -> Embedder:
    """`static+chargrams`, `static` and `chargrams` are in the package: docs/embedding.md.

    Any other name is a sentence-transformers model.
    """
    if name == "static":
        from tamis.models.static import StaticEmbedder

        return StaticEmbedder()
    if name in TABLES:
        from tamis.models.chargrams import ByScript, CharGrams

        return CharGrams() if name == "chargrams" else ByScript()
    from tamis.models.sentence import SentenceEmbedder

    return SentenceEmbedder(name)


def named_tokenizer(name: str) -> Tokenizer:
    """`tamis` is the tokenizer in the package; else a tokenizer.json or a name on the Hub."""
    from tamis.models.tokenizer import load_tokenizer

    return load_tokenizer(name)


def named_language_model(name: str, dtype: str = "auto", device: str = "auto") -> Likelihood:
    """A causal language model: `reference`, a Hub name, a folder, vllm:NAME or NAME@URL."""
    if "@http" in name:
        from tamis.models.server import Server

        return Server.named(name, dtype)
    if name.startswith("vllm:"):
        from tamis.models.vllm import VLLM

        return VLLM(name.removeprefix("vllm:"), dtype=dtype)
    from tamis.models.hf import HuggingFace

    return HuggingFace(name, dtype=dtype, device=device)


def named_judge(name: str, asking: Asking, dtype: str = "auto", device: str = "auto") -> Judge:
    """A chat model: NAME@URL on a server, or any language model that is read in this process."""
    if "://" in name:
        from tamis.models.http import HttpJudge

        return HttpJudge.named(name, asking)
    from tamis.models.local_judge import LocalJudge

    return LocalJudge(named_language_model(name, dtype, device), asking)


def named_reward(name: str, dtype: str = "auto", device: str = "auto") -> Reward:
    """A reward model: a sequence classifier with one output or two, or a style ranker's folder."""
    from tamis.models.reward import RewardModel, is_style_ranker

    if is_style_ranker(name):
        from tamis.models._graders import one_device
        from tamis.models.scar import Scar

        return Scar(name, device=one_device(device))
    return RewardModel(name, dtype=dtype, device=device)


def named_yes_no(name: str, dtype: str = "auto", device: str = "auto") -> YesNo:
    """A model that says yes or no: one that reads and then writes, as T5, or a causal one."""
    from tamis.models.yes_no import Causal, Seq2Seq, reads_first

    if reads_first(name):
        return Seq2Seq(name, dtype=dtype, device=device)
    return Causal(named_language_model(name, dtype, device))
