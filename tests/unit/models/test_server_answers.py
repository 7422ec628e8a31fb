"""Options and generated text of a language model on a server; see test_server.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from _completions_server import (
    EVERY,
    FORMS,
    LM,
    Behaviour,
    passage,
    read,
    refusal,
    same,
    server,
    serving,
)

from tamis.errors import UserError
from tamis.models.fake import START
from tamis.protocols import Passage

# Options.

OPTIONS = (ord("A"), ord("b"), ord("9"), ord("~"))


def with_options(text: str = "Answer with a letter:") -> Passage:
    ids = np.concatenate([[START], LM.encode([text])[0]])
    return Passage(ids, (), ("loss",), OPTIONS)


def same_options(found: list[Any], passages: list[Passage]) -> None:
    for one, other in zip(found, LM.read(passages), strict=True):
        np.testing.assert_allclose(one.options, other.options, rtol=0, atol=1e-6)


@pytest.mark.parametrize("forms", FORMS, ids=str)
def test_options_by_their_ids(forms: tuple[str, ...]) -> None:
    same_options(read(Behaviour(forms), [with_options()]), [with_options()])


def test_options_and_losses_of_the_same_passage() -> None:
    part = passage("Both of them", options=OPTIONS)
    found = read(Behaviour(), [part])
    same(found, [part])
    same_options(found, [part])


@pytest.mark.parametrize("top", [257, 20, 5])
def test_options_among_or_below_the_likeliest_tokens(top: int) -> None:
    does = Behaviour(("echo_one",), names_ids=False, strict=True, top=top)
    same_options(read(does, [with_options()]), [with_options()])


def test_an_option_out_of_reach_is_named() -> None:
    after = LM.read([Passage(with_options().ids, (), (), EVERY)])[0].options
    assert after is not None
    unlikely = int(np.argsort(after[32:127])[0]) + 32
    part = Passage(with_options().ids, (), ("loss",), (unlikely,))
    does = Behaviour(forms=(), names_ids=False, top=20)
    said = refusal(does, [part])
    assert f"option token {unlikely} is not among the likeliest" in said and "at most 20" in said


def test_options_within_reach_need_no_log_probabilities_of_prompts() -> None:
    does = Behaviour(forms=())
    same_options(read(does, [with_options()]), [with_options()])


def test_options_of_a_server_that_adds_the_start_token() -> None:
    does = Behaviour(("echo",), adds_start=True)
    same_options(read(does, [with_options()]), [with_options()])


def test_tokens_that_are_joined_later_are_found_out_in_options_and_texts() -> None:
    does = Behaviour()
    with serving(does) as url:
        lm = server(url)
        lm.read([with_options()])
        does.changes = "joins"
        with pytest.raises(UserError, match="read 4 tokens where 5 were sent"):
            lm.read([with_options("sorr")])
        with pytest.raises(UserError, match="read 4 tokens where 5 were sent"):
            lm.generate([passage("sorr").ids], 2)


# Generation.

PROMPTS = [passage(text).ids for text in ("Tell me", "Once upon a time", "1 2 3")]


def test_generated_tokens_are_those_of_the_model() -> None:
    with serving(Behaviour()) as url:
        found = server(url).generate(PROMPTS, 12)
    for one, other in zip(found, LM.generate(PROMPTS, 12), strict=True):
        assert one.tolist() == other.tolist()


def test_text_that_ended_comes_without_the_token_that_ends_it() -> None:
    does = Behaviour(ends_after=3)
    with serving(does) as url:
        found = server(url).generate(PROMPTS, 8)
    assert [ids.tolist() for ids in found] == [i.tolist() for i in LM.generate(PROMPTS, 3)]


def test_a_server_that_returns_text_alone_is_tokenised_here() -> None:
    starts = [np.array([START, first, second]) for first in range(32, 60) for second in (65, 97)]
    plain = [p for p in starts if (LM.generate([p], 4)[0] < 128).all()]
    assert plain, "no prompt of the fake model goes on in ASCII"
    with serving(Behaviour(names_ids=False, strict=True, forms=("echo",))) as url:
        found = server(url).generate(plain, 4)
    assert [ids.tolist() for ids in found] == [i.tolist() for i in LM.generate(plain, 4)]
