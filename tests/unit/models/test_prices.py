"""Prices: the package's are dated, the user's come first."""

import pytest

from tamis.errors import UserError
from tamis.models.asking import Asking
from tamis.models.prices import Price, price_of, read_prices


def test_a_price_is_for_a_million_tokens():
    assert Price(2.5, 10.0).of(1_000_000, 100_000) == pytest.approx(3.5)


def test_the_packages_prices_say_of_when_and_from_where():
    price = price_of("gpt-4o-mini")
    assert (price.input, price.output) == (0.15, 0.60)
    assert price.as_of and price.source


def test_an_unknown_model_has_no_price():
    assert price_of("qwen") is None


def test_the_users_price_comes_first(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('["gpt-4o-mini"]\ninput = 1\noutput = 2\n["qwen"]\ninput = 0\noutput = 0.0\n')
    assert price_of("gpt-4o-mini", str(path)) == Price(1.0, 2.0)
    assert price_of("qwen", str(path)) == Price(0.0, 0.0)
    assert price_of("gpt-4o", str(path)) == price_of("gpt-4o")


@pytest.mark.parametrize(
    "text",
    [
        "qwen = 5",
        "[qwen]\ninput = 1",
        "[qwen]\ninput = -1\noutput = 1",
        "[qwen]\ninput = '1'\noutput = 1",
        "[qwen]\ninput = nan\noutput = 1",
        "[qwen]\ninput = true\noutput = 1",
        "[qwen]\ninput = 1\noutput = 1\ncurrency = 'EUR'",
        "[qwen",
    ],
)
def test_what_is_no_price_says_how_one_is_written(tmp_path, text):
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(UserError, match="for a million tokens"):
        read_prices(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"p\.toml cannot be read"):
        read_prices(tmp_path / "p.toml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"requests_per_minute": -1},
        {"tokens_per_minute": float("nan")},
        {"thinking": -1},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"retries": -1},
        {"max_calls": -1},
        {"max_cost": -0.1},
        {"max_cost": float("nan")},
    ],
)
def test_settings_are_checked(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=name):
        Asking(**wrong)


def test_every_setting_is_explained():
    for name in Asking.__dataclass_fields__:
        assert f"        {name}: " in Asking.__doc__
