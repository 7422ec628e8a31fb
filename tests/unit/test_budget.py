import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.budget import Budget, Quota
from tamis.errors import UserError
from tamis.testing import dataset
from tamis.types import Pool, Selection


def a_pool(labels, costs=None, **columns):
    rows = [{"messages": [{"role": "assistant", "content": str(n)}]} for n in range(len(labels))]
    made = Pool.of(dataset(rows), label=list(labels), **columns)
    return Pool(made.data, made.columns, made.rows, costs)


def take(labels, budget, *quotas, costs=None, **columns):
    pool = a_pool(labels, costs, **columns)
    picks = ((n, 0.0) for n in range(len(labels)))
    return Selection.take(pool, budget.within(quotas), picks)


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("source=alpaca:100..500", Quota("source", "alpaca", 100, 500)),
        ("script=Han:20%..", Quota("script", "Han", 0.2, None, (True, False))),
        ("s=*:..40%", Quota("s", "*", 0, 0.4, (False, True))),
        ("s=a:30%", Quota("s", "a", 0.3, 0.3, (True, True))),
        (
            "band(of=length,edges=[5,9])=5-9:7",
            Quota("band(edges=[5,9],of=length)", "5-9", 7, 7, (False, False)),
        ),
        ("s=a:b=c:1..2", Quota("s", "a:b=c", 1, 2)),
        ("s=a:0..", Quota("s", "a", 0, None)),
    ],
)
def test_quotas_are_read_and_written_alike(text, quota):
    assert Quota.parse(text) == quota
    assert Quota.parse(str(quota)) == quota


@pytest.mark.parametrize(
    "text", ["a", "a=b", "a=b:", "a=b:..", "=b:1", "a=:1", "a=b:x..", "a=b:1.5", "a=b:..120%"]
)
def test_a_quota_that_says_nothing_is_refused(text):
    with pytest.raises(UserError, match="quota"):
        Quota.parse(text)
    with pytest.raises(UserError, match="least is above the most"):
        Quota.parse("a=b:5..4")


def test_most_and_least_by_hand():
    assert take("aaaabbbb", Budget(count=4), "label=a:..1").rows.tolist() == [0, 4, 5, 6]
    assert take("aaaabbbb", Budget(count=4), "label=b:3..").rows.tolist() == [0, 4, 5, 6]
    assert take("aaaabbbb", Budget(count=4), "label=*:..50%").rows.tolist() == [0, 1, 4, 5]
    assert take("aaabbbc", Budget(count=6), "label=*:3..", "label=c:..1").rows.tolist() == [
        *range(6)
    ]
    found = take("aaabbc", Budget(count=4), "label=*:1..", "label=a:..1")
    assert found.rows.tolist() == [0, 3, 4, 5]
    assert found.info["quotas"]["label=a"] == {"has": 1, "least": 0, "most": 1, "met": True}
    assert found.info["quotas"]["label=c"] == {"has": 1, "least": 1, "most": 4, "met": True}


def test_tokens_are_shared_out_in_tokens():
    costs = np.array([5, 5, 5, 3, 3, 3])
    found = take("aaabbb", Budget(tokens=14), "label=b:6..", costs=costs)
    assert found.rows.tolist() == [0, 3, 4, 5]
    late = take("aabbb", Budget(tokens=13), "label=b:6..", costs=np.array([5, 9, 3, 3, 3]))
    assert late.rows.tolist() == [0, 2, 3]
    found = take("aaabbb", Budget(tokens=13), "label=b:6..", costs=costs)
    assert found.rows.tolist() == [0, 3, 4]


def test_what_cannot_be_met_is_told_before_anything_is_picked():
    for quota, words in {
        "label=b:5..": "only 4 can be had",
        "label=x:1..": "no row has it",
        "label=x:..1": "no row has it",
        "label=*:3..": "ask for 6 together",
    }.items():
        with pytest.raises(UserError, match=words):
            take("aaaabbbb", Budget(count=4 if "*" not in quota else 5), quota)
    with pytest.raises(UserError, match="two quotas for label=a"):
        Budget(count=1).within(["label=a:1", "label=a:..2"])


def test_quotas_that_work_against_each_other_end_with_what_was_met():
    other = ["x", "x", "y", "y"]
    found = take("aabb", Budget(count=2), "label=a:2", "other=y:2", other=other)
    short = {name for name, group in found.info["quotas"].items() if not group["met"]}
    assert len(found) < 2 or short


def test_a_row_without_a_label_belongs_to_no_group():
    found = take(["a", None, "a", None], Budget(count=3), "label=a:..1")
    assert found.rows.tolist() == [0, 1, 3]


@given(
    labels=st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    others=st.lists(st.sampled_from("xy"), min_size=40, max_size=40),
    count=st.integers(1, 30),
    most=st.integers(1, 10),
    least=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_quotas_they_hold(labels, others, count, most, least):
    quotas = [f"label=a:..{most}", f"label=b:{least}..", "other=x:..60%"]
    try:
        found = take(labels, Budget(count=count), *quotas, other=others[: len(labels)])
    except UserError as error:
        assert "ask for less" in str(error) or "no row has it" in str(error)
        return
    picked = [labels[row] for row in found.rows.tolist()]
    beside = [others[row] for row in found.rows.tolist()]
    assert len(picked) <= count and picked.count("a") <= most
    assert beside.count("x") <= int(0.6 * count + 1e-9)
    if "x" not in others[: len(labels)]:
        assert picked.count("b") >= min(least, count)


def has(found):
    return {name.partition("=")[2]: group["has"] for name, group in found.info["quotas"].items()}


@pytest.mark.parametrize(
    ("allocation", "count", "wanted"),
    [
        ("proportional", 10, {"a": 6, "b": 3, "c": 1}),
        ("equal", 9, {"a": 3, "b": 3, "c": 3}),
        ("equal", 34, {"a": 17, "b": 13, "c": 4}),  # b and c have no more: the others get it
        ("square_root", 12, {"a": 6, "b": 4, "c": 2}),  # 4.9 : 3.6 : 2 of 24 : 13 : 4
    ],
)
def test_an_allocation_gives_each_group_its_seats(allocation, count, wanted):
    labels = "a" * 24 + "b" * 13 + "c" * 4
    found = take(labels, Budget(count=count), f"label=*:{allocation}")
    assert has(found) == wanted
    assert all(group["met"] for group in found.info["quotas"].values())
    assert found.info["quotas"]["label=b"]["size"] == 13


def test_an_allocation_is_written_as_it_is_read():
    for text in ("label=*:square_root", "band(of=length)=*:proportional", "s=*:equal"):
        assert str(Quota.parse(text)) == text
    assert Quota.parse("s=*:square-root").allocation == "square_root"
    with pytest.raises(UserError, match="did you mean 'proportional'"):
        Quota.parse("s=*:proportionate")
    with pytest.raises(UserError, match="write \\* for 'a'"):
        Quota.parse("s=a:equal")
    with pytest.raises(UserError, match="two quotas"):
        Budget(count=1).within(["s=*:equal", "s=*:proportional"])


def test_bounds_of_the_same_column_hold_within_an_allocation():
    labels = "a" * 80 + "b" * 15 + "c" * 5
    plain = ["label=*:proportional"]
    assert has(take(labels, Budget(count=20), *plain)) == {"a": 16, "b": 3, "c": 1}
    assert has(take(labels, Budget(count=20), *plain, "label=c:20%..")) == {"a": 13, "b": 3, "c": 4}
    assert has(take(labels, Budget(count=20), *plain, "label=a:..10")) == {"a": 10, "b": 8, "c": 2}
    both = take(labels, Budget(count=20), *plain, "label=*:2..50%", "label=b:1")
    assert has(both) == {"a": 10, "b": 1, "c": 5} and len(both) == 16  # a and b have their most


def test_seats_are_not_counted_on_rows_that_cannot_be_picked():
    labels = ["a"] * 10 + ["b"] * 10
    pool = a_pool(labels)
    gone = {"no value": np.arange(12, 20)}
    budget = Budget(count=10).within(["label=*:proportional"])
    picks = ((n, 0.0) for n in range(12))
    found = Selection.take(pool, budget, picks, gone)
    assert has(found) == {"a": 8, "b": 2} and found.dropped == gone
    told = found.info["quotas"]["label=b"]
    assert (told["size"], told["can_be_picked"], told["met"]) == (10, 2, True)
    short = Selection.take(pool, budget, ((n, 0.0) for n in range(12)))  # nobody said so
    assert len(short) == 7 and not short.info["quotas"]["label=b"]["met"]


def test_rows_without_a_label_have_what_the_groups_leave():
    labels = ["a", None, "b", None, "a"]
    assert take(labels, Budget(count=2), "label=*:equal").rows.tolist() == [0, 2]
    found = take(labels, Budget(count=4), "label=*:equal")
    assert found.rows.tolist() == [0, 1, 2, 4]
    assert found.info["quotas"]["label without a label"]["has"] == 1


def test_sizes_of_all_rows_rule_where_few_are_left():
    whole = a_pool("a" * 50 + "b" * 50)
    budget = Budget(count=10).within(["label=*:proportional"])
    sized = budget.sized({"label": whole.labels("label")}, None)
    left = whole.take(np.arange(42, 100))  # 8 and 50
    picks = [(n, 0.0) for n in range(len(left))]
    assert has(Selection.take(left, sized, picks)) == {"a": 5, "b": 5}
    assert has(Selection.take(left, budget, picks)) == {"a": 1, "b": 9}


@given(
    costs=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    labels=st.lists(st.sampled_from("abc"), min_size=60, max_size=60),
    tokens=st.integers(1, 400),
    allocation=st.sampled_from(["proportional", "equal", "square_root"]),
)
@settings(max_examples=30, deadline=None)
def test_tokens_are_allocated_up_to_one_row(costs, labels, tokens, allocation):
    costs, labels = np.array(costs), labels[: len(costs)]
    found = take(labels, Budget(tokens=tokens), f"label=*:{allocation}", costs=costs)
    assert costs[found.rows].sum() <= tokens
    for name, group in found.info["quotas"].items():
        inside = np.array([label == name[-1] for label in labels])
        left = np.setdiff1d(np.flatnonzero(inside), found.rows)
        fits = [cost for cost in costs[left] if cost <= group["most"]]
        assert group["has"] <= group["most"]
        assert not fits or group["most"] - group["has"] < max(fits)
        assert group["met"] or not fits
