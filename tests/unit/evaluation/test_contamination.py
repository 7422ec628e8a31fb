"""Test prompts found in a pool, against all pairs by hand."""

import numpy as np
import pyarrow as pa
import pytest

from tamis.errors import UserError
from tamis.evaluation.contamination import RUN, Prompts, contamination, normalised, prompts_of, told
from tamis.scorers._words import words
from tamis.testing import dataset

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
LONG = " ".join(WORDS)
FRONT, BACK = "Write a letter to", "and sign it"


def row(question, answer="Yes."):
    return {"instruction": question, "output": answer}


def found(pool, prompts, run=RUN):
    tests = Prompts.of(prompts, ["test"] * len(prompts), run)
    return contamination(
        dataset([row(text) if isinstance(text, str) else text for text in pool]), tests
    )


def told_of(pool, prompts, run=RUN):
    return [(one.row, one.prompt, one.kind) for one in found(pool, prompts, run).repeats]


def test_an_equal_text_is_found():
    assert told_of(["Name a colour.", "Other."], ["Name a colour."]) == [(0, 0, "equal")]


@pytest.mark.parametrize("spelled", ["name  a COLOUR", "Ｎａｍｅ a colour!", "name, a: colour\n"])
def test_signs_blanks_case_and_width_do_not_count(spelled):
    assert told_of([spelled], ["Name a colour."]) == [(0, 0, "equal")]


def test_a_short_prompt_inside_a_longer_row_is_no_repeat():
    assert told_of(["Name a colour of the sky."], ["Name a colour."]) == []


def test_thirteen_words_in_common_are_a_repeat():
    assert told_of([f"{FRONT} {LONG}"], [f"{LONG} {BACK}"]) == [(0, 0, "run")]


def test_twelve_words_in_common_are_none():
    shorter = " ".join(WORDS[:12])
    assert told_of([f"{FRONT} {shorter} here"], [f"{shorter} {BACK}"]) == []


@pytest.mark.parametrize(
    ("pool", "prompt"), [(f"{FRONT} {LONG} {BACK}", LONG), (LONG, f"{FRONT} {LONG}")]
)
def test_either_may_stand_in_the_other(pool, prompt):
    assert told_of([pool], [prompt]) == [(0, 0, "run")]


def test_a_run_does_not_go_on_from_one_turn_to_the_next():
    half = {"instruction": " ".join(WORDS[:7]), "output": " ".join(WORDS[7:])}
    assert told_of([half], [LONG]) == []


def test_an_answer_that_holds_a_prompt_is_found():
    assert told_of([row("Make up a question.", f"{FRONT} {LONG}")], [LONG]) == [(0, 0, "run")]


def test_chinese_runs_are_of_characters():
    text = "请写一首关于春天和夏天的长诗歌"
    assert told_of([f"现在{text}吧"], [f"{text}。谢谢"]) == [(0, 0, "run")]
    assert told_of([f"现在{text[:12]}吧"], [f"{text[:12]}。谢谢你们大家"]) == []


def test_the_length_of_a_run_can_be_set():
    assert told_of(["a b c d e"], ["x b c d y"], run=3) == [(0, 0, "run")]


def test_a_text_of_signs_alone_repeats_nothing():
    assert told_of(["👍🏽", "?!"], ["👍🏽"]) == []


def test_a_row_that_repeats_two_prompts_is_one_row():
    result = found([f"{LONG} and {LONG}"], [LONG, f"{FRONT} {LONG}"])
    assert [(one.row, one.prompt) for one in result.repeats] == [(0, 0), (0, 1)]
    assert result.rows.tolist() == [0]


def test_the_share_is_of_the_prompts_runs():
    (one,) = found([f"{FRONT} {LONG}"], [f"{LONG} {BACK}"]).repeats
    assert one.share == 1 / 4  # 16 words have 4 runs


def test_a_part_of_the_share_is_not_counted_twice_over_turns():
    both = {"instruction": LONG, "output": LONG}
    (one,) = found([both], [f"{LONG} {BACK}"]).repeats
    assert one.share == 1 / 4


def test_the_rows_without_a_repeat_are_clean():
    result = found(["a", "Name a colour.", "b"], ["Name a colour."])
    assert result.clean.tolist() == [0, 2]


def test_a_pool_without_any_repeat_is_all_clean():
    result = found(["a", "b"], ["c"])
    assert (result.rows.tolist(), result.clean.tolist()) == ([], [0, 1])


def test_batches_change_nothing(monkeypatch):
    pool = [f"{FRONT} {LONG}", "b", "Name a colour.", "c", LONG]
    whole = told_of(pool, [LONG, "Name a colour."])
    from tamis.types import Dataset

    sliced = Dataset.batches
    monkeypatch.setattr(Dataset, "batches", lambda self: sliced(self, 2))
    assert told_of(pool, [LONG, "Name a colour."]) == whole != []


def test_prompts_are_what_system_and_user_say_turn_by_turn():
    data = dataset([{"turns": ["First?", "Second?"]}, row("Third?", "No.")])
    assert prompts_of(data) == ["First?", "Second?", "Third?"]


def test_counts_by_test_file():
    tests = Prompts.of(["Name a colour.", LONG, "Never"], ["one", "two", "two"])
    pool = dataset([row("name a colour"), row(f"{FRONT} {LONG}"), row(f"{LONG} {BACK}")])
    assert told(contamination(pool, tests), ["one", "two"])["sets"] == {
        "one": {"prompts repeated": 1, "of these equal": 1, "pool rows": 1},
        "two": {"prompts repeated": 1, "of these equal": 0, "pool rows": 2},
    }


def test_no_prompts_are_refused():
    with pytest.raises(UserError, match="no test prompts"):
        Prompts.of([], [])


def by_hand(pool, prompts, run):
    """All pairs, by sets of tuples of words."""

    def runs(text):
        flat = words(normalised(pa.array([text], pa.string()))).flat.to_pylist()
        if not flat:
            return set()
        return {tuple(flat[at : at + run]) for at in range(max(len(flat) - run + 1, 1))}

    return [
        (at, other)
        for at, text in enumerate(pool)
        for other, prompt in enumerate(prompts)
        if runs(text) & runs(prompt)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_all_pairs_by_hand(seed):
    drawn = np.random.default_rng(seed)

    def texts(count):
        return [" ".join(drawn.choice(list("abcd春"), drawn.integers(0, 12))) for _ in range(count)]

    pool, prompts = texts(60), texts(40)
    pairs = [(one.row, one.prompt) for one in found(pool, prompts, run=4).repeats]
    assert pairs == by_hand(pool, prompts, 4) != []
