"""Exact and near-duplicates: which row stays, for every script and in every order of the file."""

from __future__ import annotations

import hashlib
import json
import os
import random
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import UserError
from tamis.scorers import _blocks
from tamis.scorers._words import words
from tamis.scorers.exact_duplicate import exact_duplicate
from tamis.scorers.near_duplicate import near_duplicate
from tamis.types import SCHEMA, Dataset, Pool, fingerprint

SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[4] / "shared"))
SCRIPTS = {
    "English": "The quick brown fox jumps over the lazy dog and runs far away from the old farm",
    "Chinese": "机器学习是人工智能的一个分支它研究计算机怎样模拟人类的学习行为以获取新的知识",
    "Japanese": "東京は日本の首都であり世界でもっとも人口の多い都市のひとつとして知られています",
    "Thai": "ประเทศไทยมีอาหารที่อร่อยมากมายและมีวัฒนธรรมที่สวยงามน่าสนใจสำหรับนักท่องเที่ยว",
    "Arabic": "اللغة العربية هي واحدة من أكثر اللغات انتشارا في العالم ويتحدث بها ملايين الناس",
    "Hindi": "भारत एक विशाल देश है जहाँ अनेक भाषाएँ बोली जाती हैं और लोग मिल जुल कर रहते हैं",
}


def pool(texts: list[str], ids: list[str] | None = None) -> Pool:
    """Rows whose answer is the text; ids as the reader makes them: a hash, then -2, -3."""
    names, seen = [], dict.fromkeys(texts, 0)
    for text in texts:
        seen[text] += 1
        suffix = f"-{seen[text]}" if seen[text] > 1 else ""
        names.append(hashlib.blake2b(text.encode(), digest_size=8).hexdigest() + suffix)
    turns = [[{"role": "assistant", "content": text, "tool_calls": None}] for text in texts]
    none = [None] * len(texts)
    columns = [ids or names, turns, none, none, [0] * len(texts), range(len(texts)), none]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return Pool.of(Dataset(table, fingerprint(table["id"])))


def near(rows: Pool, **params: object) -> np.ndarray:
    return near_duplicate(rows, **params).values.to_numpy()


def exact(rows: Pool, **params: object) -> list[float]:
    return exact_duplicate(rows, **params).values.to_pylist()


def ngrams(text: str, size: int) -> set[tuple[str, ...]]:
    """Shingles by the definition, in plain Python."""
    found = words(pa.array([text])).flat.to_pylist()
    if len(found) < size:
        return {tuple(found)} if found else set()
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


def read(name: str) -> list[str]:
    path = SHARED / "data" / "instructions" / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    rows = json.loads(path.read_text())
    return [
        "\n".join(str(r[k]) for k in ("instruction", "input", "output") if r.get(k)) for r in rows
    ]


# exact


def test_the_place_among_copies_counts_up_in_the_order_of_ids() -> None:
    rows = pool(["a", "b", "a", "a", "c"], ids=["5", "4", "3", "1", "2"])
    assert exact(rows) == [2, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hello  World\n", "hello world", True),
        ("ﬁne Ｆｕｌｌ", "fine full", True),  # ligature and full-width forms
        ("cafe\u0301", "caf\u00e9", True),
        ("a\u00a0b\u3000c", "a b c", True),
        ("ΣΑΣ", "σας", True),
        ("hello, world", "hello world", False),
        ("1", "2", False),
        ("ab", "a b", False),
        ("😀", "😃", False),
    ],
)
def test_what_counts_as_the_same_text(one: str, other: str, same: bool) -> None:
    assert (max(exact(pool([one, other]))) == 1) is same
    assert max(exact(pool([one, other]), normalise=False)) == 0


def test_copies_are_found_without_normalising() -> None:
    assert sorted(exact(pool(["A b", "A b", "a b"]), normalise=False)) == [0, 0, 1]


def test_rows_with_an_empty_text_are_copies() -> None:
    assert sorted(exact(pool(["", " \n", "", "x"]))) == [0, 0, 1, 2]


def test_exact_agrees_with_a_dictionary_on_real_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "ROWS", 1000)  # several blocks
    texts = read("alpaca/alpaca_5000.json")
    texts += [text.upper() for text in texts[::7]] + [f" {text}\n" for text in texts[::11]]
    rows = pool(texts)
    seen: dict[str, int] = {}
    expected = np.zeros(len(texts))
    for i in np.argsort(rows.ids):
        key = " ".join(unicodedata.normalize("NFKC", texts[i]).lower().split())
        expected[i] = seen.get(key, 0)
        seen[key] = seen.get(key, 0) + 1
    np.testing.assert_array_equal(exact(rows), expected)


def test_a_wrong_hash_cannot_make_two_texts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import polars as pl

    monkeypatch.setattr(pl.Series, "hash", lambda self: pl.zeros(len(self), pl.UInt64, eager=True))
    assert sorted(exact(pool(["a", "b", "a", "c"]))) == [0, 0, 0, 1]


# near


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_an_added_word_makes_a_near_duplicate_in_every_script(text: str) -> None:
    longer = text + " " + text.split()[0][:1]
    rows = pool([text, longer, "something else entirely", SCRIPTS["English"][::-1]])
    values = near(rows, threshold=0.5, shingle=3)
    assert (values > 0).tolist().count(True) == 1
    assert values.max() == pytest.approx(jaccard(ngrams(text, 3), ngrams(longer, 3)))


def test_case_and_punctuation_do_not_count() -> None:
    one = SCRIPTS["English"]
    assert near(pool([one, one.upper() + "!!", one.replace(" ", ", ")])).tolist().count(1.0) == 2


def test_short_texts_are_compared_whole() -> None:
    """Traps: an n-gram longer than the text gives an empty signature, and all of them collide."""
    texts = ["yes", "no", "Yes!", "yes no", "", "", "...", "😀😀", "😀", "yes no maybe so", "الله"]
    values = near(pool(texts))
    assert (values > 0).tolist().count(True) == 1  # yes and Yes!
    assert values[[4, 5, 6, 7, 8]].tolist() == [0] * 5


def test_the_smallest_id_of_a_group_stays() -> None:
    base = SCRIPTS["English"]
    rows = pool([base, base + " today", base + " now"], ids=["b", "a", "c"])
    assert near(rows, threshold=0.7).tolist() == [pytest.approx(13 / 14), 0, pytest.approx(13 / 15)]


def test_a_chain_keeps_what_is_unlike_the_kept_row() -> None:
    word = [f"w{i}" for i in range(60)]
    texts = [" ".join(word[i : i + 40]) for i in (0, 6, 12)]
    sets = [ngrams(text, 1) for text in texts]
    assert jaccard(sets[0], sets[1]) > 0.7 > jaccard(sets[0], sets[2])
    values = near(pool(texts, ids=["1", "2", "3"]), threshold=0.7, shingle=1)
    assert (values > 0).tolist() == [False, True, False]
    values = near(pool(texts, ids=["2", "1", "3"]), threshold=0.7, shingle=1)
    assert (values > 0).tolist() == [True, False, True]


def test_a_megabyte_row_has_a_near_duplicate() -> None:
    rng = random.Random(3)
    long = " ".join(
        rng.choice(["red", "green", "blue", "ten", "two"]) + str(i) for i in range(120_000)
    )
    assert len(long) > 1_000_000
    values = near(
        pool([long, "short text", long.replace("red5 ", "grey ", 1) + " end", "日" * 400_000])
    )
    assert (values > 0).tolist().count(True) == 1
    assert sorted(exact(pool([long, long, "x"]))) == [0, 0, 1]


def test_no_rows_and_one_row() -> None:
    assert near(pool([])).tolist() == [] and exact(pool([])) == []
    assert near(pool(["one row"])).tolist() == [0] and exact(pool(["one row"])) == [0]


def test_parameters_are_checked() -> None:
    for wrong in ({"threshold": 0.4}, {"threshold": 1.1}, {"shingle": 0}, {"permutations": 0}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            near_duplicate(pool(["a"]), **wrong)


texts_with_copies = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "d", "一", "ก", "😀"]), max_size=12).map(" ".join),
    max_size=25,
)


@settings(deadline=None)
@given(texts_with_copies, st.randoms(use_true_random=False), st.sampled_from([0.5, 0.7, 0.8, 1.0]))
def test_every_drop_has_a_reason_and_the_order_of_rows_changes_nothing(
    texts: list[str], rng: random.Random, threshold: float
) -> None:
    rows = pool(texts)
    values = near(rows, threshold=threshold, shingle=2)
    sets = [ngrams(text, 2) for text in texts]
    ids = rows.ids
    for i in np.flatnonzero(values):
        reasons = [
            jaccard(sets[i], sets[k]) for k in np.flatnonzero(values == 0) if ids[k] < ids[i]
        ]
        assert any(abs(values[i] - reason) < 1e-12 for reason in reasons)
        assert values[i] >= threshold
    order = rng.sample(range(len(texts)), len(texts))
    moved = Pool.of(rows.data.take(np.asarray(order, np.int64)))
    np.testing.assert_array_equal(near(moved, threshold=threshold, shingle=2), values[order])
    np.testing.assert_array_equal(exact(moved), np.asarray(exact(rows))[order])


@settings(deadline=None)
@given(texts_with_copies)
def test_no_two_kept_rows_are_copies(texts: list[str]) -> None:
    kept = [
        ngrams(t, 2) for t, v in zip(texts, near(pool(texts), shingle=2), strict=True) if v == 0
    ]
    full = [frozenset(k) for k in kept if k]
    assert len(full) == len(set(full))


@settings(deadline=None)
@given(texts_with_copies, st.integers(1, 5))
def test_rows_appended_that_are_unlike_all_others_change_nothing(
    texts: list[str], more: int
) -> None:
    longer = texts + [f"new{i} unlike{i} row{i}" for i in range(more)]
    before, after = near(pool(texts), shingle=2), near(pool(longer), shingle=2)
    np.testing.assert_array_equal(after, np.concatenate([before, np.zeros(more)]))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = read("gpteacher/toolformer-dedupe-only-dataset.json")[:1500] + list(SCRIPTS.values())
    rows = pool(texts)
    whole = near(rows), exact(rows)
    monkeypatch.setattr(_blocks, "BYTES", 20_000)
    assert len(list(_blocks.blocks(rows.data, "all"))) > 20
    np.testing.assert_array_equal(near(rows), whole[0])
    np.testing.assert_array_equal(exact(rows), whole[1])


def test_blocks_hold_every_row_once_and_in_order() -> None:
    texts = ["x" * size for size in (1, 9 << 20, 3, 0, 5 << 20, 5 << 20, 7)]
    found = [(start, len(block)) for start, block in _blocks.blocks(pool(texts).data, "all")]
    assert [start for start, _ in found] == np.cumsum([0, *(n for _, n in found)])[:-1].tolist()
    assert sum(n for _, n in found) == len(texts) and len(found) > 2
