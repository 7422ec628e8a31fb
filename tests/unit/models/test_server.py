"""A language model on a server: what it reads over HTTP, and what it says when the server fails.

The other side is a real HTTP server in this process that computes with the fake model, so every
value is known; its tokens are bytes and 256.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _completions_server import (
    FORMS,
    LM,
    MODEL,
    TEXTS,
    Behaviour,
    Fault,
    passage,
    read,
    refusal,
    same,
    server,
    serving,
)

from tamis.errors import MissingExtra, UserError
from tamis.models import _completions
from tamis.models.fake import START, FakeLikelihood
from tamis.models.server import Server
from tamis.protocols import Gradients, Noise, Passage

SOON = {"retry-after-ms": "1"}  # the SDK's own header, so that tests do not wait
KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize("forms", FORMS, ids=str)
def test_losses_are_those_of_the_model(forms: tuple[str, ...]) -> None:
    same(read(Behaviour(forms), TEXTS), TEXTS)


@pytest.mark.parametrize("forms", FORMS, ids=str)
def test_spans_pick_their_tokens(forms: tuple[str, ...]) -> None:
    ids = TEXTS[0].ids
    parts = [
        Passage(ids, ((2, 5), (7, 9))),
        Passage(ids, ((len(ids) - 1, len(ids)),)),
        Passage(ids),
    ]
    found = read(Behaviour(forms), parts)
    assert [len(reading.tokens["loss"]) for reading in found] == [5, 1, 0]
    same(found, parts)


def test_a_text_without_start_token_is_read_from_its_second_token() -> None:
    parts = [passage("no start", start=False)]
    same(read(Behaviour(), parts), parts)


def test_the_form_is_found_once() -> None:
    does = Behaviour(("echo_one",))
    read(does, TEXTS)
    probes = [request for request in does.requests if len(request["prompt"]) == 17]
    assert len(probes) == 3  # one for each form
    assert len(does.requests) == len(probes) + len(TEXTS)


def test_a_server_that_refuses_unknown_fields_is_read_by_echo() -> None:
    same(read(Behaviour(("echo",), strict=True), TEXTS), TEXTS)


def test_token_ids_are_sent_and_never_text() -> None:
    does = Behaviour()
    read(does, TEXTS[:1])
    assert does.requests[-1]["prompt"] == TEXTS[0].ids.tolist()


def test_results_keep_their_order_when_answers_come_in_another() -> None:
    parts = [passage("a" * size) for size in range(9, 1, -1)]
    does = Behaviour(slow={len(parts[0].ids): 0.3, len(parts[1].ids): 0.2})
    same(read(does, parts, concurrency=4), parts)


def test_no_more_requests_at_a_time_than_asked_for() -> None:
    parts = [passage("a" * size) for size in range(1, 13)]
    does = Behaviour(slow={len(p.ids): 0.03 for p in parts})
    read(does, parts, concurrency=3)
    assert 1 < does.most_at_once <= 3


def test_nothing_asked_sends_nothing() -> None:
    does = Behaviour()
    assert read(does, []) == []
    assert does.requests == []


def test_a_probability_of_zero_is_an_infinite_loss() -> None:
    ids = np.array([START, 5])
    answer = {"choices": [{"prompt_logprobs": [None, {"5": {"logprob": -9999.0}}]}]}
    assert _completions.from_prompt_logprobs(answer, ids)[1] == math.inf


# Faults.


def test_too_many_requests_waits_as_long_as_the_server_says() -> None:
    does = Behaviour(faults=[Fault(429, {"Retry-After": "1"})])
    began = time.monotonic()
    same(read(does, TEXTS[:1]), TEXTS[:1])
    assert does.requests[1]["time"] - does.requests[0]["time"] >= 0.95
    assert time.monotonic() - began < 10


def test_a_server_that_fails_twice_is_asked_again() -> None:
    does = Behaviour(faults=[Fault(500, SOON), Fault(503, SOON)])
    same(read(does, TEXTS[:1]), TEXTS[:1])
    assert len(does.requests) == 4  # two failures, the probe, the passage


def test_a_server_that_always_fails_stops_the_run() -> None:
    does = Behaviour(always=Fault(500, SOON))
    said = refusal(does, TEXTS)
    assert "500" in said and "broken" in said and "finished shards are kept" in said
    assert len(does.requests) == 3


def test_failing_in_the_middle_is_no_score_either() -> None:
    with serving(Behaviour()) as url:
        lm = server(url)
        lm.read(TEXTS[:1])
        does = Behaviour(always=Fault(502, SOON))
        with serving(does) as other:
            lm.endpoint.client.base_url = other
            with pytest.raises(UserError, match="502"):
                lm.read(TEXTS)


def test_a_lost_connection_is_tried_again() -> None:
    does = Behaviour(faults=[Fault(reset=True)])
    same(read(does, TEXTS[:1]), TEXTS[:1])
    assert len(does.requests) == 3


def test_a_connection_that_is_always_lost_stops_the_run() -> None:
    said = refusal(Behaviour(always=Fault(reset=True)), TEXTS[:1], retries=1)
    assert "cannot be reached" in said and "finished shards are kept" in said


def test_a_server_that_is_not_there_is_named() -> None:
    with serving(Behaviour()) as url:
        pass
    with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+/v1 cannot be reached"):
        server(url, retries=0).read(TEXTS[:1])


def test_a_server_that_is_too_slow_is_given_up() -> None:
    does = Behaviour(slow={17: 1.0})
    assert "cannot be reached" in refusal(does, TEXTS[:1], retries=0, timeout=0.1)


@pytest.mark.parametrize("body", [b'{"choices": [{"te', b"[1, 2]", b"<html>busy</html>"])
def test_an_answer_that_is_no_json_object_is_named(body: bytes) -> None:
    does = Behaviour(always=Fault(200, body=body))
    assert "no JSON object" in refusal(does, TEXTS[:1])


def test_a_server_without_log_probabilities_of_the_prompt_is_refused() -> None:
    said = refusal(Behaviour(forms=()), TEXTS[:1])
    assert "does not return log-probabilities of the prompt" in said
    assert "1 log-probabilities for 17 tokens" in said  # those of the token that it made


def test_an_endpoint_that_is_not_there_says_so() -> None:
    does = Behaviour(always=Fault(404, body=b'{"error": {"message": "no such path"}}'))
    said = refusal(does, TEXTS[:1])
    assert "404" in said and "no such path" in said
    assert len(does.requests) == 3  # once a form: asking again would not help


def test_missing_values_in_a_later_answer_stop_the_run() -> None:
    does = Behaviour()
    with serving(does) as url:
        lm = server(url)
        lm.read(TEXTS[:1])
        does.forms = ()
        with pytest.raises(UserError, match="returned no prompt_logprobs"):
            lm.read(TEXTS[:1])


@pytest.mark.parametrize("forms", FORMS, ids=str)
def test_a_server_that_joins_tokens_is_found_out_before_anything_is_scored(
    forms: tuple[str, ...],
) -> None:
    said = refusal(Behaviour(forms, changes="joins"), [passage("abc")])
    assert "read 14 tokens where 17 were sent" in said


def test_other_tokens_in_the_same_number_are_found_out() -> None:
    said = refusal(Behaviour(changes="swaps"), TEXTS[:1])
    assert "scored another token than 63 in place 16" in said


@pytest.mark.parametrize("values", [[None, -1.0, None], [None, -1.0, -2.0, -3.0, -4.0]], ids=str)
def test_an_echo_that_does_not_fit_its_tokens_is_not_read(values: list[float | None]) -> None:
    echo = {"choices": [{"logprobs": {"token_logprobs": values}}], "usage": {"prompt_tokens": 3}}
    with pytest.raises(_completions.Absent, match="for 3 tokens of an echoed prompt"):
        _completions.from_echo(echo, np.array([START, 5, 6]))


def test_an_answer_without_the_number_of_tokens_is_not_trusted() -> None:
    assert "usage.prompt_tokens" in refusal(Behaviour(("echo",), usage=False), TEXTS[:1])


def test_a_server_that_adds_the_start_token_is_sent_texts_without_it() -> None:
    does = Behaviour(("echo",), adds_start=True)
    same(read(does, TEXTS), TEXTS)
    assert START not in does.requests[-1]["prompt"]


def test_a_server_that_adds_the_start_token_cannot_read_without_it() -> None:
    does = Behaviour(("echo",), adds_start=True)
    assert "set start=true" in refusal(does, [passage("abc", start=False)])


def test_a_token_in_front_that_is_not_ours_is_refused() -> None:
    does = Behaviour(("echo",), adds_start=True)
    said = refusal(does, [passage("abc", start=False)], tokenizer=FakeLikelihood(start=None))
    assert "read 17 tokens where 16 were sent" in said


def test_a_start_token_that_is_doubled_but_not_added_is_refused() -> None:
    said = refusal(Behaviour(("echo",), changes="starts"), TEXTS[:1])
    assert "read 16 tokens where 17 were sent" in said


# Keys and names.


def test_the_key_is_the_environments_and_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    body = f'{{"error": {{"message": "incorrect key {KEY}"}}}}'.encode()
    does = Behaviour(always=Fault(401, body=body))
    said = refusal(does, TEXTS[:1])
    assert does.requests[0]["key"] == f"Bearer {KEY}"
    assert "401" in said and "incorrect key [key]" in said and KEY not in said


def test_without_a_key_empty_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    does = Behaviour()
    read(does, TEXTS[:1])
    assert does.requests[0]["key"] == "Bearer EMPTY"


def test_a_password_in_the_address_is_not_shown() -> None:
    lm = Server(MODEL, "http://me:hidden@127.0.0.1:9/v1", tokenizer=LM, retries=0)
    with pytest.raises(UserError) as caught:
        lm.read(TEXTS[:1])
    assert "127.0.0.1:9" in str(caught.value) and "hidden" not in str(caught.value)


def test_the_id_is_that_of_the_model_and_not_of_the_place() -> None:
    does = Behaviour(card={"root": "org/fake", "max_model_len": 300})
    with serving(does) as one, serving(does) as two:
        assert server(one).id == server(two).id == f"server:{MODEL}(org/fake)/299/fake"


def test_the_id_tells_tokenizers_apart() -> None:
    with serving(Behaviour()) as url:
        assert server(url).id != server(url, tokenizer=FakeLikelihood(id="other")).id


def test_the_context_leaves_room_for_the_token_that_servers_write() -> None:
    with serving(Behaviour(card={"max_model_len": 300})) as url:
        assert server(url).context == 299
    with serving(Behaviour()) as url:
        assert server(url).context == LM.context - 1


def test_a_model_that_is_not_served_is_named_with_those_that_are() -> None:
    with serving(Behaviour()) as url:
        lm = Server("fake-2", url, tokenizer=LM)
        with pytest.raises(UserError, match=r"serves no model 'fake-2'; did you mean 'fake-1'\?"):
            _ = lm.id


def test_a_reference_names_model_address_and_tokenizer() -> None:
    lm = Server.named("org/name@http://host:8000/v1#other/tokenizer")
    assert (lm.name, lm.shown, lm.tokenizer) == (
        "org/name",
        "http://host:8000/v1",
        "other/tokenizer",
    )
    assert Server.named("org/name@http://host/v1").tokenizer == ""


@pytest.mark.parametrize(
    "text", ["@http://host/v1", "name@host:8000", "name@ftp://host/v1", "name"]
)
def test_a_reference_without_model_or_address_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        Server.named(text)


def test_a_precision_cannot_be_asked_of_a_server() -> None:
    with pytest.raises(UserError, match="leave dtype at auto"):
        Server.named("name@http://host/v1", "float32")


def test_a_tokenizer_that_is_not_found_is_asked_for(tmp_path: Path) -> None:
    with serving(Behaviour()) as url:
        lm = server(url, tokenizer=str(tmp_path))
        with pytest.raises(UserError, match=rf"the tokenizer of the served model, {MODEL}@.*#TOK"):
            lm.read(TEXTS[:1])


def test_without_the_sdk_its_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tamis\[judge\]'"):
        server("http://127.0.0.1:9/v1").read(TEXTS[:1])


# What a server does not give.


@pytest.mark.parametrize("want", ["entropy", "el2n", "last", "mean", "weighted"])
def test_what_log_probabilities_do_not_give_is_refused(want: Any) -> None:
    does = Behaviour()
    said = refusal(does, [Passage(TEXTS[0].ids, ((1, 3),), ("loss", want))])
    assert f"not {want}: name a model that is read in this process" in said
    assert does.requests == []


def test_noise_and_gradients_are_refused() -> None:
    noisy = Passage(TEXTS[0].ids, ((1, 3),), noise=Noise(0, 5.0, 13))
    assert "noise on embeddings" in refusal(Behaviour(), [noisy])
    lm: Gradients = Server(MODEL, "http://127.0.0.1:9/v1", tokenizer=LM)
    with pytest.raises(UserError, match="not gradients"):
        lm.gradients(TEXTS, direction="sgd", dim=4, seed=0)


def test_a_passage_that_does_not_fit_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 to 511 fit"):
        read(Behaviour(), [Passage(np.zeros(512, np.int64), ((1, 2),))])
