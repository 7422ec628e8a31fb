"""Models behind the protocols, each loaded when it is first used."""

from __future__ import annotations

from tamis.protocols import Embedder, Likelihood, Tokenizer


def named_embedder(name: str) -> Embedder:
    """`static` is the table in the package; any other name is a sentence-transformers model."""
    if name == "static":
        from tamis.models.static import StaticEmbedder

        return StaticEmbedder()
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
