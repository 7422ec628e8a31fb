"""Small language models with random weights and a real byte-level tokenizer, made in a moment."""

from pathlib import Path

import pytest

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "写一首关于春天的诗。春风吹过山岗。",
    "هذه جملة قصيرة باللغة العربية.",
    "👍🏽 👨‍👩‍👧‍👦 naïve café\n\n### Response:",
]


def tiny_model(folder: Path, kind: str = "llama", seed: int = 0) -> Path:
    """A folder with a random model of two layers: llama (grouped queries), gpt2 or mistral."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    size = {"vocab_size": 320, "initializer_range": 0.3}
    llama = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
    }
    configs = {
        "llama": lambda: transformers.LlamaConfig(**size, **llama, tie_word_embeddings=True),
        "mistral": lambda: transformers.MistralConfig(**size, **llama, sliding_window=6),
        "gemma2": lambda: transformers.Gemma2Config(**size, **llama, head_dim=8, sliding_window=6),
        "gpt2": lambda: transformers.GPT2Config(
            **size, n_embd=32, n_layer=2, n_head=4, n_positions=256
        ),
        "gpt_neo": lambda: transformers.GPTNeoConfig(
            **size,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
            window_size=6,
            max_position_embeddings=256,
        ),
        "gpt_neox": lambda: transformers.GPTNeoXConfig(
            **size,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=256,
        ),
    }
    config = configs[kind]()
    config.bos_token_id, config.eos_token_id, config.pad_token_id = 0, 0, 0
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{{ '\n' }}{% endfor %}"
)


def tiny_tokenizer():
    """Bytes and a few merges; `<|end|>` begins and ends a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXTS * 20, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<|end|>", eos_token="<|end|>", pad_token="<|end|>"
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def blank_tokenizer():
    """A tokenizer that puts a blank in front of every text, as Llama 2's does."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    blank = "\u2581"
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend(blank), normalizers.Replace(" ", blank)]
    )
    made.decoder = decoders.Sequence([decoders.Replace(blank, " "), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
    )
    made.train_from_iterator(["the fox and the dog\nx\n"] * 20, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
