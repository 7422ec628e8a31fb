import json

import numpy as np
import pytest

from tamis.data.export import TARGETS, export
from tamis.data.read import read
from tamis.errors import UserError

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
OTHER = {"type": "function", "function": {"name": "f", "arguments": {"x": "one", "y": [2]}}}
PLAIN = {"instruction": "q", "input": "x", "output": "a é"}
TOOLS = {
    "system": "s",
    "tools": [TOOL],
    "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "3", "tool_call_id": "c1", "name": "f"},
        {"role": "assistant", "content": "three"},
    ],
}
TWO_CALLS = {
    "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [OTHER, OTHER]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "a"},
    ]
}
ROWS = [PLAIN, TOOLS, TWO_CALLS]
ALL = np.arange(3)
UNFIT = {
    "human after human": [("user", "a"), ("user", "b")],
    "gpt after the beginning": [("assistant", "a")],
    "the last turn is not the assistant's": [("user", "a")],
    "a system turn that is not the first": [("user", "a"), ("system", "b"), ("assistant", "c")],
}


def chat(turns):
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def records(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("to", TARGETS)
def test_rows_are_written_in_pick_order_under_the_name_of_the_trainer(to, tmp_path):
    path, *_ = export(read(ROWS), np.array([2, 0]), tmp_path, to=to, name="best")
    assert path.name == f"best.{to}.jsonl" and len(records(path)) == 2
    assert "a é" in json.dumps(records(path)[1], ensure_ascii=False)


def test_messages_are_plain_openai_records(tmp_path):
    (path,) = export(read(ROWS), ALL, tmp_path, to="messages")
    first, second, _ = records(path)
    assert first == {
        "messages": [{"role": "user", "content": "q\n\nx"}, {"role": "assistant", "content": "a é"}]
    }
    calls = [CALL | {"function": {"name": "f", "arguments": '{"x":1}'}}]
    assert second == {
        "messages": [
            {"role": "system", "content": "s"},
            TOOLS["messages"][0],
            {"role": "assistant", "content": None, "tool_calls": calls},
            *TOOLS["messages"][2:],
        ],
        "tools": [TOOL],
    }
    before, after = read(ROWS).ids.to_pylist(), read(path).ids.to_pylist()
    assert after[1:] == before[1:]
    assert after[0] != before[0]  # what was instruction and input is one question now


def test_trl_gets_argument_objects_and_tools_as_text(tmp_path):
    (path,) = export(read(ROWS), ALL, tmp_path, to="trl")
    record = records(path)[1]
    assert record["messages"][2]["tool_calls"][0] == CALL and record["messages"][2]["content"] == ""
    assert json.loads(record["tools"]) == [TOOL]


def test_trl_and_datasets_load_the_file(tmp_path):
    datasets = pytest.importorskip("datasets")
    trl = pytest.importorskip("trl")
    (path,) = export(read(ROWS), ALL, tmp_path, to="trl")
    loaded = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 3 and set(loaded.column_names) == {"messages", "tools"}
    assert all(trl.data_utils.is_conversational(row) for row in loaded)

    class Template:
        def apply_chat_template(self, messages, tools=None, tokenize=False, **_):
            assert not tokenize
            calls = [m["tool_calls"][0]["function"] for m in messages if m.get("tool_calls")]
            return json.dumps([[m["content"] for m in messages], calls, tools])

    tools = json.loads(loaded[1]["tools"])
    text = trl.data_utils.maybe_apply_chat_template(loaded[1], Template(), tools=tools)["text"]
    contents, calls, shown = json.loads(text)
    assert contents == ["s", "q", "", "3", "three"] and shown == [TOOL]
    assert calls == [CALL["function"]]


def lf_converted(record, entry):
    """What LLaMA-Factory makes of a ShareGPT record by its documented rules; None if skipped."""
    roles = {"human": "user", "gpt": "assistant", "observation": "observation"}
    roles |= {"function_call": "function"}
    turns = record[entry["columns"]["messages"]]
    system = turns[0]["value"] if turns[0]["from"] == "system" else ""
    turns = turns[1:] if system else turns
    sides = (("human", "observation"), ("gpt", "function_call"))
    if len(turns) % 2 or any(t["from"] not in sides[i % 2] for i, t in enumerate(turns)):
        return None
    for turn in turns:
        assert isinstance(turn["value"], str)
        if turn["from"] == "function_call":
            calls = json.loads(turn["value"])
            for call in calls if isinstance(calls, list) else [calls]:
                assert set(call) == {"name", "arguments"} and isinstance(call["arguments"], dict)
    tools = record[entry["columns"]["tools"]]
    assert tools == "" or isinstance(json.loads(tools), list)
    return [(roles[t["from"]], t["value"]) for t in turns], system


LF_ENTRY_KEYS = {"file_name", "formatting", "columns", "tags", "ranking", "split", "num_samples"}


def test_llama_factory_reads_the_records_by_the_entry(tmp_path):
    (tmp_path / "dataset_info.json").write_text('{"old": {"file_name": "old.json"}}')
    path, info = export(read(ROWS), ALL, tmp_path, to="llamafactory", name="mine")
    entries = json.loads(info.read_text())
    assert entries["old"] == {"file_name": "old.json"}
    entry = entries["mine"]
    assert set(entry) <= LF_ENTRY_KEYS and (tmp_path / entry["file_name"]) == path
    assert entry["formatting"] == "sharegpt"
    found = [lf_converted(record, entry) for record in records(path)]
    assert found[0] == ([("user", "q\n\nx"), ("assistant", "a é")], "")
    turns, system = found[1]
    assert system == "s" and [who for who, _ in turns] == [
        "user",
        "function",
        "observation",
        "assistant",
    ]
    assert found[2][0][2] == ("observation", "1\n</tool_response>\n<tool_response>\n2")
    export(read(ROWS), ALL, tmp_path, to="llamafactory", name="mine")
    assert set(json.loads(info.read_text())) == {"old", "mine"}


def test_a_broken_dataset_info_is_left_alone(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{oops")
    with pytest.raises(UserError, match="not valid JSON"):
        export(read(ROWS), ALL, tmp_path, to="llamafactory")
    assert (tmp_path / "dataset_info.json").read_text() == "{oops"


AXOLOTL_KEYS = {
    "path",
    "ds_type",
    "type",
    "field_messages",
    "field_tools",
    "message_property_mappings",
    "roles_to_train",
}


def test_axolotl_gets_its_block_and_records_of_one_type(tmp_path):
    path, block = export(read(ROWS), ALL, tmp_path, to="axolotl")
    yaml = pytest.importorskip("yaml")
    (entry,) = yaml.safe_load(block.read_text())["datasets"]
    assert set(entry) == AXOLOTL_KEYS
    assert (entry["path"], entry["type"], entry["ds_type"]) == (
        str(path.resolve()),
        "chat_template",
        "json",
    )
    for record in records(path):
        for message in record[entry["field_messages"]]:
            assert message["role"] in ("system", "user", "assistant", "tool")
            assert isinstance(message["content"], str)
            for call in message.get("tool_calls", []):
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
        tools = record[entry["field_tools"]]
        assert tools is None or json.loads(tools) == [TOOL]


@pytest.mark.parametrize("reason", UNFIT)
def test_rows_that_llama_factory_would_skip_are_refused_or_listed(reason, tmp_path):
    data = read([PLAIN, chat(UNFIT[reason])])
    with pytest.raises(UserError, match=rf"1 of 2 rows cannot .* llamafactory: {reason}"):
        export(data, np.arange(2), tmp_path, to="llamafactory")
    assert list(tmp_path.iterdir()) == []
    path, info, left = export(data, np.arange(2), tmp_path, to="llamafactory", skip=True)
    assert len(records(path)) == 1 and info.name == "dataset_info.json"
    (entry,) = records(left)
    assert entry["id"] == data.ids[1].as_py() and entry["reason"].startswith(reason)


def test_text_beside_a_call_does_not_fit_llama_factory(tmp_path):
    turn = {"role": "assistant", "content": "I look it up", "tool_calls": [CALL]}
    data = read([{"messages": [{"role": "user", "content": "q"}, turn]}])
    with pytest.raises(UserError, match="text beside a tool call"):
        export(data, np.arange(1), tmp_path, to="llamafactory")
    assert len(export(data, np.arange(1), tmp_path, to="trl")) == 1


def test_an_unknown_trainer_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match="no trainer 'axolot'; did you mean 'axolotl'"):
        export(read(ROWS), ALL, tmp_path, to="axolot")
