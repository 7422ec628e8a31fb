import pytest

from tamis.errors import UserError
from tamis.notation import Reference, argument_help, parse, split_list, without_secrets


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


@pytest.mark.parametrize(
    "place",
    [
        "http://ann:hush@host/v1",
        "http://hush@host",
        "https://host/v1?api_key=hush",
        "https://host/v1?api-version=1&key=hush",
        "https://host/v1?hush",
        "https://ann:a@hush@host:8000/v1#NAME",
    ],
)
@pytest.mark.parametrize("form", ["m(judge=x@{})", "top(by=[m(a=1),m(judge=x@{})],c=2)", "m(x@{})"])
def test_what_opens_a_server_may_stand_in_no_name_of_a_column(place, form):
    with pytest.raises(UserError, match="no user, password or key") as error:
        parse(form.format(place))
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "m(judge=x@http://host/v1)",
        "m(judge=@cf/x@https://[::1]:8000/v1?api-version=2026-01-01#NAME)",
        "mean(of=[m(judge=x@http://a),m(judge=y@http://b),m(judge=y@http://b?api-version=1)])",
    ],
)
def test_an_address_without_secrets_may(text):
    assert str(parse(text)) == text


def test_a_text_without_secrets():
    given = "x@https://ann:a:b@host:1/v1?key=1&api-version=2#NAME"
    assert without_secrets(given) == "x@https://host:1/v1?api-version=2#NAME"
