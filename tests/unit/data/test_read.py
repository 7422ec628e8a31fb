import base64
import gzip
import io
import json
import os
import re
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.data.formats import FORMATS
from tamis.data.jsontext import elements
from tamis.data.read import read
from tamis.errors import MissingExtra, UserError
from tamis.types import SCHEMA, fingerprint

ROWS = [{"instruction": f"q{i}", "input": "", "output": f"a{i} é 好"} for i in range(5)]
SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[4] / "shared"))
INSTRUCTIONS = SHARED / "data" / "instructions"


def lines(rows, end="\n"):
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows).encode()


def put(path, content):
    path.write_bytes(content)
    return path


def texts(data):
    return [[turn["content"] for turn in row] for row in data.table["messages"].to_pylist()]


def expected(rows=ROWS):
    return [[row["instruction"], row["output"]] for row in rows]


def table_of(rows):
    return pa.Table.from_pylist(rows)


def arrow_bytes(rows, new):
    sink = io.BytesIO()
    table = table_of(rows)
    with new(sink, table.schema) as out:
        out.write_table(table)
    return sink.getvalue()


def parquet_bytes(rows):
    sink = io.BytesIO()
    pq.write_table(table_of(rows), sink)
    return sink.getvalue()


CSV = "instruction,input,output\r\n" + "".join(f'q{i},,"a{i} é 好"\r\n' for i in range(5))
CONTAINERS = {
    "jsonl": ("a.jsonl", lines(ROWS), "jsonl"),
    "jsonl-named-json": ("a.json", lines(ROWS), "jsonl"),
    "jsonl-no-last-newline": ("a.jsonl", lines(ROWS)[:-1], "jsonl"),
    "jsonl-crlf": ("a.jsonl", lines(ROWS, "\r\n"), "jsonl"),
    "json": ("a.json", json.dumps(ROWS, indent=2).encode(), "json"),
    "json-one-line": ("a.data", json.dumps(ROWS).encode(), "json"),
    "json-bom": ("a.json", b"\xef\xbb\xbf" + json.dumps(ROWS).encode(), "json"),
    "concatenated": ("a.json", "\n".join(json.dumps(r, indent=1) for r in ROWS).encode(), "jsonl"),
    "gz": ("a.jsonl.gz", gzip.compress(lines(ROWS)), "jsonl"),
    "gz-without-name": ("a", gzip.compress(lines(ROWS)), "jsonl"),
    "zst": ("a.jsonl.zst", zstandard.compress(lines(ROWS)), "jsonl"),
    "csv": ("a.csv", CSV.encode(), "csv"),
    "csv-bom": ("a.csv", b"\xef\xbb\xbf" + CSV.encode(), "csv"),
    "csv-without-name": ("a", CSV.encode(), "csv"),
    "tsv": ("a.tsv", CSV.replace(",", "\t").encode(), "csv"),
    "parquet": ("a.bin", parquet_bytes(ROWS), "parquet"),
    "arrow": ("a.arrow", arrow_bytes(ROWS, pa.ipc.new_file), "arrow"),
    "arrow-stream": ("a.arrow", arrow_bytes(ROWS, pa.ipc.new_stream), "arrow"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_rows_and_ids(name, tmp_path):
    file, content, container = CONTAINERS[name]
    data = read(put(tmp_path / file, content))
    assert data.table.schema.equals(SCHEMA)
    assert texts(data) == expected()
    source = data.sources[0]
    assert (source.container, source.format, source.rows, source.rejected) == (
        container,
        "alpaca",
        5,
        0,
    )
    assert data.table["row"].to_pylist() == list(range(5))
    assert data.fingerprint == fingerprint(data.ids)
    assert data.ids.to_pylist() == read(ROWS).ids.to_pylist()


@pytest.mark.parametrize("name", ["jsonl", "json", "gz", "csv", "parquet", "arrow-stream"])
def test_stdin_is_read_like_a_file(name, tmp_path, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(CONTAINERS[name][1]))
    monkeypatch.setattr(sys, "stdin", stdin)
    data = read("-")
    assert texts(data) == expected() and data.sources[0].path == "<stdin>"


def test_tables_and_iterables_in_memory():
    for source in (table_of(ROWS), iter(ROWS), ROWS):
        assert texts(read(source)) == expected()


def test_several_files_globs_and_folders(tmp_path):
    put(tmp_path / "b.jsonl", lines(ROWS[3:]))
    put(tmp_path / "a.json", json.dumps(ROWS[:3]).encode())
    put(tmp_path / "note.md", b"no data")
    for source in (
        str(tmp_path),
        str(tmp_path / "*.json*"),
        [tmp_path / "a.json", str(tmp_path / "b.jsonl")],
    ):
        data = read(source)
        assert texts(data) == expected()
        assert data.table["source"].to_pylist() == [0, 0, 0, 1, 1]
        assert data.table["row"].to_pylist() == [0, 1, 2, 0, 1]


def test_ids_name_the_conversation_and_repeats_are_numbered(tmp_path):
    chat = [{"role": "user", "content": "q0"}, {"role": "assistant", "content": "a0 é 好"}]
    same = [{"messages": chat}, ROWS[1], {"conversations": chat}, ROWS[0]]
    data = read(put(tmp_path / "a.jsonl", lines(same)))
    ids = data.ids.to_pylist()
    assert len(ids[0]) == 24 and ids[0] == read(ROWS).ids[0].as_py()
    assert ids[2:] == [f"{ids[0]}-2", f"{ids[0]}-3"]
    assert data.sources[0].format == "alpaca"
    assert data.sources[0].detail["other_formats"] == {"messages": 1, "sharegpt": 1}


def test_columns_can_be_named(tmp_path):
    rows = [{"frage": "q", "antwort": "a", "id": 3}]
    path = put(tmp_path / "a.jsonl", lines(rows))
    with pytest.raises(UserError, match="'frage', 'antwort', 'id'"):
        read(path)
    data = read(path, fields={"instruction": "frage", "response": "antwort"})
    assert texts(data) == [["q", "a"]]
    assert data.table["extra"].to_pylist() == ['{"id":3}']
    with pytest.raises(UserError, match=r"no field 'frag'.*did you mean 'frage'"):
        read(path, fields={"instruction": "frag"})


def test_a_format_can_be_named(tmp_path):
    path = put(tmp_path / "a.jsonl", lines(ROWS))
    assert read(path, format="evol_instruct").sources[0].format == "evol_instruct"
    with pytest.raises(UserError, match="no format 'alpacca'; did you mean 'alpaca'"):
        read(path, format="alpacca")
    with pytest.raises(UserError, match=r"no record of .* can be read as sharegpt"):
        read(path, format="sharegpt")


BAD = {
    "not json": (b'{"instruction": "q", oops}', "not valid JSON"),
    "cut": (b'{"instruction": "q", "output": "a', "ends in the middle"),
    "nul": (b'{"instruction": "q\x00", "output": "a"}', "control character 0x00"),
    "latin-1": ('{"instruction": "é", "output": "a"}'.encode("latin-1"), "not UTF-8 at byte 17"),
    "mixed types": (b'{"instruction": "q", "output": {"a": 1}}', "'output' is an object"),
    "no object": (b"17", "a number"),
    "role": (b'{"conversations": [{"from": "x", "value": "y"}]}', "unknown role|no 'instruction'"),
    "deep": (b"[" * 3000 + b"]" * 3000, "nested too deeply|a list"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_rejected_with_line_and_reason_and_kept_as_it_was(name, tmp_path):
    raw, reason = BAD[name]
    good = lines(ROWS)
    path = put(tmp_path / "a.jsonl", good + b"\n" + raw + b"\n" + good)
    data = read(path, rejects=tmp_path / "rejects.jsonl")
    assert texts(data) == expected(ROWS + ROWS)
    assert data.table["row"].to_pylist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert data.sources[0].rejected == 1 and data.rejects == str(tmp_path / "rejects.jsonl")
    (entry,) = [json.loads(line) for line in (tmp_path / "rejects.jsonl").open()]
    assert (entry["source"], entry["line"], entry["row"]) == (str(path), 7, 5)
    stored = entry["raw"]
    if entry.get("encoding") == "base64":
        assert base64.b64decode(stored) == raw
    else:
        assert stored.encode() == raw
    assert re.search(reason, entry["reason"])
    ((kind, count),) = data.sources[0].detail["reject_reasons"].items()
    assert entry["reason"].startswith(kind) and count == 1
    with pytest.raises(UserError, match="line 7: "):
        read(path, strict=True)


def test_no_rejects_file_where_nothing_is_rejected(tmp_path):
    read(put(tmp_path / "a.jsonl", lines(ROWS)), rejects=tmp_path / "r.jsonl")
    assert not (tmp_path / "r.jsonl").exists()


def test_nan_big_integers_duplicate_keys_and_surrogates_are_read(tmp_path):
    raws = [
        b'{"instruction": "q", "output": "a", "score": NaN}',
        b'{"instruction": "q", "output": "b", "n": 123456789012345678901234567890}',
        b'{"instruction": "x", "instruction": "q", "output": "c"}',
        b'{"instruction": "q \\ud800", "output": "\\ud83d\\ude00"}',
    ]
    data = read(put(tmp_path / "a.jsonl", b"\n".join(raws)))
    assert texts(data) == [["q", "a"], ["q", "b"], ["q", "c"], ["q \ufffd", "😀"]]
    assert data.table["raw"].to_pylist() == raws
    assert data.sources[0].detail["surrogates"] == 1


ARRAYS = {
    "broken string": ('{"instruction": "say "hi"", "output": "a"}', 1),
    "odd quote": ('{"instruction": "say "hi, {x}", "output": "a, {b}"}', 1),
    "missing brace": ('{"instruction": "q", "output": "a"', 1),
    "missing bracket": ('{"instruction": "q", "output": "a", "n": [1, 2}', 1),
    "nothing": ("", 0),
    "other things": ("null, 17", 1),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_damaged_record_of_an_array_costs_only_itself(name, indent, tmp_path):
    damaged, at_least = ARRAYS[name]
    parts = [json.dumps(row, indent=indent, ensure_ascii=False) for row in ROWS]
    text = "[\n" + ",\n".join([*parts[:2], damaged, *parts[2:]]) + "\n]"
    data = read(put(tmp_path / "a.json", text.encode()), rejects=tmp_path / "r")
    assert texts(data) == expected()
    assert data.table["raw"].to_pylist() == [part.encode() for part in parts]
    if at_least:
        entries = [json.loads(line) for line in (tmp_path / "r").open()]
        kept = "".join(entry["raw"] for entry in entries)
        assert kept.replace(" ", "").strip(",") in text.replace(" ", "")
        assert entries[0]["line"] == 2 + "".join(parts[:2]).count("\n") + 2


def test_a_cut_array_and_trailing_commas(tmp_path):
    whole = json.dumps(ROWS)
    data = read(put(tmp_path / "a.json", whole[:-20].encode()), rejects=tmp_path / "r")
    assert texts(data) == expected()[:4] and data.sources[0].rejected == 1
    assert json.loads((tmp_path / "r").read_text())["raw"] in whole
    data = read(put(tmp_path / "b.json", whole[:-1].encode() + b", ]"))
    assert texts(data) == expected() and data.sources[0].rejected == 0


def test_a_brace_too_many_costs_nothing_but_itself(tmp_path):
    text = json.dumps(ROWS).replace("}, ", "}}, ", 1)
    data = read(put(tmp_path / "a.json", text.encode()), rejects=tmp_path / "r")
    assert texts(data) == expected()
    assert json.loads((tmp_path / "r").read_text())["raw"] == "}"


def test_a_conversation_a_line(tmp_path):
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    data = read(put(tmp_path / "a.json", lines([chat, chat])))
    assert texts(data) == [["a", "b"]] * 2 and data.sources[0].container == "jsonl"


def test_a_list_of_texts(tmp_path):
    data = read(put(tmp_path / "a.json", b'["one, two", "three"]'))
    assert data.sources[0].format == "text" and texts(data) == [["one, two"], ["three"]]
    assert data.table["raw"].to_pylist() == [b'"one, two"', b'"three"']


def test_a_line_of_fifty_megabytes_and_a_record_that_spans_many_blocks(tmp_path):
    big = {"instruction": "q", "output": 'x{"],' * 10_000_000}
    row = json.dumps(big).encode()
    for name, content in {
        "a.jsonl": row + b"\n" + lines(ROWS),
        "a.json": b"[" + row + b"," + lines(ROWS[:1]) + b"]",
    }.items():
        data = read(put(tmp_path / name, content))
        assert data.table["messages"][0].as_py()[1]["content"] == big["output"]
        assert data.sources[0].rejected == 0
    header = b"instruction,output\n"
    data = read(put(tmp_path / "a.csv", header + b'q,"' + b"x,\n" * 17_000_000 + b'"\nq,a\n'))
    assert len(data) == 2 and data.sources[0].rejected == 0


UNREADABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n\t ", "is empty"),
    "empty list": (b"[]", "is empty"),
    "utf-16": ("[1]".encode("utf-16"), "UTF-16.*byte 0.*save it as UTF-8"),
    "utf-16-no-bom": (lines(ROWS).decode().encode("utf-16-le"), "UTF-16"),
    "zip": (b"PK\x03\x04" + bytes(50), "zip archive"),
    "binary": (bytes(range(256)) * 20, "binary data"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    "gz cut at once": (gzip.compress(lines(ROWS))[:8], "compressed data|no record|is empty"),
    "parquet cut": (parquet_bytes(ROWS)[:200], "cannot be read as parquet"),
    "arrow cut": (arrow_bytes(ROWS, pa.ipc.new_file)[:200], "cannot be read as arrow"),
    "unknown": (b'{"a": 1, "b": 2}\n', "format of .* is not recognised.*'a', 'b'"),
    "wrapped": (b'{"data": [{"a": 1}], "version": 2}\n', "the list under 'data'"),
    "all bad": (b'{"instruction": \n{"instruction": \n', "no record of .* can be read"),
    "gb18030": (
        '{"instruction":"你好","output":"世界和平"}\n'.encode("gb18030") * 3,
        "gb18030.*byte 16",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_at_all_is_one_clear_message(name, tmp_path):
    content, message = UNREADABLE[name]
    with pytest.raises(UserError, match=message) as caught:
        read(put(tmp_path / "file.json", content))
    assert "file.json" in str(caught.value)


def test_a_missing_file_an_empty_folder_and_a_folder_without_permission(tmp_path):
    put(tmp_path / "train.jsonl", lines(ROWS))
    with pytest.raises(UserError, match=r"no file .*tran.jsonl; did you mean 'train.jsonl'"):
        read(tmp_path / "tran.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no data file"):
        read(tmp_path / "empty")
    with pytest.raises(UserError, match="no file matches"):
        read(str(tmp_path / "*.csv"))
    with pytest.raises(UserError, match="<memory> is empty"):
        read([])
    with pytest.raises(UserError, match="cannot be read: give"):
        read(5)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path):
    path = put(tmp_path / "a.jsonl", lines(ROWS))
    path.chmod(0)
    with pytest.raises(UserError, match="Permission denied"):
        read(path)


def test_a_compressed_file_that_is_cut_keeps_what_came_before(tmp_path):
    many = lines([{"instruction": os.urandom(20).hex(), "output": "a"} for _ in range(50_000)])
    data = read(put(tmp_path / "a.jsonl.gz", gzip.compress(many)[:-50_000]))
    assert len(data) > 10_000
    assert any("damaged or cut" in reason for reason in data.sources[0].detail["reject_reasons"])


def test_csv_fields_keep_quotes_newlines_and_bad_records_are_rejected(tmp_path):
    text = (
        'instruction,output\n"a ""b"",\nc",d\nx,y,z\nplain,5" pipe\n"bad"x,1\ns,t\n"open,a\nq,r\n'
    )
    data = read(put(tmp_path / "a.csv", text.encode()), rejects=tmp_path / "r")
    assert texts(data) == [['a "b",\nc', "d"], ["plain", '5" pipe'], ["s", "t"], ["q", "r"]]
    raws = data.table["raw"].to_pylist()
    assert raws == [b'"a ""b"",\nc",d', b'plain,5" pipe', b"s,t", b"q,r"]
    entries = [json.loads(line) for line in (tmp_path / "r").open()]
    assert [(entry["line"], entry["raw"]) for entry in entries] == [
        (4, "x,y,z"),
        (6, '"bad"x,1'),
        (8, '"open,a'),
    ]
    assert entries[0]["reason"] == "3 fields, and the header has 2"


def test_text_lines(tmp_path):
    data = read(put(tmp_path / "a.txt", b"one\r\n\r\n[two]\r\n"))
    assert texts(data) == [["one"], ["[two]"]] and data.sources[0].container == "text"
    assert data.table["raw"].to_pylist() == [b"one", b"[two]"]


def test_the_working_file_is_gone_at_once_and_on_failure(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    data = read(put(tmp_path / "a.jsonl", lines(ROWS)), spool_dir=spool)
    if os.name == "posix":
        assert list(spool.iterdir()) == []
    assert texts(data) == expected()
    with pytest.raises(UserError):
        read(put(tmp_path / "b.jsonl", b"junk"), strict=True, spool_dir=spool)
    assert os.name != "posix" or list(spool.iterdir()) == []
    with pytest.raises(UserError, match="no working file"):
        read(ROWS, spool_dir=tmp_path / "missing")


def test_a_hub_name_without_the_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match="hub"):
        read("someone/some-data")


def test_a_datasets_dataset_and_its_splits():
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_list(ROWS)
    assert texts(read(one.select([2, 0]))) == [expected()[2], expected()[0]]
    both = datasets.DatasetDict({"train": one, "test": one.select([1])})
    with pytest.raises(UserError, match="splits train, test"):
        read(both)
    assert texts(read(both, split="test")) == [expected()[1]]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('ab"\\{}[],', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(st.text('ab"\\{', max_size=3), VALUES, max_size=4), max_size=6),
    st.sampled_from([None, 0, 2]),
    st.integers(1, 40),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_elements_are_those_of_json_whatever_the_blocks(rows, indent, size, ascii_only):
    parts = [json.dumps(row, indent=indent, ensure_ascii=ascii_only).encode() for row in rows]
    text = b" " + b" ,\n".join(parts) + b"\n]\n"
    blocks = (text[i : i + size] for i in range(0, len(text), size))
    found = list(elements(blocks))
    assert [record.raw for record in found] == parts
    assert [record.problem for record in found] == [None] * len(rows)


def shared_files():
    found = INSTRUCTIONS.rglob("*") if INSTRUCTIONS.is_dir() else ()
    return sorted(p for p in found if p.is_file() and "LICENSE" not in p.name)


@pytest.mark.skipif(not shared_files(), reason="no shared instruction files (TAMIS_SHARED)")
@pytest.mark.parametrize("path", shared_files(), ids=lambda p: p.name)
def test_every_shared_file_is_read_without_a_reject(path):
    data = read(path)
    assert data.sources[0].rejected == 0 and len(data) > 20
    assert len(set(data.ids.to_pylist())) == len(data)
    assert data.sources[0].format in FORMATS
    last = [row[-1]["role"] for row in data.table["messages"].to_pylist()]
    assert last.count("assistant") >= 0.95 * len(last)


def test_python_memory_stays_small_while_reading(tmp_path):
    path = put(tmp_path / "a.jsonl", lines([r | {"output": "x" * 1000} for r in ROWS]) * 20_000)
    tracemalloc.start()
    data = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data) == 100_000
    assert peak < 0.8 * path.stat().st_size


def test_a_zstd_file_cut_at_a_block_is_told(tmp_path: Path) -> None:
    packed = io.BytesIO()
    writer = zstandard.ZstdCompressor().stream_writer(packed, closefd=False)
    row = b'{"instruction": "ask", "output": "say %d"}\n'
    writer.write(b"".join(row % i for i in range(100)))
    writer.flush(zstandard.FLUSH_BLOCK)
    cut = packed.tell()
    writer.write(b"".join(row % i for i in range(100, 200)))
    writer.close()
    path = tmp_path / "cut.jsonl.zst"
    path.write_bytes(packed.getvalue()[:cut])
    data = read(path)
    assert (len(data), data.sources[0].rejected) == (100, 1)
    assert "cut off" in str(data.sources[0].detail["reject_reasons"])
    path.write_bytes(packed.getvalue() * 2)
    assert len(read(path)) == 400


def test_a_record_nested_too_deeply_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    deep = '{"instruction": "a", "output": "b", "other": ' + "[" * 1000 + "]" * 1000 + "}"
    path.write_text('{"instruction": "a", "output": "b"}\n' + deep + "\n")
    data = read(path)
    assert (len(data), data.sources[0].rejected) == (1, 1)
