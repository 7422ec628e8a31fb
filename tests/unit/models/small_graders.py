"""Small classifiers and a T5 with random weights, and tokenizers for them, made in a moment."""

import pytest
from tiny import CHAT, TEXTS, tiny_tokenizer

WORDS = "question answer response dialogue history a an the of to is this it in and not".split()


def pair_tokenizer():
    """Words and letters, with [CLS] question [SEP] answer [SEP] and token types, as BERT's."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(c) for c in range(33, 127)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{c}" for c in letters)]
    vocabulary += [word for word in WORDS if word not in vocabulary]
    made = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def classifier(folder, kind, labels=1, seed=0, chat=False, filler="own", places=64):
    """A folder with a random sequence classifier: bert, deberta, roberta or llama."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    causal = kind == "llama"
    tokenizer = tiny_tokenizer() if causal else pair_tokenizer()
    tokenizer.chat_template = CHAT if chat else None
    size = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": places,
        "initializer_range": 0.3,
        "num_labels": labels,
        "pad_token_id": 0,
    }
    configs = {
        "bert": lambda: transformers.BertConfig(**size),
        "roberta": lambda: transformers.RobertaConfig(**size),
        "deberta": lambda: transformers.DebertaV2Config(
            **size,
            relative_attention=True,
            position_buckets=16,
            pos_att_type=["p2c", "c2p"],
            type_vocab_size=2,
        ),
        "llama": lambda: transformers.LlamaConfig(**size, num_key_value_heads=2),
    }
    config = configs[kind]()
    if filler is None:
        config.pad_token_id = None
    made = transformers.AutoModelForSequenceClassification.from_config(config)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def t5_tokenizer(words=("Yes", "No")):
    """Pieces by likelihood behind blanks, `</s>` at the end, as T5's."""
    from transformers import T5Tokenizer

    known = sorted({*words, *WORDS, *"".join(TEXTS).split()})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(f"\u2581{word}", -1.0) for word in known]
    pieces += [(chr(c), -4.0) for c in range(33, 127)]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def t5(folder, seed=0, words=("Yes", "No")):
    """A folder with a random T5."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    tokenizer = t5_tokenizer(words)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        initializer_factor=1.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
