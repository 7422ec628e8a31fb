import pytest

from tamis.errors import UserError
from tamis.notation import Reference, argument_help, parse, split_list


@pytest.mark.parametrize(
    ("text", "method", "params"),
    [
        ("mtld", "mtld", {}),
        (" mtld( of = response , threshold=0.7 ) ", "mtld", {"of": "response", "threshold": "0.7"}),
        ("mean_rank(of=[tokens,mtld(of=all)])", "mean_rank", {"of": ["tokens", "mtld(of=all)"]}),
        ("top_k(by=./a.py:f(x=1))", "top_k", {"by": "./a.py:f(x=1)"}),
        ("./a b/mine.py:f(x=1)", "./a b/mine.py:f", {"x": "1"}),
        (
            "cover(quality=mean_rank(of=[a,b]),seed=1)",
            "cover",
            {"quality": "mean_rank(of=[a,b])", "seed": "1"},
        ),
    ],
)
def test_parse(text, method, params):
    assert parse(text) == Reference(method, params)


def test_a_reference_is_written_the_same_way_whatever_the_order():
    assert str(parse("m(b=2,a=[x,y])")) == str(parse("m( a=[x, y], b=2 )")) == "m(a=[x,y],b=2)"


@pytest.mark.parametrize("text", ["", "mtld(", "mtld(0.7)", "two words"])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UserError):
        parse(text)


def test_split_list_keeps_brackets_together():
    assert split_list("a(b=1,c=2), d ,[e,f]") == ["a(b=1,c=2)", "d", "[e,f]"]


def test_argument_help_joins_lines_and_stops_at_the_next_section():
    def f(a, b):
        """What it does.

        Args:
            a: first
                and more
            b: second: with a colon

        Returns:
            c: not an argument
        """

    assert argument_help(f) == {"a": "first and more", "b": "second: with a colon"}
