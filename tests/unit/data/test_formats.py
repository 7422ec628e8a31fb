import json

import pytest

from tamis.data.formats import FORMATS, otherwise, sniff
from tamis.data.turns import Reject, scrubbed

U, A, S, T = "user", "assistant", "system", "tool"


def plain(messages):
    return [(role, content) for role, content, _ in messages]


CASES = {
    "alpaca": ({"instruction": "Do", "input": "x", "output": "y"}, [(U, "Do\n\nx"), (A, "y")]),
    "alpaca-empty-input": (
        {"instruction": "Do", "input": " ", "output": "y"},
        [(U, "Do"), (A, "y")],
    ),
    "alpaca-response": ({"instruction": "Do", "response": "y"}, [(U, "Do"), (A, "y")]),
    "alpaca-null": ({"instruction": "Do", "input": None, "output": None}, [(U, "Do"), (A, "")]),
    "alpaca-number": ({"instruction": "1+1", "output": 2}, [(U, "1+1"), (A, "2")]),
    "alpaca-history": (
        {"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]},
        [(S, "s"), (U, "a"), (A, "b"), (U, "c"), (A, "d")],
    ),
    "sharegpt": (
        {
            "conversations": [
                {"from": "system", "value": "s"},
                {"from": "human", "value": "a"},
                {"from": "gpt", "value": "b"},
                {"from": "human", "value": "c"},
                {"from": "bing", "value": "d"},
            ]
        },
        [(S, "s"), (U, "a"), (A, "b"), (U, "c"), (A, "d")],
    ),
    "sharegpt-items": (
        {"items": [{"from": "user", "value": "a"}, {"from": "bard", "value": "b"}], "system": "s"},
        [(S, "s"), (U, "a"), (A, "b")],
    ),
    "messages": (
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        [(U, "a"), (A, "b")],
    ),
    "messages-parts": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see "},
                        {"type": "image_url", "image_url": "u"},
                    ],
                },
                {"role": "assistant", "content": "b"},
            ]
        },
        [(U, 'see {"type":"image_url","image_url":"u"}'), (A, "b")],
    ),
    "prompt_completion": ({"prompt": "a", "completion": "b"}, [(U, "a"), (A, "b")]),
    "prompt_completion-question": ({"question": "a", "std_answer": "b"}, [(U, "a"), (A, "b")]),
    "prompt_completion-chat": (
        {
            "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}],
            "completion": [{"role": "assistant", "content": "b"}],
        },
        [(S, "s"), (U, "a"), (A, "b")],
    ),
    "self_instruct": (
        {
            "instruction": "i",
            "instances": [{"input": "x", "output": "1"}, {"input": "y", "output": "2"}],
        },
        [(U, "i\n\nx"), (A, "1"), (U, "i\n\ny"), (A, "2")],
    ),
    "p3": ({"inputs": "a", "targets": "b"}, [(U, "a"), (A, "b")]),
    "p3-tokens": (
        {
            "inputs": [1],
            "targets": [2],
            "inputs_pretokenized": "a",
            "targets_pretokenized": "b",
        },
        [(U, "a"), (A, "b")],
    ),
    "lima": ({"conversations": ["a", "b", "c"]}, [(U, "a"), (A, "b"), (U, "c")]),
    "lima-speakers": (
        {"history": ["[客户] a", "[律师] b", "[律师] c"], "query": "a"},
        [(U, "a"), (A, "b"), (A, "c")],
    ),
    "dolly": (
        {"instruction": "i", "context": "c", "response": "r", "category": "qa"},
        [(U, "i\n\nc"), (A, "r")],
    ),
    "preference": (
        {
            "conversations": [{"from": "human", "value": "a"}],
            "chosen": {"from": "gpt", "value": "b"},
            "rejected": {"from": "gpt", "value": "c"},
        },
        [(U, "a"), (A, "b")],
    ),
    "preference-text": (
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        [(U, "a"), (A, "b")],
    ),
    "preference-alpaca": (
        {"instruction": "a", "input": "", "chosen": "b", "rejected": "c"},
        [(U, "a"), (A, "b")],
    ),
    "preference-hh": (
        {"chosen": "\n\nHuman: a\n\nb\n\nAssistant: c", "rejected": "\n\nHuman: a"},
        [(U, "a\n\nb"), (A, "c")],
    ),
    "preference-ranked": (
        {"instruction": "i", "input": "", "output": ["best", "worse"], "history": []},
        [(U, "i"), (A, "best")],
    ),
    "kto": (
        {"messages": [{"role": "user", "content": "a"}], "label": True},
        [(U, "a")],
    ),
    "prompts": ({"question_id": 81, "category": "math", "turns": ["a", "b"]}, [(U, "a"), (U, "b")]),
    "prompts-numbered": ({"question_id": 1, "text": "a", "category": "math"}, [(U, "a")]),
    "prompts-instruction": ({"idx": 1, "Skill": "Math", "Instruction": "a"}, [(U, "a")]),
    "prompts-conversations": ({"conversations": "a"}, [(U, "a")]),
    "text": ({"text": "long"}, [(A, "long")]),
    "text-answer": ({"text": "long", "question_id": 1, "answer_id": "x"}, [(A, "long")]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_record_becomes_its_messages_and_is_sniffed_as_its_format(name):
    record, expected = CASES[name]
    format = name.partition("-")[0]
    before = json.dumps(record)
    messages, _, _ = FORMATS[format](record)
    assert plain(messages) == expected
    assert sniff([record]) == format
    assert json.dumps(record) == before, "a format function must not change the record"


def test_evol_instruct_takes_both_forms_of_wizardlm():
    record, expected = CASES["alpaca"]
    assert plain(FORMATS["evol_instruct"](record)[0]) == expected
    record, expected = CASES["sharegpt"]
    assert plain(FORMATS["evol_instruct"](record)[0]) == expected


def test_fields_that_are_no_message_go_to_extra_with_the_input_that_was_joined():
    record = {"instruction": "i", "input": "x", "output": "o", "id": 7, "n": {"k": None}}
    assert FORMATS["alpaca"](record)[2] == {"input": "x", "id": 7, "n": {"k": None}}
    record, _ = CASES["preference-ranked"]
    assert FORMATS["preference"](record)[2] == {"output": ["worse"]}
    record, _ = CASES["kto"]
    assert FORMATS["kto"](record)[2] == {"label": True}


CALL = '[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]'


@pytest.mark.parametrize(
    "turn",
    [
        {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
        {"from": "function_call", "value": '{"name": "f", "arguments": "{\\"x\\": 1}"}'},
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "f", "arguments": {"x": 1}},
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
        },
        {"role": "assistant", "tool_calls": '[{"name": "f", "parameters": {"x": 1}}]'},
    ],
)
def test_a_tool_call_has_one_spelling_whatever_the_file_writes(turn):
    record = {"conversations": [{"from": "human", "value": "q"}, turn]}
    assert FORMATS["sharegpt"](record)[0][1] == ("assistant", None, CALL)


def test_a_function_call_that_is_no_json_stays_text():
    turn = {"from": "function_call", "value": "f(x=1)"}
    assert FORMATS["sharegpt"]({"conversations": [turn]})[0] == [("assistant", "f(x=1)", None)]


@pytest.mark.parametrize("tools", ['[{"name": "f"}]', [{"name": "f"}], ['{"name": "f"}']])
def test_tools_are_one_json_array(tools):
    record = {"messages": [{"role": "user", "content": "a"}], "tools": tools}
    assert FORMATS["messages"](record)[1] == '[{"name":"f"}]'


@pytest.mark.parametrize("tools", [None, [], "[]", ""])
def test_no_tools_are_none(tools):
    record = {"messages": [{"role": "user", "content": "a"}], "tools": tools}
    assert FORMATS["messages"](record)[1] is None


def test_what_a_turn_holds_besides_is_kept_under_the_final_turn_number():
    record = {
        "system": "s",
        "messages": [{"role": "tool", "content": {"ok": 1}, "tool_call_id": "c1", "name": "f"}],
    }
    messages, _, extra = FORMATS["messages"](record)
    assert plain(messages) == [(S, "s"), (T, '{"ok":1}')]
    assert extra == {"turn_fields": {"1": {"tool_call_id": "c1", "name": "f"}}}


@pytest.mark.parametrize(
    ("format", "record", "reason"),
    [
        (
            "sharegpt",
            {"conversations": [{"from": "narrator", "value": "x"}]},
            "unknown role 'narrator'",
        ),
        ("sharegpt", {"conversations": []}, "empty list"),
        (
            "sharegpt",
            {"conversations": "hello"},
            "'conversations' is text, a list of turns expected",
        ),
        ("sharegpt", {"conversations": [{"value": "x"}]}, "no role"),
        ("messages", {"messages": [{"role": "user"}]}, "no content"),
        ("messages", {"messages": [{"role": "user", "content": {"a": 1}}]}, "is an object"),
        ("alpaca", {"instruction": "i", "output": ["x"]}, "'output' is a list, text expected"),
        ("alpaca", {"text": "x"}, "no 'instruction'"),
        ("alpaca", ["x"], "the record is a list, an object expected"),
        ("messages", {"messages": [{"role": "user", "content": "x"}], "tools": "curl"}, "'tools'"),
        ("preference", {"chosen": "b", "rejected": "c"}, "holds no question"),
        ("prompts", {"turns": []}, "'turns' is no list of questions"),
        ("prompts", {"turns": [{"role": "user"}]}, "'turns' is an object, text expected"),
        ("prompts", {"text": "a"}, "numbered 'text'"),
        ("prompts", {"conversations": "[]"}, "'conversations' is a list, text expected"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_a_reason(format, record, reason):
    with pytest.raises(Reject, match=reason):
        FORMATS[format](record)


def test_an_unknown_role_names_the_known_ones():
    with pytest.raises(Reject, match=r"known: .*assistant.*human.*user"):
        FORMATS["sharegpt"]({"conversations": [{"from": "x", "value": "y"}]})


def test_a_record_in_another_format_is_read_and_an_ambiguous_one_is_not():
    name, (messages, _, _) = otherwise(CASES["sharegpt"][0])
    assert name == "sharegpt" and len(messages) == 5
    both = CASES["alpaca"][0] | CASES["messages"][0]
    with pytest.raises(Reject, match="ambiguous"):
        otherwise(both)


def test_the_prompt_of_a_pair_is_no_rival_of_the_pair():
    assert otherwise(CASES["preference"][0])[0] == "preference"


def test_what_a_prompt_has_besides_its_question_is_kept():
    record = {"question_id": 81, "category": "math", "turns": ["a", "b"]}
    assert FORMATS["prompts"](record)[2] == {"question_id": 81, "category": "math"}


def test_the_format_most_records_fit_wins():
    rows = [CASES["messages"][0]] * 3 + [CASES["alpaca"][0]] * 5
    assert sniff(rows) == "alpaca"
    assert sniff([{"a": 1}]) is None


def test_lone_surrogates_are_replaced_and_pairs_joined():
    assert scrubbed({"a\ud800": ["\ud83d\ude00", "x\udc00"]}) == {"a\ufffd": ["😀", "x\ufffd"]}
