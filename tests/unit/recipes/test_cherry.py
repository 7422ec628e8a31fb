import numpy as np
import pytest
from _scripted import Scripted, losses, rows, run

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.cherry import cherry

RATIOS = {"a": 0.2, "b": 0.9, "c": 1.0, "d": 1.1}


def oracle():
    """methods.md P4: ratios 0.2, 0.9, 1, 1.1 and none, each of one token that costs 1 alone."""
    after = losses(**{name: [ratio] for name, ratio in RATIOS.items()}, e=[1.0])
    alone = losses(**{name: [1.0] for name in RATIOS}, e=[0.0])
    return Scripted(after, alone), rows("a", "b", "c", "d", "e")


def ten():
    """Ten rows that all pass."""
    names = [f"t{n}" for n in range(10)]
    after = losses(**{name: [0.05 * n + 0.1] for n, name in enumerate(names)})
    return Scripted(after, losses(**{name: [1.0] for name in names})), rows(*names)


def test_exactly_one_is_kept_and_the_highest_come_first(tmp_path):
    lm, data = oracle()
    picked = cherry(run(lm, tmp_path), data, Budget(count=2))
    assert picked.rows.tolist() == [2, 1]
    assert picked.gains.tolist() == [1.0, 0.9]


def test_a_row_without_a_ratio_is_never_kept_and_says_why(tmp_path):
    lm, data = oracle()
    picked = cherry(run(lm, tmp_path), data, Budget(count=5))
    assert picked.rows.tolist() == [2, 1, 0]
    ratio = "ifd(direct=header,ratio=loss,template=alpaca)"
    gone = {why: found.tolist() for why, found in picked.dropped.items()}
    assert gone == {f"{ratio}: undefined": [4], f"{ratio} above 1": [3]}
    assert picked.info["in_range"] == 3


def test_an_empty_answer_is_never_kept(tmp_path):
    lm = Scripted(losses(a=[0.5]), losses(a=[1.0]))
    picked = cherry(run(lm, tmp_path), rows("", "a", ""), Budget(count=3))
    assert picked.rows.tolist() == [1]
    (why,) = picked.dropped
    assert why.endswith(": empty_answer") and picked.dropped[why].tolist() == [0, 2]


def test_the_answer_alone_is_read_after_its_header(tmp_path):
    lm, data = ten()
    cherry(run(lm, tmp_path), data, Budget(count=1))
    alone = [p for p in lm.asked if len(p.ids) == 4]
    assert len(alone) == 10
    assert all([lm.words[i] for i in p.ids[:3]] == ["<start>", "###", "Response:"] for p in alone)


def test_a_rate_of_less_than_one_row_is_an_error_and_never_everything(tmp_path):
    lm, data = ten()
    with pytest.raises(UserError, match="of the 10 rows that are left is less than one row"):
        cherry(run(lm, tmp_path), data, Budget(count=10), rate=0.06)
    with pytest.raises(UserError, match="less than one row"):
        cherry(run(lm, tmp_path), data, Budget(fraction=0.06).of(10))


def test_a_rate_is_of_the_rows_that_are_left_and_rounds_down(tmp_path):
    lm, data = oracle()
    picked = cherry(run(lm, tmp_path), data, Budget(count=5), rate=0.7)  # of 3 rows
    assert picked.rows.tolist() == [2, 1]
    lm, data = ten()
    assert len(cherry(run(lm, tmp_path / "ten"), data, Budget(count=4), rate=0.5)) == 4
    with pytest.raises(UserError, match="budget in rows"):
        cherry(run(lm, tmp_path), data, Budget(tokens=100), rate=0.5)


def test_rows_that_do_not_fit_are_dropped_by_name(tmp_path):
    lm = Scripted(losses(a_b=[0.5, 0.5], c=[0.1]), losses(a_b=[1.0, 1.0], c=[1.0]))
    data = rows("a b", "c", "")
    ratio, kept = (f"{name}(template=plain,max_length=5)" for name in ("ifd", "answer_kept"))
    cut = cherry(run(lm, tmp_path), data, Budget(count=3), by=ratio)
    assert cut.rows.tolist() == [0, 1]
    dropped = cherry(run(lm, tmp_path), data, Budget(count=3), by=ratio, fits=kept)
    assert dropped.rows.tolist() == [1]
    assert dropped.dropped["answer cut"].tolist() == [0]
    assert sum(map(len, dropped.dropped.values())) == 2


@pytest.mark.parametrize("rate", [0.0, 1.5, np.nan])
def test_a_rate_that_is_no_share_is_refused(tmp_path, rate):
    lm, data = ten()
    with pytest.raises(UserError, match="share"):
        cherry(run(lm, tmp_path), data, Budget(count=1), rate=rate)
