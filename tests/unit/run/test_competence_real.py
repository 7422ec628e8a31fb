"""Real rows: the English model in the package is told from Chinese, and the table of words too."""

import numpy as np
import pytest

import tamis
from conftest import shared_root
from tamis.competences import LIMITS
from tamis.models import named_embedder, named_language_model
from tamis.models.tokenizer import count_tokens
from tamis.run.competence import findings
from tamis.run.session import Run

FILES = {
    "en": "alpaca/alpaca_5000.json",
    "zh": "multilingual/zh-data-part-00.json",
    "fr": "multilingual/alpaca-fr.jsonl",
}


@pytest.fixture(scope="module")
def pools():
    folder = shared_root() / "data/instructions"
    found = {}
    for code, name in FILES.items():
        if not (folder / name).exists():
            pytest.skip(f"real data is absent: {name}")
        found[code] = tamis.read(folder / name).take(np.arange(300))
    return found


def found_of(pools, kind, model, limits=LIMITS):
    run = Run()
    return {
        code: findings(run, pool, kind, model, "language", limits)[0]
        for code, pool in pools.items()
    }


def test_the_reference_model_reads_english_alone(pools):
    pytest.importorskip("torch")
    model = named_language_model("reference", "float32", "cpu")
    two = {code: pools[code] for code in ("en", "zh")}
    found = found_of(two, "language model", model, LIMITS._replace(most=32, text=160))
    assert not found["en"].faults and found["zh"].faults
    assert found["en"].bits < 2 < found["zh"].counted_bits < found["zh"].bits


def test_the_table_does_not_read_chinese_and_the_default_does(pools):
    static = found_of(pools, "embedder", named_embedder("static"))
    usual = found_of(pools, "embedder", named_embedder(Run().embedder))
    assert static["zh"].faults and not usual["zh"].faults
    assert not static["en"].faults and usual["en"].own == static["en"].own
    assert usual["zh"].own.value > static["zh"].own.value + 0.05


def test_a_multilingual_tokenizer_is_a_file(pools, tmp_path):
    """What `--tokenizer` takes; the small English one in the package needs more tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = {code: pool.texts("all").to_pylist() for code, pool in pools.items()}
    trainer = trainers.BpeTrainer(
        vocab_size=3000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    trained.train_from_iterator([text for part in texts.values() for text in part[:150]], trainer)
    path = tmp_path / "tokenizer.json"
    trained.save(str(path))
    run = Run(store=tmp_path / "s", tokenizer=str(path))
    counted = run.score(pools["zh"], ["tokens(of=all)"]).scores("tokens(of=all)")
    assert counted.tolist() == count_tokens(texts["zh"], str(path)).tolist()
    assert counted.sum() < 3 * sum(map(len, texts["zh"]))  # bytes of most characters are joined


def test_the_tokenizer_of_a_model_counts_every_script(tmp_path):
    from tokenizers import ByteLevelBPETokenizer

    folder = shared_root() / "models/tokenizers/gpt2"
    if not folder.exists():
        pytest.skip("real data is absent: gpt2's tokenizer")
    path = str(tmp_path / "tokenizer.json")
    files = [str(folder / name) for name in ("encoder.json", "vocab.bpe")]
    ByteLevelBPETokenizer(*files).save(path)
    texts = ["请写一个故事", "اكتب قصة قصيرة", "Écris une histoire", "Write a story", ""]
    counts, sizes = count_tokens(texts, path).tolist(), [len(text.encode()) for text in texts]
    assert counts[3:] == [3, 0] and all(
        0 < n <= size for n, size in zip(counts, sizes[:3], strict=False)
    )
