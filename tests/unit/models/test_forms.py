"""What a refusal says of a request, in the words of several servers."""

import pytest

from tamis.models._forms import Form, key_of, next_form, problem_of
from tamis.protocols import Question

SCHEMA = '{"type": "object"}'
QUESTION = Question(
    (
        ("system", "Rate."),
        ("user", "It."),
    ),
    tokens=5,
    schema=SCHEMA,
)
BODY = Form().body("m", QUESTION, 0)


def test_the_richest_form():
    assert BODY == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Rate."},
            {"role": "user", "content": "It."},
        ],
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
        },
    }


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead. unsupported_parameter max_tokens",
            {"limit": "max_completion_tokens"},
        ),
        (
            "Unsupported value: 'temperature' does not support 0 with this model. "
            "Only the default (1) value is supported.",
            {"temperature": False},
        ),
        ("'response_format.type' must be 'json_object' or 'text'", {"schema": False}),
        ("json_schema is not supported by this backend", {"schema": False}),
        ("failed to parse grammar", {"schema": False}),
        ("extra fields not permitted: seed", {"seed": False}),
    ],
)
def test_a_refusal_names_what_is_not_known(said, changed):
    assert problem_of(said) is None
    assert next_form(Form(), BODY, said) == Form(**changed)


@pytest.mark.parametrize("said", ["Bad request", "user needs a seedling", "no such thing"])
def test_a_refusal_that_names_nothing(said):
    assert next_form(Form(), BODY, said) is None


def test_what_was_not_sent_is_not_left_out():
    plain = Form(schema=False)
    body = plain.body("m", QUESTION, 0)
    assert next_form(plain, body, "json_schema is not supported") is None


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "'max_tokens' or 'max_completion_tokens' is too large: 600. This model's maximum context "
        "length is 512 tokens and your request has 100 input tokens",
        "the request exceeds the available context size, try increasing it exceed_context_size",
        "error context_length_exceeded",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_too_long(said):
    assert problem_of(said) == "too_long"


@pytest.mark.parametrize(
    "said",
    [
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy content_filter",
        "Your request was rejected as a result of our safety system content_policy_violation",
    ],
)
def test_filtered(said):
    assert problem_of(said) == "refused"


def test_poorer_forms_lack_little_before_much():
    forms = list(Form().poorer(BODY))
    assert len(forms) == len(set(forms)) == 15
    assert forms[:4] == [
        Form(schema=False),
        Form(seed=False),
        Form(limit="max_completion_tokens"),
        Form(temperature=False),
    ]
    assert forms[-1] == Form("max_completion_tokens", False, False, False)


def test_a_form_comes_back_from_its_text():
    form = Form("max_completion_tokens", schema=False)
    assert Form.of(form.text) == form
    assert form.left_out == ["response_format"]


def test_keys_do_not_depend_on_the_order_of_fields():
    turned = dict(reversed(BODY.items()))
    assert key_of("p", BODY) == key_of("p", turned) != key_of("q", BODY)
