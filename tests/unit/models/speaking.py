"""A language model that answers every question with the same words: each byte decides the next."""

from pathlib import Path

import pytest

CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def speaking_model(folder: Path, words: str) -> Path:
    """A folder with a Llama of one idle layer whose output is a table from byte to next byte.

    Every byte of `words` must be another one, as a byte has one successor.
    """
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = byte_tokenizer()
    chain = tokenizer.encode(words, add_special_tokens=False)
    assert len(set(chain)) == len(chain)
    end, opens = (tokenizer.convert_tokens_to_ids(mark) for mark in (MARKS[0], MARKS[-1]))
    size = len(tokenizer)
    config = transformers.LlamaConfig(
        vocab_size=size,
        hidden_size=size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        head_dim=8,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        layer = model.model.layers[0]
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        table = torch.zeros(size, size)
        table[end, :] = 1.0
        for before, after in zip([opens, *chain], [*chain, end], strict=True):
            table[:, before] = 0.0
            table[after, before] = 1.0
        model.lm_head.weight.copy_(table)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_tokenizer():
    """Bytes, and the marks of a chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=MARKS[0], eos_token=MARKS[0], pad_token=MARKS[0]
    )
    tokenizer.chat_template = CHAT
    return tokenizer
